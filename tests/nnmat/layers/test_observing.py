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
