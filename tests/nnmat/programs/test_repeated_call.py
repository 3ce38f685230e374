"""Calls like the one before: the same bits as by hand whatever changes between them."""

import os

import numpy as np
import pytest

import nnmat as nm
from nnmat.programs.repeated_call import RepeatedCall

pytestmark = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled")


class Pair:
    """A step compiled, and the same by hand."""

    def __init__(self, optimizer=lambda model: nm.SGD(model, lr=0.1, momentum=0.9)):
        self.rng = np.random.default_rng(0)
        layers = [nm.Linear(6, 8), nm.LeakyReLU(0.1), nm.Dropout(0.2), nm.Linear(8, 3)]
        layers2 = [nm.Linear(6, 8), nm.LeakyReLU(0.1), nm.Dropout(0.2), nm.Linear(8, 3)]
        self.models = [nm.Sequential(parts, input_shape=(6,), seed=1) for parts in (layers, layers2)]
        self.losses = [nm.SoftmaxCrossEntropy(), nm.SoftmaxCrossEntropy()]
        self.optimizers = [optimizer(model) for model in self.models]
        self.step = nm.compile_step(self.models[0], self.losses[0], self.optimizers[0])
        for _ in range(8):
            self.both()
        assert self.step._repeated is not None

    def batch(self, n=10):
        return self.rng.standard_normal((n, 6)).astype(np.float32), self.rng.integers(0, 3, n)

    def by_hand(self, X, y, w=None):
        value = self.losses[1].forward(self.models[1].forward(X, training=True), y, w)
        self.models[1].backward(self.losses[1].backward(), input_gradient=False)
        self.optimizers[1].step()
        return value

    def both(self, X=None, y=None, w=None):
        """A step by both, with the same bits."""
        if X is None:
            X, y = self.batch()
        assert self.step(X, y, w) == self.by_hand(X, y, w)
        assert self.models[0].flat_parameters.tobytes() == self.models[1].flat_parameters.tobytes()
        assert self.optimizers[0].steps == self.optimizers[1].steps
        assert self.losses[0].divisor == self.losses[1].divisor


@pytest.fixture
def calls(monkeypatch):
    """What each repeated call gave: None where the step was left to others."""
    found, call = [], RepeatedCall.__call__

    def noted(self, arrays):
        result = call(self, arrays)
        found.append(result is not None)
        return result

    monkeypatch.setattr(RepeatedCall, "__call__", noted)
    return found


def test_calls_that_are_alike(calls):
    pair = Pair(lambda model: nm.Adam(model, lr=lambda step: 0.01 / (1 + step)))
    calls.clear()
    for _ in range(5):
        pair.both()
    assert calls == [True] * 5
    assert pair.step(*pair.batch()) > 0
    with pytest.raises(nm.StateError):
        pair.models[0].backward(np.ones((10, 3), np.float32))


CHANGES = {
    "clipping": lambda model, loss, o: setattr(o, "clip_norm", 0.01),
    "decay": lambda model, loss, o: setattr(o, "weight_decay", 0.1),
    "momentum": lambda model, loss, o: setattr(o, "momentum", 0.5),
    "frozen": lambda model, loss, o: setattr(model[0].weight, "trainable", False),
    "slope": lambda model, loss, o: setattr(model[1], "negative_slope", 0.5),
    "rate": lambda model, loss, o: setattr(model[2], "rate", 0.6),
    "ignored": lambda model, loss, o: (setattr(loss, "ignore_index", 2), setattr(loss, "_plain", False)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_settings_that_change(change, calls):
    pair = Pair()
    calls.clear()
    for parts in zip(pair.models, pair.losses, pair.optimizers, strict=True):
        CHANGES[change](*parts)
    for _ in range(8):
        pair.both()
    assert calls[0] is False
    assert calls[-1] is True


def test_a_dict_that_changes_in_place():
    decays = [{"weight": 0.1}, {"weight": 0.1}]
    own = iter(decays)
    pair = Pair(lambda model: nm.SGD(model, lr=0.1, weight_decay=next(own)))
    for optimizer in pair.optimizers:
        optimizer.weight_decay = {"weight": 0.5, "bias": 0.1}
    for _ in range(6):
        pair.both()


def test_what_changes_without_being_a_setting(calls):
    pair = Pair()
    calls.clear()
    for i in range(4):
        for optimizer in pair.optimizers:
            optimizer.lr = 0.1 / (i + 1)
        for model in pair.models:
            model[0].bias.value = np.full(8, i)
        pair.both()
    assert calls == [True] * 4


def test_other_arrays_are_left_to_the_step(calls):
    pair = Pair()
    X, y = pair.batch()
    for given in (
        pair.batch(4),
        (np.asfortranarray(X), y),
        (X, y.astype(np.int32)),
        (X[::-1], y[::-1]),
        (X, y, np.ones(10, np.float32)),
    ):
        calls.clear()
        pair.both(*given)
        assert calls == [False]
    for given in ((X[0], y), (X.astype(np.float64), y), (X.tolist(), y)):
        with pytest.raises((nm.ShapeError, nm.DtypeError)):
            pair.step(*given)
    pair.both()


def test_a_wrong_label_raises_and_changes_nothing():
    pair = Pair()
    X, y = pair.batch()
    y[2] = 3
    before = pair.models[0].flat_parameters.copy()
    with pytest.raises(nm.LabelError):
        pair.step(X, y)
    assert pair.models[0].flat_parameters.tobytes() == before.tobytes()
    X[0, 0] = np.nan
    with pytest.raises(nm.NonFiniteError):
        pair.step(X, y % 3)
    assert pair.models[0].flat_parameters.tobytes() == before.tobytes()
