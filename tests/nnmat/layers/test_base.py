"""Building, sharing, flat vectors, observing: what holds for models rather than for single layers."""

import copy
import pickle

import numpy as np
import pytest

import nnmat
from nnmat import GELU, AvgPool2d, Conv2d, Dropout, Flatten, Linear, MaxPool2d, ReLU, Sequential, Sigmoid
from tests.composites import Added, TiedAutoencoder, Transposed


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


def test_equal_settings_stand_together():
    places = small().parameter_slices()
    assert [s.decay for s in places] == [True, True, False, False]
    stops = [s.slice.stop for s in places]
    assert [s.slice.start for s in places] == [0, *stops[:-1]]


def test_settings_can_change_and_are_counted():
    model = small()
    version = model.parameters_version
    model[1].weight.trainable = False
    assert model.parameters_version == version + 1
    assert [s.trainable for s in model.parameter_slices()] == [False, True, True, True]


def test_float64_and_float32_start_alike():
    single, double = small(seed=1), small(seed=1, dtype=np.float64)
    np.testing.assert_allclose(single.flat_parameters, double.flat_parameters, rtol=1e-6)


def test_parameter_assignment_is_checked():
    p = small()[1].weight
    with pytest.raises(nnmat.ShapeError, match=r"'1.weight': expected a value of shape \(4, 6\), got \(6, 4\)"):
        p.value = np.ones((6, 4))
    with pytest.raises(nnmat.DtypeError, match="real numbers"):
        p.value = np.full((4, 6), "a")
    with pytest.raises(nnmat.BuildError, match="Build the model first"):
        Linear(2, 2).weight.value  # noqa: B018


@pytest.mark.parametrize(
    ("layers", "text"),
    [
        ([Linear(5, 3)], r"layer 0: Linear: expected inputs of width 5, got shape \(B, 6\)"),
        ([Linear(6, 3), Linear(4, 2)], "layer 1: Linear: expected inputs of width 4"),
        ([Linear(6, 3), Conv2d(1, 1, 3)], r"layer 1: Conv2d: expected images \(B, H, W, C\), .* of shape \(B, 3\)\."),
    ],
)
def test_shapes_are_checked_at_build(layers, text):
    with pytest.raises(nnmat.ShapeError, match=text):
        Sequential(layers, input_shape=(6,))
    assert not any(layer.built for layer in layers)


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


@pytest.mark.parametrize("shape", ["ab", (0,), (2.5,), (-1, 3), (True,), None, ((2,), 3)])
def test_input_shape_is_checked(shape):
    with pytest.raises(nnmat.ShapeError, match="expected input_shape"):
        Linear(2, 2).build(shape)


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


@pytest.mark.parametrize("dtype", [np.int64, np.float16, "nonsense", None, complex])
def test_dtype_is_checked(dtype):
    with pytest.raises(nnmat.DtypeError, match="expected dtype float32 or float64"):
        Linear(2, 2).build((2,), dtype=dtype)


def test_hints_in_shape_errors():
    model = Linear(5, 3).build((5,))
    with pytest.raises(nnmat.ShapeError, match=r"Did you pass X\.T\?"):
        model.forward(np.zeros((5, 32), np.float32))
    with pytest.raises(nnmat.ShapeError, match=r"Add the batch axis: X\[np\.newaxis\]"):
        model.forward(np.zeros(5, np.float32))
    image = Conv2d(1, 1, 3).build((8, 9, 1))
    with pytest.raises(nnmat.ShapeError, match=r"channels-last: try X\.transpose\(0, 2, 3, 1\)"):
        image.forward(np.zeros((2, 1, 8, 9), np.float32))
    with pytest.raises(nnmat.ShapeError, match=r"Add the channel axis: X\[\.\.\., np\.newaxis\]"):
        image.forward(np.zeros((2, 8, 9), np.float32))


def test_several_inputs_are_checked_one_by_one():
    layer = Added(3).build(((5,), (4,)))
    one, two = np.zeros((2, 5), np.float32), np.zeros((2, 4), np.float32)
    with pytest.raises(nnmat.ShapeError, match="expected X to be a tuple of 2 arrays"):
        layer.forward(one)
    with pytest.raises(nnmat.DtypeError, match=r"expected X\[1\] to be a NumPy array, got int"):
        layer.forward((one, 3))
    with pytest.raises(nnmat.ShapeError, match=r"expected all inputs of one batch size, got \[2, 1\]"):
        layer.forward((one, two[:1]))


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


def test_input_gradient_is_skipped_up_to_the_first_parameters(rng):
    model = Sequential([ReLU(), Flatten(), Linear(None, 3)], input_shape=(2, 2))
    model.forward(rng.standard_normal((2, 2, 2)).astype(np.float32), training=True)
    seen = []
    with nnmat.observe(backward=lambda layer, gX: seen.append((layer.kind, gX is None))):
        assert model.backward(np.ones((2, 3), np.float32), input_gradient=False) is None
    assert seen == [("Linear", True), ("Sequential", True)]


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


def test_summary():
    model = Sequential([Conv2d(1, 2, 3), Flatten(), Linear(None, 3)], input_shape=(6, 5, 1))
    lines = model.summary().splitlines()
    assert lines[0].split() == ["layer", "output", "shape", "parameters", "flops", "forward"]
    assert lines[3].split() == ["0", "Conv2d", "(B,", "4,", "3,", "2)", "20", str(2 * 4 * 3 * 2 * 9)]
    assert lines[-1].split() == ["total", "(B,", "3)", str(20 + 24 * 3 + 3), str(2 * 4 * 3 * 2 * 9 + 2 * 24 * 3)]
    with pytest.raises(nnmat.BuildError, match="Give input_shape"):
        Sequential([ReLU()]).summary()
    two_inputs = Sequential([Added(3)], input_shape=((5,), (4,))).summary().splitlines()
    assert two_inputs[2] == "input    (B, 5), (B, 4)"


def test_sequential_takes_layers_only():
    with pytest.raises(nnmat.ConfigError, match="at least one layer"):
        Sequential([])
    with pytest.raises(nnmat.ConfigError, match=r"Did you forget the parentheses: ReLU\(\)\?"):
        Sequential([ReLU])


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


def test_a_kernel_larger_than_the_image():
    with pytest.raises(
        nnmat.ShapeError, match=r"^Conv2d: expected a window that fits .* \(5, 5\) .* image of \(4, 4\)"
    ):
        Conv2d(1, 1, 5).build((4, 4, 1))


@pytest.mark.parametrize("name", nnmat.initializers.BY_NAME)
def test_initializers(name):
    layer = Linear(300, 200, weight_initializer=name).build((300,), rng=0)
    W = layer.weight.value
    variance = {"glorot": 2 / 500, "he": 2 / 300, "lecun": 1 / 300, "zeros": 0}[name.partition("_")[0]]
    assert abs(W.mean()) < 1e-3
    np.testing.assert_allclose(W.var(), variance, rtol=0.05)
    if name.endswith("uniform"):
        assert np.abs(W).max() <= np.sqrt(3 * variance)


def test_convolution_fans():
    layer = Conv2d(8, 4, (3, 5), groups=2, weight_initializer=lambda rng, shape, i, o: np.full(shape, 1000 * i + o))
    layer.build((9, 9, 8))
    assert (layer.weight.value == 1000 * (3 * 5 * 4) + 3 * 5 * 2).all()
