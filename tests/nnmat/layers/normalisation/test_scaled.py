"""Gains and shifts of normalisations, and their options."""

import numpy as np
import pytest

from nnmat import BatchNorm1d, ConfigError, GroupNorm, LayerNorm, RMSNorm, Sequential, ShapeError

KINDS = [LayerNorm, RMSNorm, BatchNorm1d, lambda *a, **k: GroupNorm(2, *a, **k)]


@pytest.mark.parametrize("kind", KINDS)
def test_gains_begin_as_ones_and_have_no_decay(kind):
    layer = kind().build((6,))
    assert (layer.gamma.value == 1).all()
    assert not any(p.decay for p in layer.parameters())
    if layer.beta is not None:
        assert (layer.beta.value == 0).all()
    assert kind(affine=False).build((6,)).parameters() == []


@pytest.mark.parametrize("kind", KINDS)
def test_another_width_is_refused(kind):
    with pytest.raises(ShapeError, match=r"expected inputs with a last axis of 6, got shape \(B, 4\)\. Give .*=None"):
        kind(6).build((4,))
    with pytest.raises(ShapeError, match=r"expected input of shape \(B, \.\.\., N\), got \(B,\)"):
        kind().build(())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", [{"eps": 0}, {"eps": -1}, {"eps": "1e-5"}, {"affine": 1}, {"eps": np.nan}], ids=str)
def test_options_are_checked(kind, options):
    with pytest.raises(ConfigError, match=f"expected {next(iter(options))} as"):
        kind(**options)


def test_other_names_of_the_options():
    with pytest.raises(ConfigError, match="features"):
        LayerNorm(normalized_shape=5)
    with pytest.raises(ConfigError, match="channels"):
        BatchNorm1d(num_features=5)


def test_gradients_go_to_what_is_there(rng):
    for layer in (LayerNorm(bias=False), LayerNorm(affine=False), LayerNorm()):
        model = Sequential([layer], input_shape=(4,), dtype=np.float64)
        X, G = rng.standard_normal((2, 3, 4))
        model.forward(X, training=True)
        gX = model.backward(G, keep=True)
        model.flat_gradients[...] = 7
        np.testing.assert_array_equal(model.backward(G, parameters=False), gX)
        assert (model.flat_gradients == 7).all()


def test_the_options_are_flags():
    for options in ({"affine": False, "bias": "x"}, {"bias": 2}, {"affine": "x"}):
        with pytest.raises(ConfigError, match=r"^LayerNorm: expected (bias|affine) as True or False"):
            LayerNorm(**options)
