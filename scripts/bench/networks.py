"""The networks of `bench_training.py` in nnmat and its peers; run as a module, a worker for one of them.

A step is forward, softmax cross-entropy, backward and momentum SGD (0.9); the batch of float32 differs from the one
before. A variant of a contender is a choice that a user has: `threads`, for PyTorch `layout` and `optimizer`, for JAX
how many steps of its loop are written out (`unroll`).
"""

import contextlib
import functools
import itertools
import os
import sys
import warnings
from typing import Any

import numpy as np

from bench.processes import peak_memory, seconds_of_each, seconds_of_one, seconds_per_call, serve

POOL = 8  # batches that take turns
TRAINED_BYTES = 16 << 20  # of the samples that `Trainer.fit` trains on
LR, MOMENTUM = 0.01, 0.9
SEED = 2026  # of the networks that stand in no list


def unlisted(seed: int) -> list[tuple[str, int]]:
    """Three networks that nobody has chosen, of 2 to 5 layers and widths from 50 to 1000, each with a batch."""
    rng = np.random.default_rng(seed)
    found = []
    for activation in ("sigmoid", "relu", "tanh"):
        widths = rng.integers(50, 1001, rng.integers(2, 6))
        found.append(("-".join([*map(str, widths), "10", activation]), int(rng.choice([32, 64, 128, 256]))))
    return found


UNLISTED = unlisted(SEED)
NETS = {"16-32-10": (16,), "784-128-10": (784,), "cnn": (28, 28, 1)}  # the shape of one sample
NETS |= {net: (int(net.split("-")[0]),) for net, _ in UNLISTED}


def dense(net: str) -> tuple[list[int], str]:
    """The widths of a network of linear layers, and what stands between them."""
    *widths, last = net.split("-")
    return ([*map(int, widths), int(last)], "sigmoid") if last.isdigit() else (list(map(int, widths)), last)


def batches(net: str, batch: int, seed: int = 0) -> list:
    """The pool of batches: standard normal samples and random classes."""
    rng = np.random.default_rng(seed)
    return [
        (rng.standard_normal((batch, *NETS[net]), np.float32), rng.integers(0, 10, batch))  # y is int64
        for _ in range(POOL)
    ]


