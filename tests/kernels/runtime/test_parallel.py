"""Parallel kernels made of serial ones: every element once, in pieces as promised, under names of their own."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nnmat_kernels.runtime.config import jit
from nnmat_kernels.runtime.parallel import (
    CHUNK_SIZE,
    PARALLEL_SIZE,
    in_chunks,
    in_chunks_of_two,
    in_row_chunks,
    in_row_chunks_of_two,
)
from tests.kernels.guards import guarded, same_bits_for_any_threads

KERNELS = Path(__file__).resolve().parents[3] / "kernels"


@jit
def double(x, y):
    for i in range(y.size):
        y[i] = 2 * x[i] + y.size


@jit
def add(g, x, y):
    for i in range(y.size):
        y[i] = g[i] + x[i] + y.size


@jit
def copy_rows(X, Y, first, last):
    for i in range(first, last):
        for j in range(X.shape[1]):
            Y[i, j] = X[i, j] + (last - first)


@jit
def add_rows(G, term, Y, first, last):
    for i in range(first, last):
        for j in range(G.shape[1]):
            Y[i, j] = G[i, j] + term + (last - first)


double_parallel, add_parallel = in_chunks(double), in_chunks_of_two(add)
copy_rows_parallel, add_rows_parallel = in_row_chunks(copy_rows), in_row_chunks_of_two(add_rows)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [0, 1, CHUNK_SIZE - 1, CHUNK_SIZE, CHUNK_SIZE + 1, 3 * CHUNK_SIZE + 9])
def test_chunks(size, dtype, rng):
    g, x = rng.integers(-9, 9, (2, size)).astype(dtype)
    (y, intact), (z, also_intact) = guarded((size,), dtype), guarded((size,), dtype)
    double_parallel(x, y)
    add_parallel(g, x, z)
    chunk = np.minimum(CHUNK_SIZE, size - np.arange(size) // CHUNK_SIZE * CHUNK_SIZE)  # the piece of each element
    np.testing.assert_array_equal(y, 2 * x + chunk)
    np.testing.assert_array_equal(z, g + x + chunk)
    intact()
    also_intact()


@pytest.mark.parametrize("rows", [1, 3, 7, 50])
def test_row_chunks(rows, rng):
    X = rng.integers(-9, 9, (20, 3)).astype(np.float64)
    (Y, intact), (Z, also_intact) = guarded(X.shape, X.dtype), guarded(X.shape, X.dtype)
    copy_rows_parallel(X, Y, rows)
    add_rows_parallel(X, 4, Z, rows)
    chunk = np.minimum(rows, 20 - np.arange(20) // rows * rows)[:, None]
    np.testing.assert_array_equal(Y, X + chunk)
    np.testing.assert_array_equal(Z, X + 4 + chunk)
    intact()
    also_intact()


def test_sizes_and_threads(rng):
    assert PARALLEL_SIZE >= 2 * CHUNK_SIZE  # or a second thread would have nothing to do
    x, y = rng.standard_normal((2, 5 * CHUNK_SIZE + 3))

    def compute():
        z = np.empty_like(x)
        add_parallel(x, y, z)
        return z

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
