"""Every layer against PyTorch in float64: outputs and all gradients, norm-wise error below 1e-11."""

import numpy as np
import pytest
import torch
from torch import nn

import nnmat
from nnmat import (
    ELU,
    GELU,
    GRU,
    LSTM,
    RNN,
    AdaptiveAvgPool2d,
    AdaptiveMaxPool2d,
    AvgPool1d,
    AvgPool2d,
    BatchNorm1d,
    BatchNorm2d,
    Conv1d,
    Conv2d,
    ConvTranspose2d,
    Embedding,
    Flatten,
    GlobalAvgPool2d,
    GroupNorm,
    LayerNorm,
    LeakyReLU,
    Linear,
    MaxPool1d,
    MaxPool2d,
    MultiHeadAttention,
    Pad,
    PositionalEmbedding,
    ReLU,
    Residual,
    RMSNorm,
    Sequential,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
    Tied,
    TransformerBlock,
    Upsample,
)
from tests.judge.autograd import close, drawn, same_passes, torch_attention, turned

CONVOLUTIONS = [
    # in, out, kernel, stride, padding, dilation, groups, height, width
    (1, 8, 5, 1, 0, 1, 1, 12, 12),
    (3, 4, 3, 1, 1, 1, 1, 8, 9),
    (4, 6, (3, 2), (2, 1), (1, 2), (1, 2), 2, 9, 7),
    (6, 6, 3, 1, 1, 1, 6, 8, 8),
    (4, 8, 3, 2, 1, 1, 4, 9, 10),
    (5, 7, 1, 1, 0, 1, 1, 6, 6),
    (5, 7, 1, 2, 0, 1, 1, 7, 6),
    (2, 3, (1, 4), (3, 2), (0, 3), (1, 2), 1, 8, 11),
    (2, 2, 2, 3, 0, 1, 1, 7, 7),
    (3, 3, 3, 3, 2, 2, 3, 10, 8),
]
METHODS = ["auto", "im2col", "khat"]


def nchw(X):
    return X.transpose(0, X.ndim - 1, *range(1, X.ndim - 1)) if X.ndim > 2 else X


def compare(model, twin, X, rng):
    """One forward and backward of both with a random cotangent, parameters copied into the twin."""
    for p in model.parameters():
        p.value = rng.standard_normal(p.shape)
    state = {
        key: torch.from_numpy(A)
        for key, A in zip(twin.state_dict(), nnmat.convert.to_torch(model).values(), strict=True)
    }
    twin.load_state_dict(state)
    twin.zero_grad()
    x = torch.from_numpy(np.ascontiguousarray(nchw(X))).requires_grad_()
    y = twin(x)
    Y = model.forward(X, training=True)
    close(nchw(Y), y, "output")
    G = rng.standard_normal(Y.shape)
    y.backward(torch.from_numpy(np.ascontiguousarray(nchw(G))))
    close(nchw(model.backward(G)), x.grad, "input gradient")
    values = model.flat_parameters.copy()
    model.flat_parameters[...] = model.flat_gradients  # so that the conversion maps gradients
    for (name, p), A in zip(twin.named_parameters(), nnmat.convert.to_torch(model).values(), strict=True):
        close(A, p.grad, name)
    model.flat_parameters[...] = values


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("case", CONVOLUTIONS, ids=str)
def test_convolution(case, bias, method, rng):
    ci, co, k, s, p, d, g, H, W = case
    if method == "im2col" and g > 1:
        method = "auto"
    model = Sequential(
        [Conv2d(ci, co, k, s, p, d, g, bias=bias, method=method)], input_shape=(H, W, ci), dtype=np.float64
    )
    compare(model, nn.Conv2d(ci, co, k, s, p, d, g, bias=bias).double(), rng.standard_normal((3, H, W, ci)), rng)


