"""Building, sharing, flat vectors: what holds for models rather than for single layers."""

import copy
import pickle

import numpy as np
import pytest

import nnmat
from nnmat import Conv2d, Dropout, Flatten, Linear, ReLU, Sequential, Sigmoid
from tests.composites import TiedAutoencoder, Transposed


def small(**options):
    return Sequential([Flatten(), Linear(None, 4), Sigmoid(), Linear(4, 3)], input_shape=(2, 3), **options)


def test_flat_vectors_and_names():
    model = small(seed=5)
    assert [p.name for p in model.parameters()] == ["1.weight", "1.bias", "3.weight", "3.bias"]
    assert model.flat_parameters.shape == model.flat_gradients.shape == (sum(p.size for p in model.parameters()),)
    for p in model.parameters():
        assert np.shares_memory(p.value, model.flat_parameters)
        assert np.shares_memory(p.grad, model.flat_gradients)
    assert model[1].weight is model.parameters()[0]
    model[1].weight.value = np.ones((4, 6))
    assert (model[1].weight.value == 1).all()
    assert np.shares_memory(model[1].weight.value, model.flat_parameters)


def test_float64_and_float32_start_alike():
    single, double = small(seed=1), small(seed=1, dtype=np.float64)
    np.testing.assert_allclose(single.flat_parameters, double.flat_parameters, rtol=1e-6)


def test_linear_on_images_asks_for_flatten():
    with pytest.raises(nnmat.ShapeError, match=r"Put Flatten\(\) before it"):
        Linear(None, 3).build((28, 28, 1))
    with pytest.raises(nnmat.ShapeError, match=r"Put Flatten\(\) before it"):
        Linear(784, 3).build((28, 28, 1))


def test_one_layer_at_two_places_is_refused():
    layer = ReLU()
    with pytest.raises(nnmat.BuildError, match="one layer object stands at two places"):
        Sequential([layer, Linear(3, 3), layer], input_shape=(3,))


def test_a_built_layer_is_refused():
    model = small()
    with pytest.raises(nnmat.BuildError, match="built already as '1' of a model"):
        Sequential([model[1]], input_shape=(6,))
    with pytest.raises(nnmat.BuildError, match="built already"):
        model.build((2, 3))


def test_a_part_has_no_flat_vectors_of_its_own():
    with pytest.raises(nnmat.BuildError, match="belong to the model that this layer is a part of"):
        small()[1].flat_parameters  # noqa: B018
    with pytest.raises(nnmat.BuildError, match="not built yet"):
        Linear(2, 2).flat_parameters  # noqa: B018


@pytest.mark.parametrize("seed", [-1, "a", 2.5, True, [1, -2]])
def test_seeds_are_checked(seed):
    layer = Linear(2, 2)
    with pytest.raises(nnmat.ConfigError, match=r"^Linear: expected rng as .*, got .*\. Try rng=0\."):
        layer.build((2,), rng=seed)
    with pytest.raises(nnmat.ConfigError, match=r"^Sequential: expected seed as .*, got .*\. Try seed=0\."):
        Sequential([layer], input_shape=(2,), seed=seed)
    with pytest.raises(nnmat.ConfigError, match=r"^Sequential: expected seed as"):
        Sequential([layer], seed=seed)
    assert not layer.built


def test_a_seed_is_an_integer_or_a_generator():
    values = [
        Linear(2, 2).build((2,), rng=rng).flat_parameters
        for rng in (3, np.int64(3), np.random.default_rng(3), np.random.SeedSequence(3))
    ]
    assert all(np.array_equal(A, values[0]) for A in values)
    assert np.array_equal(Linear(2, 2).build((2,)).flat_parameters, Linear(2, 2).build((2,), rng=0).flat_parameters)


def test_tied_weight_gets_the_sum_of_both_terms(rng):
    model = TiedAutoencoder(3).build((4,), rng=1, dtype=np.float64)
    assert [p.name for p in model.parameters()] == ["encode.weight", "encode.bias"]
    X = rng.standard_normal((5, 4))
    W, b = model.encode.weight.value, model.encode.bias.value
    Z = np.tanh(X @ W.T + b)
    G = rng.standard_normal((5, 4))
    model.forward(X, training=True)
    gX = model.backward(G)
    gH = (G @ W.T) * (1 - Z**2)
    np.testing.assert_allclose(model.encode.weight.grad, Z.T @ G + gH.T @ X, rtol=1e-12)
    np.testing.assert_allclose(gX, gH @ W, rtol=1e-12)


def test_a_shared_parameter_needs_its_owner():
    class Alone(Transposed):
        def output_shape(self, input_shape):
            return (4,)

    with pytest.raises(nnmat.BuildError, match="'weight' is shared, but its owner is not part"):
        Alone(Linear(4, 3).weight).build((3,))


