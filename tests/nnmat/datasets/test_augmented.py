"""Batches through a transform in `fit`: what is trained on, checks before the first step, runs that are resumed."""

import numpy as np
import pytest

from nnmat import SGD, Checkpoint, Flatten, Linear, Sequential, SoftmaxCrossEntropy, Trainer
from nnmat.datasets import ArrayBatches, Augment, AugmentedBatches, BatchSource, SampleSource
from nnmat.errors import ConfigError, DataError, ShapeError, StateError


def data(n=50, H=6):
    rng = np.random.default_rng(0)
    return rng.random((n, H, H, 1)).astype(np.float32), rng.integers(0, 3, n)


def trainer(H=6, lr=0.1, **options):
    model = Sequential([Flatten(), Linear(H * H, 3)], input_shape=(H, H, 1), seed=0)
    return Trainer(model, SoftmaxCrossEntropy(), SGD(model, lr=lr), **options)


class Noting:
    """A transform that keeps what it was given and what it gave."""

    def __init__(self):
        self.seen = []

    def __call__(self, X, rng):
        self.seen.append((X.copy(), Y := X + np.float32(rng.normal())))
        return Y


def test_the_batches_of_a_source():
    X, y = data(7)
    source = ArrayBatches(X, y, 3)
    found = AugmentedBatches(source, Augment(shift=1))
    assert isinstance(found, BatchSource)
    assert isinstance(found, SampleSource)
    assert (len(found), found.samples, found.batch_size, found.state()) == (3, 7, 3, {})
    whole = list(found.batches(np.random.default_rng(5)))
    order = np.random.default_rng(5).permutation(7)  # drawn first
    assert np.array_equal(np.concatenate([b[1] for b in whole]), y[order])
    rest = list(found.batches(np.random.default_rng(5), start=1))
    for one, other in zip(whole[1:], rest, strict=True):
        assert np.array_equal(one[0], other[0])
    rng = np.random.default_rng(5)
    epochs = [np.concatenate([b[0] for b in found.batches(rng)]) for _ in range(2)]
    assert not np.array_equal(np.sort(epochs[0], axis=None), np.sort(epochs[1], axis=None))


def test_fit_trains_on_what_comes_out():
    X, y = data(40)
    note, made = Noting(), trainer()
    made.fit((X, y), 1, batch_size=20, augment=note, progress=False)
    first, *seen = note.seen  # before the first step one sample is tried
    assert len(first[0]) == 1
    assert [len(given) for given, _ in seen] == [20, 20]
    assert np.array_equal(np.sort(np.concatenate([g for g, _ in seen]).ravel()), np.sort(X.ravel()))
    by_hand = trainer()
    order = np.random.default_rng(0).permutation(40)
    for i, (_, Y) in enumerate(seen):
        H = by_hand.model.forward(Y, training=True)
        by_hand.loss.forward(H, y[order[20 * i : 20 * i + 20]])
        by_hand.model.backward(by_hand.loss.backward())
        by_hand.optimizer.step()
    assert np.array_equal(by_hand.model.flat_parameters, made.model.flat_parameters)


def test_no_two_batches_have_the_same_numbers():
    X, y = np.zeros((9, 2, 2, 1), np.float32), np.zeros(9, np.int64)
    found = AugmentedBatches(ArrayBatches(X, y, 3), lambda X, rng: X + rng.random())
    rng = np.random.default_rng(0)
    assert len({float(batch[0][0, 0, 0, 0]) for _ in range(2) for batch in found.batches(rng)}) == 6


@pytest.mark.parametrize("source", [False, True])
def test_a_transform_in_place_leaves_the_data_as_it_is(source):
    def darker(X, rng):
        X -= rng.random(X.shape, np.float32)
        return X

    X, y = data(20)
    before = X.copy()
    given = ArrayBatches(X, y, 5, shuffle=False) if source else (X, y)
    trainer().fit(given, 2, augment=darker, progress=False)
    assert np.array_equal(X, before)
    X.flags.writeable = False
    trainer().fit(given, 2, augment=darker, progress=False)


def test_a_transform_may_change_the_shape():
    X, y = data(20, 8)
    augment, made = Augment(crop=6), trainer(6)
    made.fit((X, y), 1, augment=augment, validation=(augment.center(X), y), progress=False)
    with pytest.raises(ShapeError, match="takes X of shape"):
        made.fit((X, y), 1, progress=False)
    with pytest.raises(ShapeError, match="takes X of shape"):
        made.fit((X, y), 1, augment=Augment(crop=5), progress=False)


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("kind", ["arrays", "source"])
def test_a_resumed_run_ends_with_the_same_bits(tmp_path, monkeypatch, compiled, kind):
    monkeypatch.chdir(tmp_path)
    X, y = data(50)

    def run(epochs, resume=None, stop=None, **options):
        made = trainer(compiled=compiled)
        given = (X, y) if kind == "arrays" else AugmentedBatches(ArrayBatches(X, y, 8), Augment(shift=1))
        options = {"augment": Augment(shift=1, rotate=10, flip="horizontal")} | options if kind == "arrays" else {}
        size = 8 if kind == "arrays" else None
        saving = [Checkpoint("last.npz", every_steps=5)]
        made.fit(
            given, None if stop else epochs, steps=stop, batch_size=size, callbacks=saving, resume=resume,
            progress=False, **options,
        )  # fmt: skip
        return made.model.flat_parameters.copy()

    whole = run(6)
    run(4)
    assert np.array_equal(run(6, resume="last.npz"), whole)
    if kind == "arrays":
        with pytest.raises(StateError, match="augment"):
            run(7, resume="last.npz", augment=Augment(shift=2))
        with pytest.raises(StateError, match="augment"):
            run(7, resume="last.npz", augment=None)


def test_checks_come_before_the_first_step():
    X, y = data(20)
    made = trainer()
    before = made.model.flat_parameters.copy()
    with pytest.raises(ConfigError, match=r"augment: expected a function .* got str"):
        made.fit((X, y), 1, augment="flip", progress=False)
    with pytest.raises(DataError, match=r"as many rows as it was given, 1, got an array of shape \(2,"):
        made.fit((X, y), 1, augment=lambda X, rng: np.concatenate([X, X]), progress=False)
    with pytest.raises(DataError, match="got NoneType"):
        made.fit((X, y), 1, augment=lambda X, rng: None, progress=False)
    X[3, 2, 2, 0] = np.nan
    with pytest.raises(DataError, match=r"X holds nan at index \(3, 2, 2, 0\)"):
        made.fit((X, y), 1, augment=Augment(shift=1), progress=False)
    assert np.array_equal(made.model.flat_parameters, before)
