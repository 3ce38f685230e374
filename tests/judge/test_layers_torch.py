"""Every layer against PyTorch in float64: outputs and all gradients, norm-wise error below 1e-11."""

import numpy as np
import pytest
import torch
from torch import nn

import nnmat
from nnmat import (
    GELU,
    AvgPool2d,
    Conv2d,
    Flatten,
    LeakyReLU,
    Linear,
    MaxPool2d,
    ReLU,
    Sequential,
    Sigmoid,
    Softmax,
    Tanh,
)

CONVOLUTIONS = [
    # in, out, kernel, stride, padding, dilation, groups, height, width
    (1, 8, 5, 1, 0, 1, 1, 12, 12),
    (3, 4, 3, 1, 1, 1, 1, 8, 9),
    (4, 6, (3, 2), (2, 1), (1, 2), (1, 2), 2, 9, 7),
    (6, 6, 3, 1, 1, 1, 6, 8, 8),
    (4, 8, 3, 2, 1, 1, 4, 9, 10),
    (5, 7, 1, 1, 0, 1, 1, 6, 6),
    (5, 7, 1, 2, 0, 1, 1, 7, 6),
    (2, 3, (1, 4), (3, 2), (0, 3), (1, 2), 1, 8, 11),
    (2, 2, 2, 3, 0, 1, 1, 7, 7),
    (3, 3, 3, 3, 2, 2, 3, 10, 8),
]
METHODS = ["auto", "im2col", "khat"]


def close(ours, theirs, what):
    theirs = theirs.detach().numpy() if isinstance(theirs, torch.Tensor) else theirs
    assert ours.shape == theirs.shape, what
    assert np.linalg.norm(ours - theirs) <= 1e-11 * max(np.linalg.norm(theirs), 1e-3), what


def nchw(X):
    return X.transpose(0, 3, 1, 2) if X.ndim == 4 else X


def compare(model, twin, X, rng):
    """One forward and backward of both with a random cotangent, parameters copied into the twin."""
    for p in model.parameters():
        p.value = rng.standard_normal(p.shape)
    state = {
        key: torch.from_numpy(A)
        for key, A in zip(twin.state_dict(), nnmat.convert.to_torch(model).values(), strict=True)
    }
    twin.load_state_dict(state)
    twin.zero_grad()
    x = torch.from_numpy(np.ascontiguousarray(nchw(X))).requires_grad_()
    y = twin(x)
    Y = model.forward(X, training=True)
    close(nchw(Y), y, "output")
    G = rng.standard_normal(Y.shape)
    y.backward(torch.from_numpy(np.ascontiguousarray(nchw(G))))
    close(nchw(model.backward(G)), x.grad, "input gradient")
    values = model.flat_parameters.copy()
    model.flat_parameters[...] = model.flat_gradients  # so that the conversion maps gradients
    for (name, p), A in zip(twin.named_parameters(), nnmat.convert.to_torch(model).values(), strict=True):
        close(A, p.grad, name)
    model.flat_parameters[...] = values


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("case", CONVOLUTIONS, ids=str)
def test_convolution(case, bias, method, rng):
    ci, co, k, s, p, d, g, H, W = case
    if method == "im2col" and g > 1:
        method = "auto"
    model = Sequential(
        [Conv2d(ci, co, k, s, p, d, g, bias=bias, method=method)], input_shape=(H, W, ci), dtype=np.float64
    )
    compare(model, nn.Conv2d(ci, co, k, s, p, d, g, bias=bias).double(), rng.standard_normal((3, H, W, ci)), rng)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(1, 1), (7, 3), (64, 10), (33, 65)])
