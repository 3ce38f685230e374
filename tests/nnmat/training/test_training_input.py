"""What `fit` refuses before its first step."""

import numpy as np
import pytest

import nnmat
from nnmat import SGD, Linear, Sequential, SoftmaxCrossEntropy, Trainer
from tests.nnmat.training.runs import Growing, blobs, fit, make

DATA = blobs(40)


def wrong(index, value):
    X = DATA.X.copy()
    X[index] = value
    return X


@pytest.mark.parametrize(
    ("data", "options", "error", "text"),
    [
        ((wrong((3, 1), np.nan), DATA.y), {}, nnmat.DataError, r"X holds nan at index \(3, 1\)"),
        ((wrong((3, 1), np.inf), DATA.y), {}, nnmat.DataError, "X holds inf"),
        ((DATA.X, DATA.y + 1), {}, nnmat.LabelError, "3"),
        ((DATA.X, DATA.y - 1), {}, nnmat.LabelError, "-1"),
        ((DATA.X, DATA.y[:-1]), {}, nnmat.DataError, "as many targets as samples"),
        ((DATA.X[:0], DATA.y[:0]), {}, nnmat.DataError, "empty"),
        ((DATA.X[:, :1], DATA.y), {}, nnmat.ShapeError, r"takes X of shape \(n, 2\), got \(40, 1\)"),
        ((DATA.X[:, 0], DATA.y), {}, nnmat.ShapeError, r"takes X of shape \(n, 2\), got \(40,\)"),
        ((DATA.X.astype(str), DATA.y), {}, nnmat.DtypeError, "real numbers"),
        ((DATA.X, DATA.y, np.ones(3)), {}, nnmat.DataError, "sample_weight"),
        (DATA.X, {}, nnmat.DataError, "expected a Dataset"),
        (DATA, {"batch_size": 41}, nnmat.DataError, "batch_size = 41 is larger than the 40 samples"),
        (DATA, {"batch_size": 0}, nnmat.ConfigError, "batch_size"),
        (DATA, {"epochs": 0}, nnmat.ConfigError, "fit: expected epochs as an integer >= 1, got 0"),
        (DATA, {"epochs": None}, nnmat.ConfigError, "either epochs or steps"),
        (DATA, {"steps": 3}, nnmat.ConfigError, "either epochs or steps"),
        (DATA, {"seed": None}, nnmat.ConfigError, "fit: expected seed as an integer >= 0, got None"),
        (DATA, {"seed": -1}, nnmat.ConfigError, "fit: expected seed as an integer >= 0, got -1"),
        (DATA, {"validation": (DATA.X[:, :1], DATA.y)}, nnmat.ShapeError, "validation: the model takes"),
        (DATA, {"checkpoint": "state.pkl"}, nnmat.ConfigError, "checkpoint as a .npz file"),
        (DATA, {"resume": "missing.npz"}, FileNotFoundError, "there is no file 'missing.npz'"),
        (Growing(), {"batch_size": 3}, nnmat.ConfigError, "Leave out batch_size"),
    ],
)
def test_bad_input_is_refused_before_the_first_step(data, options, error, text):
    trainer = make()
    before = trainer.model.flat_parameters.copy()
    with pytest.raises(error, match=text):
        fit(trainer, data, **options)
    assert np.array_equal(trainer.model.flat_parameters, before)
    assert trainer.optimizer.steps == 0


def test_parts_that_do_not_belong_together():
    model, other = (Sequential([Linear(2, 3)], input_shape=(2,)) for _ in range(2))
    with pytest.raises(nnmat.ConfigError, match="updates another model"):
        Trainer(model, SoftmaxCrossEntropy(), SGD(other, lr=0.1))
    with pytest.raises(nnmat.ConfigError, match="expected loss to be a Loss"):
        Trainer(model, "mse", SGD(model, lr=0.1))
    with pytest.raises(nnmat.ConfigError, match="accuracy"):
        Trainer(model, SoftmaxCrossEntropy(), SGD(model, lr=0.1), metrics=["acuracy"])
    with pytest.raises(nnmat.ConfigError, match="two metrics are called '<lambda>'"):
        Trainer(model, SoftmaxCrossEntropy(), SGD(model, lr=0.1), metrics=[lambda H, y: 1.0, lambda H, y: 2.0])
    for name in ("loss", "seconds", "validation_loss"):

        def metric(H, y):
            return 1.0

        metric.__name__ = name
        with pytest.raises(nnmat.ConfigError, match=f"a metric may not be called '{name}'"):
            Trainer(model, SoftmaxCrossEntropy(), SGD(model, lr=0.1), metrics=[metric])
    with pytest.raises(nnmat.ConfigError, match="not built yet"):
        Trainer(Sequential([Linear(2, 3)]), SoftmaxCrossEntropy(), SGD(model, lr=0.1))
