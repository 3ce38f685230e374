"""Layers of today's networks against autograd: options, shapes, masks and cotangents drawn anew for each case."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from nnmat import (
    ELU,
    GELU,
    GRU,
    LSTM,
    RNN,
    BatchNorm1d,
    BatchNorm2d,
    Embedding,
    GatedFeedForward,
    GroupNorm,
    LayerNorm,
    Linear,
    MultiHeadAttention,
    PositionalEmbedding,
    Residual,
    RMSNorm,
    RotaryEmbedding,
    Sequential,
    SiLU,
    Softplus,
    Tanh,
    Tied,
    TransformerBlock,
)
from tests.judge.autograd import close, drawn, same_passes, torch_attention, turned

SEEDS = 6


@pytest.fixture(params=range(SEEDS))
def chance(request):
    """A generator of its own for each case, with the draws that all need."""
    return np.random.default_rng((11, request.param))


def sizes(rng, axes, most=8):
    return tuple(int(n) for n in rng.integers(1, most, axes))


def coin(rng):
    return bool(rng.random() < 0.5)


def places(rng, most=4):
    """The axes of a sample before its last one."""
    return sizes(rng, int(rng.integers(0, most - 1)))


def scaled(X, rng):
    """Rows of the size of 1e-2 to 1e2 that stand up to 100 away from 0."""
    return rng.uniform(-100, 100) * coin(rng) + 10.0 ** rng.uniform(-2, 2) * X


def test_layer_and_rms_norm(chance):
    width, eps = int(chance.integers(2, 80)), 10.0 ** chance.uniform(-6, -1)
    shape = (*places(chance), width)
    X = scaled(chance.standard_normal((int(chance.integers(1, 9)), *shape)), chance)
    layer, values = drawn(LayerNorm(eps=eps, affine=coin(chance), bias=coin(chance)), shape, chance)
    same_passes(layer, X, lambda x, p: F.layer_norm(x[0], (width,), p.get("gamma"), p.get("beta"), eps), values, chance)
    layer, values = drawn(RMSNorm(eps=eps, affine=coin(chance)), shape, chance)
    same_passes(layer, X, lambda x, p: F.rms_norm(x[0], (width,), p.get("gamma"), eps), values, chance)


def test_group_norm(chance):
    groups, each = sizes(chance, 2)
    shape = (*places(chance), groups * (each + 1))
    layer, values = drawn(GroupNorm(groups, eps=1e-4, affine=coin(chance)), shape, chance)

    def theirs(x, p):
        return F.group_norm(x[0].movedim(-1, 1), groups, p.get("gamma"), p.get("beta"), 1e-4).movedim(1, -1)

    X = scaled(chance.standard_normal((int(chance.integers(1, 6)), *shape)), chance)
    same_passes(layer, X, theirs, values, chance)


@pytest.mark.parametrize(("kind", "axes"), [(BatchNorm1d, 1), (BatchNorm1d, 2), (BatchNorm2d, 3)])
@pytest.mark.parametrize("training", [True, False])
def test_batch_norm(kind, axes, training, chance):
    shape, eps, momentum = sizes(chance, axes), 10.0 ** chance.uniform(-6, -1), chance.uniform(0, 1)
    layer, values = drawn(kind(eps=eps, momentum=momentum, affine=coin(chance)), shape, chance)
    for A in layer.buffers().values():
        A[...] = chance.uniform(0.5, 2, A.shape)
    mean, variance = (torch.from_numpy(A.copy()) for A in layer.buffers().values())

    def theirs(x, p):
        first = x[0].movedim(-1, 1)
        given = (mean, variance, p.get("gamma"), p.get("beta"), training, momentum, eps)
        return F.batch_norm(first, *given).movedim(1, -1)

    X = scaled(chance.standard_normal((int(chance.integers(3, 9)), *shape)), chance)
    same_passes(layer, X, theirs, values, chance, training)
    for ours, running in zip(layer.buffers().values(), (mean, variance), strict=True):
        close(ours, running, "running")


def test_smooth_activations(chance):
    a = float(chance.uniform(0.1, 4))
    shape = (*places(chance), int(chance.integers(1, 200)))
    X = 10.0 ** chance.uniform(-2, 2) * chance.standard_normal((int(chance.integers(1, 5)), *shape))
    for layer, theirs in (
        (SiLU(), F.silu),
        (ELU(a), lambda x: F.elu(x, a)),
        (Softplus(a), lambda x: F.softplus(x, a, threshold=1000)),
        (GELU(), F.gelu),
        (GELU("tanh"), lambda x: F.gelu(x, approximate="tanh")),
    ):
        drawn(layer, shape, chance)
        same_passes(layer, X, lambda x, p, theirs=theirs: theirs(x[0]), {}, chance)


def linear(A, p, name):
    return F.linear(A, p[f"{name}.weight"], p.get(f"{name}.bias"))


def test_residual_blocks_in_each_other(chance):
    N, H = sizes(chance, 2)
    inner = Residual(Sequential([RMSNorm(), Linear(N, N, coin(chance)), SiLU()]))
    layer = Residual(Sequential([inner, Linear(N, H), Tanh()]), Linear(N, H, coin(chance)))
    shape = (*places(chance), N)
    layer, values = drawn(layer, shape, chance)

    def theirs(x, p):
        Z = F.rms_norm(x[0], (N,), p["block.0.block.0.gamma"], 1e-5)
        Z = x[0] + F.silu(linear(Z, p, "block.0.block.1"))
        return torch.tanh(linear(Z, p, "block.1")) + linear(x[0], p, "shortcut")

    same_passes(layer, chance.standard_normal((4, *shape)), theirs, values, chance)


@pytest.mark.parametrize("kind", ["learned", "sinusoidal"])
def test_tables_with_a_tied_head(kind, chance):
    B, T, D, V = sizes(chance, 4, 12)
    table = Embedding(V, D)
    length = T + int(chance.integers(3)) if kind == "learned" else None
    model = Sequential([table, PositionalEmbedding(length, kind), Tanh(), Tied(table, transpose=True)])
    layer, values = drawn(model, (T,), chance)
    turns = np.arange(T)[:, None] / 10_000.0 ** (np.arange(D) // 2 * 2 / D)
    waves = torch.from_numpy(np.where(np.arange(D) % 2 == 0, np.sin(turns), np.cos(turns)))

    def theirs(x, p):
        E = p["0.weight"]
        return torch.tanh(F.embedding(x[0], E) + (p["1.weight"][:T] if kind == "learned" else waves)) @ E.T

    same_passes(layer, chance.integers(0, V, (B, T)), theirs, values, chance)


def test_rotary_places(chance):
    heads, half, B, T = sizes(chance, 4)
    base = 10.0 ** chance.uniform(1, 5)
    layer, values = drawn(RotaryEmbedding(heads, base), (T, heads * 2 * half), chance)
    X = chance.standard_normal((B, T, heads * 2 * half))
    same_passes(layer, X, lambda x, p: turned(x[0], heads, base), values, chance)


def gated(A, p, name):
    return linear(F.silu(linear(A, p, f"{name}gate")) * linear(A, p, f"{name}up"), p, f"{name}out")


def test_gated_feed_forward(chance):
    D, H = sizes(chance, 2, 20)
    shape = (*places(chance), D)
    layer, values = drawn(GatedFeedForward(D, H, coin(chance)), shape, chance)
    same_passes(layer, chance.standard_normal((3, *shape)), lambda x, p: gated(x[0], p, ""), values, chance)


def test_attention_with_dropped_weights(chance):
    """With V = I the output is the weights that are left: what was dropped is seen, and dropped again."""
    Tq, Tk, B = (int(n) for n in chance.integers(2, 20, 3))
    layer = MultiHeadAttention(Tk, 1, cross=True, key_features=2 * Tk, rate=0.4, causal=coin(chance))
    layer, values = drawn(layer, ((Tq, Tk), (Tk, 2 * Tk)), chance)
    X, Z = chance.standard_normal((B, Tq, Tk)), chance.standard_normal((B, Tk, 2 * Tk))
    (stream,) = layer.buffers().values()
    drawn_from, kept = stream.copy(), {p: p.value.copy() for p in layer.parameters()}
    Z[:, :, Tk:] = np.eye(Tk)
    for part, weight in ((layer.value, np.hstack([np.zeros((Tk, Tk)), np.eye(Tk)])), (layer.out_proj, np.eye(Tk))):
        part.weight.value, part.bias.value = weight, np.zeros(Tk)
    left = torch.from_numpy(layer.forward((X, Z), training=True) != 0)
    stream[...] = drawn_from
    for p, value in kept.items():
        p.value = value
    assert 0 < left.double().mean() < 0.9

    def theirs(x, p):
        Q, K, V = linear(x[0], p, "query"), linear(x[1], p, "key"), linear(x[1], p, "value")
        S = Q @ K.transpose(1, 2) / Tk**0.5
        if layer.causal:
            S = S.masked_fill(torch.ones(Tq, Tk).triu(1).bool(), -np.inf)
        return linear(torch.softmax(S, dim=2) * left / 0.6 @ V, p, "out_proj")

    same_passes(layer, (X, Z), theirs, values, chance)


def block(A, p, layer, hidden, name=""):
    """A TransformerBlock of tensors."""

    def normed(A, part):
        gamma, beta = p[f"{name}{part}.gamma"], p.get(f"{name}{part}.beta")
        width = A.shape[-1:]
        return F.rms_norm(A, width, gamma, 1e-5) if layer.norm == "rms" else F.layer_norm(A, width, gamma, beta)

    heads, (T, D) = layer.attention.heads, A.shape[1:]
    Q, K, V = linear(normed(A, "norm1"), p, f"{name}attention.in_proj").split(D, dim=2)
    if layer.rotary:
        Q, K = turned(Q, heads), turned(K, heads)
    if layer.causal:
        hidden = hidden.masked_fill(torch.ones(T, T).triu(1).bool(), -np.inf)
    U = A + linear(torch_attention(Q, K, V, heads, hidden), p, f"{name}attention.out_proj")
    N = normed(U, "norm2")
    kind = layer.config()["feed_forward"]
    if kind == "gated":
        return U + gated(N, p, f"{name}feed_forward.")
    H = F.gelu(linear(N, p, f"{name}feed_forward.0"), approximate="tanh" if kind == "gelu_tanh" else "none")
    return U + linear(H, p, f"{name}feed_forward.2")


def drawn_block(rng, **options):
    heads, half, H = sizes(rng, 3, 5)
    return TransformerBlock(
        2 * heads * half,
        heads,
        H,
        causal=coin(rng),
        feed_forward=("gelu", "gelu_tanh", "gated")[int(rng.integers(3))],
        norm=("layer", "rms")[int(rng.integers(2))],
        bias=coin(rng),
        rotary=coin(rng),
        **options,
    )


@pytest.mark.parametrize("masked", [False, True])
def test_transformer_block(masked, chance):
    layer = drawn_block(chance, key_mask=masked)
    (B, T), D = sizes(chance, 2, 12), layer.features
    layer, values = drawn(layer, ((T, D), (T,)) if masked else (T, D), chance)
    X, seen = chance.standard_normal((B, T, D)), chance.random((B, T)) < 0.6
    hidden = torch.zeros(B, 1, T, T, dtype=torch.float64)
    if masked:
        hidden = hidden.masked_fill(~torch.from_numpy(seen)[:, None, None], -np.inf)
    same_passes(layer, (X, seen) if masked else X, lambda x, p: block(x[0], p, layer, hidden), values, chance)


def test_a_language_model(chance):
    """Tokens to logits through two blocks, with one table at both ends."""
    one = drawn_block(chance)
    D, (B, T, V) = one.features, sizes(chance, 3, 12)
    table, two = Embedding(V, D), TransformerBlock(D, 1, 7, causal=True)
    model = Sequential([table, PositionalEmbedding(), one, two, LayerNorm(), Tied(table, transpose=True)])
    layer, values = drawn(model, (T,), chance)
    hidden = torch.zeros(B, 1, T, T, dtype=torch.float64)

    def theirs(x, p):
        Z = block(F.embedding(x[0], p["0.weight"]) + p["1.weight"], p, one, hidden, "2.")
        Z = block(Z, p, two, hidden, "3.")
        return F.layer_norm(Z, (D,), p["4.gamma"], p["4.beta"]) @ p["0.weight"].T

    same_passes(layer, chance.integers(0, V, (B, T)), theirs, values, chance)


@pytest.mark.parametrize(("kind", "theirs"), [(RNN, nn.RNN), (LSTM, nn.LSTM), (GRU, nn.GRU)])
def test_recurrent_layers(kind, theirs, chance):
    B, T, D, N = sizes(chance, 4, 24)
    bias, last, states = coin(chance), coin(chance), coin(chance)
    first = 2 if kind is LSTM else 1
    layer = kind(D, N, bias, last=last, states=states)
    layer, values = drawn(layer, ((T, D), *[(N,)] * first) if states else (T, D), chance)
    twin = theirs(D, N, bias=bias, batch_first=True).double()
    names = {"in_proj.weight": "weight_ih_l0", "weight": "weight_hh_l0", "in_proj.bias": "bias_ih_l0"}
    names["bias"] = "bias_hh_l0"

    def run(x, p):
        given = {names[name]: A for name, A in p.items()}
        if bias and kind is not GRU:
            given["bias_hh_l0"] = torch.zeros_like(given["bias_ih_l0"])  # only the sum of the two counts
        begun = [t[None] for t in x[1:]] or [torch.zeros(1, B, N, dtype=torch.float64)] * first
        y, _ = torch.func.functional_call(twin, given, (x[0], tuple(begun) if kind is LSTM else begun[0]))
        return y[:, -1] if last else y

    X = (chance.standard_normal((B, T, D)), *chance.standard_normal((first, B, N)))
    same_passes(layer, X if states else X[0], run, values, chance)
