"""What the Trainer makes of the data it is given: checks before the first step, casts, and checksums."""

import numpy as np
import pytest

import nnmat
from nnmat import SGD, Linear, MeanSquaredError, Sequential, SoftmaxCrossEntropy, Trainer, datasets
from nnmat.training.data import checksum

from ...composites import Added

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((40, 2)).astype(np.float32), RNG.integers(0, 3, 40)


def make(loss=None, dtype=np.float32):
    model = Sequential([Linear(2, 3)], input_shape=(2,), dtype=dtype)
    return Trainer(model, loss or SoftmaxCrossEntropy(), SGD(model, lr=0.1))


def replaced(A, index, value):
    A = A.copy()
    A[index] = value
    return A


@pytest.mark.parametrize(("value", "text"), [(-1.0, "holds -1.0"), (np.nan, "holds nan"), (np.inf, "holds inf")])
@pytest.mark.parametrize("wrap", [lambda *a: a, lambda X, Y, w: datasets.ArrayBatches(X, Y, 32, sample_weight=w)])
def test_weights_that_are_negative_or_not_finite_are_refused(value, text, wrap):
    trainer = make()
    data = wrap(X, Y, replaced(np.ones(40), 37, value))
    for call in (
        lambda: trainer.fit(data, epochs=1, progress=False),
        lambda: trainer.fit((X, Y), epochs=1, validation=data, progress=False),
        lambda: trainer.evaluate(data),
    ):
        with pytest.raises(nnmat.DataError, match=rf"sample_weight {text} at index \(37,\)"):
            call()
    assert trainer.optimizer.steps == 0


def test_an_array_source_is_checked_like_its_arrays():
    with pytest.raises(nnmat.DataError, match=r"X holds nan at index \(3, 1\)"):
        make().fit(datasets.ArrayBatches(replaced(X, (3, 1), np.nan), Y, 8), epochs=1, progress=False)


def test_finite_data_whose_squares_overflow_are_fine():
    large = replaced(X.astype(np.float64), (3, 1), 1e200)
    with pytest.raises(nnmat.NonFiniteError, match="the loss became"):  # the data itself is not refused
        make(MeanSquaredError(), np.float64).fit((large, np.zeros((40, 3))), epochs=1, progress=False)


@pytest.mark.parametrize("change", [np.float16, np.asfortranarray])
def test_arrays_of_any_kind_are_checked(change):
    with pytest.raises(nnmat.DataError, match=r"X holds inf at index \(3, 1\)"):
        make().fit((change(replaced(X, (3, 1), np.inf)), Y), epochs=1, progress=False)


def test_data_beyond_the_range_of_float32_is_refused_and_not_made_infinite():
    big = replaced(X.astype(np.float64), (3, 1), -1e39)
    targets = replaced(np.zeros((40, 3)), (5, 2), 1e300)
    weights = replaced(np.ones(40), 7, 1e200)
    trainer = make(MeanSquaredError())
    for data, text in [
        ((big, np.zeros((40, 3))), r"X holds -1e\+39 at index \(3, 1\), beyond the range of float32"),
        ((X, targets), r"y holds 1e\+300 at index \(5, 2\), beyond the range of float32"),
        ((X, np.zeros((40, 3)), weights), r"sample_weight holds 1e\+200 at index \(7,\)"),
    ]:
        with pytest.raises(nnmat.DataError, match=text):
            trainer.fit(data, epochs=1, progress=False)
    with pytest.raises(nnmat.DataError, match=r"predict: X holds -1e\+39 at index \(3, 1\), beyond"):
        trainer.predict(big)
    assert trainer.optimizer.steps == 0
    largest = replaced(X.astype(np.float64), (3, 1), float(np.finfo(np.float32).max))
    assert trainer.predict(largest).shape == (40, 3)
    assert make(MeanSquaredError(), np.float64).predict(big).shape == (40, 3)


class OneBatch:
    """A batch source of one's own."""

    def __init__(self, *batch):
        self.batch = batch

    def __len__(self):
        return 1

    def batches(self, rng, start=0):
        yield self.batch

    def state(self):
        return {}

    def load_state(self, state):
        pass


