"""Compiling the kernels before they are needed, or reading them from the disk cache if they are there."""

import functools
from collections.abc import Callable

import numpy as np
from tqdm import tqdm

from .layers import (
    AvgPool2d,
    Conv2d,
    Dropout,
    Flatten,
    Layer,
    LeakyReLU,
    Linear,
    MaxPool2d,
    ReLU,
    Sequential,
    Sigmoid,
    Tanh,
)
from .losses import Loss, MeanSquaredError, SigmoidBinaryCrossEntropy, SoftmaxCrossEntropy
from .optimizers import SGD, Adam, Optimizer

# Sizes of batches: kernels have a serial form for little work and a parallel one for much; so do optimizers, which is
# why the dense networks are not smaller.
SMALL, LARGE = 2, 512
Job = tuple[str, Callable[[], None]]


def warmup(dtype=np.float32, progress: bool = True) -> None:
    """Run small steps of the usual networks once, so that later steps find their kernels compiled.

    Covers training and prediction with `Linear`, `Conv2d`, pooling, `Dropout`, the activations, the losses, and SGD and
    Adam, in the given dtype (float32 or float64), on small and on large batches. The code goes to the disk cache, where
    later processes find it. Takes up to a minute with an empty cache, a second with a full one. Raises DtypeError.
    """
    with tqdm(_jobs(dtype), desc="warmup", unit="network", disable=not progress, leave=False) as bar:
        for name, run in bar:
            bar.set_postfix_str(name)
            run()


def _jobs(dtype) -> list[Job]:
    def dense(*hidden) -> Sequential:
        layers = [Linear(784, 128), *hidden, Linear(128, 10)]
        return Sequential(layers, input_shape=(784,), dtype=dtype)

    def images(*layers) -> Sequential:
        return Sequential([*layers, Flatten(), Linear(None, 10)], input_shape=(28, 28, 1), dtype=dtype)

    def classes(rng, B):
        return rng.integers(0, 10, B)

    def numbers(rng, B):
        return rng.integers(0, 2, (B, 10)).astype(dtype)

    small_cnn = images(Conv2d(1, 8, 5), ReLU(), MaxPool2d(2), Conv2d(8, 16, 5), ReLU(), MaxPool2d(2))
    other_cnn = images(Conv2d(1, 4, 3, padding=1), Tanh(), AvgPool2d(2), Conv2d(4, 4, 3, groups=4), ReLU())
    return [
        *_steps("784-128-10", dense(Sigmoid()), SoftmaxCrossEntropy(), SGD, classes),
        *_steps("ReLU, dropout", dense(ReLU(), Dropout(0.3)), SoftmaxCrossEntropy(label_smoothing=0.1), Adam, classes),
        *_steps("tanh", dense(Tanh()), MeanSquaredError(), SGD, numbers),
        *_steps("leaky ReLU", dense(LeakyReLU()), SigmoidBinaryCrossEntropy(), Adam, numbers),
        *_steps("CNN", small_cnn, SoftmaxCrossEntropy(), SGD, classes),
        *_steps("average pooling, depthwise", other_cnn, SoftmaxCrossEntropy(), Adam, classes),
    ]


def _steps(name: str, model: Layer, loss: Loss, kind: Callable[..., Optimizer], targets: Callable) -> list[Job]:
    """Two training steps and a prediction, on a small and on a large batch."""
    optimizer = SGD(model, lr=1e-3, momentum=0.9) if kind is SGD else kind(model, lr=1e-3)

    def run(B: int) -> None:
        rng = np.random.default_rng(0)
        X = rng.standard_normal((B, *model.input_shape)).astype(model.dtype)
        y = targets(rng, B)
        for _ in range(2):
            loss.forward(model.forward(X, training=True), y)
            model.backward(loss.backward(), input_gradient=False)
            optimizer.step()
        model.forward(X, record=False)

    return [(f"{name}, {B} samples", functools.partial(run, B)) for B in (SMALL, LARGE)]
