"""Convolutions at their edges, options that were ignored, containers, and what is loaded by name."""

import numpy as np
import pytest

import nnmat
import nnmat_kernels as k
from nnmat import Add, Concatenate, Conv2d, Layer, Linear, Parameter, Sequential, SoftmaxCrossEntropy, Tied


@pytest.mark.parametrize("plane", [(0, 3), (3, 0), (0, 0)])
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_images_without_pixels(plane, groups, kernel, dtype):
    X, b = np.ones((2, *plane, 2), dtype), np.arange(4, dtype=dtype)
    K = np.ones((4, kernel, kernel, 2 // groups), dtype)
    options = {"padding": 2, "groups": groups}
    Y = k.conv2d(X, K, b, **options)
    np.testing.assert_array_equal(Y, np.broadcast_to(b, Y.shape))
    gX = k.conv2d_input_gradient(Y, K, X.shape, **options)
    assert (gX.shape, gX.dtype) == (X.shape, dtype)
    gb = np.empty(4, dtype)
    assert not k.conv2d_weight_gradient(X, Y, K.shape, bias_gradient=gb, **options).any()
    np.testing.assert_allclose(gb, Y.sum(axis=(0, 1, 2)))
    assert k.col2im(k.im2col(X, kernel, padding=2), X.shape, kernel, padding=2).shape == X.shape


@pytest.mark.parametrize("method", ["auto", "im2col", "khat"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bias", [True, False])
def test_every_tap_in_the_padding(method, dtype, bias):
    layer = Conv2d(1, 2, 2, stride=4, padding=3, dilation=5, bias=bias, method=method).build((2, 2, 1), dtype=dtype)
    X = np.ones((3, 2, 2, 1), dtype)
    Y = layer.forward(X, training=True)
    assert not nnmat.khat(layer.weight.value, (2, 2, 1), 4, 3, 5).any()
    layer.flat_gradients[...] = 1
    layer.backward(np.ones_like(Y), accumulate=True)
    np.testing.assert_array_equal(layer.weight.grad, np.ones((2, 2, 2, 1)))
    if bias:
        np.testing.assert_array_equal(layer.bias.grad, 1 + Y[..., 0].size)


@pytest.mark.parametrize("ignore_index", [-100, 0, 2])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ignore_index_is_for_labels(ignore_index, dtype):
    H, y = np.zeros((4, 3), dtype), np.eye(3, dtype=dtype)[[0, 1, 2, 0]]
    text = rf"expected integer labels with ignore_index={ignore_index}, got float targets.*sample_weight=0"
    loss = SoftmaxCrossEntropy(ignore_index=ignore_index)
    with pytest.raises(nnmat.DtypeError, match=f"^SoftmaxCrossEntropy: {text}"):
        loss.forward(H, y)
    with pytest.raises(nnmat.DtypeError, match=f"^SoftmaxCrossEntropy: {text}"):
        loss.check_targets(y, (3,))
    with pytest.raises(nnmat.DtypeError, match=f"^softmax_cross_entropy: {text}"):
        k.softmax_cross_entropy(H, y, ignore_index=ignore_index)
    assert loss.forward(H, np.array([0, 1, 2, 0])) == pytest.approx(np.log(3))


@pytest.mark.parametrize("targets", ["labels", "floats"])
@pytest.mark.parametrize(
    "options", [{"label_smoothing": 0.2}, {"class_weight": [1, 2, 3]}, {"sample_weight": [1, 0, 2, 1]}]
)
def test_no_option_of_a_loss_is_ignored(targets, options):
    rng = np.random.default_rng(0)
    H, y = rng.standard_normal((4, 3)), np.array([0, 1, 2, 0])
    y = y if targets == "labels" else np.eye(3)[y]
    weight = {key: np.array(value, float) for key, value in options.items() if key == "sample_weight"}
    chosen = {key: value for key, value in options.items() if key != "sample_weight"}
    plain = SoftmaxCrossEntropy()
    plain.forward(H, y)
    loss = SoftmaxCrossEntropy(**chosen)
    assert loss.forward(H, y, **weight) != plain.forward(H, y)
    assert not np.allclose(loss.backward(), plain.backward())


@pytest.mark.parametrize(
    ("kernel", "image", "shape"),
    [
        ((3, 3), (3, 3), (1, 9)),
        ((3, 3), (5, 4), (6, 20)),
        ((2, 1), (3, 3, 1), (6, 9)),
        ((1, 2, 2, 1), (3, 3, 1), (4, 9)),
    ],
)
def test_khat_takes_a_kernel_as_the_source_has_it(kernel, image, shape):
    K = np.arange(1.0, 1 + np.prod(kernel)).reshape(kernel)
    K_hat = nnmat.khat(K, image)
    assert K_hat.shape == shape
    images = image if len(image) == 3 else (*image, 1)
    X = np.random.default_rng(0).standard_normal((2, *images))
    Y = k.conv2d(X, K if K.ndim == 4 else K[None, :, :, None])
    np.testing.assert_allclose(X.reshape(2, -1) @ K_hat.T, Y.reshape(2, -1), rtol=1e-12)
    np.testing.assert_allclose(nnmat.khat(K, image, form="operator") @ X[0].ravel(), Y[0].ravel(), rtol=1e-12)
    assert nnmat.khat_pattern(K.shape, image, form="dense").sum() == np.count_nonzero(K_hat)


@pytest.mark.parametrize(
    ("kernel", "image", "text"),
    [
        ((1, 3, 3, 2), (5, 5), r"Images have a channel axis: try \(5, 5, 2\)\.$"),
        ((3, 3, 2), (5, 5, 2), r"One filter is K\[None\], one input channel K\[\.\.\., None\]\."),
        ((3, 3), (5, 5, 2), r"got \(1, 3, 3, 1\) for 2 input channels"),
    ],
)
def test_khat_says_what_to_write(kernel, image, text):
    with pytest.raises(nnmat.ShapeError, match=text):
        nnmat.khat(np.ones(kernel), image)


def shared():
    layer = Linear(4, 3)
    return Sequential([layer, Tied(layer, transpose=True)])


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda: Add([None, Linear(4, 4)]), (4,)),
        (lambda: Concatenate([Linear(4, 2), None]), (4,)),
        (lambda: Add(), ((4,), (4,))),
        (lambda: Concatenate([Linear(4, 2), Linear(3, 5)]), ((4,), (3,))),
        (shared, (4,)),
        (lambda: Sequential([Add(), shared()]), ((4,), (4,))),
    ],
)
def test_containers_are_differentiated_saved_and_shown(make, shape, tmp_path):
    model = make().build(shape, rng=2, dtype=np.float64)
    rng = np.random.default_rng(0)
    X = (
        tuple(rng.standard_normal((3, *s)) for s in shape)
        if isinstance(shape[0], tuple)
        else rng.standard_normal((3, *shape))
    )
    assert nnmat.gradcheck(model, X).passed
    nnmat.save(model, tmp_path / "model.npz")
    loaded = nnmat.load(tmp_path / "model.npz")
    np.testing.assert_array_equal(loaded.forward(X), model.forward(X))
    assert loaded.summary() == model.summary()
    assert model.summary().splitlines()[-1].split()[-2] == f"{len(model.flat_parameters):,}"


class Deaf(Layer):
    """Y = X diag(w), whose backward ignores what it is asked."""

    def __init__(self, deaf_to=()):
        super().__init__()
        self.weight, self.deaf_to = Parameter("weight"), deaf_to

    def output_shape(self, input_shape):
        return input_shape

    def own_parameters(self):
        return [self.weight]

    def declare(self, input_shape, rng):
        self.weight.declare(input_shape, lambda rng, shape: np.ones(shape))

    def forward(self, X, call):
        call.keep(X=X)
        return X * self.weight.value

    def backward(self, G, call):
        gw = (G * call.X).sum(axis=0)
        if call.wants_parameters or "parameters" in self.deaf_to:
            self.weight.grad = gw if not call.accumulate or "accumulate" in self.deaf_to else self.weight.grad + gw
        return G * self.weight.value


@pytest.mark.parametrize("wrap", [lambda layer: layer, lambda layer: Sequential([layer, Linear(4, 2)])])
@pytest.mark.parametrize(
    ("deaf_to", "lines"),
    [
        ((), []),
        (("accumulate",), ["accumulate=True does not add"]),
        (("parameters",), ["parameters=False does not leave"]),
        (("accumulate", "parameters"), ["accumulate=True does not add", "parameters=False does not leave"]),
    ],
)
def test_gradcheck_finds_a_layer_that_ignores_what_it_is_asked(wrap, deaf_to, lines):
    model = wrap(Deaf(deaf_to)).build((4,), dtype=np.float64)
    report = nnmat.gradcheck(model, np.random.default_rng(0).standard_normal((3, 4)))
    assert report.passed == (not lines)
    assert report.error < 1e-7
    assert all(f"{line} " in str(report) for line in lines)
    assert ("FAILED" in str(report)) == bool(lines)


def network(dtype=np.float64, seed=0):
    layers = [Linear(4, 3), nnmat.Dropout(0.5), Linear(3, 2)]
    return Sequential(layers, input_shape=(4,), seed=seed, dtype=dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("source", ["file", "arrays"])
def test_a_state_is_loaded_by_names(dtype, source, tmp_path):
    model, other = network(dtype), network(seed=1)
    given = {p.name: p.value for p in other.parameters()} | other.buffers()
    if source == "file":
        given = tmp_path / "model.npz"
        nnmat.save(other, given)
    nnmat.load_state(model, given)
    np.testing.assert_allclose(model.flat_parameters, other.flat_parameters, rtol=1e-6)
    np.testing.assert_array_equal(model.buffers()["1.stream"], other.buffers()["1.stream"])


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        (lambda state: state.pop("0.bias"), nnmat.ConfigError, r"the source has no '0\.bias'\. Pass partial=True"),
        (lambda state: state.update(x=np.ones(3)), nnmat.ConfigError, r"the model has no 'x'\. Leave them out"),
        (
            lambda state: state.update({"0.bias": np.ones(4)}),
            nnmat.ShapeError,
            r"'0\.bias' of shape \(3,\), got \(4,\)",
        ),
        (lambda state: state.update({"0.bias": np.array(["a"] * 3)}), nnmat.DtypeError, r"'0\.bias' of dtype float32"),
        (lambda state: state.update({"0.bias": np.full(3, 1e300)}), nnmat.DtypeError, r"'0\.bias' within the range"),
        (lambda state: state.update({"1.stream": np.ones(2)}), nnmat.DtypeError, r"'1\.stream' of dtype uint64"),
    ],
)
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(change, error, text):
    model = network(np.float32)
    before = model.flat_parameters.copy()
    state = {p.name: np.zeros(p.shape) for p in model.parameters()} | model.buffers()
    change(state)
    with pytest.raises(error, match=f"^load_state: .*{text}"):
        nnmat.load_state(model, state)
    np.testing.assert_array_equal(model.flat_parameters, before)


