"""Random runs of training, each made three times: by hand, compiled, and compiled with a stop in the middle.

    python -m tests.nnmat.programs.fuzzing FIRST COUNT [MORE ...]

A number gives a case: a model of depth 1 to 12, data, a loss, an optimizer, metrics, batches, threads. All three must
end with the same bits: parameters, the optimizer's vectors, buffers and the history.
"""

import collections
import os
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np

import nnmat as nm
from nnmat_kernels.losses.softmax_cross_entropy import CROSS_ENTROPY_PARALLEL_SIZE
from nnmat_kernels.runtime.parallel import PARALLEL_FLOPS, PARALLEL_SIZE
from tests.nnmat.programs import latest_layers as latest

THREADS = (1, 2, 5)  # more than there are cores, too
EPOCHS, BATCHES = 9, 5  # whole batches of an epoch; most have a smaller one more
SCALES = ("small", "small", "small", "operations", "elements", "logits", "inner")
INPUTS = ("branches", "RNN", "LSTM", "GRU", "block", "cross", "mask")  # what a model of several inputs begins with
IGNORED = -7
ENTRY_LOSSES = {  # by name: the loss of so many outputs, and what the model then ends in
    "absolute": (lambda rng, n: nm.L1(), None),
    "huber": (lambda rng, n: nm.Huber(0.7), None),
    "huber, sum": (lambda rng, n: nm.Huber(0.003, reduction="sum"), None),
    "smooth": (lambda rng, n: nm.SmoothL1(0.7), None),
    "columns": (lambda rng, n: nm.SigmoidBinaryCrossEntropy(rng.uniform(0, 3, n)), None),
    "divergence": (lambda rng, n: nm.KLDivergence(), nm.LogSoftmax),
    "counts": (lambda rng, n: nm.PoissonNegativeLogLikelihood(full=bool(rng.integers(2))), nm.Tanh),
    "gaussian": (lambda rng, n: nm.GaussianNegativeLogLikelihood("spherical"), nm.Softplus),
}


class Stop(nm.Callback):
    """Ends the run after a step, with a checkpoint."""

    def __init__(self, path, step):
        self.path, self.step = path, step

    def on_step_end(self, trainer, step, loss):
        if step == self.step:
            trainer.request_checkpoint(self.path, now=True)
            trainer.stop = True

    def next_step(self, step):
        return self.step if step < self.step else "last"


