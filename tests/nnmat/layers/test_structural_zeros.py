"""Gradients that are 0 by the structure of the equations, by hand and as a program, for random shapes."""

import numpy as np
import pytest

import nnmat as nm
from nnmat import BatchNorm1d, BatchNorm2d, Conv2d, Linear, MultiHeadAttention, Sequential
from nnmat_kernels.runtime.config import settings

COMPILED = pytest.param("program", marks=pytest.mark.skipif(bool(settings.DISABLE_JIT), reason="nothing is compiled"))
ROUNDING = 1e-13  # as a share of what was summed up


@pytest.fixture(params=["by hand", COMPILED])
def passes(request):
    """A function of a model and of what draws X and G: gX and the arrays of the last of some passes."""

    def run(model, draw):
        def once(*arrays):
            *X, G = arrays
            model.forward(X[0] if len(X) == 1 else tuple(X), training=True)
            gX = model.backward(G)
            return tuple(A for A in gX if A is not None) if type(gX) is tuple else gX

        step = nm.compile_step(once) if request.param == "program" else once
        for _ in range(7 if request.param == "program" else 1):
            arrays = draw()
            gX = step(*arrays)
        if request.param == "program":
            assert step.why_not(*arrays) == ""
        return gX, arrays

    return run


def built(layer, shape, rng):
    layer.build(shape, dtype=np.float64)
    for p in layer.parameters():
        p.value = rng.standard_normal(p.shape)
    return layer


def sizes(rng, count, most=9):
    return tuple(int(n) for n in rng.integers(2, most, count))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("kind", "axes"), [(BatchNorm1d, 1), (BatchNorm1d, 2), (BatchNorm2d, 3)])
def test_the_input_gradient_of_batch_norm_sums_to_zero_in_each_channel(kind, axes, seed, passes):
    rng = np.random.default_rng(seed)
    B, *shape = sizes(rng, axes + 1)
    layer = built(kind(), tuple(shape), rng)
    gX, _ = passes(layer, lambda: (5 + rng.standard_normal((B, *shape)), rng.standard_normal((B, *shape))))
    columns = gX.reshape(-1, shape[-1])
    assert np.abs(columns.sum(axis=0)).max() <= ROUNDING * max(1.0, np.abs(columns).sum())  # 1ᵀ gX = 0
    assert np.abs(gX).max() > 0


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("images", [False, True])
def test_a_bias_before_batch_norm_has_no_gradient(images, seed, passes):
    rng = np.random.default_rng(seed)
    B, T, D, N = sizes(rng, 4)
    first = Conv2d(D, N, 2, padding=1) if images else Linear(D, N)
    model = built(Sequential([first, BatchNorm2d() if images else BatchNorm1d()]), (T, T, D) if images else (D,), rng)
    X, Y = ((B, T, T, D), (B, T + 1, T + 1, N)) if images else ((B, D), (B, N))
    passes(model, lambda: (rng.standard_normal(X), rng.standard_normal(Y)))
    assert np.abs(first.bias.grad).max() <= 10 * ROUNDING * max(1.0, np.abs(first.weight.grad).sum())
    assert np.abs(first.weight.grad).max() > 0


def attention(rng, **options):
    """Attention of keys and values from others, twice as wide as they are; and Tq, Tk, B."""
    heads, d = int(rng.integers(1, 4)), 2 * int(rng.integers(1, 4))
    D = heads * d
    layer = MultiHeadAttention(D, heads, cross=True, key_features=2 * D, **options)
    return layer, (int(rng.integers(3, 12)), int(rng.integers(3, 12)), int(rng.integers(1, 4)))