def test_linear(shape, bias, rng):
    N, M = shape
    model = Sequential([Linear(N, M, bias=bias)], input_shape=(N,), dtype=np.float64)
    twin = nn.Sequential(nn.Linear(N, M, bias=bias)).double()
    for batch in (1, 17):
        compare(model, twin, rng.standard_normal((batch, N)), rng)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (Sigmoid, nn.Sigmoid),
        (Tanh, nn.Tanh),
        (ReLU, nn.ReLU),
        (lambda: LeakyReLU(0.2), lambda: nn.LeakyReLU(0.2)),
        (GELU, nn.GELU),
        (Softmax, lambda: nn.Softmax(dim=1)),
    ],
)
@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_activations(ours, theirs, scale, rng):
    model = Sequential([ours()], input_shape=(37,), dtype=np.float64)
    compare(model, nn.Sequential(theirs()), scale * rng.standard_normal((5, 37)), rng)


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "size"),
    [(2, None, 0, (8, 8)), (3, 2, 1, (9, 7)), ((3, 2), (1, 2), (1, 0), (6, 9)), (4, 1, 2, (5, 5)), (2, 3, 0, (8, 10))],
)
def test_pooling(kernel, stride, padding, size, rng):
    shape, X = (*size, 3), rng.standard_normal((2, *size, 3))
    compare(
        Sequential([MaxPool2d(kernel, stride, padding)], input_shape=shape, dtype=np.float64),
        nn.Sequential(nn.MaxPool2d(kernel, stride, padding)),
        X,
        rng,
    )
    for count in (True, False):
        compare(
            Sequential([AvgPool2d(kernel, stride, padding, count_padding=count)], input_shape=shape, dtype=np.float64),
            nn.Sequential(nn.AvgPool2d(kernel, stride, padding, count_include_pad=count)),
            X,
            rng,
        )


def test_ties_of_the_maximum_go_to_the_first(rng):
    X = rng.integers(0, 3, (4, 8, 8, 2)).astype(float)  # many ties
    compare(Sequential([MaxPool2d(2)], input_shape=(8, 8, 2), dtype=np.float64), nn.Sequential(nn.MaxPool2d(2)), X, rng)


@pytest.mark.parametrize("method", METHODS)
def test_a_whole_convolutional_network(method, rng):
    layers = [Conv2d(1, 4, 5, method=method), ReLU(), MaxPool2d(2), Conv2d(4, 6, 3, padding=1, method=method), Tanh()]
    layers += [AvgPool2d(2), Flatten(), Linear(None, 11), Sigmoid(), Linear(11, 10)]
    model = Sequential(layers, input_shape=(16, 14, 1), dtype=np.float64)
    twin = nn.Sequential(nn.Conv2d(1, 4, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 6, 3, padding=1), nn.Tanh())
    twin.extend([nn.AvgPool2d(2), nn.Flatten(), nn.Linear(6 * 3 * 2, 11), nn.Sigmoid(), nn.Linear(11, 10)])
    compare(model, twin.double(), rng.standard_normal((4, 16, 14, 1)), rng)


def test_weights_from_a_torch_model_give_equal_outputs(rng):
    twin = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 4 * 5, 2)).double()
    model = Sequential([Conv2d(3, 4, 3), ReLU(), Flatten(), Linear(None, 2)], input_shape=(6, 7, 3), dtype=np.float64)
    nnmat.convert.from_torch(model, {name: t.numpy() for name, t in twin.state_dict().items()})
    X = rng.standard_normal((2, 6, 7, 3))
    close(model.forward(X), twin(torch.from_numpy(nchw(X).copy())), "output")


def test_training_for_ten_steps_is_the_same_path(rng):
    model = Sequential([Linear(6, 8), Tanh(), Linear(8, 3)], input_shape=(6,), dtype=np.float64)
    twin = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3)).double()
    twin.load_state_dict({k: torch.from_numpy(v) for k, v in nnmat.convert.to_torch(model).items()})
    ours = nnmat.SGD(model, lr=0.3, momentum=0.9, nesterov=True)
    theirs = torch.optim.SGD(twin.parameters(), lr=0.3, momentum=0.9, nesterov=True)
    loss = nnmat.SoftmaxCrossEntropy()
    for _ in range(10):
        X, y = rng.standard_normal((16, 6)), rng.integers(0, 3, 16)
        value = loss.forward(model.forward(X, training=True), y)
        model.backward(loss.backward())
        ours.step()
        theirs.zero_grad()
        reference = nn.functional.cross_entropy(twin(torch.from_numpy(X)), torch.from_numpy(y))
        reference.backward()
        theirs.step()
        assert value == pytest.approx(reference.item(), rel=1e-12)
    for A, B in zip(nnmat.convert.to_torch(model).values(), twin.state_dict().values(), strict=True):
        close(A, B, "parameter")
