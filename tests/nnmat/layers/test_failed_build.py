"""A build that fails leaves the layers as they were, so that a corrected build works."""

import numpy as np
import pytest

import nnmat
from nnmat import Dropout, Layer, Linear, Sequential, Sigmoid
from tests.composites import Transposed


def untouched(*layers):
    for layer in layers:
        assert not layer.built
        assert (layer.input_shape, layer.dtype, layer.path) == (None, None, "")
        for p in layer.parameters():
            assert (p.name, p.shape, p.bound) == (p.kind, None, False)
            with pytest.raises(nnmat.BuildError, match="Build the model first"):
                p.value  # noqa: B018
            with pytest.raises(nnmat.BuildError, match="Build the model first"):
                p.size  # noqa: B018
        with pytest.raises(nnmat.BuildError, match="not built yet"):
            layer.forward(np.zeros((1, 4), np.float32))
        with pytest.raises(nnmat.BuildError, match="not built yet"):
            layer.flat_parameters  # noqa: B018


class Careless(Layer):
    """A composite that checks its parts' shapes only when they are built."""

    def __init__(self, *layers):
        super().__init__()
        self.layers = layers

    def output_shape(self, input_shape):
        return input_shape

    def named_children(self):
        return [(str(i), layer) for i, layer in enumerate(self.layers)]

    def forward(self, X, call):
        return X

    def backward(self, G, call):
        return G


def test_a_shape_error_halfway():
    first, second = Linear(4, 4), Linear(5, 5)
    with pytest.raises(nnmat.ShapeError, match="expected inputs of width 5"):
        Careless(first, second).build((4,))
    untouched(first, second)
    model = Sequential([first, Sigmoid(), Linear(4, 2)], input_shape=(4,), seed=3)
    assert [p.name for p in model.parameters()] == ["0.weight", "0.bias", "2.weight", "2.bias"]


class Once:
    """An initializer that fails the first time."""

    def __init__(self, failure):
        self.failure = failure

    def __call__(self, rng, shape, fan_in, fan_out):
        failure, self.failure = self.failure, None
        if isinstance(failure, BaseException):
            raise failure
        return rng.standard_normal(shape) if failure is None else failure


@pytest.mark.parametrize(
    ("failure", "error", "text"),
    [
        (ZeroDivisionError("mine"), ZeroDivisionError, "mine"),
        (KeyboardInterrupt("stopped"), KeyboardInterrupt, "stopped"),
        (
            np.zeros((4, 3)),
            nnmat.ShapeError,
            r"^Parameter '2.weight': expected its initializer to return an array of shape \(3, 4\), got \(4, 3\)\.",
        ),
        (np.zeros(()), nnmat.ShapeError, r"'2.weight': .* of shape \(3, 4\), got \(\)\."),
        (np.zeros((1, 4)), nnmat.ShapeError, r"'2.weight': .* of shape \(3, 4\), got \(1, 4\)\."),
        ([[1, 2], [3]], nnmat.ShapeError, r"'2.weight': .* rows of unequal lengths, such as 1 and 2\."),
        (np.full((3, 4), 1j), nnmat.DtypeError, r"'2.weight': expected its initializer .* real numbers, got complex"),
    ],
)
def test_an_initializer_that_fails(failure, error, text):
    layers = [Dropout(0.5), Linear(4, 4), Linear(4, 3, weight_initializer=Once(failure))]
    with pytest.raises(error, match=text):
        Sequential(layers, input_shape=(4,), seed=3)
    untouched(*layers)
    layers[2].weight.trainable = False
    model = Sequential(layers, input_shape=(4,), seed=3)
    twin = Sequential([Dropout(0.5), Linear(4, 4), Linear(4, 3, weight_initializer=Once(None))], (4,), seed=3)
    assert [p.name for p in model.parameters()] == ["1.weight", "1.bias", "2.weight", "2.bias"]
    assert all(np.array_equal(p.value, q.value) for p, q in zip(model.parameters(), twin.parameters(), strict=True))


def test_the_owner_of_a_shared_parameter_is_left_alone():
    owner = Linear(4, 3).build((4,), rng=1)
    before = owner.flat_parameters.copy()
    reader = Transposed(owner.weight)
    model = Sequential([Linear(4, 3), reader])
    with pytest.raises(nnmat.BuildError, match="'weight' is shared, but its owner is not part"):
        model.build((4,))
    untouched(model[0])
    assert not reader.built
    assert owner.weight.name == "weight"
    assert owner.weight.bound
    assert np.shares_memory(owner.weight.value, owner.flat_parameters)
    assert np.array_equal(owner.flat_parameters, before)


def test_two_equal_names_can_be_mended():
    class Double(Careless):
        def __init__(self):
            super().__init__()
            self.own = [nnmat.Parameter("weight"), nnmat.Parameter("weight")]

        def own_parameters(self):
            return self.own

        def declare(self, input_shape, rng):
            for p in self.own:
                p.declare(input_shape, nnmat.initializers.zeros)

    layer = Double()
    with pytest.raises(nnmat.BuildError, match="two parameters are called 'weight'"):
        layer.build((4,))
    untouched(layer)
    layer.own[1] = nnmat.Parameter("other")
    assert layer.build((4,)).flat_parameters.shape == (8,)
