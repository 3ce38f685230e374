"""The tile of depthwise convolutions and places from tables, inside arrays of NaN; the machine code of convolutions."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest

from nnmat_kernels.codegen.builder import NONE, RELU
from nnmat_kernels.codegen.depthwise_microkernel import MR_DEPTHWISE, depthwise_microkernel
from nnmat_kernels.codegen.microkernel import MR_SINGLE, listed_places
from nnmat_kernels.runtime.config import jit
from nnmat_kernels.runtime.target import VECTOR_BYTES
from tests.kernels.codegen.test_microkernel import (
    GUARD,
    KERNELS,
    TARGETS,
    X86,
    buried,
    compiled,
    every_target,
    inner_loops,
)
from tests.kernels.linear_algebra import DTYPES, integers

dtypes = pytest.mark.parametrize("dtype", DTYPES)


@jit
def listed(table, first, present, offset):
    return listed_places(MR_SINGLE, table, first, present, offset)


def test_listed_places_end_with_the_last_one_present():
    table = np.array([7, 3, 9, 1, 1000], np.int64)
    for present in (1, 2, 3):
        places = listed(table, 1, present, 100)
        assert list(places) == [103, 109, 101][:present] + [[103, 109, 101][present - 1]] * (MR_SINGLE - present)


@jit
def one(places, m, n, taps, k, A, tap_a, step_a, B, b, tap_b, step_b, C, c, keep, bias, at, f):
    """Tiles side by side; the first MR_SINGLE places are those in A, the others those in C."""
    pair = 2 * (VECTOR_BYTES // A.itemsize)
    if n % pair == 0:
        many = n // pair
        rows_a, rows_c = (
            listed_places(MR_DEPTHWISE, places, 0, m, 0),
            listed_places(MR_DEPTHWISE, places, MR_SINGLE, m, c),
        )
        depthwise_microkernel(
            2, 0, rows_a, rows_c, many, 0, taps, k, A, tap_a, step_a, B, b, tap_b, step_b, C, keep, bias, at, f
        )
    else:
        all_a, all_c = listed_places(MR_SINGLE, places, 0, m, 0), listed_places(MR_SINGLE, places, MR_SINGLE, m, c)
        depthwise_microkernel(
            1, 1, all_a, all_c, 1, n, taps, k, A, tap_a, step_a, B, b, tap_b, step_b, C, keep, bias, at, f
        )


@dtypes
@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("with_bias", [False, True])
@pytest.mark.parametrize("f", [NONE, RELU])
def test_channels(dtype, keep, with_bias, f, rng):
    """Rows of A anywhere, all round them NaN; what stands round the rows of C stays."""
    lanes = VECTOR_BYTES // np.dtype(dtype).itemsize
    for n in (*range(1, lanes + 1), 2 * lanes, 4 * lanes):
        high, whole = (MR_DEPTHWISE, n) if n > lanes else (MR_SINGLE, lanes)
        for m, taps, k in ((1, 1, 1), (high - 1, 2, 3), (high, 3, 1), (2, 0, 3), (high, 2, 0)):
            left, right = (
                integers(rng, (m, taps, max(k, 1), whole), dtype),
                integers(rng, (max(taps, 1), max(k, 1), n), dtype),
            )
            left[..., n:] = np.nan  # read, and not used
            A, a = buried(left)
            B, b = buried(right)
            order = rng.permutation(m)
            C, ldc = np.full(2 * GUARD + m * (n + 2), np.nan, dtype), n + 2
            before = integers(rng, (m, n), dtype)
            inside = C[GUARD : GUARD + m * ldc].reshape(m, ldc)[:, :n]
            inside[...] = before
            bias = np.full(n + 2 * GUARD, np.nan, dtype)
            bias[GUARD : GUARD + n] = integers(rng, n, dtype)
            places = np.zeros(2 * MR_SINGLE, np.int64)
            size = left[0].size
            places[:m], places[MR_SINGLE : MR_SINGLE + m] = a + order * size, order * ldc
            one(
                places, m, n, taps, k, A, max(k, 1) * whole, whole, B, b, max(k, 1) * n, n, C, GUARD,
                int(keep), bias, GUARD if with_bias else -1, f,
            )  # fmt: skip
            expected = np.einsum("mtkj,tkj->mj", left[:, :taps, :k, :n].astype(float), right[:taps, :k].astype(float))
            if keep:
                expected = expected + before
            if with_bias:
                expected = expected + bias[GUARD : GUARD + n]
            np.testing.assert_array_equal(inside, np.maximum(expected, 0) if f == RELU else expected)
            inside[...] = np.nan
            assert np.isnan(C).all(), "wrote outside its rows and columns"


CODE = """
from nnmat_kernels.convolution import depthwise, implicit_gemm, weight_gradient
from nnmat_kernels.convolution.depthwise import TAPS
from nnmat_kernels.codegen.depthwise_microkernel import MR_DEPTHWISE
from nnmat_kernels.codegen.microkernel import MR_SINGLE
from nnmat_kernels.runtime.target import MR_SMALL, FUSED, MR, VECTOR_BYTES
from numba import types
for dtype in (types.float32, types.float64):
    array, i, g = types.Array(dtype, 1, "C"), types.int64, types.Array(types.int64, 1, "C")
    for piece, signature in (
        (implicit_gemm.product_piece, (array, array, i, array, g, i, i, i)),
        (weight_gradient.weights_piece, (array, array, array, i, g, i, i, i)),
        (depthwise.depthwise_piece, (array, array, array, array, g, i, i, i)),
        (depthwise.channel_piece, (array, array, array, i, g, i, i, types.boolean)),
    ):
        piece.compile(signature)
        print("PIECE")
        print(piece.inspect_asm(piece.signatures[0] if dtype is types.float32 else piece.signatures[-1]))
print("REGISTERS", VECTOR_BYTES, FUSED, MR, MR_SMALL, MR_SINGLE, MR_DEPTHWISE, TAPS)
"""


@X86
@compiled
@pytest.mark.parametrize("target", every_target)
def test_inner_loops_stay_in_registers(target, tmp_path):
    settings = os.environ | {"PYTHONPATH": str(KERNELS), "NUMBA_CACHE_DIR": str(tmp_path)} | TARGETS[target]
    settings.pop("NUMBA_DISABLE_JIT", None)
    settings.pop("NUMBA_BOUNDSCHECK", None)
    done = subprocess.run([sys.executable, "-c", CODE], env=settings, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    code, _, registers = done.stdout.rpartition("REGISTERS")
    vector_bytes, fused, rows, few, high, pairs, taps = registers.split()
    register = {"64": "zmm", "32": "ymm", "16": "xmm"}[vector_bytes]
    name = r"vfmadd\d+p[sd]" if fused == "True" else r"mulp[sd]"
    rows, few, high, pairs, taps = map(int, (rows, few, high, pairs, taps))
    tiles = [{2 * rows, high}, {2 * rows, high, few}, {2 * pairs, high}, {2 * taps, high}] * 2
    for piece, expected in zip(code.split("PIECE")[1:], tiles, strict=True):
        sizes = []
        for loop in inner_loops(piece):
            spills = [line for line in loop if "(%rsp" in line and re.search(r"%[xyz]mm", line)]
            assert not spills, spills
            sizes.append(sum(bool(re.match(name, line)) and register in line for line in loop))
        assert set(sizes) == expected, (sizes, expected)