def test_a_part_of_a_state():
    model = network()
    nnmat.load_state(model, {"0.bias": [1, 2, 3]}, partial=True)
    np.testing.assert_array_equal(model[0].bias.value, [1, 2, 3])
    with pytest.raises(nnmat.ConfigError, match=r"the model has no 'bias'"):
        nnmat.load_state(model, {"bias": [1, 2, 3]}, partial=True)
    with pytest.raises(nnmat.BuildError, match="^load_state: expected a built model"):
        nnmat.load_state(Sequential([Linear(4, 3)]), {})


@pytest.mark.parametrize("X", [[[1.0, 2.0, 3.0]], [[1e4, -1e4, 0.0]], [[-np.inf, 0.0, 0.0]], [[0.0] * 100]])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_softmax_of_arrays(X, dtype):
    X = np.array(X, dtype)
    P = nnmat.softmax(X)
    E = np.exp(X - X.max(axis=-1, keepdims=True))
    np.testing.assert_allclose(P, E / E.sum(axis=-1, keepdims=True), rtol=1e-6)
    assert P.dtype == dtype
    np.testing.assert_array_equal(nnmat.softmax(X[0]), P[0])


@pytest.mark.parametrize(
    ("X", "error"),
    [([[1.0]], nnmat.DtypeError), (np.ones((2, 3), int), nnmat.DtypeError), (np.array(1.0), nnmat.ShapeError)],
)
def test_softmax_says_what_it_takes(X, error):
    with pytest.raises(error, match="^softmax: expected"):
        nnmat.softmax(X)
