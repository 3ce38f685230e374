"""One sweep over all layers and two composites: everything that the contract promises of each of them."""

import copy
import pickle

import numpy as np
import pytest

import nnmat
from nnmat import (
    ELU,
    GELU,
    GRU,
    LSTM,
    RNN,
    AdaptiveAvgPool2d,
    AdaptiveMaxPool2d,
    Add,
    AvgPool1d,
    AvgPool2d,
    BatchNorm1d,
    BatchNorm2d,
    Concatenate,
    Conv1d,
    Conv2d,
    ConvTranspose2d,
    Dropout,
    Dropout2d,
    Embedding,
    Expression,
    Flatten,
    GatedFeedForward,
    GlobalAvgPool2d,
    GroupNorm,
    Hardswish,
    Identity,
    LayerNorm,
    LeakyReLU,
    Linear,
    LogSoftmax,
    MaxPool1d,
    MaxPool2d,
    Mish,
    MultiHeadAttention,
    Pad,
    PositionalEmbedding,
    PReLU,
    ReLU,
    ReLU6,
    Residual,
    RMSNorm,
    RotaryEmbedding,
    Sequential,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
    Tied,
    TransformerBlock,
    Unflatten,
    Upsample,
)
from tests.composites import Added, TiedAutoencoder

IMAGE = (7, 6, 4)
TOKENS = 6  # in the tables of embeddings
CASES = {
    "linear": (lambda: Linear(5, 3), (5,)),
    "linear no bias": (lambda: Linear(None, 3, bias=False), (5,)),
    "linear on sequences": (lambda: Linear(5, 3), (4, 5)),
    "conv": (lambda: Conv2d(4, 3, (3, 2)), IMAGE),
    "conv all options": (lambda: Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 2), dilation=(1, 2), groups=2), IMAGE),
    "conv depthwise": (lambda: Conv2d(None, 4, 3, padding=1, groups=4, bias=False), IMAGE),
    "conv 1x1": (lambda: Conv2d(4, 5, 1), IMAGE),
    "conv im2col": (lambda: Conv2d(4, 3, 3, stride=2, padding=1, method="im2col"), IMAGE),
    "conv khat": (lambda: Conv2d(4, 2, 3, stride=2, padding=1, groups=2, method="khat"), IMAGE),
    "transposed conv": (lambda: ConvTranspose2d(4, 3, (3, 2), stride=2, padding=1), (3, 4, 4)),
    "transposed conv all options": (
        lambda: ConvTranspose2d(4, 6, (3, 2), (3, 2), (2, 1), (1, 0), groups=2, dilation=(1, 2)),
        (3, 4, 4),
    ),
    "transposed conv depthwise": (lambda: ConvTranspose2d(None, 4, 3, padding=1, groups=4, bias=False), (3, 4, 4)),
    "transposed conv 1x1": (lambda: ConvTranspose2d(4, 5, 1), (3, 4, 4)),
    "conv same": (lambda: Conv2d(4, 3, (3, 2), padding="same"), IMAGE),
    "conv circular": (lambda: Conv2d(4, 2, 3, 2, (1, 2), padding_mode="circular", groups=2), IMAGE),
    "conv reflect im2col": (
        lambda: Conv2d(4, 2, 3, padding=((0, 2), (1, 1)), padding_mode="reflect", method="im2col"),
        IMAGE,
    ),
    "conv replicate khat": (lambda: Conv2d(4, 2, 3, padding=1, padding_mode="replicate", method="khat"), IMAGE),
    "conv of sequences": (lambda: Conv1d(4, 6, 3, 2, padding=(2, 0), dilation=2, groups=2), (7, 4)),
    "conv of sequences same": (lambda: Conv1d(None, 3, 2, padding="same", padding_mode="reflect", bias=False), (7, 4)),
    "max pool": (lambda: MaxPool2d(2), IMAGE),
    "max pool overlapping": (lambda: MaxPool2d((3, 2), stride=(2, 1), padding=(1, 0)), IMAGE),
    "max pool dilated": (lambda: MaxPool2d(2, 1, (0, 1), (2, 3), ceil_mode=True), IMAGE),
    "max pool to the end": (lambda: MaxPool2d(3, 2, ceil_mode=True), IMAGE),
    "max pool of sequences": (lambda: MaxPool1d(3, 2, 1, ceil_mode=True), (7, 4)),
    "adaptive max pool": (lambda: AdaptiveMaxPool2d((3, None)), IMAGE),
    "average pool": (lambda: AvgPool2d(2), IMAGE),
    "average pool overlapping": (lambda: AvgPool2d(3, stride=2, padding=1, count_padding=False), IMAGE),
    "average pool to the end": (lambda: AvgPool2d(3, 2, 1, ceil_mode=True), IMAGE),
    "average pool by a number": (lambda: AvgPool2d((2, 3), divisor=5), IMAGE),
    "average pool of sequences": (lambda: AvgPool1d(3, 2, 1, False, ceil_mode=True), (7, 4)),
    "adaptive average pool": (lambda: AdaptiveAvgPool2d((3, 9)), IMAGE),
    "global average pool": (lambda: GlobalAvgPool2d(), IMAGE),
    "upsample": (lambda: Upsample(scale_factor=2), (3, 4, 4)),
    "upsample bilinear": (lambda: Upsample(size=(5, 3), mode="bilinear"), (3, 4, 4)),
    "upsample corners": (lambda: Upsample(scale_factor=(1, 3), mode="bilinear", align_corners=True), (3, 4, 4)),
    "pad": (lambda: Pad((1, (0, 2)), value=0.5), (3, 4, 4)),
    "pad reflect": (lambda: Pad(2, "reflect"), (3, 4, 4)),
    "flatten": (lambda: Flatten(), IMAGE),
    "flatten to a sequence": (lambda: Flatten(1, 2), IMAGE),
    "identity": (lambda: Identity(), (5,)),
    "unflatten": (lambda: Unflatten((2, 3, 4)), (24,)),
    "sigmoid": (lambda: Sigmoid(), (5,)),
    "tanh": (lambda: Tanh(), IMAGE),
    "relu": (lambda: ReLU(), IMAGE),
    "leaky relu": (lambda: LeakyReLU(0.1), (5,)),
    "gelu": (lambda: GELU(), (5,)),
    "gelu tanh": (lambda: GELU("tanh"), (5,)),
    "elu": (lambda: ELU(0.7), (5,)),
    "silu": (lambda: SiLU(), IMAGE),
    "softplus": (lambda: Softplus(2.0), (5,)),
    "mish": (lambda: Mish(), (5,)),
    "expression of entries": (lambda: Expression("X * sigmoid(X) + 0.1 * sin(X)"), IMAGE),
    "expression with parameters": (
        lambda: Expression(
            "tanh(s * (X @ W.T) + ones(B) @ b.T)", parameters={"W": ("M", "N"), "b": ("M",), "s": ()}, sizes={"M": 3}
        ),
        (5,),
    ),
    "expression by hand": (
        lambda: Expression("X @ inv(A @ A.T + 2 * eye(N))", parameters={"A": ("N", "N")}),
        (4,),
    ),
    "relu6": (lambda: ReLU6(), IMAGE),
    "hardswish": (lambda: Hardswish(), (5,)),
    "prelu": (lambda: PReLU(), IMAGE),
    "prelu by channels": (lambda: PReLU(None), IMAGE),
    "softmax": (lambda: Softmax(), (5,)),
    "softmax along an axis": (lambda: Softmax(1), IMAGE),
    "log softmax": (lambda: LogSoftmax(), (4, 5)),
    "log softmax along an axis": (lambda: LogSoftmax(-2), (4, 5)),
    "dropout": (lambda: Dropout(0.4), (9,)),
    "dropout of channels": (lambda: Dropout2d(0.4), IMAGE),
    "layer norm": (lambda: LayerNorm(), (4, 5)),
    "layer norm plain": (lambda: LayerNorm(5, affine=False), (5,)),
    "layer norm no shift": (lambda: LayerNorm(None, 1e-3, bias=False), (5,)),
    "rms norm": (lambda: RMSNorm(), (4, 5)),
    "group norm": (lambda: GroupNorm(2), IMAGE),
    "batch norm": (lambda: BatchNorm1d(5, momentum=0.3), (5,)),
    "batch norm of sequences": (lambda: BatchNorm1d(affine=False), (3, 4)),
    "batch norm of images": (lambda: BatchNorm2d(4), IMAGE),
    "embedding": (lambda: Embedding(TOKENS, 4), (5,)),
    "embedding and numbers": (lambda: Add([Embedding(TOKENS, 4), Linear(3, 4)]), ((5,), (5, 3))),
    "positions": (lambda: PositionalEmbedding(7), (5, 4)),
    "positions sinusoidal": (lambda: PositionalEmbedding(kind="sinusoidal"), (5, 3)),
    "residual block": (lambda: Residual(Sequential([LayerNorm(), Linear(5, 5), GELU()])), (5,)),
    "residual projection": (lambda: Residual(Sequential([Conv2d(4, 2, 3, 2, 1), SiLU()]), Conv2d(4, 2, 1, 2)), IMAGE),
    "tied head": (lambda: head(Embedding(TOKENS, 4)), (5,)),
    "rotary": (lambda: RotaryEmbedding(2), (5, 8)),
    "attention": (lambda: MultiHeadAttention(6, 3), (5, 6)),
    "attention causal": (lambda: MultiHeadAttention(4, 2, causal=True, rotary=True, rate=0.3, bias=False), (5, 4)),
    "attention key mask": (lambda: MultiHeadAttention(6, 2, key_mask=True), ((4, 6), (4,))),
    "attention cross": (lambda: MultiHeadAttention(4, 2, cross=True, key_features=3), ((3, 4), (5, 3))),
    "attention cross key mask": (
        lambda: MultiHeadAttention(4, 2, cross=True, key_mask=True, rotary=True, rate=0.2),
        ((3, 4), (5, 4), (5,)),
    ),
    "gated": (lambda: GatedFeedForward(4, 6), (3, 4)),
    "block": (lambda: TransformerBlock(4, 2, causal=True), (5, 4)),
    "block with options": (
        lambda: TransformerBlock(4, 2, 5, rate=0.2, feed_forward="gated", norm="rms", bias=False, rotary=True),
        (3, 4),
    ),
    "block key mask": (lambda: TransformerBlock(4, 1, 6, key_mask=True, feed_forward="gelu_tanh"), ((3, 4), (3,))),
    "rnn": (lambda: RNN(3, 4), (5, 3)),
    "rnn with states": (lambda: RNN(3, 4, states=True, last=True), ((5, 3), (4,))),
    "lstm": (lambda: LSTM(3, 4), (5, 3)),
    "lstm with states": (lambda: LSTM(3, 4, bias=False, states=True), ((5, 3), (4,), (4,))),
    "lstm last": (lambda: LSTM(3, 4, last=True), (5, 3)),
    "gru": (lambda: GRU(3, 4), (5, 3)),
    "gru with states": (lambda: GRU(3, 4, bias=False, states=True, last=True), ((5, 3), (4,))),
    "language model": (
        lambda: head(Embedding(TOKENS, 4), TransformerBlock(4, 2, 5, causal=True), GRU(4, 4)),
        (5,),
    ),
    "sequential": (lambda: Sequential([Linear(None, 4), Sigmoid(), Linear(4, 3)]), (5,)),
    "nested": (
        lambda: Sequential(
            [Sequential([Conv2d(4, 3, 3), ReLU(), MaxPool2d(2)]), Flatten(), Dropout(0.2), Linear(None, 2)]
        ),
        IMAGE,
    ),
    "two inputs": (lambda: Added(3), ((5,), (4,))),
    "tied": (lambda: TiedAutoencoder(3), (4,)),
    "add": (lambda: Add([Linear(None, 3), Sequential([Linear(None, 3), Tanh()])]), (5,)),
    "residual": (lambda: Add([None, Sequential([Conv2d(4, 4, 3, padding=1), ReLU()])]), IMAGE),
    "add two inputs": (lambda: Add([Linear(None, 3), Linear(None, 3)]), ((5,), (4,))),
    "sum of inputs": (lambda: Add(), ((3,), (3,), (3,))),
    "concatenate": (lambda: Concatenate([None, Linear(None, 2), Sequential([Linear(None, 3), Sigmoid()])]), (5,)),
    "concatenate two inputs": (lambda: Concatenate(), ((2, 3, 4), (2, 3, 1))),
    "autoencoder of one weight": (lambda: tied(Linear(4, 3), True), (4,)),
    "one layer twice": (lambda: tied(Sequential([Linear(4, 4), Dropout(0.3)])), (4,)),
}


