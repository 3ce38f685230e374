"""Data that is large, batches that are wrong, and NaN: what is found, when, and at what cost of memory."""

import tracemalloc

import numpy as np
import pytest

import nnmat
from nnmat import SGD, Layer, Linear, MeanSquaredError, Parameter, ReLU, Sequential, SoftmaxCrossEntropy, Tanh, Trainer
from nnmat.datasets import ArrayBatches
from nnmat.training import data as training_data

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((40, 4)).astype(np.float32), RNG.integers(0, 3, 40)


def make(*layers, loss=None):
    model = Sequential([*(layers or [Linear(4, 3)])], input_shape=(4,))
    return Trainer(model, loss or SoftmaxCrossEntropy(), SGD(model, lr=0.01))


def fit(trainer, data, **options):
    return trainer.fit(data, **({"epochs": 1, "progress": False, "checkpoint": None} | options))


# ---- data larger than memory -------------------------------------------------------------------------------------


@pytest.fixture
def small_limits(monkeypatch):
    """Arrays above 1 MiB are large."""
    monkeypatch.setattr(training_data, "WHOLE", 1 << 20)
    monkeypatch.setattr(training_data, "BLOCK", 1 << 14)


def mapped(tmp_path, rows=500_000, dtype=np.float32, at=None):
    """A file of zeros mapped into memory (16 MB), with a NaN at one place."""
    A = np.memmap(tmp_path / "X.bin", dtype=dtype, mode="w+", shape=(rows, 8))
    if at is not None:
        A[at] = np.nan
    A.flush()
    return np.memmap(tmp_path / "X.bin", dtype=dtype, mode="r", shape=(rows, 8))


def wide(**options):
    model = Sequential([Linear(8, 2)], input_shape=(8,))
    return Trainer(model, SoftmaxCrossEntropy(), SGD(model, lr=0.01), **options)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
@pytest.mark.parametrize("what", ["fit", "evaluate", "predict"])
def test_no_array_of_the_datas_size_is_made(what, dtype, tmp_path, small_limits):
    big = mapped(tmp_path, dtype=dtype)
    y = np.zeros(len(big), np.int64)
    trainer = wide()
    fit(trainer, (big[:64], y[:64]), steps=1, epochs=None)  # compiled and warm
    tracemalloc.start()
    if what == "fit":
        fit(trainer, (big, y), epochs=None, steps=20, batch_size=64)
        allowed = 3 * y.nbytes  # the order of the samples, and the check of the labels
    elif what == "evaluate":
        trainer.evaluate((big, y), batch_size=4096, progress=False)
        allowed = 2 * y.nbytes
    else:
        trainer.predict(big, batch_size=4096, progress=False)
        allowed = 1.2 * 8 * len(big)  # the outputs themselves
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < allowed + (1 << 21), f"{peak:,} bytes"


def test_only_a_sample_of_large_data_is_read_before_the_first_step(tmp_path, small_limits, monkeypatch):
    read = []
    usual = training_data.all_finite
    monkeypatch.setattr(training_data, "all_finite", lambda A: read.append(A.nbytes) or usual(A))
    big = mapped(tmp_path)
    fit(wide(), (big, np.zeros(len(big), np.int64)), epochs=None, steps=5, batch_size=64)
    assert sum(read) <= training_data.SAMPLED * training_data.BLOCK + 5 * 64 * 8 * 4
    read.clear()
    fit(wide(), (np.array(big[:20_000]), np.zeros(20_000, np.int64)), epochs=None, steps=5, batch_size=64)
    assert sum(read) == 20_000 * 8 * 4  # of small data all, and no batch again


@pytest.mark.parametrize("row", [0, 7, 123_456, 499_999])
@pytest.mark.parametrize("shuffle", [True, False])
def test_a_nan_in_large_data_is_found_with_its_row(row, shuffle, tmp_path, small_limits):
    big = mapped(tmp_path, at=(row, 5))
    data = ArrayBatches(big, np.zeros(len(big), np.int64), 5000, shuffle)
    for call in (lambda: fit(wide(), data), lambda: wide().evaluate(data, progress=False)):
        with pytest.raises(nnmat.DataError, match=rf"X holds nan at index \({row}, 5\)"):
            call()


