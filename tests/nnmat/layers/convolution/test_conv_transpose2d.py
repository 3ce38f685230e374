"""The transposed convolution is K̂ᵀ; its shapes, fans and errors."""

import numpy as np
import pytest

import nnmat
from nnmat import ConfigError, Conv2d, ConvTranspose2d, ShapeError
from tests.nnmat.layers.convolution.steps import assert_same_bits

OPTIONS = [
    dict(kernel_size=3),
    dict(kernel_size=4, stride=2, padding=1),
    dict(kernel_size=(3, 2), stride=(3, 2), padding=(2, 0), output_padding=(1, 1), dilation=(1, 2), groups=2),
    dict(kernel_size=(1, 3), stride=(2, 1), padding=(0, 2), dilation=2, groups=4),
]


@pytest.mark.parametrize("options", OPTIONS)
def test_it_is_the_transpose_of_khat(options, rng):
    """t = K̂ᵀ v + b, gv = K̂ g, gK = Pᵀ vec(Σ v gᵀ) with the K̂ and P of the convolution from its output to its input."""
    layer = ConvTranspose2d(4, 8, **options).build((3, 4, 4), rng=1, dtype=np.float64)
    layer.bias.value = rng.standard_normal(8)
    X = rng.standard_normal((5, 3, 4, 4))
    Y = layer.forward(X, training=True)
    G = rng.standard_normal(Y.shape)
    gX = layer.backward(G)
    own = (layer.stride, layer.padding, layer.dilation, layer.groups)
    K_hat = nnmat.khat(layer.weight.value, Y.shape[1:], *own)
    P = nnmat.khat_pattern(layer.weight.shape, Y.shape[1:], *own)
    x, g = X.reshape(5, -1), G.reshape(5, -1)
    np.testing.assert_allclose((Y - layer.bias.value).reshape(5, -1), x @ K_hat, atol=1e-12)
    np.testing.assert_allclose(gX.reshape(5, -1), g @ K_hat.T, atol=1e-12)
    np.testing.assert_allclose(layer.weight.grad.reshape(-1), P.transpose_product((x.T @ g).reshape(-1)), atol=1e-12)
    np.testing.assert_allclose(layer.bias.grad, G.sum(axis=(0, 1, 2)), atol=1e-12)


def test_it_is_the_backward_of_the_convolution(rng):
    conv = Conv2d(4, 6, 3, stride=2, padding=1, groups=2, bias=False).build((8, 7, 4), rng=0, dtype=np.float64)
    back = ConvTranspose2d(6, 4, 3, stride=2, padding=1, output_padding=(1, 0), groups=2, bias=False)
    back.build((4, 4, 6), dtype=np.float64)
    back.weight.value = conv.weight.value
    X, V = rng.standard_normal((2, 8, 7, 4)), rng.standard_normal((2, 4, 4, 6))
    conv.forward(X, record=True)
    assert np.array_equal(back.forward(V), conv.backward(V))  # ⟨V, X ⋆ K⟩ = ⟨V ⋆ᵀ K, X⟩ by the same kernels


@pytest.mark.parametrize("more", [0, 1, 2])
def test_output_padding_chooses_the_size(more):
    """Of 15, 16 and 17 rows the convolution makes 5."""
    layer = ConvTranspose2d(1, 2, 5, stride=3, padding=1, output_padding=(more, 0))
    assert layer.output_shape((5, 3, 1)) == (15 + more, 9, 2)
    assert Conv2d(2, 1, 5, stride=3, padding=1).output_shape((15 + more, 9, 2)) == (5, 3, 1)


def test_a_step_is_a_program(rng):
    def layers():
        return [ConvTranspose2d(2, 5, 4, 2, 1), nnmat.ReLU(), ConvTranspose2d(5, 1, 3, padding=1)]

    X, T = rng.standard_normal((4, 3, 3, 2)).astype(np.float32), rng.standard_normal((4, 6, 6, 1)).astype(np.float32)
    assert_same_bits(layers, nnmat.MeanSquaredError(), X, T)


def test_fans():
    """Of 4 x 4 taps with stride 2 an output sees 2 x 2."""
    layer = ConvTranspose2d(
        8, 4, 4, stride=2, groups=2, weight_initializer=lambda rng, shape, i, o: np.full(shape, 1000 * i + o)
    )
    layer.build((3, 3, 8))
    assert (layer.weight.value == 1000 * (2 * 2 * 4) + 4 * 4 * 2).all()
    assert layer.weight.shape == (8, 4, 4, 2)
    assert layer.bias.shape == (4,)
    assert layer.flops() == 2 * 9 * 8 * 16 * 2


def test_refuses():
    with pytest.raises(ConfigError, match=r"^ConvTranspose2d: expected output_padding smaller than the stride, got"):
        ConvTranspose2d(1, 1, 3, stride=2, output_padding=2)
    with pytest.raises(ConfigError, match=r"^ConvTranspose2d: out_channels = 3 is not a multiple of groups = 2"):
        ConvTranspose2d(2, 3, 3, groups=2)
    with pytest.raises(ConfigError, match=r"^ConvTranspose2d: expected stride of at least 1, got 0"):
        ConvTranspose2d(2, 3, 3, stride=0)
    with pytest.raises(ConfigError, match=r"^ConvTranspose2d: expected arguments among those it has, got method"):
        ConvTranspose2d(2, 3, 3, method="khat")
    with pytest.raises(
        ShapeError, match=r"^ConvTranspose2d: expected padding that leaves .* makes \(1, 1\) into \(-1, -1"
    ):
        ConvTranspose2d(1, 1, 3, padding=2).build((1, 1, 1))
    with pytest.raises(ShapeError, match=r"^ConvTranspose2d: expected 2 input channels, got shape \(B, 2, 4, 4\)"):
        ConvTranspose2d(2, 1, 3).build((2, 4, 4))