def tied(layer, transpose=False):
    return Sequential([layer, Tanh(), Tied(layer, transpose)])


def head(embedding, *layers):
    return Sequential([embedding, PositionalEmbedding(), *layers, RMSNorm(), Tied(embedding, transpose=True)])


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]


def build(case, dtype=np.float64, seed=3):
    make, shape = case
    layer = make().build(shape, rng=seed, dtype=dtype)
    for p in layer.parameters():  # biases too, so that nothing hides behind zeros
        width = p.shape[-1] if len(p.shape) == 2 else 1  # so that nothing saturates on a long way
        p.value = np.random.default_rng(seed).standard_normal(p.shape) / np.sqrt(width)
    return layer


def draw(layer, batch, rng, dtype=np.float64):
    several = isinstance(layer.input_dtype, tuple)
    if layer.input_shape and isinstance(layer.input_shape[0], tuple):
        kinds = layer.input_dtype if several else [layer.input_dtype] * len(layer.input_shape)
        return tuple(_draw(*pair, batch, rng, dtype) for pair in zip(layer.input_shape, kinds, strict=True))
    return _draw(layer.input_shape, layer.input_dtype, batch, rng, dtype)


def _draw(shape, kind, batch, rng, dtype):
    if kind == np.int64:
        return rng.integers(0, TOKENS, (batch, *shape))
    if kind == np.bool_:
        return rng.random((batch, *shape)) < 0.7
    n = batch * int(np.prod(shape))  # distinct values, none near 0: away from the kinks of ReLU and the ties of pools
    values = np.linspace(-2, 2, n + n % 2)[:n]
    return rng.permutation(values).reshape(batch, *shape).astype(dtype)