def test_a_batch_beyond_the_range_is_refused_when_it_comes():
    with pytest.raises(nnmat.DataError, match=r"X holds 1e\+39 at index \(3, 1\), beyond the range of float32"):
        make().fit(OneBatch(replaced(X.astype(np.float64), (3, 1), 1e39), Y), epochs=1, progress=False)


def test_predict_passes_nan_on_and_refuses_what_is_no_number():
    trainer = make()
    H = trainer.predict(replaced(X.astype(np.float64), (3, 1), np.nan))
    assert np.isnan(H[3]).all()
    assert np.isfinite(np.delete(H, 3, axis=0)).all()
    for wrong, error, text in [
        (X.astype(str), nnmat.DtypeError, "predict: expected X to hold real numbers, got dtype <U"),
        (np.array([["a", "b"]]), nnmat.DtypeError, "predict: expected X to hold real numbers"),
        (X.astype(complex), nnmat.DtypeError, "predict: expected X to hold real numbers, got dtype complex128"),
        (np.float32(3), nnmat.ShapeError, r"predict: expected X of shape \(n, ...\)"),
    ]:
        with pytest.raises(error, match=text):
            trainer.predict(wrong)
    for batch_size in (1.5, 0, "8", True):
        with pytest.raises(nnmat.ConfigError, match="predict: expected batch_size as an integer >= 1, got"):
            trainer.predict(X, batch_size=batch_size)


def two_inputs(dtype=np.float32):
    model = Added(3).build(((2,), (1,)), dtype=dtype)
    return Trainer(model, SoftmaxCrossEntropy(), SGD(model, lr=0.1, momentum=0.9), metrics=["accuracy"])


X2 = RNG.standard_normal((40, 1)).astype(np.float32)


def test_a_model_of_several_inputs_takes_a_tuple():
    """The same bits as by hand, in all ways to give the data."""
    trainer, hand = two_inputs(), two_inputs()
    history = trainer.fit(((X, X2), Y), epochs=2, batch_size=16, seed=3, validation=([X, X2], Y), progress=False)
    rng = np.random.default_rng(3)
    for _ in range(2):
        order = rng.permutation(40)
        for first in range(0, 40, 16):
            rows = order[first : first + 16]
            hand.loss.forward(hand.model.forward((X[rows], X2[rows]), training=True), Y[rows])
            hand.model.backward(hand.loss.backward())
            hand.optimizer.step()
    assert np.array_equal(trainer.model.flat_parameters, hand.model.flat_parameters)
    assert history["validation_loss"][-1] == pytest.approx(trainer.evaluate(((X, X2), Y))["loss"])
    assert np.allclose(trainer.predict((X.astype(float), X2), batch_size=7), trainer.model.forward((X, X2)))
    assert trainer.predict_proba([X, X2]).sum(axis=1) == pytest.approx(np.ones(40), rel=1e-6)
    for data in (OneBatch((X, X2), Y), datasets.ArrayBatches((X, X2), Y, 8), ((X, X2), Y, np.ones(40))):
        assert len(two_inputs().fit(data, epochs=1, progress=False)["loss"]) == 1


@pytest.mark.parametrize(
    ("data", "error", "text"),
    [
        ((X, X2, Y), nnmat.ShapeError, r"the model has 2 inputs of shapes \(n, 2\), \(n, 1\). .*\(\(X1, X2\), y\)"),
        ((X, Y), nnmat.ShapeError, r"Give them as a tuple: \(\(X1, X2\), y\). Got one array of shape \(40, 2\)"),
        (((X,), Y), nnmat.ShapeError, "Got a tuple of 1"),
        (((X2, X), Y), nnmat.ShapeError, r"takes X of shape \(n, 2\), \(n, 1\), got \(40, 1\), \(40, 2\)"),
        (((X, X2[:7]), Y), nnmat.DataError, "as many targets as samples"),
        (((X, replaced(X2, (3, 0), np.nan)), Y), nnmat.DataError, r"X\[1\] holds nan at index \(3, 0\)"),
        (OneBatch((X, X2[:7]), Y), nnmat.DataError, r"as many rows each.*\(40, 2\), \(7, 1\), \(40,\)"),
    ],
)
def test_several_inputs_that_do_not_fit(data, error, text):
    trainer = two_inputs()
    for call in (lambda: trainer.fit(data, epochs=1, progress=False), lambda: trainer.evaluate(data)):
        with pytest.raises(error, match=text):
            call()
    assert trainer.optimizer.steps == 0


