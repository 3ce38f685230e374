"""The register tile against its plain twin, on every edge, inside arrays of NaN; and the machine code it becomes."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest

from nnmat_kernels.codegen.builder import NONE, RELU
from nnmat_kernels.codegen.copies import flat
from nnmat_kernels.codegen.dot_microkernel import dot_microkernel
from nnmat_kernels.codegen.microkernel import microkernel, row_places
from nnmat_kernels.codegen.packing import pack, pack_transposed, plain_pack, plain_pack_transposed
from nnmat_kernels.runtime.config import jit
from nnmat_kernels.runtime.target import FUSED, MR, MR_SMALL, VECTOR_BYTES, _shape
from tests.kernels.linear_algebra import DTYPES, integers, within_rounding

KERNELS = Path(__file__).resolve().parents[3] / "kernels"
dtypes = pytest.mark.parametrize("dtype", DTYPES)
compiled = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="there is no machine code")
GUARD = 64
SIZES = (0, 1, 2, 3, 7, 8, 16, 20)  # inner sizes


@jit
def one(high, n, m, taps, k, A, a, row_a, tap_a, step_a, B, b, tap_b, step_b, C, c, ldc, keep, bias, at, f):
    """One tile of MR or MR_SMALL rows, of which m are there."""
    width = 2 * (VECTOR_BYTES // A.itemsize)
    if high:
        many_a, many_c = row_places(MR, a, row_a, m), row_places(MR, c, ldc, m)
        if n == width:
            microkernel(
                2, 0, many_a, many_c, n, taps, k, A, tap_a, step_a, B, b, tap_b, step_b, C, 0, keep, bias, at, f
            )
        elif 2 * n > width:
            microkernel(
                2, 1, many_a, many_c, n, taps, k, A, tap_a, step_a, B, b, tap_b, step_b, C, 0, keep, bias, at, f
            )
        else:
            microkernel(
                1, 1, many_a, many_c, n, taps, k, A, tap_a, step_a, B, b, tap_b, step_b, C, 0, keep, bias, at, f
            )
    else:
        few_a, few_c = row_places(MR_SMALL, a, row_a, m), row_places(MR_SMALL, c, ldc, m)
        if n == width:
            microkernel(2, 0, few_a, few_c, n, taps, k, A, tap_a, step_a, B, b, tap_b, step_b, C, 0, keep, bias, at, f)
        elif 2 * n > width:
            microkernel(2, 1, few_a, few_c, n, taps, k, A, tap_a, step_a, B, b, tap_b, step_b, C, 0, keep, bias, at, f)
        else:
            microkernel(1, 1, few_a, few_c, n, taps, k, A, tap_a, step_a, B, b, tap_b, step_b, C, 0, keep, bias, at, f)


def buried(values):
    """A flat array of `values` between NaN, and where they begin."""
    flat = np.full(values.size + 2 * GUARD, np.nan, values.dtype)
    flat[GUARD : GUARD + values.size] = values.reshape(-1)
    return flat, GUARD


def width_of(dtype):
    return 2 * (VECTOR_BYTES // np.dtype(dtype).itemsize)


def check(rng, dtype, high, m, n, taps, k, transpose_a, keep, with_bias, f, make=integers):
    """A tile in the middle of C, whose other numbers are NaN and must stay so; the ends of its rows of A and B too."""
    width, ldc = width_of(dtype), n + 3
    left, right = make(rng, (taps, m, k), dtype), make(rng, (taps, k, width), dtype)
    stored = left.swapaxes(1, 2) if transpose_a else left
    lda = max(stored.shape[2], 1) + 1  # the row of A ends in NaN
    wide = np.full((*stored.shape[:2], lda), np.nan, dtype)
    wide[:, :, : stored.shape[2]] = stored
    right[:, :, n:] = np.nan  # the part of B that a masked tile multiplies and drops
    A, a = buried(wide)
    B, b = buried(right)
    row_a, step_a = (1, lda) if transpose_a else (lda, 1)
    before = make(rng, (m, n), dtype)
    C = np.full(2 * GUARD + m * ldc, np.nan, dtype)
    inside = C[GUARD : GUARD + m * ldc].reshape(m, ldc)[:, :n]
    if keep:
        inside[...] = before
    bias = np.full(n + 2 * GUARD, np.nan, dtype)
    bias[GUARD : GUARD + n] = make(rng, n, dtype)
    at = GUARD if with_bias else -1
    one(
        high, n, m, taps, k, A, a, row_a, stored.shape[1] * lda, step_a, B, b, k * width, width,
        C, GUARD, ldc, int(keep), bias, at, f,
    )  # fmt: skip
    expected = np.einsum("tik,tkj->ij", left.astype(float), right[:, :, :n].astype(float))
    magnitude = np.einsum("tik,tkj->ij", abs(left).astype(float), abs(right[:, :, :n]).astype(float))
    if keep:
        expected, magnitude = expected + before, magnitude + abs(before)
    if with_bias:
        expected, magnitude = expected + bias[GUARD : GUARD + n], magnitude + abs(bias[GUARD : GUARD + n])
    if f == RELU:
        expected = np.maximum(expected, 0)
    if make is integers:
        np.testing.assert_array_equal(inside, expected)
    else:
        within_rounding(inside, expected, magnitude, taps * k + 2, dtype)
    inside[...] = np.nan
    assert np.isnan(C).all(), "wrote outside its rows and columns"


@dtypes
@pytest.mark.parametrize("high", [True, False])
def test_every_edge(dtype, high, rng):
    for m in range(1, (MR if high else MR_SMALL) + 1):
        for n in range(1, width_of(dtype) + 1):
            for k in SIZES:
                options = [bool(x) for x in rng.integers(0, 2, 3)]
                check(rng, dtype, high, m, n, 1, k, *options, int(rng.integers(0, 2)))


@dtypes
@pytest.mark.parametrize("transpose_a", [False, True])
@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("with_bias", [False, True])
@pytest.mark.parametrize("f", [NONE, RELU])
def test_every_option(dtype, transpose_a, keep, with_bias, f, rng):
    for n in (1, width_of(dtype) // 2, width_of(dtype) - 1, width_of(dtype)):
        for taps in (0, 1, 3):
            check(rng, dtype, True, MR - 1, n, taps, 5, transpose_a, keep, with_bias, f)
            check(rng, dtype, True, MR, n, taps, 40, transpose_a, keep, with_bias, f, normal)


def normal(rng, shape, dtype):
    return rng.standard_normal(shape).astype(dtype)


@dtypes
def test_a_continued_sum_keeps_its_bits(dtype, rng):
    width = width_of(dtype)
    A, B = normal(rng, MR * 30, dtype), normal(rng, 30 * width, dtype)
    whole, cut = np.empty(MR * width, dtype), np.empty(MR * width, dtype)
    one(True, width, MR, 1, 30, A, 0, 30, 0, 1, B, 0, 0, width, whole, 0, width, 0, A, -1, NONE)
    one(True, width, MR, 1, 13, A, 0, 30, 0, 1, B, 0, 0, width, cut, 0, width, 0, A, -1, NONE)
    one(True, width, MR, 1, 17, A, 13, 30, 0, 1, B, 13 * width, 0, width, cut, 0, width, 1, A, -1, NONE)
    np.testing.assert_array_equal(whole, cut)


def test_relu_keeps_nan_and_has_no_minus_zero(rng):
    width = width_of(np.float32)
    A, B = np.ones(MR, np.float32), np.full(width, -0.0, np.float32)
    A[1], A[2] = np.nan, -1
    C = np.empty(MR * width, np.float32)
    one(True, width, MR, 1, 1, A, 0, 1, 0, 1, B, 0, 0, width, C, 0, width, 0, A, -1, RELU)
    C = C.reshape(MR, width)
    assert np.isnan(C[1]).all()
    assert not np.signbit(C[0]).any()


@jit
def packed(vectors_of_a, turned, S, s, B, b, row_b, n, k):
    if vectors_of_a:
        if turned:
            pack_transposed(0, S, s, B, b, row_b, n, k)
        else:
            pack(0, S, s, B, b, row_b, n, k)
    elif turned:
        pack_transposed(2, S, s, B, b, row_b, n, k)
    else:
        pack(2, S, s, B, b, row_b, n, k)


@dtypes
@pytest.mark.parametrize("of_a", [False, True])
@pytest.mark.parametrize("turned", [False, True])
def test_packing(dtype, of_a, turned, rng):
    lanes = VECTOR_BYTES // np.dtype(dtype).itemsize
    width = -(-MR // lanes) * lanes if of_a else 2 * lanes
    for n in range(1, (MR if of_a else width) + 1):
        for k in range(21):
            shape = (n, k) if turned else (k, n)
            wide = np.full((shape[0], shape[1] + 1), np.nan, dtype)
            wide[:, :-1] = integers(rng, shape, dtype)
            B, b = buried(wide)
            room = -(-k // lanes) * lanes * width
            S = np.full(room + 2 * GUARD, 7, dtype)
            twin = S.copy()
            packed(of_a, turned, S, GUARD, B, b, shape[1] + 1, n, k)
            plain = plain_pack_transposed if turned else plain_pack
            plain(0 if of_a else 2, twin, GUARD, B, b, shape[1] + 1, n, k)
            end = GUARD + k * width
            np.testing.assert_array_equal(S[GUARD:end], twin[GUARD:end])
            assert (S[:GUARD] == 7).all()
            assert (S[GUARD + room :] == 7).all(), "wrote behind its room"


@jit
def dot_tile(m, n, k, A, a, lda, B, b, ldb, C, c, ldc, keep, bias, at, f):
    a_rows, c_rows, b_rows = row_places(2, a, lda, m), row_places(2, c, ldc, m), row_places(2, b, ldb, n)
    dot_microkernel(2, a_rows, c_rows, b_rows, n, k, A, B, C, keep, bias, at, f)


@dtypes
@pytest.mark.parametrize("m", [1, 2])
@pytest.mark.parametrize("n", [1, 2])
def test_a_tile_of_dot_products(dtype, m, n, rng):
    for k in (*range(1, 40), 100):
        keep, with_bias, f = (int(x) for x in rng.integers(0, 2, 3))
        left, right = integers(rng, (m, k), dtype), integers(rng, (n, k), dtype)
        (A, a), (B, b) = (buried(np.hstack([x, np.full((len(x), 1), np.nan, dtype)])) for x in (left, right))
        before, terms = integers(rng, (m, n), dtype), integers(rng, n, dtype)
        C = np.full(2 * GUARD + m * (n + 3), np.nan, dtype)
        inside = C[GUARD : GUARD + m * (n + 3)].reshape(m, n + 3)[:, :n]
        if keep:
            inside[...] = before
        bias, at = buried(terms)
        dot_tile(m, n, k, A, a, k + 1, B, b, k + 1, C, GUARD, n + 3, keep, bias, at if with_bias else -1, f)
        expected = left @ right.T + keep * before + with_bias * terms
        np.testing.assert_array_equal(inside, np.maximum(expected, 0) if f else expected)
        inside[...] = np.nan
        assert np.isnan(C).all(), "wrote outside its rows and columns"


@jit
def flattened(A):
    return flat(A)


def test_a_flat_view_shares_its_memory(rng):
    A = integers(rng, (3, 4, 5), np.float32)
    view = flattened(A)
    np.testing.assert_array_equal(view, A.reshape(-1))
    view[7] = 100
    assert A[0, 1, 2] == 100
    assert flattened(np.empty((0, 3), np.float32)).shape == (0,)


CODE = """
import sys
import numpy as np
from nnmat_kernels.products.macrokernel import multiply_within
from nnmat_kernels.runtime.target import VECTOR_BYTES, FUSED, MR, MR_SMALL
from numba import types
for dtype in (types.float32, types.float64):
    array, i = types.Array(dtype, 1, "C"), types.int64
    multiply_within.compile((array, array, i, i, i, array, i, i, i, array, i, i, i, i, i, i, array, i, i))