def arrays(X):
    """What there is: the gradient of tokens is None."""
    return tuple(A for A in (X if isinstance(X, tuple) else (X,)) if A is not None)


def numbers(X):
    return [A for A in arrays(X) if A.dtype.kind == "f"]


def least(layer):
    return max(part.least_batch for part in layer.modules())


def inner(G, Y):
    return sum(float(np.vdot(g, y)) for g, y in zip(arrays(G), arrays(Y), strict=True))


def difference(function, h=1e-3):
    """Five-point central difference of a scalar function at 0."""
    return (function(-2 * h) - 8 * function(-h) + 8 * function(h) - function(2 * h)) / (12 * h)


def as_double(A):
    return A.astype(np.float64) if A.dtype.kind == "f" else A


@pytest.mark.parametrize("training", [True, False])
def test_backward_is_the_derivative_of_forward(case, training, rng):
    layer = build(case)
    X = draw(layer, 3, rng)
    before = {name: A.copy() for name, A in layer.buffers().items()}

    def value(G, X):  # with the same random state each time
        for name, A in layer.buffers().items():
            A[...] = before[name]
        return inner(G, layer.forward(X, training, record=False))

    def entries(arrays_, gradients):
        """Central differences in every entry, and what backward says, as two flat vectors."""
        found = []
        for A in arrays_:
            for i in np.ndindex(A.shape):
                at = A[i]

                def moved(t, A=A, i=i, at=at):
                    A[i] = at + t
                    result = value(G, X)
                    A[i] = at
                    return result

                found.append(difference(moved))
        return np.array(found), np.concatenate([g.ravel() for g in gradients])

    Y = layer.forward(X, training, record=True)
    G = rng.standard_normal(Y.shape)
    gX = layer.backward(G)
    gX = tuple(g.copy() for g in arrays(gX))
    grads = [p.grad.copy() for p in layer.parameters()]
    sides = [entries(numbers(X), gX)] if gX else []
    if layer.parameters():
        sides.append(entries([p.value for p in layer.parameters()], grads))
    for numeric, exact in sides:
        assert np.linalg.norm(numeric - exact) <= 1e-7 * max(np.linalg.norm(numeric), 1e-3)