def test_predictions_of_several_inputs_that_do_not_fit():
    with pytest.raises(nnmat.ShapeError, match=r"predict: the model has 2 inputs .* as a tuple: \(X1, X2\). Got one"):
        two_inputs().predict(X)
    with pytest.raises(nnmat.ShapeError, match="predict: expected inputs of as many rows each"):
        two_inputs().predict((X, X2[:7]))


def test_checksums_tell_data_apart():
    def of(*arrays):
        return checksum(datasets.ArrayBatches(*arrays[:2], 8, sample_weight=arrays[2] if len(arrays) == 3 else None))

    images = RNG.standard_normal((40, 5, 4)).astype(np.float32)
    assert of(X, Y) == of(X.copy(), Y.copy())
    assert of(images, Y) == of(np.asfortranarray(images), Y)
    others = [
        of(replaced(X, (39, 1), 7), Y),
        of(X, replaced(Y, 0, (Y[0] + 1) % 3)),
        of(X[::-1], Y),
        of(X, Y, np.ones(40)),
        of(X.reshape(40, 1, 2), Y),
    ]
    assert len({of(X, Y), *others}) == 6
    assert checksum(OneBatch(X, Y)) is None
    assert checksum(None) is None


def masked(dtype=np.float32):
    """A model of queries and an additive mask, and data of it."""
    model = nnmat.MultiHeadAttention(4, 2, mask=True).build(((3, 4), (3, 3)), dtype=dtype)
    rng = np.random.default_rng(0)
    Q, M = rng.standard_normal((6, 3, 4)), np.where(np.tri(3) > 0, 0.0, -np.inf) + np.zeros((6, 1, 1))
    return Trainer(model, MeanSquaredError(), SGD(model, lr=0.1)), Q.astype(dtype), M.astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("whole", [True, False])
def test_additive_masks_may_hide_by_minus_infinity(dtype, whole, monkeypatch):
    if not whole:
        monkeypatch.setattr("nnmat.training.data.WHOLE", 1)
    trainer, Q, M = masked(dtype)
    for given in (M, M.astype(np.float64)):
        history = trainer.fit(((Q, given), Q), epochs=3, batch_size=2, validation=((Q, given), Q), progress=False)
        assert np.isfinite(history["validation_loss"]).all()
        assert np.isfinite(trainer.evaluate(((Q, given), Q))["loss"])
    for value, text in ((np.inf, "inf"), (np.nan, "nan")):
        with pytest.raises(nnmat.DataError, match=rf"X\[1\] holds {text} at index \(4, 1, 2\)"):
            trainer.fit(((Q, replaced(M, (4, 1, 2), value)), Q), epochs=1, progress=False)
    with pytest.raises(nnmat.DataError, match=r"X\[0\] holds -inf at index \(4, 1, 2\)"):
        trainer.evaluate(((replaced(Q, (4, 1, 2), -np.inf), M), Q))


def test_containers_say_which_inputs_hide():
    attention, layers = nnmat.MultiHeadAttention(4, 2, cross=True, key_mask=True, mask=True), nnmat.Sequential
    assert attention.hiding_inputs() == (False, False, False, True)
    assert layers([attention, Linear(4, 2)]).hiding_inputs() == attention.hiding_inputs()
    assert nnmat.Tied(attention).hiding_inputs() == attention.hiding_inputs()
    assert not Linear(2, 3).hiding_inputs()
    assert nnmat.Add([None, Linear(None, 2)]).build(((2,), (2,))).hiding_inputs() == (False, False)