for text in multiply_within.inspect_asm().values():
    print(text)
print("REGISTERS", VECTOR_BYTES, FUSED, MR, MR_SMALL)
"""


def machine_code(tmp_path, **environment):
    """The code of the block driver, compiled (not run) for the processor of these settings."""
    settings = os.environ | {"PYTHONPATH": str(KERNELS), "NUMBA_CACHE_DIR": str(tmp_path)} | environment
    settings.pop("NUMBA_DISABLE_JIT", None)
    settings.pop("NUMBA_BOUNDSCHECK", None)
    done = subprocess.run([sys.executable, "-c", CODE], env=settings, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    code, _, registers = done.stdout.rpartition("REGISTERS")
    return code, registers.split()


def inner_loops(code):
    """The basic blocks that hold a tile's empty assembler statement: the inner loops."""
    blocks = re.split(r"^\.LBB\S+:.*$", code, flags=re.MULTILINE)
    loops = []
    for block in blocks:
        if "#APP" in block:
            loops.append([line.strip() for line in block.splitlines() if re.match(r"\s+v?[a-z]", line)])
    return loops


X86 = pytest.mark.skipif(not re.search("x86|amd64", os.uname().machine, re.IGNORECASE), reason="x86 code")
TARGETS = {
    "host": {},
    "haswell": {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": ""},
    "znver4": {"NUMBA_CPU_NAME": "znver4", "NUMBA_CPU_FEATURES": ""},
    "skylake-avx512": {"NUMBA_CPU_NAME": "skylake-avx512", "NUMBA_CPU_FEATURES": ""},
    "generic": {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""},
}
every_target = ["host", *(pytest.param(t, marks=pytest.mark.once) for t in TARGETS if t != "host")]


@X86
@compiled
@pytest.mark.parametrize("target", every_target)
def test_inner_loops_stay_in_registers(target, tmp_path):
    code, (vector_bytes, fused, rows, few) = machine_code(tmp_path, **TARGETS[target])
    register = {"64": "zmm", "32": "ymm", "16": "xmm"}[vector_bytes]
    expected = {"haswell": "32", "znver4": "64", "skylake-avx512": "64", "generic": "16"}
    assert expected.get(target, vector_bytes) == vector_bytes
    loops = inner_loops(code)
    sizes = []
    for loop in loops:
        spills = [line for line in loop if "(%rsp" in line and re.search(r"%[xyz]mm", line)]
        assert not spills, spills
        name = r"vfmadd\d+p[sd]" if fused == "True" else r"mulp[sd]"
        sizes.append(sum(bool(re.match(name, line)) and register in line for line in loop))
    tiles = [int(r) * vectors for r in (rows, few) for vectors in (2, 2, 1)]
    assert sorted(set(sizes)) == sorted(set(tiles)), (sizes, tiles)
    if target == "generic":
        assert "ymm" not in code
        assert "vfmadd" not in code
    if target in ("generic", "haswell"):
        assert "zmm" not in code


def test_the_shape_of_the_tile():
    assert _shape("vfmadd231ps %zmm0, %zmm1, %zmm2") == (64, True, 12, 4)
    assert _shape("vfmadd231ps %ymm0, %ymm1, %ymm2") == (32, True, 6, 4)
    assert _shape("vmulps %ymm0, %ymm1, %ymm2") == (16, False, 4, 2)  # AVX without FMA
    assert (VECTOR_BYTES, FUSED, MR, MR_SMALL) in {(64, True, 12, 4), (32, True, 6, 4), (16, False, 4, 2)}
    assert numba.version_info.short >= (0, 67)