TRANSPOSED = [
    # in, out, kernel, stride, padding, output padding, groups, dilation, height, width
    (1, 8, 5, 1, 0, 0, 1, 1, 6, 5),
    (6, 4, 4, 2, 1, 0, 1, 1, 7, 7),
    (4, 6, (3, 2), (2, 3), (1, 2), (1, 2), 2, (1, 2), 5, 4),
    (6, 6, 3, 2, 1, 1, 6, 1, 4, 5),
    (5, 7, 1, 1, 0, 0, 1, 1, 6, 6),
    (5, 2, 2, 3, 0, 2, 1, 1, 3, 4),  # rows and columns that no pixel reaches
    (3, 5, 3, 1, 2, 0, 1, 2, 6, 7),
    (9, 3, 7, 1, 0, 0, 3, 1, 1, 1),
]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("case", TRANSPOSED, ids=str)
def test_transposed_convolution(case, bias, rng):
    ci, co, k, s, p, op, g, d, H, W = case
    layer = ConvTranspose2d(ci, co, k, s, p, op, g, bias, d)
    model = Sequential([layer], input_shape=(H, W, ci), dtype=np.float64)
    twin = nn.Sequential(nn.ConvTranspose2d(ci, co, k, s, p, op, g, bias, d)).double()
    compare(model, twin, rng.standard_normal((3, H, W, ci)), rng)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(1, 1), (7, 3), (64, 10), (33, 65)])
def test_linear(shape, bias, rng):
    N, M = shape
    model = Sequential([Linear(N, M, bias=bias)], input_shape=(N,), dtype=np.float64)
    twin = nn.Sequential(nn.Linear(N, M, bias=bias)).double()
    for batch in (1, 17):
        compare(model, twin, rng.standard_normal((batch, N)), rng)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (Sigmoid, nn.Sigmoid),
        (Tanh, nn.Tanh),
        (ReLU, nn.ReLU),
        (lambda: LeakyReLU(0.2), lambda: nn.LeakyReLU(0.2)),
        (GELU, nn.GELU),
        (lambda: GELU("tanh"), lambda: nn.GELU(approximate="tanh")),
        (SiLU, nn.SiLU),
        (lambda: ELU(0.7), lambda: nn.ELU(0.7)),
        (lambda: Softplus(1.5), lambda: nn.Softplus(1.5, threshold=100)),
        (Softmax, lambda: nn.Softmax(dim=1)),
    ],
)
@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_activations(ours, theirs, scale, rng):
    model = Sequential([ours()], input_shape=(37,), dtype=np.float64)
    compare(model, nn.Sequential(theirs()), scale * rng.standard_normal((5, 37)), rng)


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "size"),
    [(2, None, 0, (8, 8)), (3, 2, 1, (9, 7)), ((3, 2), (1, 2), (1, 0), (6, 9)), (4, 1, 2, (5, 5)), (2, 3, 0, (8, 10))],
)
def test_pooling(kernel, stride, padding, size, rng):
    shape, X = (*size, 3), rng.standard_normal((2, *size, 3))
    compare(
        Sequential([MaxPool2d(kernel, stride, padding)], input_shape=shape, dtype=np.float64),
        nn.Sequential(nn.MaxPool2d(kernel, stride, padding)),
        X,
        rng,
    )
    for count in (True, False):
        compare(
            Sequential([AvgPool2d(kernel, stride, padding, count_padding=count)], input_shape=shape, dtype=np.float64),
            nn.Sequential(nn.AvgPool2d(kernel, stride, padding, count_include_pad=count)),
            X,
            rng,
        )


MORE_WINDOWS = [  # kernel, stride, padding, dilation, size
    (2, None, 0, 2, (8, 9)),
    (3, 2, 1, 1, (8, 10)),
    ((3, 2), (2, 3), (1, 0), (2, 1), (11, 9)),
    (2, 3, 1, 1, (5, 7)),  # with ceil_mode a last window would begin beyond the image
    (3, 1, 0, 3, (9, 8)),
    (2, 2, 0, 1, (7, 7)),
]