def test_declared_shape_is_the_real_one(case, rng):
    layer = build(case)
    for batch in (least(layer), 4):
        X = draw(layer, batch, rng)
        Y = layer.forward(X, training=True)
        assert Y.shape == (batch, *layer.output_shape(layer.input_shape))
        gX = layer.backward(rng.standard_normal(Y.shape))
        assert [g.shape for g in arrays(gX)] == [A.shape for A in numbers(X)]


def test_empty_batch(case, rng):
    layer = build(case)
    X = draw(layer, 0, rng)
    Y = layer.forward(X, training=True)
    assert Y.shape == (0, *layer.output_shape(layer.input_shape))
    layer.backward(Y)
    assert not any(p.grad.any() for p in layer.parameters())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_stays(case, dtype, rng):
    layer = build(case, dtype)
    Y = layer.forward(draw(layer, 2, rng, dtype), training=True)
    assert Y.dtype == dtype
    assert all(g.dtype == dtype for g in arrays(layer.backward(Y)))
    assert all(p.grad.dtype == dtype for p in layer.parameters())


def test_float32_is_close_to_float64(case, rng):
    single, double = build(case, np.float32), build(case, np.float64)
    double.flat_parameters[...] = single.flat_parameters
    X = draw(single, 3, rng, np.float32)
    X64 = tuple(map(as_double, X)) if isinstance(X, tuple) else as_double(X)
    Y, Y64 = single.forward(X, training=True), double.forward(X64, training=True)
    np.testing.assert_allclose(Y, Y64, atol=1e-5 * np.abs(Y64).max(), rtol=0)
    G = rng.standard_normal(Y.shape).astype(np.float32)
    for g, g64 in zip(arrays(single.backward(G)), arrays(double.backward(G.astype(np.float64))), strict=True):
        np.testing.assert_allclose(g, g64, atol=1e-5 * np.abs(g64).max(), rtol=0)


