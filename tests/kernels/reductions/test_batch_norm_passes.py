"""Batch norm in one pass with what stands beside it: the bits of one pass after the other."""

import numpy as np
import pytest

from nnmat_kernels import unchecked as k
from nnmat_kernels.runtime.config import settings
from tests.kernels.guards import same_bits_for_any_threads

SHAPES = [(2, 1), (5, 7), (3, 0), (33, 16), (4, 3, 5, 2), (7, 511), (5, 513), (700, 3)]
SHAPES += [] if settings.DISABLE_JIT else [(40_000, 2), (3000, 48)]
everything = pytest.mark.parametrize("shape", SHAPES)
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def example(shape, dtype, rng):
    X, A, G = (rng.standard_normal(shape).astype(dtype) for _ in range(3))
    return X, A, G, rng.standard_normal(shape[-1]).astype(dtype), rng.standard_normal(shape[-1]).astype(dtype)


def running(shape, dtype):
    return np.full(shape[-1], 0.5, dtype), np.full(shape[-1], 2, dtype)


@dtypes
@everything
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("added", "relu"), [(True, False), (False, True), (True, True)])
def test_values(added, relu, training, shape, dtype, rng):
    X, A, _, gamma, beta = example(shape, dtype, rng)
    X.reshape(-1)[1:2] = np.nan  # stays NaN behind a ReLU

    def forward(*joined):
        own = running(shape, dtype)
        if training:
            return (*k.batch_norm(X, gamma, beta, 1e-5, 0.1, *own, None, None, *joined), *own)
        return k.batch_norm_evaluation(X, gamma, beta, 1e-5, *own, None, None, *joined)

    expected, *others = forward()
    expected = k.add(A, expected) if added else expected
    expected = k.relu(expected) if relu else expected
    found, *theirs = forward(A if added else None, relu)
    assert found.tobytes() == expected.tobytes()
    assert [B.tobytes() for B in others] == [B.tobytes() for B in theirs]


@dtypes
@everything
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("affine", [True, False])
def test_gradients_by_values(affine, training, shape, dtype, rng):
    X, _, G, gamma, beta = example(shape, dtype, rng)
    gamma, beta = (gamma, beta) if affine else (None, None)
    if training:
        H, statistics = k.batch_norm(X, gamma, beta, 1e-5, 0.1, *running(shape, dtype))
    else:
        H, statistics = k.batch_norm_evaluation(X, gamma, beta, 1e-5, *running(shape, dtype))
    gH = k.relu_backward(G, k.relu(H))
    expected = k.batch_norm_backward(gH, X, statistics, gamma, training)
    found = k.batch_norm_backward(G, X, statistics, gamma, training, relu=True, beta=beta)
    assert [A.tobytes() for A in found] == [A.tobytes() for A in expected]
    own = G.copy()
    k.batch_norm_backward(own, X, statistics, gamma, training, own, relu=True, beta=beta)
    assert own.tobytes() == expected[0].tobytes()


@dtypes
@everything
def test_gradients_by_output(shape, dtype, rng):
    X, A, G, gamma, beta = example(shape, dtype, rng)
    H, statistics = k.batch_norm(X, gamma, beta, 1e-5, 0.1, *running(shape, dtype))
    Y = k.relu(k.add(A, H))
    gH = k.relu_backward(G, Y)
    expected, masked = k.batch_norm_backward(gH, X, statistics, gamma), np.full_like(G, 7)
    found = k.batch_norm_backward(G, X, statistics, gamma, relu=True, Y=Y, masked=masked)
    assert [B.tobytes() for B in found] == [B.tobytes() for B in expected]
    assert masked.tobytes() == gH.tobytes()


def test_gradients_in_place(rng):
    X, _, G, gamma, beta = example((700, 3), np.float32, rng)
    _, statistics = k.batch_norm(X, gamma, beta, 1e-5, 0.1, *running((3,), np.float32))
    expected, own = k.batch_norm_backward(G, X, statistics, gamma)[0], G.copy()
    k.batch_norm_backward(own, X, statistics, gamma, True, own)
    assert own.tobytes() == expected.tobytes()


def test_any_number_of_threads(rng):
    X, A, G, gamma, beta = example((40_000, 6), np.float32, rng)

    def compute():
        own = running(X.shape, X.dtype)
        Y, statistics = k.batch_norm(X, gamma, beta, 1e-5, 0.1, *own, None, None, A, True)
        masked = np.empty_like(G)
        given = k.batch_norm_backward(G, X, statistics, gamma, relu=True, Y=Y, masked=masked)
        return (Y, masked, *given, *k.batch_norm_backward(G, X, statistics, gamma, relu=True, beta=beta))

    same_bits_for_any_threads(compute)