@pytest.mark.parametrize(("row", "value"), [(3, 2), (250_000, -1), (499_999, 7)])
def test_a_wrong_label_in_large_data_is_found(row, value, tmp_path, small_limits):
    big = mapped(tmp_path)
    y = np.zeros(len(big), np.int64)
    y[row] = value
    with pytest.raises(nnmat.LabelError, match=rf"got {value} in row \d+"):
        fit(wide(), (big, y), batch_size=5000)


def test_resuming_does_not_read_large_data_whole(tmp_path, small_limits):
    big = mapped(tmp_path)
    source = ArrayBatches(big, np.zeros(len(big), np.int64), 64)
    assert sum(block.nbytes for A in source.arrays for _, block in training_data.blocks(A)) < big.nbytes / 4
    assert training_data.checksum(source) == training_data.checksum(source)


# ---- batches of a source of one's own ----------------------------------------------------------------------------


class Source:
    """Gives the same batch again and again."""

    def __init__(self, batch, count=2):
        self.batch, self.count = batch, count

    def __len__(self):
        return self.count

    def batches(self, rng, start=0):
        return iter([self.batch] * (self.count - start))

    def state(self):
        return {}

    def load_state(self, state):
        pass


W = np.ones(40)
PAIR = r"expected batch 0 of the source as \(X, y\) or \(X, y, sample_weight\), got "


@pytest.mark.parametrize(
    ("batch", "error", "text"),
    [
        (X, nnmat.DataError, PAIR + r"one array of shape \(40, 4\).*yield X, y"),
        (X[:2], nnmat.DataError, PAIR + r"one array of shape \(2, 4\)"),  # whose two rows would pass for X and y
        (X[:3], nnmat.DataError, PAIR + "one array"),
        ((X,), nnmat.DataError, PAIR + "a tuple of 1"),
        ((X, Y, W, W), nnmat.DataError, PAIR + "a tuple of 4"),
        ({"X": X, "y": Y}, nnmat.DataError, PAIR + "dict"),
        (None, nnmat.DataError, PAIR + "NoneType"),
        ((X, Y[:-1]), nnmat.DataError, r"as many rows each.*\(40, 4\), \(39,\)"),
        ((X, Y, W[:5]), nnmat.DataError, r"as many rows each.*\(5,\)"),
        ((X, np.int64(1)), nnmat.DataError, r"as many rows each.*\(40, 4\), \(\)"),
        ((X[:0], Y[:0]), nnmat.DataError, "at least one"),
        ((X, Y, np.where(W.cumsum() == 9, np.nan, W)), nnmat.DataError, r"batch 0 .*sample_weight holds nan at .*8"),
        ((X, Y, np.where(W.cumsum() == 9, -1, W)), nnmat.DataError, r"sample_weight holds -1.0 at index \(8,\)"),
        ((X[:, :3], Y), nnmat.ShapeError, r"expected X of shape"),
        ((X.astype(str), Y), nnmat.DtypeError, "real numbers"),
        ((X, Y + 1), nnmat.LabelError, "labels from 0 to 2, got 3"),
    ],
)
def test_a_batch_that_cannot_be_is_refused(batch, error, text):
    trainer = make()
    before = trainer.model.flat_parameters.copy()
    for call in (lambda: fit(trainer, Source(batch)), lambda: trainer.evaluate(Source(batch), progress=False)):
        with pytest.raises(error, match=text):
            call()
    assert np.array_equal(trainer.model.flat_parameters, before)


@pytest.mark.parametrize("batch", [(X, Y), [X, Y], (X, Y, W), (X.tolist(), Y.tolist()), (X.astype(np.float64), Y)])
def test_a_batch_that_can_be_is_taken(batch):
    expected = make()
    fit(expected, (X, Y), batch_size=40, epochs=2)
    trainer = make()
    fit(trainer, Source(batch))
    assert np.allclose(trainer.model.flat_parameters, expected.model.flat_parameters, atol=1e-6)


def test_a_source_without_a_state_is_told_before_the_first_step():
    class Stateless(Source):
        def state(self):
            pass

    with pytest.raises(
        nnmat.DataError, match=r"state\(\) of the batch source as a dict, got None. Return \{\} for none"
    ):
        fit(make(), Stateless((X, Y)))


