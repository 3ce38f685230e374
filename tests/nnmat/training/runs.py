"""A small problem and a trainer for it, for the tests of the training loop."""

import numpy as np

import nnmat
from nnmat import SGD, Linear, Sequential, SoftmaxCrossEntropy, Tanh, Trainer


def blobs(n=200, seed=0):
    """Three well separated clouds."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, n)
    X = np.array([[3, 0], [-3, 0], [0, 4]])[y] + rng.standard_normal((n, 2))
    return nnmat.datasets.Dataset(X.astype(np.float32), y)


def make(loss=None, lr=0.1, seed=0, dtype=np.float32, metrics=("accuracy",), **options):
    model = Sequential([Linear(2, 8), Tanh(), Linear(8, 3)], input_shape=(2,), seed=seed, dtype=dtype)
    return Trainer(model, loss or SoftmaxCrossEntropy(), SGD(model, lr=lr, momentum=0.9, **options), metrics=metrics)


def fit(trainer, data, **options):
    options = {"epochs": 2, "batch_size": 32, "progress": False} | options
    return trainer.fit(data, **options)


class Growing:
    """A batch source of one's own: batches of 1, 2, 3, ... fresh random samples, and a state."""

    def __init__(self):
        self.epochs = 0

    def __len__(self):
        return 5

    def batches(self, rng, start=0):
        self.epochs += 1
        seeds = rng.integers(0, 2**32, 5)
        for i in range(start, 5):
            data = blobs(i + 1, seed=seeds[i])
            yield data.X, data.y

    def state(self):
        return {"epochs": self.epochs}

    def load_state(self, state):
        self.epochs = state["epochs"]