def test_two_parameters_of_one_name_are_refused():
    """A file holds parameters by name: the second would overwrite the first."""

    class Affine(nnmat.Layer):
        def __init__(self):
            super().__init__()
            self.scale, self.shift = nnmat.Parameter("weight"), nnmat.Parameter("weight")

        def output_shape(self, input_shape):
            return input_shape

        def own_parameters(self):
            return [self.scale, self.shift]

        def declare(self, input_shape, rng):
            for p in self.own_parameters():
                p.declare(input_shape, nnmat.initializers.zeros)

        def forward(self, X, call):
            return X * self.scale.value + self.shift.value

        def backward(self, G, call):
            raise NotImplementedError

    with pytest.raises(nnmat.BuildError, match="Affine: two parameters are called '0.weight'"):
        Sequential([Affine()], input_shape=(3,))


def test_children_of_a_copy_share_its_vectors():
    model = small()
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert np.shares_memory(twin[1].weight.value, twin.flat_parameters)
        assert twin[1].weight is twin.parameters()[0]
    part = copy.deepcopy(model[1])
    part.weight.value = np.zeros((4, 6))
    assert model[1].weight.value.any()


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Linear(0, 3), "Linear: expected in_features as an integer >= 1, got 0"),
        (lambda: Linear(3, 2.5), "Linear: expected out_features as an integer >= 1, got 2.5"),
        (lambda: Linear(3, 2, bias="no"), "Linear: expected bias as True or False, got 'no'"),
        (lambda: Linear(3, 2, weight_initializer="he"), "unknown initializer 'he'"),
        (lambda: Linear(3, 2, weight_initializer=["zeros"]), r"unknown initializer \['zeros'\]"),
        (lambda: Conv2d(True, 1, 3), "Conv2d: expected in_channels as an integer >= 1, got True"),
        (lambda: Conv2d(1, 0, 3), "Conv2d: expected out_channels as an integer >= 1, got 0"),
        (lambda: Conv2d(1, 1, 3, groups=0), "Conv2d: expected groups as an integer >= 1, got 0"),
        (lambda: Conv2d(1, 1, 3, bias=None), "Conv2d: expected bias as True or False, got None"),
        (lambda: Conv2d(1, 1, 0), "Conv2d: expected kernel_size"),
        (lambda: Conv2d(1, 1, 3, stride=0), "Conv2d: expected stride"),
        (lambda: Conv2d(1, 1, 3, padding=-1), "Conv2d: expected padding"),
        (lambda: Conv2d(1, 1, (3, 3, 3)), "Conv2d: expected kernel_size"),
        (lambda: Conv2d(3, 4, 3, groups=2), "in_channels = 3 is not a multiple of groups = 2"),
        (lambda: Conv2d(1, 1, 3, method="fft"), "unknown method 'fft'"),
        (lambda: Conv2d(2, 2, 3, groups=2, method="im2col"), "takes groups=1"),
        (lambda: Dropout(1.5), "Dropout: expected"),
    ],
)
def test_options_are_checked(make, text):
    with pytest.raises(nnmat.ConfigError, match=text):
        make()


def test_what_a_class_from_outside_inherits_it_may_have_changed():
    """So it says itself whether its passes consist of kernels."""

    class Mine(Linear):
        pass

    class Claimed(Linear):
        recordable = True

    assert not Mine(3, 2).recordable
    assert Claimed(3, 2).recordable
    assert Linear(3, 2).recordable
    assert all(nnmat.Conv2d(1, 2, 3, method=method).recordable for method in ("auto", "im2col"))
    assert not nnmat.Conv2d(1, 2, 3, method="khat").recordable


@pytest.mark.parametrize(
    "layer",
    [
        nnmat.LayerNorm,
        nnmat.BatchNorm1d,
        lambda: nnmat.GroupNorm(1),
        lambda: Dropout(0.1),
        lambda: Linear(None, 4),
        lambda: nnmat.Embedding(4, 8),
        nnmat.PositionalEmbedding,
        lambda: nnmat.GatedFeedForward(8, 4),
        lambda: Conv2d(1, 2, 3),
        ReLU,
        nnmat.Softmax,
        Flatten,
        lambda: nnmat.Residual(ReLU()),
    ],
)
@pytest.mark.parametrize(
    "inside", [lambda layer: layer, lambda layer: Sequential([layer]), lambda layer: nnmat.Tied(layer)]
)
def test_shapes_of_several_inputs_are_refused_where_one_is_taken(layer, inside):
    for shape in (((5, 8), (5,)), [[5, 8], [5, 8]], ((5, 8), (5, 8), (5,))):
        part = layer()
        with pytest.raises(
            nnmat.ShapeError, match=rf"{part.kind}: takes one input, got {len(shape)}, of shapes \(B, 5, 8\)"
        ):
            inside(part).build(shape)


def test_classes_from_outside_say_whether_they_take_several_inputs():
    class Own(nnmat.Layer):
        def output_shape(self, input_shape):
            return input_shape[0]

        def forward(self, X, call):
            return X[0]

        def backward(self, G, call):
            return G, G

    class One(Own):
        takes_several = False

    assert Own().build(((2,), (2,))).built
    with pytest.raises(nnmat.ShapeError, match=r"^One: takes one input, got 2"):
        One().build(((2,), (2,)))
