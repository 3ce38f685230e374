"""The passes of all of them: Y_c = R X_c Cᵀ, and its transpose."""

import numpy as np
import pytest

from nnmat import AdaptiveAvgPool2d, Pad, Upsample

KINDS = [AdaptiveAvgPool2d((2, 3)), Pad((1, 2), "reflect"), Upsample(size=(7, 4), mode="bilinear")]


@pytest.mark.parametrize("layer", KINDS, ids=lambda layer: layer.kind)
def test_it_is_two_products(layer, rng):
    layer.build((5, 6, 2), dtype=np.float64)
    X = rng.standard_normal((3, 5, 6, 2))
    Y = layer.forward(X, record=True)
    R, C = (factor.dense() for factor in layer.factors((5, 6)))
    assert Y.shape[1:3] == layer.plane((5, 6)) == (len(R), len(C))
    np.testing.assert_allclose(Y, np.einsum("im,nmlc,jl->nijc", R, X, C), atol=1e-14)
    G = rng.standard_normal(Y.shape)
    np.testing.assert_allclose(layer.backward(G), np.einsum("im,nijc,jl->nmlc", R, G, C), atol=1e-14)