@pytest.mark.parametrize("ceil_mode", [True, False])
@pytest.mark.parametrize(("kernel", "stride", "padding", "dilation", "size"), MORE_WINDOWS)
def test_pooling_with_all_options(kernel, stride, padding, dilation, size, ceil_mode, rng):
    shape, X = (*size, 3), rng.standard_normal((2, *size, 3))

    def check(ours, theirs):
        compare(Sequential([ours], input_shape=shape, dtype=np.float64), nn.Sequential(theirs), X, rng)

    window = kernel, stride, padding
    check(
        MaxPool2d(*window, dilation, ceil_mode=ceil_mode),
        nn.MaxPool2d(*window, dilation, ceil_mode=ceil_mode),
    )
    for count, divisor in ((True, None), (False, None), (True, 5), (False, 3)):
        check(
            AvgPool2d(*window, count, ceil_mode=ceil_mode, divisor=divisor),
            nn.AvgPool2d(*window, ceil_mode, count, divisor),
        )


@pytest.mark.parametrize("output", [1, 3, (2, 7), (None, 4), (9, 10)])
def test_adaptive_pooling(output, rng):
    shape, X = (7, 8, 3), rng.standard_normal((2, 7, 8, 3))
    for ours, theirs in ((AdaptiveAvgPool2d, nn.AdaptiveAvgPool2d), (AdaptiveMaxPool2d, nn.AdaptiveMaxPool2d)):
        compare(Sequential([ours(output)], input_shape=shape, dtype=np.float64), nn.Sequential(theirs(output)), X, rng)
    twin = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    compare(Sequential([GlobalAvgPool2d()], input_shape=shape, dtype=np.float64), twin, X, rng)


@pytest.mark.parametrize("options", [{"scale_factor": 2}, {"scale_factor": (1, 3)}, {"size": (9, 4)}, {"size": 3}])
def test_upsampling(options, rng):
    shape, X = (4, 6, 3), rng.standard_normal((2, 4, 6, 3))
    for more in ({}, {"mode": "bilinear"}, {"mode": "bilinear", "align_corners": True}):
        theirs = nn.Upsample(**options, **more)
        compare(Sequential([Upsample(**options, **more)], input_shape=shape, dtype=np.float64), theirs, X, rng)


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
def test_pad(mode, rng):
    layer, _ = drawn(Pad(((1, 2), (3, 0)), mode), (4, 6, 3), rng)

    def theirs(x, p):
        return nn.functional.pad(x[0].movedim(-1, 1), (3, 0, 1, 2), mode).movedim(1, -1)

    same_passes(layer, rng.standard_normal((2, 4, 6, 3)), theirs, {}, rng)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("padding", [2, (1, 2), "same", "valid"])
@pytest.mark.parametrize("method", METHODS)
def test_padding_of_convolutions(method, padding, mode, rng):
    options = {"padding": padding, "dilation": (1, 2), "padding_mode": mode}
    ours = Conv2d(2, 3, (4, 3), method=method, **options)
    model = Sequential([ours], input_shape=(7, 8, 2), dtype=np.float64)
    twin = nn.Sequential(nn.Conv2d(2, 3, (4, 3), **options)).double()
    compare(model, twin, rng.standard_normal((2, 7, 8, 2)), rng)


SEQUENCES = [  # kernel, stride, padding, dilation, groups, mode
    (3, 1, 0, 1, 1, "zeros"),
    (4, 2, 3, 2, 2, "zeros"),
    (3, 1, "same", 2, 1, "circular"),
    (2, 3, 2, 1, 4, "reflect"),
    (1, 1, 0, 1, 1, "zeros"),
]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("kernel", "stride", "padding", "dilation", "groups", "mode"), SEQUENCES)
def test_convolution_of_sequences(kernel, stride, padding, dilation, groups, mode, bias, rng):
    options = (4, 8, kernel, stride, padding, dilation, groups, bias, mode)
    model = Sequential([Conv1d(*options)], input_shape=(11, 4), dtype=np.float64)
    compare(model, nn.Sequential(nn.Conv1d(*options)).double(), rng.standard_normal((3, 11, 4)), rng)


