"""The loop: figures, budgets, sources, and what must hold of them."""

import math

import numpy as np
import pytest

import nnmat
from nnmat import SGD, Linear, MeanSquaredError, Sequential, SoftmaxCrossEntropy, Trainer
from tests.nnmat.training.runs import Growing, blobs, fit, make


def test_it_learns():
    trainer = make()
    history = fit(trainer, blobs(), epochs=10, validation=blobs(seed=1))
    assert history["epoch"] == list(range(1, 11))
    assert set(history) == {
        "epoch",
        "loss",
        "accuracy",
        "validation_loss",
        "validation_accuracy",
        "learning_rate",
        "seconds",
    }
    assert all(len(column) == 10 for column in history.values())
    assert history["loss"][-1] < 0.2 < history["loss"][0]
    assert history["validation_accuracy"][-1] > 0.95
    assert trainer.evaluate(blobs(seed=1)) == pytest.approx(
        {"loss": history["validation_loss"][-1], "accuracy": history["validation_accuracy"][-1]}
    )


def test_one_step_is_the_equations():
    data = blobs(32)
    trainer = make(dtype=np.float64, lr=0.5)
    W1, b1, W2, b2 = (p.value.copy() for p in trainer.model.parameters())
    history = fit(trainer, data, epochs=1)
    X, Y = data.X.astype(float), np.eye(3)[data.y]
    Z = np.tanh(X @ W1.T + b1)
    P = np.exp(Z @ W2.T + b2)
    P /= P.sum(1, keepdims=True)
    G2 = (P - Y) / 32
    G1 = (G2 @ W2) * (1 - Z**2)
    for p, start, gradient in zip(
        trainer.model.parameters(), (W1, b1, W2, b2), (G1.T @ X, G1.sum(0), G2.T @ Z, G2.sum(0)), strict=True
    ):
        np.testing.assert_allclose(p.value, start - 0.5 * gradient, rtol=1e-10, atol=1e-12)
    assert history["loss"][0] == pytest.approx(-np.log(P[range(32), data.y]).mean())


def test_epoch_figures_are_weighted_by_the_divisors():
    data = blobs(50)  # batches of 32 and 18
    trainer = make(lr=1e-12)
    history = fit(trainer, data, epochs=1)
    whole = trainer.evaluate(data, batch_size=50)
    assert history["loss"][0] == pytest.approx(whole["loss"], rel=1e-5)
    assert history["accuracy"][0] == pytest.approx(whole["accuracy"])
    weights = np.random.default_rng(0).uniform(0, 2, 50).astype(np.float32)
    weighted = fit(make(lr=1e-12), (data.X, data.y, weights), epochs=1)
    one = make(lr=1e-12).evaluate((data.X, data.y, weights), batch_size=50)
    assert weighted["loss"][0] == pytest.approx(one["loss"], rel=1e-5)


def test_same_seed_same_bits_and_other_seed_not():
    runs = []
    for seed in (1, 1, 2):
        trainer = make()
        fit(trainer, blobs(), seed=seed)
        runs.append(trainer.model.flat_parameters.copy())
    assert np.array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])


def test_steps_instead_of_epochs():
    trainer = make()
    history = fit(trainer, blobs(), epochs=None, steps=10)  # 7 batches an epoch
    assert trainer.optimizer.steps == 10
    assert history["epoch"] == [1, 2]
    trainer = make()
    fit(trainer, blobs(), epochs=None, steps=14)
    assert trainer.optimizer.steps == 14


def test_float64_data_and_integers_are_cast_per_batch():
    data = blobs()
    for X in (data.X.astype(np.float64), (10 * data.X).astype(np.int16), np.asfortranarray(data.X)):
        trainer = make(lr=0.01)
        assert len(fit(trainer, (X, data.y.astype(np.uint8)))["loss"]) == 2
        assert trainer.predict(X[:7]).shape == (7, 3)


