"""Looking on while a model runs."""

import numpy as np

import nnmat
from nnmat import Flatten, Linear, Sequential, Sigmoid


def small(**options):
    return Sequential([Flatten(), Linear(None, 4), Sigmoid(), Linear(4, 3)], input_shape=(2, 3), **options)


def test_observe_sees_every_layer(rng):
    model = small()
    X = rng.standard_normal((5, 2, 3)).astype(np.float32)
    seen = []
    with nnmat.observe(forward=lambda layer, Y: seen.append((layer.kind, Y.shape))):
        model.forward(X)
    assert seen == [
        ("Flatten", (5, 6)),
        ("Linear", (5, 4)),
        ("Sigmoid", (5, 4)),
        ("Linear", (5, 3)),
        ("Sequential", (5, 3)),
    ]
    model.forward(X)
    assert len(seen) == 5


def test_the_arrays_are_those_of_the_layers_and_stay(rng):
    model, seen = small(dtype=np.float64), []
    X = rng.standard_normal((5, 2, 3))
    with nnmat.observe(forward=lambda layer, Y: seen.append(Y)):
        H = model.forward(X, training=True)
        model.forward(-X, training=True)
    before, after = seen[:5], seen[5:]
    assert before[2] is not after[2]
    np.testing.assert_allclose(before[2], 1 / (1 + np.exp(-before[1])), rtol=1e-12)
    assert before[3] is before[4]
    assert before[3] is not H  # the caller has its own
    np.testing.assert_array_equal(before[3], H)


def test_whoever_looks_changes_no_bit(rng):
    X, G = rng.standard_normal((5, 2, 3)), rng.standard_normal((5, 3))
    models = [small(dtype=np.float64) for _ in range(2)]
    unseen = models[0].forward(X, training=True), models[0].backward(G), models[0].flat_gradients
    with nnmat.observe(lambda layer, Y: None, lambda layer, gX: None):
        seen = models[1].forward(X, training=True), models[1].backward(G), models[1].flat_gradients
    for A, B in zip(seen, unseen, strict=True):
        np.testing.assert_array_equal(A, B)