@pytest.mark.parametrize("ceil_mode", [True, False])
@pytest.mark.parametrize(("kernel", "stride", "padding"), [(2, None, 0), (3, 2, 1), (4, 3, 2), (3, 1, 1)])
def test_pooling_of_sequences(kernel, stride, padding, ceil_mode, rng):
    window, X = (kernel, stride, padding), rng.standard_normal((2, 12, 3))
    pools = [(MaxPool1d(*window, ceil_mode=ceil_mode), nn.MaxPool1d(*window, ceil_mode=ceil_mode))]
    pools.append((MaxPool1d(*window, 2, ceil_mode=ceil_mode), nn.MaxPool1d(*window, 2, ceil_mode=ceil_mode)))
    for count in (True, False):
        ours = AvgPool1d(*window, count, ceil_mode=ceil_mode)
        pools.append((ours, nn.AvgPool1d(*window, ceil_mode, count)))
    for ours, theirs in pools:
        compare(Sequential([ours], input_shape=(12, 3), dtype=np.float64), nn.Sequential(theirs), X, rng)


def test_ties_of_the_maximum_go_to_the_first(rng):
    X = rng.integers(0, 3, (4, 8, 8, 2)).astype(float)  # many ties
    compare(Sequential([MaxPool2d(2)], input_shape=(8, 8, 2), dtype=np.float64), nn.Sequential(nn.MaxPool2d(2)), X, rng)


@pytest.mark.parametrize("method", METHODS)
def test_a_whole_convolutional_network(method, rng):
    layers = [Conv2d(1, 4, 5, method=method), ReLU(), MaxPool2d(2), Conv2d(4, 6, 3, padding=1, method=method), Tanh()]
    layers += [AvgPool2d(2), Flatten(), Linear(None, 11), Sigmoid(), Linear(11, 10)]
    model = Sequential(layers, input_shape=(16, 14, 1), dtype=np.float64)
    twin = nn.Sequential(nn.Conv2d(1, 4, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 6, 3, padding=1), nn.Tanh())
    twin.extend([nn.AvgPool2d(2), nn.Flatten(), nn.Linear(6 * 3 * 2, 11), nn.Sigmoid(), nn.Linear(11, 10)])
    compare(model, twin.double(), rng.standard_normal((4, 16, 14, 1)), rng)


def test_weights_from_a_torch_model_give_equal_outputs(rng):
    twin = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 4 * 5, 2)).double()
    model = Sequential([Conv2d(3, 4, 3), ReLU(), Flatten(), Linear(None, 2)], input_shape=(6, 7, 3), dtype=np.float64)
    nnmat.convert.from_torch(model, {name: t.numpy() for name, t in twin.state_dict().items()})
    X = rng.standard_normal((2, 6, 7, 3))
    close(model.forward(X), twin(torch.from_numpy(nchw(X).copy())), "output")


def test_training_for_ten_steps_is_the_same_path(rng):
    model = Sequential([Linear(6, 8), Tanh(), Linear(8, 3)], input_shape=(6,), dtype=np.float64)
    twin = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3)).double()
    twin.load_state_dict({k: torch.from_numpy(v) for k, v in nnmat.convert.to_torch(model).items()})
    ours = nnmat.SGD(model, lr=0.3, momentum=0.9, nesterov=True)
    theirs = torch.optim.SGD(twin.parameters(), lr=0.3, momentum=0.9, nesterov=True)
    loss = nnmat.SoftmaxCrossEntropy()
    for _ in range(10):
        X, y = rng.standard_normal((16, 6)), rng.integers(0, 3, 16)
        value = loss.forward(model.forward(X, training=True), y)
        model.backward(loss.backward())
        ours.step()
        theirs.zero_grad()
        reference = nn.functional.cross_entropy(twin(torch.from_numpy(X)), torch.from_numpy(y))
        reference.backward()
        theirs.step()
        assert value == pytest.approx(reference.item(), rel=1e-12)
    for A, B in zip(nnmat.convert.to_torch(model).values(), twin.state_dict().values(), strict=True):
        close(A, B, "parameter")