class Case:
    """A run of training; each call of `trainer` and `data` gives the same anew."""

    def __init__(self, seed: int):
        self.seed = seed
        rng = np.random.default_rng(seed)
        self.images = bool(rng.random() < 0.25)
        self.scale = "small" if self.images else str(rng.choice(SCALES))
        self.depth = int(rng.integers(1, 13)) if self.scale == "small" else int(rng.integers(1, 4))
        self.dtype = str(rng.choice(["float32", "float32", "float32", "float64"]))
        self.classes = int(rng.choice([2, 3, 10, 10, 40]))
        self.width, self.batch = self._sizes(rng)
        self.input_shape = (int(rng.integers(6, 15)),) * 2 + (int(rng.integers(1, 4)),)
        if not self.images:
            self.input_shape = (int(rng.integers(1, 40)) if self.scale == "small" else int(rng.integers(8, 24)),)
        self.rows = BATCHES * self.batch + int(rng.choice([0, 1, self.batch - 1, rng.integers(self.batch)]))
        self.newer = seed % 2 == 1 and self.scale == "small"  # layers of today's networks, too
        self.tokens = self.newer and not self.images and bool(rng.random() < 0.6)
        self.newest = seed % 3 == 0 or seed % 5 == 0  # optimizers of today, groups, several inputs
        self.inputs = ""  # several: of branches, of a state, of a mask
        if self.newest and self.scale == "small" and not self.images:
            self.inputs, self.tokens, self.depth = str(rng.choice(INPUTS)), False, min(self.depth, 4)
            self.input_shape = self._several(rng)
        if self.tokens:
            self.depth, self.input_shape = min(self.depth, 4), (int(rng.integers(1, 20)),)
        self.latest = seed % 4 < 2  # layers of images and signals, and the units that came with them
        plain = self.latest and self.scale == "small" and not (self.images or self.tokens or self.inputs)
        self.signals = plain and bool(np.random.default_rng((seed, 4)).random() < 0.4)
        if self.signals:
            self.depth, self.input_shape = min(self.depth, 6), (int(rng.integers(4, 20)), int(rng.integers(1, 5)))
        if self.newer and (self.rows % self.batch == 1 or self.batch == 1):  # batch norm takes no batch of one
            self.batch = max(self.batch, 2)
            self.rows = BATCHES * self.batch
        self.loss = str(rng.choice(["labels", "labels", "options", "targets", "squares", "binary"]))
        self.weighted = bool(rng.random() < 0.2)
        self.entries = False  # whether entries are weighted, each for itself
        if seed % 4 == 3:
            own = np.random.default_rng((seed, 5))
            self.loss, self.entries = str(own.choice(sorted(ENTRY_LOSSES))), bool(own.random() < 0.3)
        self.threads = int(rng.choice(THREADS))
        self.stopped_after = int(rng.integers(31, 45))

    def _sizes(self, rng) -> tuple[int, int]:
        """Width and batch, for work on both sides of a threshold of the kernels."""
        near = 2.0 ** rng.uniform(-0.7, 0.7)
        if self.scale == "operations":  # of a product, B N M with N about M
            width = int(rng.integers(40, 120))
            return width, max(2, int(near * PARALLEL_FLOPS / 2 / width**2))
        if self.scale == "elements":
            width = int(rng.integers(100, 400))
            return width, max(2, int(near * PARALLEL_SIZE / width))
        if self.scale == "logits":
            return int(rng.integers(4, 30)), max(2, int(near * CROSS_ENTROPY_PARALLEL_SIZE / self.classes))
        if self.scale == "inner":  # of a product: the width forward, the batch in a gradient
            long, short = int(rng.integers(2040, 2120)), int(rng.integers(2, 24))
            return (long, short) if rng.random() < 0.6 else (short, long)
        return int(rng.integers(1, 90)), int(rng.integers(1, 70))

    def _several(self, rng) -> tuple:
        """The shapes of several inputs."""
        T, D, S, E, N = (int(n) for n in rng.integers(1, 9, 5))
        D *= 2
        return {
            "branches": ((D,), (E,)),
            "block": ((T, D), (T,)),
            "cross": ((T, D), (S, E), (S,)),
            "mask": ((T, D), (T, T)),
            "LSTM": ((T, D), (N,), (N,)),
        }.get(self.inputs, ((T, D), (N,)))

    def trainer(self, compiled: bool) -> nm.Trainer:
        rng = np.random.default_rng((self.seed, 1))
        model = self.model(rng)
        optimizer = self.optimizer(rng, model)
        return nm.Trainer(model, self.made_loss(rng), optimizer, metrics=self.metrics(rng), compiled=compiled)

    def model(self, rng) -> nm.Sequential:
        layers = self._layers(rng)
        if self.inputs:
            layers = [*self._first(rng), nm.Flatten(), *layers]
        last = ENTRY_LOSSES[self.loss][1] if self.loss in ENTRY_LOSSES else None
        layers = [*layers, nm.Linear(None, self.classes), *([last()] if last else [])]
        model = nm.Sequential(layers, input_shape=self.input_shape, seed=self.seed, dtype=self.dtype)
        if rng.random() < 0.1:
            parameters = model.parameters()
            parameters[int(rng.integers(len(parameters) - 1))].trainable = False
        return model

    def _layers(self, rng) -> list:
        if self.signals or (self.images and self.latest):
            return latest.chain(self, rng)
        return self._images(rng) if self.images else self._sequences(rng) if self.tokens else self._dense(rng)

    def _dense(self, rng) -> list:
        layers: list = []
        branches = rng.random() < 0.15
        for _ in range(self.depth - 1):
            width = max(1, int(self.width * rng.uniform(0.9, 1.1)))
            layer = nm.Linear(None, width, bias=bool(rng.random() < 0.8))
            kind = rng.random()
            if self.latest and 0.6 < kind < 0.7:
                layers += [layer, *latest.through_images(rng)]
            elif branches and kind < 0.3:
                layers.append(nm.Concatenate([layer, nm.Linear(None, 3)]))
            elif branches and kind < 0.6:
                layers += [layer, nm.Add([None, nm.Sequential([nm.Linear(width, width), nm.Tanh()])])]
            elif kind > 0.84 and self.newer:
                layers += [layer, nm.Residual(nm.Sequential([nm.RMSNorm(), nm.GatedFeedForward(width, 7)]))]
            elif kind > 0.92 and self.scale == "small":
                square = nm.Linear(width, width)
                layers += [layer, square, nm.Sigmoid(), nm.Tied(square, transpose=bool(rng.integers(2)))]
            else:
                layers.append(layer)
            layers += self.between(rng)
        return layers

    def _first(self, rng) -> list:
        """What makes one of several inputs."""
        first, second = self.input_shape[:2]
        D, heads = first[-1], int(rng.choice([1, 2]))
        bias, other = bool(rng.integers(2)), bool(rng.integers(2))
        if self.inputs == "branches":
            return [nm.Add([nm.Linear(D, 7), nm.Linear(second[0], 7, bias=False)])]
        if self.inputs == "block":
            return [nm.TransformerBlock(D, heads, 5, key_mask=True, causal=other, bias=bias, rate=0.1)]
        if self.inputs == "cross":
            features = second[1]
            return [
                nm.MultiHeadAttention(D, heads, cross=True, key_features=features, key_mask=True, rate=0.2, bias=bias)
            ]
        if self.inputs == "mask":
            return [nm.MultiHeadAttention(D, heads, mask=True, causal=other, bias=bias)]
        return [getattr(nm, self.inputs)(D, second[0], bias, states=True, last=other)]

    def _sequences(self, rng) -> list:
        """What takes tokens: attention, recurrent layers, a head of the table."""
        T, D = self.input_shape[0], 2 * int(rng.integers(1, 5))
        table, heads = nm.Embedding(self.classes, D), int(rng.choice([1, D // 2]))
        layers: list = [table, nm.PositionalEmbedding(T + int(rng.integers(3)), ("learned", "sinusoidal")[T % 2])]
        for _ in range(self.depth - 1):
            causal, bias = bool(rng.integers(2)), bool(rng.integers(2))
            kinds = [
                lambda causal=causal: nm.MultiHeadAttention(D, heads, causal=causal, rotary=not causal, rate=0.2),
                lambda causal=causal, bias=bias: nm.TransformerBlock(
                    D, heads, 9, causal=causal, bias=bias, rate=0.1, feed_forward=("gated", "gelu")[bias]
                ),
                lambda bias=bias: nm.RNN(D, D, bias),
                lambda bias=bias: nm.LSTM(D, D, bias),
                lambda bias=bias: nm.GRU(D, D, bias),
                lambda: nm.RotaryEmbedding(heads),
            ]
            layers.append(kinds[int(rng.integers(len(kinds)))]())
        if rng.random() < 0.5:
            layers.append(nm.Tied(table, transpose=True))
        elif rng.random() < 0.7:
            layers.append((nm.RNN, nm.LSTM, nm.GRU)[int(rng.integers(3))](D, D, last=True))
        return [*layers, nm.Flatten()]

    def _images(self, rng) -> list:
        layers: list = []
        size, channels = self.input_shape[0], self.input_shape[2]
        for _ in range(self.depth - 1):
            kernel = int(rng.integers(1, min(5, size) + 1))
            stride, padding = int(rng.integers(1, 3)), int(rng.integers(0, kernel // 2 + 1))
            groups = channels if rng.random() < 0.2 else 1
            out = groups * int(rng.integers(1, 3)) if groups > 1 else int(rng.integers(1, 9))
            bias = bool(rng.random() < 0.8)
            layers.append(nm.Conv2d(channels, out, kernel, stride=stride, padding=padding, groups=groups, bias=bias))
            size, channels = (size + 2 * padding - kernel) // stride + 1, out
            layers += self.between(rng)
            if size >= 4 and rng.random() < 0.5:
                layers.append(nm.MaxPool2d(2) if rng.random() < 0.5 else nm.AvgPool2d(2))
                size //= 2
        return [*layers, nm.Flatten()]

    def between(self, rng) -> list:
        """Activations, norms and dropout between two layers."""
        kinds = [nm.ReLU, nm.Sigmoid, nm.Tanh, nm.GELU, lambda: nm.LeakyReLU(0.1), lambda: nm.Dropout(0.3)]
        if not self.images:
            kinds.append(nm.Softmax)
        if self.newer:
            kinds += [nm.SiLU, lambda: nm.ELU(0.5), nm.Softplus, lambda: nm.GELU("tanh"), nm.LayerNorm, nm.RMSNorm]
            kinds += [lambda: nm.GroupNorm(1), nm.BatchNorm2d if self.images else nm.BatchNorm1d]
        if self.latest:
            kinds += latest.units(self.images, len(self.input_shape) if self.images or self.signals else 1)
        return [kinds[int(rng.integers(len(kinds)))]() for _ in range(int(rng.choice([0, 1, 1, 1, 2])))]

    def made_loss(self, rng) -> nm.losses.Loss:
        if self.loss == "squares":
            return nm.MeanSquaredError()
        if self.loss in ENTRY_LOSSES:
            return ENTRY_LOSSES[self.loss][0](rng, self.classes)
        if self.loss == "binary":
            return nm.SigmoidBinaryCrossEntropy(positive_weight=float(rng.choice([1.0, 3.0])))
        options: dict = {}
        if self.loss == "options":
            options["ignore_index"] = IGNORED
        if self.loss == "options" or (self.loss == "targets" and rng.random() < 0.5):
            options["label_smoothing"] = float(rng.choice([0.0, 0.1]))
            options["class_weight"] = rng.uniform(0.5, 2.0, self.classes) if rng.random() < 0.5 else None
        return nm.SoftmaxCrossEntropy(**options)

    def optimizer(self, rng, model) -> nm.Optimizer:
        lr = [
            0.01,
            nm.schedules.Cosine(0.02, 50),
            nm.schedules.Step(0.02, 13, 0.5),
            nm.schedules.WarmUp(7, nm.schedules.Cosine(0.01, 40)),
            lambda step: 0.02 / (1 + step),
        ][int(rng.integers(5))]
        kinds = sorted({p.name.rpartition(".")[2] for p in model.parameters()})
        decay = [0.0, 1e-3, dict(zip(kinds, (1e-3, 1e-2), strict=False))][int(rng.integers(3))]
        shared = {
            "lr": lr,
            "weight_decay": decay,
            "clip_norm": float(rng.uniform(0.1, 2)) if rng.random() < 0.4 else None,
        }
        if self.newest:
            return self._newest_optimizer(model, shared)
        made = [
            lambda: nm.SGD(model, **shared),
            lambda: nm.SGD(model, momentum=0.9, nesterov=True, **shared),
            lambda: nm.SGD(model, momentum=0.8, dampening=0.3, **shared),
            lambda: nm.Adam(model, **shared),
            lambda: nm.Adam(model, betas=(0.8, 0.99), **shared),
            lambda: nm.AdamW(model, **shared),
            lambda: nm.RMSProp(model, **shared),
            lambda: nm.RMSProp(model, momentum=0.9, centered=True, **shared),
        ]
        return made[int(rng.integers(len(made)))]()

    def _newest_optimizer(self, model, shared: dict) -> nm.Optimizer:
        rng = np.random.default_rng((self.seed, 3))
        if rng.random() < 0.3:
            shared |= {"maximize": True, "lr": nm.schedules.Cosine(1e-3, 50)}
        if rng.random() < 0.5:
            names = [p.name for p in model.parameters()]
            chosen = rng.permutation(names)[: 1 + int(rng.integers(len(names)))].tolist()
            one, other = chosen[::2], chosen[1::2]
            shared["groups"] = [{"parameters": one, "lr_factor": 0.3, "weight_decay": 0.02}]
            if other:
                shared["groups"].append({"parameters": other, "lr_factor": float(rng.integers(2))})
        made = [
            lambda: nm.Adam(model, amsgrad=True, **shared),
            lambda: nm.AdamW(model, amsgrad=True, **shared),
            lambda: nm.NAdam(model, **shared),
            lambda: nm.NAdam(model, decoupled=True, **shared),
            lambda: nm.Adagrad(model, initial=0.1, **shared),
            lambda: nm.Lion(model, **shared),
            lambda: nm.Muon(model, **shared),
            lambda: nm.Muon(model, nesterov=False, scaling="width", **shared),
            lambda: nm.SGD(model, momentum=0.9, **shared),
            lambda: nm.RMSProp(model, **shared),
        ]
        return made[int(rng.integers(len(made)))]()

    def metrics(self, rng) -> list:
        if self.loss == "squares" or self.loss in ENTRY_LOSSES:
            return []
        if self.loss == "binary":
            return ["binary_accuracy"] if rng.random() < 0.5 else []
        if self.loss == "options":
            return [nm.metrics.accuracy_ignoring(IGNORED)] if rng.random() < 0.5 else []
        kinds = [[], ["accuracy"], ["accuracy"]]
        return [*kinds, ["top_2", "accuracy"]][int(rng.integers(4))]

    def data(self) -> tuple:
        rng = np.random.default_rng((self.seed, 2))
        X: Any = self._several_arrays(rng) if self.inputs else rng.standard_normal((self.rows, *self.input_shape))
        if self.tokens:
            X = rng.integers(0, self.classes, X.shape)
        elif not self.inputs:
            X = X.astype(self.dtype)
        if self.loss in ("labels", "options"):
            y = rng.integers(0, self.classes, self.rows)
            if self.loss == "options":
                y[rng.random(self.rows) < 0.2] = IGNORED
        elif self.loss == "targets":
            y = rng.dirichlet(np.ones(self.classes), self.rows).astype(self.dtype)
        else:
            y = rng.random((self.rows, self.classes - (self.loss == "gaussian"))).astype(self.dtype)
        if self.entries:
            return X, y, (rng.random(y.shape) * (rng.random(y.shape) < 0.8)).astype(self.dtype)
        return (X, y, rng.random(self.rows).astype(self.dtype)) if self.weighted else (X, y)

    def _several_arrays(self, rng) -> tuple:
        X = [rng.standard_normal((self.rows, *shape)).astype(self.dtype) for shape in self.input_shape]
        if self.inputs in ("block", "cross"):
            X[-1] = X[-1] > -0.5
        if self.inputs == "mask":
            X[-1][X[-1] < -1] = -np.inf
        return tuple(X)

    def run(self, compiled: bool, threads: int, **options) -> tuple[dict, nm.Trainer]:
        """The state after a run, and its trainer."""
        nm.set_num_threads(threads)
        trainer = self.trainer(compiled)
        history = trainer.fit(
            self.data(), EPOCHS, batch_size=self.batch, seed=self.seed, progress=False, checkpoint=None, **options
        )
        state = {"parameters": trainer.model.flat_parameters, **trainer.optimizer.state_vectors()}
        state |= trainer.model.buffers()
        found = {name: A.tobytes() for name, A in state.items()}
        return found | {name: values for name, values in history.items() if name != "seconds"}, trainer

    def compare(self, folder: Path) -> str:
        """Run it three times; why it ran by hand, if it did. Raises AssertionError for other bits."""
        by_hand, _ = self.run(False, 1)
        compiled, trainer = self.run(True, self.threads)
        self._same("compiled", by_hand, compiled)
        path = folder / "stopped.npz"
        self.run(True, self.threads, callbacks=[Stop(path, self.stopped_after)])
        resumed, _ = self.run(True, 3 - min(self.threads, 2), callbacks=[Stop(path, 0)], resume=path)
        self._same("resumed", by_hand, resumed)
        path.unlink()
        if trainer.program is not None:
            return ""
        step = nm.compile_step(trainer.model, trainer.loss, trainer.optimizer)
        first = (
            tuple(A[: self.batch] for A in part) if type(part) is tuple else part[: self.batch] for part in self.data()
        )
        return step.why_not(*first) or "nobody knows why"

    def _same(self, how: str, expected: dict, found: dict) -> None:
        wrong = [name for name in expected if found[name] != expected[name]]
        assert not wrong, f"{how}: other bits of {', '.join(wrong)}"

    def __str__(self) -> str:
        return f"{vars(self)}\n{self.trainer(False).model!r}"


def main() -> None:
    first, count, *more = map(int, sys.argv[1:])
    reasons: collections.Counter = collections.Counter()
    wrong = 0
    warnings.simplefilter("error", RuntimeWarning)  # so a program is refused whose bits are others
    with tempfile.TemporaryDirectory() as folder:
        for seed in [*more, *range(first, first + count)]:
            try:
                reasons[Case(seed).compare(Path(folder))] += 1
            except (AssertionError, RuntimeWarning) as error:
                wrong += 1
                print(f"case {seed}: {error}\n{Case(seed)}", file=sys.stderr)
    if wrong:
        sys.exit(f"fuzzed: {wrong} of {count + len(more)} models have other bits")
    as_programs, count = reasons.pop("", 0), count + len(more)
    print(f"fuzzed: {count} models equal bit by bit, {as_programs} as programs, {count - as_programs} by hand")
    for reason, times in reasons.most_common():
        print(f"  {times} by hand: {reason}")


if __name__ == "__main__":
    os.environ.setdefault("NNMAT_QUIET", "1")
    main()