def test_wrong_input_raises(case, rng):
    layer = build(case)
    X = draw(layer, 2, rng)
    one, rest = arrays(X)[0], arrays(X)[1:]

    def like(A):
        return (A, *rest) if rest else A

    with pytest.raises(nnmat.ShapeError, match=rf"{layer.kind}.*expected X"):
        layer.forward(like(one[..., np.newaxis]))
    with pytest.raises(nnmat.ShapeError, match="expected X"):
        layer.forward(like(np.concatenate([one, one], axis=-1)))
    with pytest.raises(nnmat.DtypeError, match="float64, got float32|to hold integers, tokens, got dtype float32"):
        layer.forward(like(one.astype(np.float32)))
    with pytest.raises(nnmat.DtypeError, match="expected X.* to be a NumPy array, got list"):
        layer.forward(like(one.tolist()))
    Y = layer.forward(X, training=True)
    with pytest.raises(nnmat.ShapeError, match="expected G of shape"):
        layer.backward(Y[:1])
    with pytest.raises(nnmat.DtypeError, match="expected G of dtype float64"):
        layer.backward(Y.astype(np.float32))


def test_backward_needs_a_recorded_forward(case, rng):
    layer = build(case)
    X = draw(layer, 2, rng)
    Y = layer.forward(X, record=False)
    with pytest.raises(nnmat.StateError, match="needs a recorded forward"):
        layer.backward(Y)
    layer.forward(X, training=False, record=True)
    layer.backward(Y)
    for again in ({}, {"accumulate": True}, {"parameters": False}, {"input_gradient": False}):
        with pytest.raises(nnmat.StateError, match=rf"^{layer.kind}.*each one serves one backward.*keep=True"):
            layer.backward(Y, **again)


