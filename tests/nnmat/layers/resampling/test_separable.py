"""The passes of all of them: Y_c = R X_c Cᵀ, and its transpose."""

import numpy as np
import pytest

from nnmat import (
    SGD,
    AdaptiveAvgPool2d,
    AdaptiveMaxPool2d,
    AvgPool2d,
    Conv2d,
    GlobalAvgPool2d,
    Linear,
    MaxPool2d,
    Pad,
    ReLU,
    Sequential,
    SoftmaxCrossEntropy,
    Upsample,
    compile_step,
)

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


def test_steps_with_resampling_and_all_poolings_are_programs(rng):
    X, y = rng.standard_normal((6, 8, 9, 3)).astype(np.float32), rng.integers(0, 4, 6)
    after = []
    for compiled in (True, False):
        layers = [Pad(1, "reflect"), Conv2d(3, 4, 3, padding="same", padding_mode="circular"), ReLU()]
        layers += [MaxPool2d(2, 2, dilation=2, ceil_mode=True), ReLU(), MaxPool2d(2, ceil_mode=True)]
        layers += [Upsample(scale_factor=3, mode="bilinear"), Conv2d(4, 5, 2), AdaptiveMaxPool2d((5, 4))]
        layers += [AvgPool2d(2, divisor=3), AdaptiveAvgPool2d((3, 2)), GlobalAvgPool2d(), Linear(None, 4)]
        model = Sequential(layers, input_shape=(8, 9, 3), seed=1)
        loss, optimizer = SoftmaxCrossEntropy(), SGD(model, lr=0.1)
        step = compile_step(model, loss, optimizer)
        for _ in range(6):
            if compiled:
                step(X, y)
            else:
                loss.forward(model.forward(X, training=True), y)
                model.backward(loss.backward())
                optimizer.step()
        assert not compiled or step.why_not(X, y) == ""
        after.append(model.flat_parameters)
    assert np.array_equal(*after)