def steps_of_an_epoch(X: np.ndarray) -> int:
    """How many batches such as X are trained on in one epoch."""
    return min(2048, max(POOL, TRAINED_BYTES // X.nbytes))


class Nnmat:
    """nnmat through its public classes."""

    def __init__(self):
        import nnmat

        self.nnmat, self.set_threads = nnmat, nnmat.set_num_threads

    def variants(self, net: str, threads: int) -> list[dict]:
        return [{"threads": threads}]

    def model(self, net: str):
        n = self.nnmat
        if net == "cnn":
            chain = [n.Conv2d(1, 8, 5), n.ReLU(), n.MaxPool2d(2), n.Conv2d(8, 16, 5), n.ReLU(), n.MaxPool2d(2)]
            return n.Sequential([*chain, n.Flatten(), n.Linear(256, 10)], input_shape=NETS[net])
        widths, name = dense(net)
        activation = {"sigmoid": n.Sigmoid, "relu": n.ReLU, "tanh": n.Tanh}[name]
        chain = [layer for N, M in itertools.pairwise(widths) for layer in (n.Linear(N, M), activation())]
        return n.Sequential(chain[:-1], input_shape=NETS[net])

    def stepper(self, net: str, batch: int, model=None):
        """A function that makes the next step and returns the loss."""
        model = model or self.model(net)
        loss, optimizer = self.nnmat.SoftmaxCrossEntropy(), self.nnmat.SGD(model, lr=LR, momentum=MOMENTUM)
        data = itertools.cycle(batches(net, batch))

        def step():
            X, y = next(data)
            value = loss.forward(model.forward(X, training=True), y)
            model.backward(loss.backward(), input_gradient=False)
            optimizer.step()
            return value

        return step

    def caller(self, net: str, batch: int):
        """The same step as one call of `compile_step`."""
        model, loss = self.model(net), self.nnmat.SoftmaxCrossEntropy()
        step = self.nnmat.compile_step(model, loss, self.nnmat.SGD(model, lr=LR, momentum=MOMENTUM))
        data = itertools.cycle(batches(net, batch))
        return lambda: step(*next(data))

    def trainer(self, net: str, batch: int, profile: bool = False):
        """A function that trains for so many seconds and returns those of a step, batches taken from the data.

        With `profile`, those of a step that were spent in kernels.
        """
        model = self.model(net)
        optimizer = self.nnmat.SGD(model, lr=LR, momentum=MOMENTUM)
        trainer = self.nnmat.Trainer(model, self.nnmat.SoftmaxCrossEntropy(), optimizer, profile=profile)
        (X, _), *_ = batches(net, batch)
        count = steps_of_an_epoch(X)
        rng = np.random.default_rng(0)
        data = rng.standard_normal((count * batch, *NETS[net]), np.float32), rng.integers(0, 10, count * batch)

        def train(seconds: float) -> float:
            epochs = 3
            while True:
                taken = trainer.fit(data, epochs=epochs, batch_size=batch, progress=False)["seconds"][2:]
                if sum(taken) >= seconds or epochs > 3:
                    if profile and trainer.program is not None:
                        return sum(row.seconds or 0.0 for row in trainer.program.rows)
                    return sum(taken) / (len(taken) * count)
                epochs = 3 + int(seconds / sum(taken))

        return train

    def epoch(self):
        """A function that trains 784-128-10 for one epoch on MNIST, with metrics and a progress bar (not shown)."""
        n = self.nnmat
        model, (train, _) = self.model("784-128-10"), n.datasets.mnist()
        train = n.datasets.Dataset(train.X.reshape(-1, 784), train.y)
        optimizer = n.SGD(model, lr=LR, momentum=MOMENTUM)
        trainer = n.Trainer(model, n.SoftmaxCrossEntropy(), optimizer, metrics=["accuracy"])
        return lambda: trainer.fit(train, epochs=1, batch_size=128)


class Torch:
    """PyTorch, with the layouts, optimisers and numbers of threads that may be fastest."""

    def __init__(self):
        import torch

        self.torch, self.set_threads = torch, torch.set_num_threads

    def variants(self, net: str, threads: int) -> list[dict]:
        layouts = [{"layout": layout} for layout in ("NCHW", "channels_last")] if net == "cnn" else [{}]
        choices = itertools.product(sorted({1, threads}), layouts, ("plain", "foreach", "fused"))
        return [{"threads": t, **layout, "optimizer": o} for t, layout, o in choices]

    def model(self, net: str):
        nn = self.torch.nn
        if net == "cnn":
            chain = [nn.Conv2d(1, 8, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 5), nn.ReLU(), nn.MaxPool2d(2)]
            return nn.Sequential(*chain, nn.Flatten(), nn.Linear(256, 10))
        widths, name = dense(net)
        activation = {"sigmoid": nn.Sigmoid, "relu": nn.ReLU, "tanh": nn.Tanh}[name]
        chain = [layer for N, M in itertools.pairwise(widths) for layer in (nn.Linear(N, M), activation())]
        return nn.Sequential(*chain[:-1])

    def update(self, model, optimizer: str):
        """Momentum SGD in one of its forms: plain, foreach, fused."""
        foreach, fused = optimizer == "foreach", True if optimizer == "fused" else None
        return self.torch.optim.SGD(model.parameters(), lr=LR, momentum=MOMENTUM, foreach=foreach, fused=fused)

    def stepper(self, net: str, batch: int, layout: str = "NCHW", optimizer: str = "plain", model=None):
        """A function that makes the next step and returns the loss as a tensor."""
        torch = self.torch
        memory = torch.channels_last if layout == "channels_last" else torch.contiguous_format
        model = (model or self.model(net)).to(memory_format=memory)
        update = self.update(model, optimizer)
        pool = []
        for X, y in batches(net, batch):
            X = torch.from_numpy(X)
            if net == "cnn":  # (B, H, W, C) -> (B, C, H, W)
                X = X.permute(0, 3, 1, 2).contiguous(memory_format=memory)
            pool.append((X, torch.from_numpy(y)))
        data, cross_entropy = itertools.cycle(pool), torch.nn.functional.cross_entropy

        def step():
            X, y = next(data)
            update.zero_grad()
            value = cross_entropy(model(X), y)
            value.backward()
            update.step()
            return value

        return step

    def epoch(self, optimizer: str = "plain"):
        """The same epoch as a loop by hand: shuffled rows, loss and accuracy summed, no progress bar, no DataLoader."""
        from nnmat import datasets

        torch = self.torch
        train, _ = datasets.mnist()
        X, y = torch.from_numpy(train.X.reshape(-1, 784)), torch.from_numpy(train.y)
        model = self.model("784-128-10")
        update = self.update(model, optimizer)

        def epoch():
            loss = right = 0
            for rows in torch.randperm(len(X)).split(128):
                targets = y[rows]
                update.zero_grad()
                H = model(X[rows])
                value = torch.nn.functional.cross_entropy(H, targets)
                value.backward()
                update.step()
                loss += len(rows) * value.item()
                right += (H.argmax(1) == targets).sum().item()

        return epoch


class Jax:
    """JAX: a whole epoch under `jit` and `lax.scan`, its batches on the device before, in a process for each number of
    threads."""

    def __init__(self, threads: str = ""):
        os.environ["JAX_PLATFORMS"] = "cpu"
        self.threads = int(threads) if threads else os.cpu_count() or 1
        if hasattr(os, "sched_setaffinity"):  # XLA makes a thread for each core that it may use
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-self.threads :])
        import jax

        self.jax = jax

    def set_threads(self, threads: int) -> None:
        """They were chosen when the process began."""

    def variants(self, net: str, threads: int) -> list[dict]:
        return [{"threads": self.threads, "unroll": unroll} for unroll in (1, 4)]

    def parameters(self, net: str) -> list:
        """A pair of weight (inputs, outputs) and bias for each layer."""
        rng, widths = np.random.default_rng(0), dense(net)[0]
        weights = [rng.uniform(-1, 1, (N, M)) / np.sqrt(N) for N, M in itertools.pairwise(widths)]
        pairs = [(W.astype(np.float32), np.zeros(W.shape[1], np.float32)) for W in weights]
        return self.jax.tree.map(self.jax.numpy.asarray, pairs)

    def trained(self, net: str, unroll: int = 1):
        """A function ((parameters, velocity), X, y) -> (the same after a step on each of the batches, the losses)."""
        jax, activation = self.jax, dense(net)[1]
        between = {"sigmoid": jax.nn.sigmoid, "relu": jax.nn.relu, "tanh": jax.numpy.tanh}[activation]

        def loss(parameters, X, y):
            for W, b in parameters[:-1]:
                X = between(X @ W + b)
            W, b = parameters[-1]
            H = X @ W + b
            return -(jax.nn.log_softmax(H) * jax.nn.one_hot(y, H.shape[1])).sum(1).mean()

        def step(state, batch):
            parameters, velocity = state
            value, gradient = jax.value_and_grad(loss)(parameters, *batch)
            velocity = jax.tree.map(lambda v, g: MOMENTUM * v + g, velocity, gradient)
            return (jax.tree.map(lambda p, v: p - LR * v, parameters, velocity), velocity), value

        def epoch(state, X, y):
            return jax.lax.scan(step, state, (X, y), unroll=unroll)

        return jax.jit(epoch, donate_argnums=0)

    def trainer(self, net: str, batch: int, unroll: int = 1):
        """A function that trains for so many seconds and returns those of a step."""
        jax, epoch = self.jax, self.trained(net, unroll)
        (first, _), *_ = batches(net, batch)
        count = steps_of_an_epoch(first)
        rng = np.random.default_rng(0)
        X = jax.device_put(rng.standard_normal((count, *first.shape), np.float32))
        y = jax.device_put(rng.integers(0, 10, (count, batch), np.int32))
        parameters = self.parameters(net)
        state = [(parameters, jax.tree.map(jax.numpy.zeros_like, parameters))]

        def run():
            state[0], losses = epoch(state[0], X, y)
            jax.block_until_ready((state[0], losses))

        run()
        return lambda seconds: seconds_per_call(run, seconds) / count


