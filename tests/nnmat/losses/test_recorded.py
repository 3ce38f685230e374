"""Losses with weights and options consist of kernels: steps with them run as programs, and refuse what they refused."""

import copy

import numpy as np
import pytest

import nnmat as nm
from nnmat_kernels.runtime.config import settings

only_compiled = pytest.mark.skipif(bool(settings.DISABLE_JIT), reason="nothing is compiled")
IGNORED = -7
OPTIONS = {"ignore_index": IGNORED, "label_smoothing": 0.1, "class_weight": [1, 2, 0.5, 0, 1]}
LOSSES = {
    "labels": lambda: nm.SoftmaxCrossEntropy(),
    "labels, options": lambda: nm.SoftmaxCrossEntropy(**OPTIONS),
    "labels, ignored": lambda: nm.SoftmaxCrossEntropy(ignore_index=IGNORED),
    "targets": lambda: nm.SoftmaxCrossEntropy(),
    "targets, options": lambda: nm.SoftmaxCrossEntropy(label_smoothing=0.2, class_weight=[1, 2, 0.5, 1, 1]),
    "squares": nm.MeanSquaredError,
    "binary": lambda: nm.SigmoidBinaryCrossEntropy(2.0),
    "binary, columns": lambda: nm.SigmoidBinaryCrossEntropy([2, 1, 0.5, 0, 1], reduction="sum"),
    "absolute": nm.L1,
    "huber": lambda: nm.Huber(0.7),
    "smooth, sum": lambda: nm.SmoothL1(0.7, "sum"),
    "divergence": nm.KLDivergence,
    "counts": lambda: nm.PoissonNegativeLogLikelihood(full=True),
    "rates": lambda: nm.PoissonNegativeLogLikelihood(log_input=False, eps=10.0),
    "spherical": lambda: nm.GaussianNegativeLogLikelihood("spherical", full=True),
    "cholesky": lambda: nm.GaussianNegativeLogLikelihood("cholesky"),
    "squares, sum": lambda: nm.MeanSquaredError(reduction="sum"),
    "labels, sum": lambda: nm.SoftmaxCrossEntropy(**OPTIONS, reduction="sum"),
    "targets, sum": lambda: nm.SoftmaxCrossEntropy(reduction="sum"),
}
COLUMNS = {"spherical": 4, "cholesky": 2}  # of targets, where five outputs are more than means


class Pair:
    """A step compiled, and the same by hand."""

    def __init__(self, kind, B, dtype="float32"):
        self.kind, self.B, self.dtype, self.rng = kind, B, dtype, np.random.default_rng(1)
        layers = [nm.Linear(6, 8), nm.Tanh(), nm.Dropout(0.2), nm.Linear(8, 5)]
        if kind in COLUMNS:
            layers.append(nm.Softplus())
        model = nm.Sequential(layers, input_shape=(6,), seed=0, dtype=dtype)
        self.models = [model, copy.deepcopy(model)]
        self.losses = [LOSSES[kind](), LOSSES[kind]()]
        lr = 0.01 if kind in COLUMNS else 0.1 if self.losses[0].reduction == "mean" else 0.1 / B
        self.optimizers = [nm.SGD(model, lr=lr, momentum=0.9) for model in self.models]
        self.step = nm.compile_step(self.models[0], self.losses[0], self.optimizers[0])

    def batch(self):
        X = self.rng.standard_normal((self.B, 6)).astype(self.dtype)
        if self.kind.startswith("labels"):
            y = self.rng.integers(0, 5, self.B)
            if self.kind != "labels":
                y[self.rng.random(self.B) < 0.3] = IGNORED
        elif self.kind.startswith("targets"):
            y = self.rng.dirichlet(np.ones(5), self.B).astype(self.dtype)
        else:
            y = self.rng.random((self.B, COLUMNS.get(self.kind, 5))).astype(self.dtype)
        return X, y

    def weights(self):
        return self.rng.random(self.B).astype(self.dtype)

    def both(self, X, y, w) -> float:
        """A step by both, with the same bits."""
        value = self.losses[1].forward(self.models[1].forward(X, training=True), y, w)
        self.models[1].backward(self.losses[1].backward(), input_gradient=False)
        self.optimizers[1].step()
        assert self.step(X, y, w) == value
        assert self.models[0].flat_parameters.tobytes() == self.models[1].flat_parameters.tobytes()
        return value


@only_compiled
@pytest.mark.parametrize(("B", "dtype"), [(16, "float32"), (16, "float64"), (15_000, "float32")])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("kind", LOSSES)
def test_steps_with_weights_and_options_are_programs(kind, weighted, B, dtype):
    pair = Pair(kind, B, dtype)
    for i in range(12):
        (X, y), w = pair.batch(), pair.weights() if weighted else None
        nothing = i == 8 and (weighted or "ignored" in kind or kind in ("labels, options", "labels, sum"))
        if nothing and weighted:
            w[:] = 0
        elif nothing:
            y[:] = IGNORED
        value = pair.both(X, y, w)
        assert (value == 0.0) == nothing
        assert not nothing or not pair.models[0].flat_gradients.any()
    assert pair.step.why_not(X, y, w) == ""
    assert pair.step.program(X, y, w) is not None