# ---- layers whose parameters have other names there ------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(7,), (3, 5), (2, 3, 4)])
@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_norms_of_rows(shape, offset, rng):
    X = offset + rng.standard_normal((4, *shape))
    width = shape[-1:]
    layer, values = drawn(LayerNorm(eps=1e-3), shape, rng)
    norm = nn.functional.layer_norm
    same_passes(layer, X, lambda x, p: norm(x[0], width, p["gamma"], p["beta"], 1e-3), values, rng)
    layer, values = drawn(RMSNorm(eps=1e-3), shape, rng)
    same_passes(layer, X, lambda x, p: nn.functional.rms_norm(x[0], width, p["gamma"], 1e-3), values, rng)


@pytest.mark.parametrize(("groups", "shape"), [(1, (3, 4, 6)), (2, (5, 6)), (3, (2, 2, 6)), (6, (3, 3, 6))])
def test_group_norm(groups, shape, rng):
    layer, values = drawn(GroupNorm(groups), shape, rng)

    def theirs(x, p):
        first = x[0].movedim(-1, 1)
        return nn.functional.group_norm(first, groups, p["gamma"], p["beta"]).movedim(1, -1)

    same_passes(layer, rng.standard_normal((3, *shape)), theirs, values, rng)


@pytest.mark.parametrize(("kind", "shape"), [(BatchNorm1d, (6,)), (BatchNorm1d, (5, 6)), (BatchNorm2d, (3, 4, 6))])
@pytest.mark.parametrize("momentum", [0.1, 0.7])
def test_batch_norm_and_its_running_buffers(kind, shape, momentum, rng):
    layer, values = drawn(kind(momentum=momentum), shape, rng)
    mean, variance = torch.zeros(6, dtype=torch.float64), torch.ones(6, dtype=torch.float64)
    for training in (True, True, False):
        X = 2 + 3 * rng.standard_normal((4, *shape))

        def theirs(x, p, training=training):
            first = x[0].movedim(-1, 1)
            found = nn.functional.batch_norm(first, mean, variance, p["gamma"], p["beta"], training, momentum)
            return found.movedim(1, -1)

        same_passes(layer, X, theirs, values, rng, training)
        close(layer.buffers()["running_mean"], mean, "running mean")
        close(layer.buffers()["running_variance"], variance, "running variance")


def test_embeddings_with_a_tied_head(rng):
    table = Embedding(11, 6)
    model = Sequential([table, PositionalEmbedding(9), Tanh(), Tied(table, transpose=True)])
    layer, values = drawn(model, (7,), rng)

    def theirs(x, p):
        Z = nn.functional.embedding(x[0], p["0.weight"]) + p["1.weight"][:7]
        return torch.tanh(Z) @ p["0.weight"].T

    same_passes(layer, rng.integers(0, 11, (5, 7)), theirs, values, rng)