class Sklearn:
    """scikit-learn's MLPClassifier; `threads` are those of its BLAS."""

    def __init__(self):
        from threadpoolctl import threadpool_limits

        self.set_threads = threadpool_limits

    def variants(self, net: str, threads: int) -> list[dict]:
        return [{"threads": t} for t in sorted({1, threads})]

    def epoch(self):
        """The same network, optimiser and batches, for one epoch."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.neural_network import MLPClassifier

        from nnmat import datasets

        warnings.simplefilter("ignore", ConvergenceWarning)  # one epoch is what we ask for
        train, _ = datasets.mnist()
        X = train.X.reshape(-1, 784)
        how = {"solver": "sgd", "batch_size": 128, "learning_rate_init": LR, "momentum": MOMENTUM, "alpha": 0.0}
        net = MLPClassifier((128,), activation="logistic", nesterovs_momentum=False, max_iter=1, **how)
        return lambda: net.fit(X, train.y)


CONTENDERS = {"nnmat": Nnmat, "torch": Torch, "jax": Jax, "sklearn": Sklearn}


@contextlib.contextmanager
def unseen():
    """Progress bars are drawn, into nothing."""
    with open(os.devnull, "w") as nothing, contextlib.redirect_stderr(nothing):
        yield


def work(contender: Any) -> None:
    """Answer requests for steps, epochs and memory of a contender until the parent closes the pipe."""

    @functools.cache
    def built(kind: str, options: tuple):
        return getattr(contender, kind)(**dict(options))

    def ready(kind: str, variant: dict, **case):
        """What the request is about, made at the first request; the threads are set each time."""
        options = {**case, **variant}
        contender.set_threads(options.pop("threads"))
        return built(kind, tuple(options.items()))

    def steps(seconds: float, variant: dict, **case) -> float:
        return seconds_per_call(ready("stepper", variant, **case), seconds)

    def calls(seconds: float, variant: dict, **case) -> float:
        return seconds_per_call(ready("caller", variant, **case), seconds)

    def each(seconds: float, variant: dict, kind: str, **case) -> list[float]:
        return seconds_of_each(ready(kind, variant, **case), seconds)

    def train(seconds: float, variant: dict, **case) -> float:
        return ready("trainer", variant, **case)(seconds)

    def write(variant: dict, **case) -> float:
        return ready("writer", variant, **case)()

    def epoch(variant: dict) -> float:
        run = ready("epoch", variant)
        with unseen():
            return seconds_of_one(run)

    def memory(count: int, variant: dict, **case) -> int:
        step = ready("stepper", variant, **case)
        for _ in range(count):
            step()
        return peak_memory()

    serve(
        {
            "variants": contender.variants,
            "steps": steps,
            "calls": calls,
            "each": each,
            "train": train,
            "write": write,
            "epoch": epoch,
            "memory": memory,
        }
    )


if __name__ == "__main__":
    work(CONTENDERS[sys.argv[1]](*sys.argv[2:]))
