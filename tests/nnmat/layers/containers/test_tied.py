"""A layer's parameters at a second place."""

import copy

import numpy as np
import pytest

import nnmat
from nnmat import BuildError, ConfigError, Linear, ReLU, Sequential, ShapeError, Tanh, Tied
from nnmat.layers.containers.tied import link


def autoencoder():
    encode = Linear(4, 3)
    return Sequential([encode, Tanh(), Tied(encode, transpose=True)], input_shape=(4,), seed=1, dtype=np.float64)


def test_an_autoencoder_of_one_weight(rng):
    model = autoencoder()
    assert [p.name for p in model.parameters()] == ["0.weight", "0.bias"]
    X, G = rng.standard_normal((2, 5, 4))
    W, b = (p.value for p in model.parameters())
    Z = np.tanh(X @ W.T + b)
    np.testing.assert_allclose(model.forward(X, training=True), Z @ W, rtol=1e-12)
    gX, gH = model.backward(G), (G @ W.T) * (1 - Z**2)
    np.testing.assert_allclose(model[0].weight.grad, Z.T @ G + gH.T @ X, rtol=1e-12)
    np.testing.assert_allclose(gX, gH @ W, rtol=1e-12)


def test_each_place_has_its_own_record(rng):
    layer = Linear(4, 4)
    model = Sequential([layer, ReLU(), Tied(layer), ReLU(), Tied(layer)], input_shape=(4,), dtype=np.float64)
    assert len(model.parameters()) == 2
    assert nnmat.gradcheck(model, rng.standard_normal((3, 4))).passed
    twin = copy.deepcopy(model)
    twin[0].weight.value = np.zeros((4, 4))
    assert not twin[2].twin.weight.value.any()
    assert model[2].twin.weight is layer.weight


def test_what_the_text_of_the_error_promises(rng):
    layer = Linear(4, 4)
    with pytest.raises(BuildError, match=r"put nnmat\.Tied\(layer\) at the second place"):
        Sequential([layer, layer], input_shape=(4,))
    model = Sequential([layer, nnmat.Tied(layer)], input_shape=(4,), dtype=np.float64)
    X = rng.standard_normal((2, 4))
    np.testing.assert_array_equal(model.forward(X), layer.forward(layer.forward(X)))


def test_what_cannot_be_tied_is_refused():
    with pytest.raises(ConfigError, match="^Tied: expected a layer of the same model, got 3"):
        Tied(3)
    for layer in (ReLU(), Linear(None, 3)):
        with pytest.raises(ConfigError, match="^Tied: expected a Linear with in_features given"):
            Tied(layer, transpose=True)
    with pytest.raises(BuildError, match="^Tied: expected a layer that is not built yet, got Linear"):
        Tied(Linear(3, 3).build((3,)))
    layer = Linear(3, 3)
    with pytest.raises(BuildError, match=r"^Tied: expected the layer that it repeats, Linear\(.*to stand before it"):
        Sequential([Tied(layer), layer], input_shape=(3,))
    with pytest.raises(BuildError, match="to stand before it in the same model"):
        Sequential([Tied(Linear(3, 3)), ReLU()], input_shape=(3,))
    layer = Linear(None, 5)
    with pytest.raises(ShapeError, match=r"'0\.weight': it is shared, .* got \(5, 3\) at the first and \(5, 5\)"):
        Sequential([layer, Tied(layer)], input_shape=(3,))
    layer = Linear(3, 5)
    with pytest.raises(ShapeError, match="expected inputs of width 5, that of the outputs of the Linear"):
        Sequential([layer, Linear(5, 4), Tied(layer, transpose=True)], input_shape=(3,))
    assert not layer.built


def test_saved_and_loaded_with_a_part_that_ties(tmp_path, rng):
    inner = Linear(4, 4)
    part = Sequential([inner, Tied(inner)])
    model = Sequential([part, Tied(part)], input_shape=(4,), dtype=np.float64)
    assert len(model.parameters()) == 2
    nnmat.save(model, tmp_path / "model.npz")
    loaded, X = nnmat.load(tmp_path / "model.npz"), rng.standard_normal((3, 4))
    np.testing.assert_array_equal(loaded.forward(X), model.forward(X))
    assert loaded.summary() == model.summary()
    assert len(loaded.parameters()) == 2


def test_a_path_is_a_layer_before(rng):
    model = Sequential([Linear(4, 4), Tied("0")])
    with pytest.raises(BuildError, match="the layer at the path '0' is not known yet"):
        model.build((4,))
    link(model)
    model.build((4,), dtype=np.float64)
    assert len(model.parameters()) == 2
    with pytest.raises(ConfigError, match=r"there is no layer '1' before it in the model\. Known: '', '0'\."):
        link(Sequential([Tied("1"), Linear(4, 4)]))
