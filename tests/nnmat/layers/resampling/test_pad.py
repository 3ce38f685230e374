"""Padding against NumPy's."""

import numpy as np
import pytest

from nnmat import ConfigError, Pad, ShapeError

NAMES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


@pytest.mark.parametrize("mode", NAMES)
@pytest.mark.parametrize("padding", [1, (2, 0), ((0, 2), (3, 1))])
def test_values(mode, padding, rng):
    X = rng.standard_normal((2, 4, 5, 3))
    layer = Pad(padding, mode).build((4, 5, 3), dtype=np.float64)
    rows, columns = layer.padding
    Y = layer.forward(X, record=True)
    assert np.array_equal(Y, np.pad(X, ((0, 0), rows, columns, (0, 0)), mode=NAMES[mode]))
    np.testing.assert_allclose(np.vdot(Y, Y), np.vdot(layer.backward(Y), X))  # ⟨Y, P X⟩ = ⟨Pᵀ Y, X⟩
    assert Pad(**layer.config()).config() == layer.config()


def test_a_value():
    layer = Pad((1, (0, 2)), value=-1.5).build((2, 2, 1), dtype=np.float32)
    Y = layer.forward(np.zeros((1, 2, 2, 1), np.float32), record=True)
    assert np.array_equal(Y[0, :, :, 0], np.pad(np.zeros((2, 2)), ((1, 1), (0, 2)), constant_values=-1.5))
    assert np.array_equal(layer.backward(np.ones_like(Y)), np.ones((1, 2, 2, 1)))


def test_refuses():
    with pytest.raises(ConfigError, match=r'^Pad: expected value with mode="constant" only'):
        Pad(1, "reflect", 2.0)
    with pytest.raises(ConfigError, match=r"^Pad: unknown mode 'zeros'"):
        Pad(1, "zeros")
    with pytest.raises(ConfigError, match=r"^Pad: expected value as a finite number, got nan"):
        Pad(1, value=np.nan)
    with pytest.raises(ShapeError, match=r'^Pad: expected "reflect" padding smaller than the image'):
        Pad(3, "reflect").build((3, 5, 1))