def test_what_a_call_returns_stays_what_it_is(case, rng):
    """It is the caller's: later passes do not write to it, and writing to it changes no pass."""
    layer, twin = build(case), build(case)
    X, other = draw(layer, 3, rng), draw(layer, 3, rng)
    Y = layer.forward(X, training=True)
    G = rng.standard_normal(Y.shape)
    kept = Y.copy()
    gX = layer.backward(G)
    kept_gX = copy.deepcopy(gX)
    layer.backward(-layer.forward(other, training=True))
    assert np.array_equal(Y, kept)
    assert all(np.array_equal(a, b) for a, b in zip(arrays(gX), arrays(kept_gX), strict=True))
    for A in (Y, *arrays(gX)):
        assert not any(np.shares_memory(A, B) for B in (*arrays(X), *arrays(other), G))
        A[...] = np.nan
    twin.forward(X, training=True)
    twin.backward(G)
    again = [layer.forward(other, training=True), twin.forward(other, training=True)]
    if not layer.buffers():  # else the two have drawn different masks
        assert np.array_equal(*again)
    again[0][...] = np.nan
    gradients = [layer.backward(G), twin.backward(G)]
    if not layer.buffers():
        assert all(np.array_equal(a, b) for a, b in zip(*map(arrays, gradients), strict=True))
        assert np.array_equal(layer.flat_gradients, twin.flat_gradients)


def test_nothing_of_the_callers_is_written_to(case, rng):
    layer = build(case)
    X = draw(layer, 2, rng)
    X_before = copy.deepcopy(X)
    Y = layer.forward(X, training=True)
    G = rng.standard_normal(Y.shape)
    G_before = G.copy()
    layer.backward(G, keep=True)
    layer.backward(G, accumulate=True)
    assert all(np.array_equal(a, b) for a, b in zip(arrays(X), arrays(X_before), strict=True))
    assert np.array_equal(G, G_before)


def test_non_contiguous_and_read_only_inputs(case, rng):
    layer = build(case)
    X = draw(layer, 3, rng)

    def awkward(A):
        wide = np.repeat(A, 2, axis=0)[::2]
        wide.flags.writeable = False
        return wide

    odd = tuple(awkward(x) for x in X) if isinstance(X, tuple) else awkward(X)
    state = {name: A.copy() for name, A in layer.buffers().items()}
    Y = layer.forward(X, training=True).copy()
    G = rng.standard_normal(Y.shape)
    gX = copy.deepcopy(layer.backward(G))
    for name, A in layer.buffers().items():
        A[...] = state[name]
    assert np.array_equal(layer.forward(odd, training=True), Y)
    assert all(np.array_equal(a, b) for a, b in zip(arrays(layer.backward(awkward(G))), arrays(gX), strict=True))


def test_record_false_writes_nothing(case, rng):
    layer = build(case)
    X, other = draw(layer, 2, rng), draw(layer, 5, rng)
    Y = layer.forward(X, training=True)
    G = rng.standard_normal(Y.shape)
    kept = Y.copy()
    before = pickle.dumps(layer)
    first, second = layer.forward(other, training=True, record=False), layer.forward(other, record=False)
    assert pickle.dumps(layer) == before
    assert np.array_equal(Y, kept)
    assert not np.shares_memory(first, second)
    assert not any(np.shares_memory(Z, A) for Z in (first, second) for A in arrays(other))
    twin = build(case)
    twin.forward(X, training=True)
    expected = twin.backward(G)
    assert all(np.array_equal(a, b) for a, b in zip(arrays(layer.backward(G)), arrays(expected), strict=True))


def test_accumulate_parameters_and_input_gradient(case, rng):
    layer = build(case)
    Y = layer.forward(draw(layer, 3, rng), training=True)
    G = rng.standard_normal(Y.shape)
    gX = copy.deepcopy(layer.backward(G, keep=True))
    grads = layer.flat_gradients.copy()
    layer.backward(G, keep=True)
    assert np.array_equal(layer.flat_gradients, grads)  # overwritten, not added to
    layer.backward(G, accumulate=True, keep=True)
    np.testing.assert_allclose(layer.flat_gradients, 2 * grads, rtol=1e-12)
    layer.flat_gradients[...] = 7
    again = layer.backward(G, parameters=False, keep=True)
    assert (layer.flat_gradients == 7).all()
    assert all(np.array_equal(a, b) for a, b in zip(arrays(again), arrays(gX), strict=True))
    assert layer.backward(G, input_gradient=False) is None
    assert np.array_equal(layer.flat_gradients, grads)


