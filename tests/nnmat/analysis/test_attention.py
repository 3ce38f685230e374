"""The weights of attention: with them the layers' outputs can be made again."""

import numpy as np
import pytest

import nnmat
from nnmat import Linear, MultiHeadAttention, Sequential, TransformerBlock, observe
from nnmat.analysis.attention import attention_weights


def output_of(P, layer, V):
    """Y = O W_Oᵀ + 1 b_Oᵀ with O_h = P_h V_h."""
    B, heads, T, _ = P.shape
    O = np.einsum("bhij,bjhd->bihd", P, V.reshape(B, -1, heads, V.shape[-1] // heads))  # noqa: E741
    return layer.out_proj(O.reshape(B, T, -1).astype(layer.dtype))


@pytest.mark.parametrize("options", [{}, {"causal": True}, {"rotary": True}, {"rate": 0.5}, {"key_mask": True}])
def test_they_make_the_output_of_the_layer(rng, options):
    layer = MultiHeadAttention(8, 2, **options)
    masked = "key_mask" in options
    layer.build(((5, 8), (5,)) if masked else (5, 8), dtype=np.float64)
    X = rng.standard_normal((3, 5, 8))
    given = X
    if masked:
        seen = rng.random((3, 5)) < 0.5
        seen[0] = False  # nothing can be seen: no weights
        given = (X, seen)
    (P,) = attention_weights(layer, given).values()
    assert P.shape == (3, 2, 5, 5)
    V = layer.in_proj(X)[..., 16:]
    np.testing.assert_allclose(output_of(P, layer, V), layer(given), rtol=1e-10, atol=1e-12)
    sums = P.sum(axis=-1)
    np.testing.assert_allclose(sums, np.broadcast_to(seen.any(axis=1)[:, None, None], sums.shape) if masked else 1.0)
    if masked:
        assert (P[np.broadcast_to(~seen[:, None, None, :], P.shape)] == 0).all()
    if options.get("causal"):
        assert (P[..., np.triu_indices(5, 1)[0], np.triu_indices(5, 1)[1]] == 0).all()


def test_a_mask_of_pairs_and_keys_from_elsewhere(rng):
    layer = MultiHeadAttention(6, 3, cross=True, key_features=4, mask=True)
    layer.build(((3, 6), (5, 4), (3, 5)), dtype=np.float64)
    Q, Z = rng.standard_normal((2, 3, 6)), rng.standard_normal((2, 5, 4))
    M = np.where(rng.random((2, 3, 5)) < 0.3, -np.inf, rng.standard_normal((2, 3, 5)))
    (P,) = attention_weights(layer, (Q, Z, M)).values()
    assert P.shape == (2, 3, 3, 5)
    assert (P[np.broadcast_to(np.isinf(M)[:, None], P.shape)] == 0).all()
    np.testing.assert_allclose(output_of(P, layer, layer.value(Z)), layer((Q, Z, M)), rtol=1e-10, atol=1e-12)


def test_all_layers_of_a_model_by_their_paths(rng):
    model = Sequential([Linear(4, 8), TransformerBlock(8, 2, causal=True), TransformerBlock(8, 4)], input_shape=(6, 4))
    X = rng.standard_normal((2, 6, 4)).astype(np.float32)
    found = attention_weights(model, X)
    paths = [layer.path for layer in model.modules() if isinstance(layer, MultiHeadAttention)]
    assert list(found) == paths
    assert [P.shape for P in found.values()] == [(2, 2, 6, 6), (2, 4, 6, 6)]
    outputs, products = {}, {}

    def look(layer, Y):
        outputs[layer.path], products[layer.path] = Y, Y

    with observe(forward=look):
        model(X)
    for path, layer in ((layer.path, layer) for layer in model.modules() if isinstance(layer, MultiHeadAttention)):
        made = output_of(found[path], layer, products[f"{path}.in_proj"][..., 16:])
        np.testing.assert_allclose(made, outputs[path], rtol=1e-4, atol=1e-5)
    with pytest.raises(nnmat.StateError):
        model.backward(np.zeros((2, 6, 8), np.float32))


def test_of_no_samples():
    (P,) = attention_weights(MultiHeadAttention(4, 2).build((3, 4)), np.zeros((0, 3, 4), np.float32)).values()
    assert P.shape == (0, 2, 3, 3)


def test_what_is_refused():
    with pytest.raises(nnmat.ConfigError, match="attention_weights: expected a model with a MultiHeadAttention"):
        attention_weights(Linear(2, 2).build((2,)), np.ones((1, 2), np.float32))
    with pytest.raises(nnmat.BuildError, match="attention_weights: the model is not built yet"):
        attention_weights(MultiHeadAttention(4, 2), np.ones((1, 2, 4), np.float32))
    with pytest.raises(nnmat.ConfigError, match="attention_weights: expected a model, got ndarray"):
        attention_weights(np.ones(3), np.ones(3))
