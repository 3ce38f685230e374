"""A convolution of sequences is one of images of one row."""

import numpy as np
import pytest

import nnmat
from nnmat import ConfigError, Conv1d, Conv2d, ShapeError
from tests.nnmat.layers.convolution.steps import assert_same_bits

OPTIONS = [
    ({"stride": 2, "padding": 1}, {"stride": (1, 2), "padding": (0, 1)}),
    ({"dilation": 2, "groups": 2, "padding": (3, 0)}, {"dilation": (1, 2), "groups": 2, "padding": (0, (3, 0))}),
    ({"padding": "same", "padding_mode": "circular"}, {"padding": "same", "padding_mode": "circular"}),
]


@pytest.mark.parametrize(("options", "others"), OPTIONS)
def test_it_is_the_convolution_of_images_of_one_row(options, others, rng):
    layer = Conv1d(4, 6, 3, **options).build((9, 4), rng=0, dtype=np.float64)
    image = Conv2d(4, 6, (1, 3), **others).build((1, 9, 4), dtype=np.float64)
    image.flat_parameters[...] = layer.flat_parameters
    X = rng.standard_normal((3, 9, 4))
    Y = layer.forward(X, training=True)
    assert Y.shape[1:] == layer.output_shape((9, 4))
    assert np.array_equal(Y, image.forward(X[:, None], training=True)[:, 0])
    G = rng.standard_normal(Y.shape)
    assert np.array_equal(layer.backward(G), image.backward(G[:, None])[:, 0])
    assert np.array_equal(layer.flat_gradients, image.flat_gradients)
    assert layer.flops() == image.flops()
    again = Conv1d(**layer.config())
    assert again.config() == layer.config()


def test_fans_and_errors():
    layer = Conv1d(8, 4, 5, groups=2, weight_initializer=lambda rng, shape, i, o: np.full(shape, 1000 * i + o))
    layer.build((9, 8))
    assert (layer.weight.value == 1000 * (5 * 4) + 5 * 2).all()
    assert layer.weight.shape == (4, 5, 4)
    with pytest.raises(ShapeError, match=r"^Conv1d: expected sequences \(B, T, C\), got input of shape \(B, 5, 5, 1\)"):
        Conv1d(1, 1, 3).build((5, 5, 1))
    with pytest.raises(ShapeError, match=r"^Conv1d: expected 2 input channels, got .* Sequences are channels-last"):
        Conv1d(2, 1, 3).build((2, 7))
    with pytest.raises(ShapeError, match=r"^Conv1d: expected a window that fits"):
        Conv1d(2, 1, 3).build((2, 2))
    with pytest.raises(ConfigError, match=r"^Conv1d: expected kernel_size as an integer >= 1, got \(3, 3\)"):
        Conv1d(2, 1, (3, 3))


def test_a_step_is_a_program(rng):
    def layers():
        first = [Conv1d(3, 4, 3, padding="same", padding_mode="reflect"), nnmat.ReLU(), nnmat.MaxPool1d(2)]
        return [*first, Conv1d(4, 4, 3, padding=1), nnmat.AvgPool1d(2), nnmat.Flatten(), nnmat.Linear(None, 2)]

    X, y = rng.standard_normal((8, 12, 3)).astype(np.float32), rng.integers(0, 2, 8)
    assert_same_bits(layers, nnmat.SoftmaxCrossEntropy(), X, y)
