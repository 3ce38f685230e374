"""Parallel kernels made of serial ones: every element once, in pieces as promised, under names of their own."""

import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nnmat_kernels.runtime.config import jit
from nnmat_kernels.runtime.parallel import CHUNK_SIZE, PARALLEL_SIZE, in_chunks, in_row_chunks, in_slots
from tests.kernels.guards import guarded, same_bits_for_any_threads

KERNELS = Path(__file__).resolve().parents[3] / "kernels"


@jit
def scale(x, factor, y):
    for i in range(y.size):
        y[i] = factor * x[i] + y.size


@jit
def rows_plus(X, term, Y, first, last):
    for i in range(first, last):
        for j in range(X.shape[1]):
            Y[i, j] = X[i, j] + term + (last - first)


@jit
def slot_sums(X, factor, sums, slot, first, last):
    total = 0.0
    for i in range(first, last):
        total += X[i]
    sums[slot] = factor * total


scale_parallel, rows_plus_parallel, slot_sums_parallel = (
    in_chunks(scale, 100),
    in_row_chunks(rows_plus),
    in_slots(slot_sums),
)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [0, 1, 99, 100, 101, 730])
def test_chunks(size, dtype, rng):
    x = rng.integers(-9, 9, size).astype(dtype)
    y, intact = guarded((size,), dtype)
    scale_parallel(x, dtype(2), y)
    chunk = np.minimum(100, size - np.arange(size) // 100 * 100)  # the size of the piece that each element is in
    np.testing.assert_array_equal(y, 2 * x + chunk)
    intact()


@pytest.mark.parametrize("rows", [1, 3, 7, 50])
def test_row_chunks(rows, rng):
    X = rng.integers(-9, 9, (20, 3)).astype(np.float64)
    Y, intact = guarded(X.shape, X.dtype)
    rows_plus_parallel(rows, X, 4, Y)
    np.testing.assert_array_equal(Y, X + 4 + np.minimum(rows, 20 - np.arange(20) // rows * rows)[:, None])
    intact()


@pytest.mark.parametrize("slots", [1, 3, 8])
def test_slots(slots, rng):
    X, sums = rng.integers(-9, 9, 8).astype(np.float64), np.full(slots, np.nan)
    slot_sums_parallel(X, 2.0, sums)
    cuts = [k * 8 // slots for k in range(slots + 1)]
    np.testing.assert_array_equal(sums, [2 * X[a:b].sum() for a, b in itertools.pairwise(cuts)])


def test_sizes_and_threads(rng):
    assert PARALLEL_SIZE >= 2 * CHUNK_SIZE  # or a second thread would have nothing to do
    x = rng.standard_normal(1000)

    def compute():
        y = np.empty_like(x)
        scale_parallel(x, 0.3, y)
        return y

    same_bits_for_any_threads(compute)


NAMES = """
import gc, importlib, pkgutil
import nnmat_kernels
from nnmat_kernels.runtime.cache import KernelCache
for module in pkgutil.walk_packages(nnmat_kernels.__path__, "nnmat_kernels."):
    importlib.import_module(module.name)
names = [(c.module, c.name) for c in gc.get_objects() if isinstance(c, KernelCache)]
for name in names:
    print(*name)
"""


@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled, so nothing is cached")
def test_no_two_kernels_share_a_name_in_the_cache():
    settings = os.environ | {"PYTHONPATH": str(KERNELS)}
    done = subprocess.run([sys.executable, "-c", NAMES], env=settings, capture_output=True, text=True, check=True)
    names = done.stdout.splitlines()
    assert len(names) > 80
    assert sorted(set(names)) == sorted(names)
    assert not [name for name in names if "<locals>" in name], "a factory must name its kernels: `named_after`"
    assert {"elementwise.activations sigmoid_serial", "elementwise.activations sigmoid_serial_parallel"} <= set(names)