@pytest.mark.parametrize("seed", range(12))
def test_attention_of_random_shapes_and_masks(seed):
    rng = np.random.default_rng(seed)
    heads, d, cross = int(rng.integers(1, 5)), 2 * int(rng.integers(1, 5)), bool(rng.random() < 0.5)
    B, Tq, D = int(rng.integers(1, 4)), int(rng.integers(1, 70)), heads * d
    Tk, E = (int(rng.integers(1, 70)), int(rng.integers(1, 9))) if cross else (Tq, D)
    causal, keyed, masked, rotary, bias = (bool(rng.random() < 0.5) for _ in range(5))
    layer = MultiHeadAttention(
        D, heads, cross=cross, key_features=E if cross else None, causal=causal, key_mask=keyed, mask=masked,
        rotary=rotary, bias=bias,
    )  # fmt: skip
    X, shapes, places = [rng.standard_normal((B, Tq, D))], [(Tq, D)], torch.zeros(B, 1, Tq, Tk, dtype=torch.float64)
    if cross:
        X, shapes = [*X, rng.standard_normal((B, Tk, E))], [*shapes, (Tk, E)]
    if keyed:
        X, shapes = [*X, rng.random((B, Tk)) < 0.6], [*shapes, (Tk,)]
        X[-1][0] = False  # its queries see nothing
        places = places.masked_fill(~torch.from_numpy(X[-1])[:, None, None], -np.inf)
    if causal:
        places = places.masked_fill(torch.ones(Tq, Tk).triu(1).bool(), -np.inf)
    if masked:
        M = rng.standard_normal((B, heads, Tq, Tk) if seed % 2 else (B, Tq, Tk))
        M[rng.random(M.shape) < 0.2] = -np.inf
        X, shapes = [*X, M], [*shapes, M.shape[1:]]
        places = places + torch.from_numpy(M if M.ndim == 4 else M[:, None])
    several = len(X) > 1
    layer, values = drawn(layer, tuple(shapes) if several else shapes[0], rng)

    def theirs(x, p):
        def linear(A, name):
            return nn.functional.linear(A, p[f"{name}.weight"], p.get(f"{name}.bias"))

        if cross:
            Q, K, V = linear(x[0], "query"), linear(x[1], "key"), linear(x[1], "value")
        else:
            Q, K, V = linear(x[0], "in_proj").split(D, dim=2)
        if rotary:
            Q, K = turned(Q, heads), turned(K, heads)
        return linear(torch_attention(Q, K, V, heads, places), "out_proj")

    same_passes(layer, tuple(X) if several else X[0], theirs, values, rng)


@pytest.mark.parametrize("causal", [True, False])
def test_attention_is_that_of_the_module(causal, rng):
    """nn.MultiheadAttention with its packed weights; the gradient of the keys' bias is 0."""
    layer, values = drawn(MultiHeadAttention(12, 3, causal=causal, key_mask=True), ((9, 12), (9,)), rng)
    twin = nn.MultiheadAttention(12, 3, batch_first=True).double()
    names = {"in_proj.weight": "in_proj_weight", "in_proj.bias": "in_proj_bias"}
    twin.load_state_dict({names.get(name, name): torch.from_numpy(A) for name, A in values.items()})
    X, counts = rng.standard_normal((4, 9, 12)), rng.random((4, 9)) < 0.7
    counts[:, 0] = True
    x = torch.from_numpy(X).requires_grad_()
    hidden = torch.ones(9, 9).triu(1).bool() if causal else None
    y, _ = twin(x, x, x, key_padding_mask=~torch.from_numpy(counts), attn_mask=hidden, need_weights=False)
    Y = layer.forward((X, counts), training=True)
    close(Y, y, "output")
    G = rng.standard_normal(Y.shape)
    y.backward(torch.from_numpy(G))
    gX, nothing = layer.backward(G)
    close(gX, x.grad, "input gradient")
    assert nothing is None
    theirs = dict(twin.named_parameters())
    for p in layer.parameters():
        close(p.grad, theirs[names.get(p.name, p.name)].grad, p.name)
    assert np.abs(layer.in_proj.bias.grad[12:24]).max() < 1e-13


