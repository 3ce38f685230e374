"""Products with transposes and vectors; what NumPy does is not recorded."""

import numpy as np
import pytest

from nnmat.calculus.compiling.values import Graph
from nnmat.calculus.dimensions import dim
from nnmat.expressions.steps import by_numpy, product, transposed_product
from nnmat_kernels.runtime.launch import Recorder

M, N, K = map(dim, "MNK")
SIZES = {"M": 4, "N": 3, "K": 5}


def drawn(v, seed):
    return np.random.default_rng(seed).standard_normal(tuple(d.value(SIZES) for d in v.shape))


@pytest.mark.parametrize("turned", [(False, False), (True, False), (False, True), (True, True)])
def test_a_product(turned):
    g = Graph()
    A = g.make("sym", (), "A", (N, M) if turned[0] else (M, N))
    B = g.make("sym", (), "B", (K, N) if turned[1] else (N, K))
    left, right = g.transpose(A) if turned[0] else A, g.transpose(B) if turned[1] else B
    v = g.make("product", (left, right), None, (M, K))
    arrays = {A: drawn(A, 0), B: drawn(B, 1)}
    P = arrays[A].T if turned[0] else arrays[A]
    Q = arrays[B].T if turned[1] else arrays[B]
    np.testing.assert_allclose(product(v, arrays), P @ Q, atol=1e-14)
    np.testing.assert_allclose(transposed_product(v, arrays), (P @ Q).T, atol=1e-14)


def test_products_with_vectors():
    g = Graph()
    A, x, y = g.make("sym", (), "A", (M, N)), g.make("sym", (), "x", (N,)), g.make("sym", (), "y", (M,))
    arrays = {v: drawn(v, i) for i, v in enumerate((A, x, y))}
    right = product(g.make("product", (A, x), None, (M,)), arrays)
    np.testing.assert_allclose(np.ravel(right), arrays[A] @ arrays[x], atol=1e-14)
    left = product(g.make("product", (y, A), None, (N,)), arrays)
    np.testing.assert_allclose(np.ravel(left), arrays[y] @ arrays[A], atol=1e-14)


def test_what_numpy_does_is_no_part_of_a_program():
    with Recorder() as recorder:
        found = by_numpy("inv", np.linalg.inv, 2 * np.eye(2, dtype=np.float32))
    assert recorder.refused == "there is no kernel for inv"
    assert found.dtype == np.float32
    assert by_numpy("det", np.linalg.det, np.eye(2)).shape == (1,)