def test_batch_size_may_change(case, rng):
    layer = build(case)
    for batch in (3, 5, 2, 5, least(build(case))):
        fresh = build(case)
        for A, B in zip(fresh.buffers().values(), layer.buffers().values(), strict=True):
            A[...] = B  # the two draw the same masks
        X = draw(layer, batch, rng)
        Y = layer.forward(X, training=True)
        assert np.array_equal(Y, fresh.forward(X, training=True))
        G = rng.standard_normal(Y.shape)
        for a, b in zip(arrays(layer.backward(G)), arrays(fresh.backward(G)), strict=True):
            assert np.array_equal(a, b)
        assert np.array_equal(layer.flat_gradients, fresh.flat_gradients)


@pytest.mark.parametrize("how", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))])
def test_copies_are_independent_and_train(case, how, rng):
    layer = build(case)
    X = draw(layer, 3, rng)
    layer.forward(X, training=True)
    twin = how(layer)
    Y = layer.forward(X, record=False)
    assert np.array_equal(twin.forward(X, record=False), Y)
    assert not np.shares_memory(twin.flat_parameters, layer.flat_parameters)
    for p, q in zip(layer.parameters(), twin.parameters(), strict=True):
        assert np.shares_memory(q.value, twin.flat_parameters)
        assert np.shares_memory(q.grad, twin.flat_gradients)
        assert p.name == q.name
    twin.backward(twin.forward(X, training=True))
    twin.flat_parameters[...] -= 0.1 * twin.flat_gradients - 0.01
    assert np.array_equal(layer.forward(X, record=False), Y)
    if layer.parameters():
        assert not np.array_equal(twin.forward(X, record=False), Y)


def test_saved_and_loaded(case, rng, tmp_path):
    layer = build(case)
    layer.forward(draw(layer, 3, rng), training=True)
    nnmat.save(layer, tmp_path / "model.npz")
    twin = nnmat.load(tmp_path / "model.npz", layers=[Added, TiedAutoencoder])
    assert repr(twin) == repr(layer)
    X = draw(layer, 3, rng)
    assert np.array_equal(twin.forward(X, training=True), layer.forward(X, training=True))


def test_same_seed_same_parameters(case):
    make, shape = case
    one, two, other = (make().build(shape, rng=seed) for seed in (1, 1, 2))
    assert np.array_equal(one.flat_parameters, two.flat_parameters)
    if any(p.kind not in ("gamma", "beta", "slope") for p in one.parameters()):  # those begin as constants
        assert not np.array_equal(one.flat_parameters, other.flat_parameters)


def test_nan_is_never_hidden(case, rng):
    layer = build(case)
    X = draw(layer, 2, rng)
    if not numbers(X):
        return  # tokens
    numbers(X)[0][0] = np.nan
    assert np.isnan(layer.forward(X, training=True)[0]).any()
    of_a_batch = ("Dropout", "Dropout2d", "BatchNorm1d", "BatchNorm2d")
    assert np.isfinite(layer.forward(X, training=True)[1]).all() or layer.kind in of_a_batch


def test_same_bits_for_any_number_of_threads(case):
    threads = nnmat.get_num_threads()
    if threads == 1:
        pytest.skip("only one thread is available: there is nothing to compare")
    layer, results = build(case, np.float32), []
    size = sum(A.size for A in arrays(draw(layer, 1, np.random.default_rng(1))))
    batch = 4 * 65_536 // size  # enough work for every kernel to start its threads
    X = draw(layer, batch, np.random.default_rng(1), np.float32)
    state = {name: A.copy() for name, A in layer.buffers().items()}
    try:
        for n in (1, threads):
            nnmat.set_num_threads(n)
            for name, A in layer.buffers().items():
                A[...] = state[name]
            Y = layer.forward(X, training=True).copy()
            gX = copy.deepcopy(arrays(layer.backward(Y)))
            results.append((Y, *gX, layer.flat_gradients.copy()))
    finally:
        nnmat.set_num_threads(threads)
    assert all(np.array_equal(a, b) for a, b in zip(*results, strict=True))