def wrong_batches(kind):
    """What to put into a batch (X, y, w), and the error."""
    if kind.startswith("labels"):
        yield lambda X, y, w: y.__setitem__(5, 5), nm.LabelError, "labels from 0 to 4.* got 5 in row 5"
        yield lambda X, y, w: y.__setitem__(3, -1), nm.LabelError, "got -1 in row 3"
    else:
        yield lambda X, y, w: y.__setitem__((5, 1), np.nan), nm.LabelError, "got nan in row 5, column 1"
        yield lambda X, y, w: y.__setitem__((0, 0), -np.inf), nm.LabelError, "got -inf in row 0, column 0"
    if kind in ("targets, options", "binary", "binary, columns", "divergence", "counts", "rates"):
        yield lambda X, y, w: y.__setitem__((9, 4), -0.25), nm.LabelError, "from 0.* got -0.25 in row 9, column 4"
    yield lambda X, y, w: w.__setitem__(7, -1), nm.DataError, "sample_weight finite and not negative, got -1.0"
    yield lambda X, y, w: w.__setitem__(7, np.nan), nm.DataError, "sample_weight finite and not negative, got nan"


@pytest.mark.parametrize("kind", LOSSES)
def test_what_is_refused_changes_nothing(kind):
    pair = Pair(kind, 16)
    for _ in range(8):
        pair.both(*pair.batch(), pair.weights())
    for spoil, error, text in wrong_batches(kind):
        (X, y), w = pair.batch(), pair.weights()
        spoil(X, y, w)
        before = pair.models[0].flat_parameters.copy()
        with pytest.raises(error, match=text):
            pair.losses[1].forward(pair.models[1].forward(X, training=True), y, w)
        with pytest.raises(error, match=text):
            pair.step(X, y, w)
        assert pair.models[0].flat_parameters.tobytes() == before.tobytes()
        pair.both(*pair.batch(), pair.weights())  # with the masks of dropout that follow


@pytest.mark.parametrize("weighted", [True, False])
def test_the_mean_of_an_epoch_is_weighed_by_the_divisors(weighted):
    """Also by programs, whose batches have other divisors each."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((130, 6)).astype(np.float32), rng.integers(0, 5, 130)
    y[rng.random(130) < 0.4] = IGNORED
    data = (X, y, rng.random(130).astype(np.float32)) if weighted else (X, y)
    histories = []
    for compiled in (True, False):
        model = nm.Sequential([nm.Linear(6, 8), nm.Tanh(), nm.Linear(8, 5)], input_shape=(6,), seed=0)
        loss = nm.SoftmaxCrossEntropy(ignore_index=IGNORED)
        trainer = nm.Trainer(model, loss, nm.SGD(model, lr=0.1), compiled=compiled)
        histories.append(trainer.fit(data, epochs=9, batch_size=16, progress=False)["loss"])
    assert histories[0] == histories[1]


@only_compiled
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", ["labels", "labels, options", "targets", "squares", "binary, columns", *COLUMNS])
def test_values_with_a_cotangent_are_parts_of_programs(kind, dtype):
    """A step of one's own that weighs the losses of its rows or entries; the weights are an input."""
    pair = Pair(kind, 16, dtype)
    config = {**pair.losses[0].config(), "reduction": "none"}
    losses = [type(pair.losses[0])(**config) for _ in range(2)]

    def step(i):
        model, loss, optimizer = pair.models[i], losses[i], pair.optimizers[i]

        def own(X, y, w, C):
            L = loss.forward(model.forward(X, training=True), y, w)
            model.backward(loss.backward(C), input_gradient=False)
            optimizer.step()
            return L

        return own

    compiled, by_hand = nm.compile_step(step(0)), step(1)
    for _ in range(10):
        (X, y), w = pair.batch(), pair.weights()
        C = pair.rng.random(losses[0].forward(np.ones((16, 5), dtype), y).shape) / 16
        C = C.astype(dtype)
        assert compiled(X, y, w, C).tobytes() == by_hand(X, y, w, C).tobytes()
        assert pair.models[0].flat_parameters.tobytes() == pair.models[1].flat_parameters.tobytes()
    assert compiled.why_not(X, y, w, C) == ""


@only_compiled
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", ["squares", "binary", "squares, sum", "divergence", "spherical"])
def test_weights_of_entries_in_programs(kind, dtype):
    pair = Pair(kind, 16, dtype)
    for _ in range(8):
        X, y = pair.batch()
        w = pair.rng.random(y.shape).astype(dtype)
        w[pair.rng.random(y.shape) < 0.3] = 0
        pair.both(X, y, w)
    assert pair.step.why_not(X, y, w) == ""
    w[3, 2] = -1
    with pytest.raises(nm.DataError, match="sample_weight finite and not negative, got -1.0 at position"):
        pair.step(X, y, w)


@only_compiled
@pytest.mark.parametrize("kind", COLUMNS)
def test_a_program_stops_at_a_spread_that_is_none(kind):
    pair = Pair(kind, 16, "float64")
    for _ in range(8):
        X, y = pair.batch()
        pair.both(X, y, None)
    assert pair.step.program(X, y) is not None
    pair.models[0].parameters()[-1].value[:] = -1000.0  # Softplus gives 0
    if kind == "cholesky":
        with pytest.raises(nm.DataError, match="expected no 0 on the diagonal of Λ, got 0.0 in row 0, column 2 of H"):
            pair.step(X, y)
    else:
        assert np.isfinite(pair.step(X, y))  # 0 counts as eps