def test_predict_is_evaluation_in_batches():
    trainer = make()
    X = blobs().X
    np.testing.assert_allclose(trainer.predict(X, batch_size=7), trainer.model.forward(X), rtol=1e-5, atol=1e-6)
    assert trainer.predict(X[:0]).shape == (0, 3)


def test_regression_and_functions_as_metrics():
    def worst(H, y):
        return float(np.abs(H - y).max())

    data = blobs()
    trainer = make(loss=MeanSquaredError(), metrics=[worst])
    history = fit(trainer, (data.X, np.eye(3)[data.y]), epochs=5)
    assert history["loss"][-1] < history["loss"][0]
    assert "worst" in history


def test_figures_are_weighted_by_the_rows_that_count():
    data = blobs(40)
    labels = np.where(np.arange(40) < 30, -1, data.y)  # without shuffling, most of the first batch is left out
    right = nnmat.metrics.accuracy_ignoring(-1)
    trainer = make(SoftmaxCrossEntropy(ignore_index=-1), metrics=[right], seed=3)
    expected, rows = right(trainer.predict(data.X), labels)
    assert rows == 10
    assert 0 < expected < 1
    for batch_size in (40, 32, 7, 1):
        assert trainer.evaluate((data.X, labels), batch_size)["accuracy"] == pytest.approx(expected)
    still = make(SoftmaxCrossEntropy(ignore_index=-1), lr=0.0, metrics=[right], seed=3)
    assert fit(still, (data.X, labels), batch_size=7)["accuracy"] == pytest.approx([expected] * 2)
    with pytest.raises(nnmat.LabelError, match=r"accuracy: .*got -1 .*metrics=\[metrics.accuracy_ignoring\(-1\)\]"):
        fit(make(SoftmaxCrossEntropy(ignore_index=-1)), (data.X, labels))


def test_a_metric_that_gives_no_number_is_named():
    for value in ((1.0, 2.0, 3.0), "high", np.ones(3), (0.5, -1.0), (0.5, math.nan)):

        def own(H, y, value=value):
            return value

        with pytest.raises(nnmat.ConfigError, match=r"the metric 'own' to return a number or a pair \(mean, weight\)"):
            fit(make(metrics=[own]), blobs())


def test_a_batch_source_of_ones_own():
    trainer, source = make(), Growing()
    history = trainer.fit(source, epochs=3, progress=False)
    assert source.epochs == 3
    assert trainer.optimizer.steps == 15
    assert len(history["loss"]) == 3


def test_the_progress_bar_tells_loss_metric_and_speed(capsys):
    fit(make(), blobs(), progress=True, epochs=1)
    bar = capsys.readouterr().err
    assert "epoch 1" in bar
    assert "loss" in bar
    assert "accuracy" in bar
    assert "samples/s" in bar


class Miscounting(Growing):
    """A batch source that gives another number of batches than its length."""

    def __init__(self, batches):
        super().__init__()
        self.given = batches

    def batches(self, rng, start=0):
        for i in range(start, self.given):
            data = blobs(8, seed=i)
            yield data.X, data.y


@pytest.mark.parametrize("given", [0, 4, 6])
def test_a_source_must_give_as_many_batches_as_its_length(given):
    with pytest.raises(nnmat.DataError, match=rf"len\(\) = 5, but an epoch gave {min(given, 6)} batches"):
        make().fit(Miscounting(given), epochs=2, progress=False)


def test_a_model_can_be_called():
    model = make().model
    X = blobs(4).X
    assert np.array_equal(model(X), model.forward(X))


def test_the_optimizer_takes_the_model():
    with pytest.raises(nnmat.ConfigError, match="expected a built model, got list. Pass the model itself"):
        SGD(make().model.parameters(), lr=0.1)


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


def test_a_notebook_shows_its_parts():
    trainer = make()
    shown = trainer._repr_html_()
    assert "SoftmaxCrossEntropy(" in shown
    assert "SGD(lr=Constant(lr=0.1), momentum=0.9" in shown
    assert ">accuracy</td>" in shown
    assert trainer.model._repr_html_() in shown
