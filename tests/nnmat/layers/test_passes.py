"""The passes round a layer's equations: what is checked, kept, lent, and left alone."""

import numpy as np
import pytest

from nnmat import GELU, AvgPool2d, Conv2d, Linear, MaxPool2d, Sequential, Sigmoid
from tests.composites import Added


@pytest.mark.parametrize(
    "make",
    [
        lambda: Linear(6, 6),
        lambda: GELU(),
        lambda: Conv2d(6, 6, 3, padding=1),
        lambda: MaxPool2d(3, 1, 1),
        lambda: AvgPool2d(3, 1, 1),
        lambda: Sequential([Linear(6, 6), Sigmoid()]),
        lambda: Sequential([Linear(6, 6), Sigmoid(), Linear(6, 6)]),
    ],
)
@pytest.mark.parametrize("part", [lambda A: A, lambda A: A[1:]])
def test_a_result_may_be_the_next_input(make, part, rng):
    """A pass returns the arrays that the next pass of that layer writes to: it must not read its input from there."""
    X, G = rng.standard_normal((2, 3, 4, 5, 6))

    def passes(given):
        """Iterated forward and backward; `given` is what becomes of a result before it is passed in again."""
        layer, found = make().build((4, 5, 6), rng=1, dtype=np.float64), []
        Y = layer.forward(X, training=True)
        found.append(layer.forward(given(part(Y)), training=True).copy())
        gX = layer.backward(given(part(G)))
        found += [gX.copy(), *(p.grad.copy() for p in layer.parameters()), layer.backward(given(gX)).copy()]
        gX = layer.backward(given(part(G)))
        found.append(layer.forward(given(gX), training=True).copy())
        found.append(layer.backward(given(part(G))).copy())
        return [*found, *(p.grad for p in layer.parameters())]

    for A, B in zip(passes(lambda A: A), passes(np.copy), strict=True):
        np.testing.assert_array_equal(A, B)


def test_a_result_for_several_inputs_may_be_the_next_input(rng):
    one, other = (Added(4).build(((4,), (4,)), rng=1, dtype=np.float64) for _ in range(2))
    X, G = tuple(rng.standard_normal((2, 3, 4))), rng.standard_normal((3, 4))
    for layer, given in ((one, lambda A: A), (other, np.copy)):
        layer.forward(X, training=True)
        layer.forward(tuple(map(given, layer.backward(G))), training=True)
        layer.backward(-G)
        layer.backward(-G)  # the first one wrote the input gradient
    np.testing.assert_array_equal(one.flat_gradients, other.flat_gradients)
