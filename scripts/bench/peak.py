"""The limits that rates are measured against: fused multiply-adds on registers alone, and copying from memory.

Measured in the same run as the kernels, since the clock of a processor changes from minute to minute.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from nnmat_kernels.codegen.microkernel import microkernel, row_places
from nnmat_kernels.runtime.config import jit
from nnmat_kernels.runtime.target import FUSED, MR, VECTOR_BYTES

CHAINS = 12  # independent sums: enough to fill the pipelines of two units with four cycles each
STEPS = 20_000


def _multiply_adds_code(context, n, x):
    """`n` times CHAINS fused multiply-adds on whole registers: a <- a x + x."""

    def generate(context, builder, signature, arguments):
        n, x = arguments
        lanes = VECTOR_BYTES // 4
        i32, i64 = ir.IntType(32), ir.IntType(64)
        vector = ir.VectorType(ir.FloatType(), lanes)
        nothing = ir.Constant(vector, ir.Undefined)
        zeros = ir.Constant(ir.VectorType(i32, lanes), [0] * lanes)
        spread = builder.shuffle_vector(builder.insert_element(nothing, x, i32(0)), nothing, zeros)
        kind = ir.FunctionType(vector, [vector] * 3)
        fma = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fma.v{lanes}f32")
        start = [builder.fmul(spread, ir.Constant(vector, [ir.FloatType()(i + 1.0)] * lanes)) for i in range(CHAINS)]
        before, loop, after = builder.block, builder.append_basic_block("loop"), builder.append_basic_block("after")
        builder.branch(loop)
        builder.position_at_end(loop)
        step = builder.phi(i64)
        step.add_incoming(i64(0), before)
        chains = [builder.phi(vector) for _ in range(CHAINS)]
        if FUSED:
            sums = [builder.call(fma, [chain, spread, spread]) for chain in chains]
        else:
            sums = [builder.fadd(builder.fmul(chain, spread), spread) for chain in chains]
        builder.asm(ir.FunctionType(ir.VoidType(), []), "", "~{memory}", [], True)  # keeps LLVM from unrolling
        following = builder.add(step, i64(1))
        step.add_incoming(following, loop)
        for chain, first, value in zip(chains, start, sums, strict=True):
            chain.add_incoming(first, before)
            chain.add_incoming(value, loop)
        builder.cbranch(builder.icmp_signed("<", following, n), loop, after)
        builder.position_at_end(after)
        total = sums[0]
        for value in sums[1:]:
            total = builder.fadd(total, value)
        return builder.extract_element(total, i32(0))

    return types.float32(types.int64, types.float32), generate


_multiply_adds: Any = intrinsic(_multiply_adds_code)  # type checkers do not know what it makes of the arguments


@jit
def _run_multiply_adds(n, x):
    return _multiply_adds(n, x)


@jit
def _run_tile(repetitions, A, B, C, k):
    """The register tile on packed panels: 96 rows, two vectors of columns."""
    width = 2 * (VECTOR_BYTES // A.itemsize)
    for _ in range(repetitions):
        for i in range(0, 96, MR):
            rows_a, rows_c = row_places(MR, i * k, np.int64(1), MR), row_places(MR, i * width, width, MR)
            microkernel(2, 0, rows_a, rows_c, width, 1, k, A, 0, MR, B, 0, 0, width, C, MR * width, 0, C, -1, 0)


def fastest(call: Callable[[], object], seconds: float) -> float:
    """The shortest of the calls that fit into `seconds`."""
    call()
    best, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        started = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - started)
    return best


def together(threads: int, measure: Callable[[int], float]) -> float:
    """The sum of what `measure(0)`, `measure(1)`, ... return, each in a thread of its own."""
    found = [0.0] * threads

    def work(i: int) -> None:
        found[i] = measure(i)

    workers = [threading.Thread(target=work, args=(i,)) for i in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(found)


def flops(threads: int, seconds: float = 0.3) -> float:
    """GFLOP/s of `threads` threads that do nothing but float32 multiply-adds on registers."""
    x, work = np.float32(0.5), CHAINS * STEPS * (VECTOR_BYTES // 4) * 2
    _run_multiply_adds(1, x)
    return together(threads, lambda _: work / fastest(lambda: _run_multiply_adds(STEPS, x), seconds) / 1e9)


def bandwidth(threads: int, seconds: float = 0.3) -> float:
    """GB/s read and written by `threads` threads that copy 64 MB each, which no cache holds."""
    A = np.ones((2, threads, 1 << 24), np.float32)
    return together(threads, lambda i: 2 * A[0, i].nbytes / fastest(lambda: np.copyto(A[1, i], A[0, i]), seconds) / 1e9)


def tile_rates(k: int, seconds: float = 0.5) -> tuple[float, float, float]:
    """The register tile with `k` terms on data in the caches, on one core.

    Returns its GFLOP/s, those of multiply-adds alone, measured in turn, and its largest error as a part of max |C|.
    """
    width, rng = 2 * (VECTOR_BYTES // 4), np.random.default_rng(0)
    A, B = rng.standard_normal(96 * k, np.float32), rng.standard_normal(k * width, np.float32)
    C = np.empty(200 * width, np.float32)  # longer than the 96 rows: the tile fetches lines ahead of it
    best = peak = 0.0
    for _ in range(5):
        best = max(best, 2 * 20 * 96 * k * width / fastest(lambda: _run_tile(20, A, B, C, k), seconds / 10) / 1e9)
        peak = max(peak, flops(1, seconds / 10))
    panels = A.astype(np.float64).reshape(-1, k, MR).swapaxes(1, 2)  # (panel, row, k)
    exact = (panels @ B.reshape(k, width)).reshape(96, width)
    error = np.max(np.abs(C[: 96 * width].reshape(96, width) - exact)) / np.max(np.abs(exact))
    return best, peak, float(error)
