"""Residual networks, whose batch norms are joined with sums and ReLUs: the bits of steps by hand, and the story."""

import copy

import numpy as np
import pytest

import nnmat as nm
from nnmat.programs.compiled_step import compile_step
from nnmat_kernels.runtime.config import settings

only_compiled = pytest.mark.skipif(bool(settings.DISABLE_JIT), reason="nothing is compiled")


def convolution(channels, stride=1):
    return nm.Conv2d(None, channels, 3, stride, padding=1, bias=False)


def network(dtype, affine=True):
    def norm():
        return nm.BatchNorm2d(affine=affine)

    inner = nm.Sequential([convolution(6, 2), norm(), nm.ReLU(), convolution(6), norm()])
    shortcut = nm.Sequential([nm.Conv2d(None, 6, 1, 2, bias=False), norm()])
    plain = nm.Sequential([convolution(6), norm(), nm.ReLU(), convolution(6), norm()])
    layers = [convolution(4), norm(), nm.ReLU(), nm.Residual(inner, shortcut), nm.ReLU(), nm.Residual(plain), nm.ReLU()]
    layers += [
        nm.Flatten(),
        nm.Linear(None, 12, bias=False),
        nm.BatchNorm1d(affine=affine),
        nm.ReLU(),
        nm.Linear(12, 3),
    ]
    return nm.Sequential(layers, input_shape=(8, 8, 2), seed=0, dtype=dtype)


@only_compiled
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("affine", [True, False])
def test_steps(affine, dtype, rng):
    model = network(dtype, affine)
    other, loss = copy.deepcopy(model), nm.SoftmaxCrossEntropy()
    optimizers = [nm.SGD(m, lr=0.1, momentum=0.9, weight_decay=1e-3) for m in (model, other)]
    step = compile_step(model, loss, optimizers[0])
    for _ in range(8):
        X, y = rng.standard_normal((9, 8, 8, 2)).astype(dtype), rng.integers(0, 3, 9)
        value = loss.forward(other.forward(X, training=True), y)
        other.backward(loss.backward(), input_gradient=False)
        optimizers[1].step()
        assert step(X, y) == value
        assert model.flat_parameters.tobytes() == other.flat_parameters.tobytes()
        assert model.flat_gradients.tobytes() == other.flat_gradients.tobytes()
    for name, A in model.buffers().items():
        assert A.tobytes() == other.buffers()[name].tobytes()
    assert step.why_not(X, y) == ""
    listing = step.program(X, y).listing()
    assert listing.rules.count("ReLU after BatchNorm") == 6
    assert listing.rules.count("addition after BatchNorm") == 2
    assert listing.rules.count("ReLU before BatchNorm's gradient") == 6
    assert not {"relu", "relu_backward"} & {row.operation for row in listing.rows}
    assert "  + BatchNorm2d '1': batch_norm + relu" in listing.story()
    assert "  + BatchNorm2d '5.block.4': batch_norm + add + relu" in listing.story()
    assert "  + BatchNorm2d '1': relu_backward + batch_norm_backward" in listing.story()


@only_compiled
def test_prediction(rng):
    model = network("float32")
    step = compile_step(lambda X: model.forward(X))
    for _ in range(8):
        X = rng.standard_normal((9, 8, 8, 2)).astype(np.float32)
        assert step(X).tobytes() == model.forward(X).tobytes()
    assert step.why_not(X) == ""
    assert step.program(X).listing().rules.count("ReLU after BatchNorm") == 6