def hands_through(layer):
    """The weights with which gX of the queries is gQ, and that of the keys [gK gV]."""
    eye = np.eye(layer.features)
    layer.query.weight.value = eye
    layer.key.weight.value = np.hstack([eye, 0 * eye])
    layer.value.weight.value = np.hstack([0 * eye, eye])


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("causal", [False, True])
def test_rows_of_the_gradient_of_the_scores_sum_to_zero(causal, seed, passes):
    """Where a column of K is 1, that column of gQ = a gS K is the row sums of gS, times a."""
    rng = np.random.default_rng(seed)
    layer, (Tq, Tk, B) = attention(rng, causal=causal, mask=True)
    D, d = layer.features, layer.features // layer.heads
    built(layer, ((Tq, D), (Tk, 2 * D), (Tq, Tk)), rng)
    hands_through(layer)

    def draw():
        Z, M = rng.standard_normal((B, Tk, 2 * D)), rng.standard_normal((B, Tq, Tk))
        Z[:, :, :D:d] = 1.0 - layer.key.bias.value[::d]
        M[rng.random(M.shape) < 0.3] = -np.inf
        return rng.standard_normal((B, Tq, D)), Z, M, rng.standard_normal((B, Tq, D))

    (gQ, _), _ = passes(layer, draw)
    assert np.abs(gQ[:, :, ::d]).max() <= ROUNDING * max(1.0, np.abs(gQ).sum())
    others = np.delete(gQ, np.s_[::d], axis=2)
    assert np.abs(others).max() > 0


@pytest.mark.parametrize("seed", range(6))
def test_rows_of_the_gradient_of_a_softmax_sum_to_zero(seed, passes):
    rng = np.random.default_rng(seed)
    shape = sizes(rng, 3)
    gX, _ = passes(
        built(nm.Softmax(), shape[1:], rng), lambda: (rng.standard_normal(shape), rng.standard_normal(shape))
    )
    assert np.abs(gX.sum(axis=-1)).max() <= ROUNDING
    assert np.abs(gX).max() > 0


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("cross", [False, True])
def test_the_bias_of_keys_has_no_gradient(cross, seed, passes):
    rng = np.random.default_rng(seed)
    heads, d, B, Tq, Tk = sizes(rng, 5)
    D, causal = heads * d, bool(seed % 2)
    layer = MultiHeadAttention(D, heads, cross=cross, causal=causal, key_mask=True)
    Tk = Tk if cross else Tq
    built(layer, ((Tq, D), (Tk, D), (Tk,)) if cross else ((Tq, D), (Tk,)), rng)

    def draw():
        keys = (rng.standard_normal((B, Tk, D)),) if cross else ()
        return rng.standard_normal((B, Tq, D)), *keys, rng.random((B, Tk)) < 0.7, rng.standard_normal((B, Tq, D))

    passes(layer, draw)
    bias, weight = (layer.key.bias, layer.key.weight) if cross else (layer.in_proj.bias, layer.in_proj.weight)
    rows = np.s_[:] if cross else np.s_[D : 2 * D]
    assert np.abs(bias.grad[rows]).max() <= 10 * ROUNDING * max(1.0, np.abs(weight.grad[rows]).sum())
    assert np.abs(layer.out_proj.weight.grad).max() > 0


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("hides", ["key_mask", "mask", "causal"])
def test_a_key_that_no_query_may_see_has_no_gradients(hides, seed, passes):
    """Exactly none, and the others have some."""
    rng = np.random.default_rng(seed)
    layer, (Tq, Tk, B) = attention(rng, **{hides: True}, rotary=bool(seed % 2), bias=seed % 4 < 2)
    D, heads = layer.features, layer.heads
    masks = {"key_mask": ((Tk,),), "mask": ((heads, Tq, Tk),), "causal": ()}[hides]
    built(layer, ((Tq, D), (Tk, 2 * D), *masks), rng)
    hands_through(layer)

    def draw():
        X, Z, G = (rng.standard_normal((B, *shape)) for shape in ((Tq, D), (Tk, 2 * D), (Tq, D)))
        if hides == "causal":
            return X, Z, G
        if hides == "key_mask":
            return X, Z, rng.random((B, Tk)) < 0.5, G
        M = rng.standard_normal((B, heads, Tq, Tk))
        M[rng.random(M.shape) < 0.2] = -np.inf
        M.transpose(0, 3, 1, 2)[rng.random((B, Tk)) < 0.5] = -np.inf
        return X, Z, M, G

    (_, gZ), arrays = passes(layer, draw)
    seen = np.broadcast_to(np.arange(Tk) < Tq, (B, Tk))
    if hides == "key_mask":
        seen = arrays[2]
    elif hides == "mask":
        seen = (arrays[2] > -np.inf).any(axis=(1, 2))
    gK, gV = gZ[..., :D], gZ[..., D:]
    assert (gK[~seen] == 0).all()
    assert (gV[~seen] == 0).all()
    assert (gV[seen] != 0).any(axis=-1).all()