@pytest.mark.parametrize("norm", ["layer", "rms"])
@pytest.mark.parametrize("kind", ["gelu", "gelu_tanh", "gated"])
@pytest.mark.parametrize("bias", [True, False])
def test_transformer_block(norm, kind, bias, rng):
    D, heads = 8, 2
    layer = TransformerBlock(D, heads, 11, causal=True, feed_forward=kind, norm=norm, bias=bias, rotary=bias)
    layer, values = drawn(layer, (6, D), rng)

    def theirs(x, p):
        def linear(A, name):
            return nn.functional.linear(A, p[f"{name}.weight"], p.get(f"{name}.bias"))

        def normed(A, name):
            if norm == "rms":
                return nn.functional.rms_norm(A, (D,), p[f"{name}.gamma"], 1e-5)
            return nn.functional.layer_norm(A, (D,), p[f"{name}.gamma"], p.get(f"{name}.beta"))

        Q, K, V = linear(normed(x[0], "norm1"), "attention.in_proj").split(D, dim=2)
        if bias:
            Q, K = turned(Q, heads), turned(K, heads)
        hidden = torch.zeros(6, 6, dtype=torch.float64).masked_fill(torch.ones(6, 6).triu(1).bool(), -np.inf)
        U = x[0] + linear(torch_attention(Q, K, V, heads, hidden), "attention.out_proj")
        N = normed(U, "norm2")
        if kind == "gated":
            Z = nn.functional.silu(linear(N, "feed_forward.gate")) * linear(N, "feed_forward.up")
            return U + linear(Z, "feed_forward.out")
        A = nn.functional.gelu(linear(N, "feed_forward.0"), approximate="tanh" if kind == "gelu_tanh" else "none")
        return U + linear(A, "feed_forward.2")

    same_passes(layer, rng.standard_normal((3, 6, D)), theirs, values, rng)


def test_residual(rng):
    block = Sequential([Linear(5, 7), Tanh(), Linear(7, 4)])
    layer, values = drawn(Residual(block, Linear(5, 4, bias=False)), (5,), rng)

    def theirs(x, p):
        H = torch.tanh(nn.functional.linear(x[0], p["block.0.weight"], p["block.0.bias"]))
        H = nn.functional.linear(H, p["block.2.weight"], p["block.2.bias"])
        return H + x[0] @ p["shortcut.weight"].T

    same_passes(layer, rng.standard_normal((6, 5)), theirs, values, rng)


@pytest.mark.parametrize(("kind", "theirs"), [(RNN, nn.RNN), (LSTM, nn.LSTM), (GRU, nn.GRU)])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("sizes", [(3, 5, 4, 6), (17, 2, 7, 3), (1, 9, 2, 33)])
def test_recurrent_layers(kind, theirs, bias, last, sizes, rng):
    B, T, D, N = sizes
    first = [rng.standard_normal((B, N)) for _ in range(2 if kind is LSTM else 1)]
    layer = kind(D, N, bias, last=last, states=True)
    layer, values = drawn(layer, ((T, D), *[(N,)] * len(first)), rng)
    twin = theirs(D, N, bias=bias, batch_first=True).double()
    names = {"weight_ih_l0": "in_proj.weight", "weight_hh_l0": "weight", "bias_ih_l0": "in_proj.bias"}
    names |= {"bias_hh_l0": "bias" if kind is GRU else None}
    state = {name: values.get(names[name], np.zeros(p.shape)) for name, p in twin.named_parameters()}
    twin.load_state_dict({name: torch.from_numpy(A) for name, A in state.items()})
    X = (rng.standard_normal((B, T, D)), *first)
    tensors = [torch.from_numpy(A).requires_grad_() for A in X]
    begun = [t[None] for t in tensors[1:]]
    y, _ = twin(tensors[0], tuple(begun) if kind is LSTM else begun[0])
    y = y[:, -1] if last else y
    Y = layer.forward(X, training=True)
    close(Y, y, "output")
    G = rng.standard_normal(Y.shape)
    y.backward(torch.from_numpy(G))
    for ours, t in zip(layer.backward(G), tensors, strict=True):
        close(ours, t.grad, "input gradient")
    gradients = {p.name: p.grad for p in layer.parameters()}
    for name, p in twin.named_parameters():
        close(gradients[names[name] or "in_proj.bias"], p.grad, name)