@pytest.mark.parametrize("use", ["fit", "validation", "evaluate"])
def test_a_source_without_weights_may_say_none(use):
    runs, none, without = (make(), make()), Source((X, Y, None)), Source((X, Y))
    for run, source in zip(runs, (none, without), strict=True):
        if use == "evaluate":
            found = run.evaluate(source, progress=False)
        elif use == "fit":
            found = fit(run, source)["loss"]
        else:
            found = fit(run, (X, Y), validation=source)["validation_loss"]
        if source is none:
            expected = found
    assert found == expected


def test_a_source_that_gives_nothing_is_told():
    class Nothing(Source):
        def batches(self, rng, start=0):
            return None

    with pytest.raises(nnmat.DataError, match=r"expected batches\(rng, start\) of the source to give an iterator"):
        fit(make(), Nothing(None))


# ---- NaN that shows once -----------------------------------------------------------------------------------------


class Once(Layer):
    """Passes on what it gets, with a NaN in its n-th recorded forward or backward only."""

    def __init__(self, forward=0, backward=0, keeps=False):
        super().__init__()
        self.left = {"forward": forward, "backward": backward}
        self.keeps = keeps

    def output_shape(self, input_shape):
        return input_shape

    def pass_on(self, A, way):
        self.left[way] -= 1
        return np.where(np.arange(A.size).reshape(A.shape) == 3, A.dtype.type(np.nan), A) if self.left[way] == 0 else A

    def forward(self, X, call):
        if self.keeps:
            call.keep(X=X)
        return self.pass_on(X, "forward")

    def backward(self, G, call):
        return self.pass_on(G, "backward")


class Scale(Once):
    """The same with a parameter."""

    def __init__(self, **options):
        super().__init__(**options)
        self.weight = Parameter("weight")

    def own_parameters(self):
        return [self.weight]

    def declare(self, input_shape, rng):
        self.weight.declare(input_shape, lambda rng, shape: np.ones(shape))

    def backward(self, G, call):
        if gw := call.into(self.weight):
            gw.write(np.sum(G, axis=0))
        return super().backward(G, call)


PLACES = {
    "first": lambda once: [once, Linear(4, 8), Tanh(), Linear(8, 3)],
    "between": lambda once: [Linear(4, 8), once, Linear(8, 3)],
    "behind an activation": lambda once: [Linear(4, 8), Tanh(), once, Linear(8, 3)],
    "before an activation": lambda once: [Linear(4, 8), once, ReLU(), Linear(8, 3)],
    "inside": lambda once: [Linear(4, 8), Sequential([Tanh(), once]), Linear(8, 3)],
    "last": lambda once: [Linear(4, 8), Tanh(), Linear(8, 3), once],
}


@pytest.mark.parametrize("keeps", [False, True])
@pytest.mark.parametrize("step", [1, 3])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", [Once, Scale])
def test_a_nan_that_a_layer_makes_once_is_reported_as_that_layers(kind, place, step, keeps):
    once = kind(forward=step, keeps=keeps)
    trainer = make(*PLACES[place](once))
    with pytest.raises(nnmat.NonFiniteError, match=rf"step {step}\. .*not show again.*from {once.kind} '") as raised:
        fit(trainer, (X, Y), batch_size=8)
    assert once.who in str(raised.value)


@pytest.mark.parametrize("step", [1, 3])
@pytest.mark.parametrize("place", [place for place in PLACES if place != "first"])  # whose gradient nobody reads
@pytest.mark.parametrize("kind", [Once, Scale])
def test_a_nan_that_a_layers_backward_makes_once_is_reported_as_that_layers(kind, place, step):
    once = kind(backward=step)
    trainer = make(*PLACES[place](once))
    with pytest.raises(nnmat.NonFiniteError, match=rf"step {step}\. .*not show again.*from {once.kind} '") as raised:
        fit(trainer, (X, Y), batch_size=8)
    assert once.who in str(raised.value)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("where", ["X", "y", "sample_weight"])
def test_numbers_of_a_batch_that_are_not_finite_are_named(where, value):
    arrays = {"X": X.copy(), "y": RNG.standard_normal((40, 3)), "sample_weight": np.ones(40)}
    arrays[where].reshape(-1)[5] = value
    with pytest.raises((nnmat.DataError, nnmat.NonFiniteError, nnmat.LabelError), match=rf"{value}"):
        fit(make(loss=MeanSquaredError()), Source(tuple(arrays.values())))
