"""The loop: figures, budgets, sources, what stops it, and the errors before it starts."""

import json
import math

import numpy as np
import pytest

import nnmat
from nnmat import SGD, Linear, MeanSquaredError, ReLU, Sequential, SoftmaxCrossEntropy, Tanh, Trainer


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


def test_a_batch_source_of_ones_own():
    trainer, source = make(), Growing()
    history = trainer.fit(source, epochs=3, progress=False)
    assert source.epochs == 3
    assert trainer.optimizer.steps == 15
    assert len(history["loss"]) == 3


def test_callbacks_are_called_in_order(tmp_path):
    calls = []

    class Tell(nnmat.Callback):
        def on_train_begin(self, trainer):
            calls.append("begin")

        def on_step_end(self, trainer, step, loss):
            calls.append(step)

        def on_epoch_end(self, trainer, epoch, figures):
            calls.append(f"epoch {epoch}")

        def on_train_end(self, trainer, history):
            calls.append("end")

    fit(make(), blobs(64), callbacks=[Tell()])
    assert calls == ["begin", 1, 2, "epoch 1", 3, 4, "epoch 2", "end"]


def test_early_stopping_and_the_best_parameters():
    figures = iter([3.0, 2.0, 2.5, 2.4, 2.3])
    kept = []

    class Fake(nnmat.Callback):
        def on_epoch_end(self, trainer, epoch, f):
            f["made_up"] = next(figures)
            kept.append(trainer.model.flat_parameters.copy())

    trainer = make()
    stopping = nnmat.EarlyStopping("made_up", patience=2, restore_best=True)
    history = fit(trainer, blobs(), epochs=5, callbacks=[Fake(), stopping])
    assert history["epoch"] == [1, 2, 3, 4]
    assert stopping.best_epoch == 2
    assert np.array_equal(trainer.model.flat_parameters, kept[1])
    assert not np.array_equal(kept[1], kept[3])


def test_callbacks_start_anew_with_each_run(tmp_path):
    stopping = nnmat.EarlyStopping("loss", patience=1, restore_best=True)
    keep = nnmat.Checkpoint(tmp_path / "best.npz", monitor="loss")
    fit(make(), blobs(), epochs=3, callbacks=[stopping, keep])
    best = keep.monitor.best
    other = make(lr=1e-4, seed=5)  # learns little: never better than the first run
    history = fit(other, blobs(), epochs=3, callbacks=[stopping, keep])
    assert history["epoch"] == [1, 2, 3]
    assert -history["loss"][-1] == keep.monitor.best < best
    assert np.array_equal(nnmat.load(tmp_path / "best.npz").flat_parameters, other.model.flat_parameters)


def test_learning_rate_of_the_history_is_that_of_the_last_step():
    table = [0.1 * 0.9**k for k in range(14)]  # one for each step: there is no 15th
    trainer = make()
    trainer.optimizer.lr = lambda k: table[k]
    assert fit(trainer, blobs())["learning_rate"] == [table[6], table[13]]


def test_early_stopping_names_what_there_is():
    with pytest.raises(nnmat.ConfigError, match="no figure 'los' to monitor. This run has: loss, accuracy"):
        fit(make(), blobs(), callbacks=[nnmat.EarlyStopping("los")])
    with pytest.raises(nnmat.ConfigError, match="expected mode"):
        nnmat.EarlyStopping(mode="up")


def test_accuracies_rise_and_losses_fall():
    from nnmat.callbacks import Monitor

    up, down = Monitor("T", "validation_accuracy", "auto"), Monitor("T", "loss", "auto")
    assert [up.improved({"validation_accuracy": v}) for v in (0.1, 0.3, 0.2, math.nan)] == [True, True, False, False]
    assert [down.improved({"loss": v}) for v in (math.nan, 3, 4, 2)] == [False, True, False, True]
    slow = Monitor("T", "loss", "min", min_delta=0.5)
    assert [slow.improved({"loss": v}) for v in (3, 2.8, 2.4)] == [True, False, True]


def test_checkpoint_files(tmp_path):
    trainer = make()
    best, last = tmp_path / "best.npz", tmp_path / "last.npz"
    callbacks = [nnmat.Checkpoint(best, monitor="loss"), nnmat.Checkpoint(last, keep="last")]
    fit(trainer, blobs(), callbacks=callbacks)
    for path in (best, last):
        assert np.array_equal(nnmat.load(path).flat_parameters, trainer.model.flat_parameters)
    with pytest.raises(nnmat.FileFormatError, match="holds a model but no state of a training run"):
        fit(make(), blobs(), resume=best, callbacks=callbacks)
    with pytest.raises(nnmat.ConfigError, match="ends in .npz"):
        nnmat.Checkpoint("model.pkl")
    with pytest.raises(FileNotFoundError, match="Checkpoint: the folder .* does not exist"):
        nnmat.Checkpoint(tmp_path / "none" / "model.npz")
    with pytest.raises(nnmat.ConfigError, match="keep 'best' or 'last'"):
        nnmat.Checkpoint("model.npz", keep="all")


def test_logs_and_history_files(tmp_path):
    logs = [nnmat.Log(tmp_path / "log.jsonl"), nnmat.Log(tmp_path / "log.csv")]
    history = fit(make(), blobs(), callbacks=logs)
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [row["loss"] for row in rows] == history["loss"]
    table = (tmp_path / "log.csv").read_text().splitlines()
    assert table[0] == "epoch,loss,accuracy,learning_rate,seconds"
    assert len(table) == 3
    nnmat.save_history(history, tmp_path / "h.json")
    nnmat.save_history(history, tmp_path / "h.csv")
    assert json.loads((tmp_path / "h.json").read_text()) == history
    assert (tmp_path / "h.csv").read_text().splitlines() == table
    with pytest.raises(nnmat.ConfigError, match=r"\.json or \.csv"):
        nnmat.save_history(history, tmp_path / "h.txt")
    with pytest.raises(nnmat.ConfigError, match=r"\.jsonl or \.csv"):
        nnmat.Log(tmp_path / "log.txt")
    with pytest.raises(FileNotFoundError, match="does not exist"):
        nnmat.Log(tmp_path / "none" / "log.csv")


def test_non_finite_loss_names_the_layer():
    trainer = make()
    trainer.model[2].weight.value = np.full((3, 8), 3e38)
    with pytest.raises(
        nnmat.NonFiniteError, match=r"epoch 1, step 1.*Linear '2': its output is not finite.*smaller lr"
    ):
        fit(trainer, blobs())


def test_non_finite_batches_are_named():
    class Bad(Growing):
        def batches(self, rng, start=0):
            yield np.array([[1, np.nan]], np.float32), np.array([0])

    with pytest.raises(nnmat.NonFiniteError, match=r"epoch 1, step 1\. The batch's X holds nan at index \(0, 1\)"):
        make().fit(Bad(), epochs=1, progress=False)


class Spike(nnmat.Layer):
    """Infinite where the first input is positive: after a Dropout that depends on the mask."""

    def output_shape(self, input_shape):
        return input_shape

    def _forward(self, X, training, record):
        if record:
            self._recorded = True
        return np.where(X[:, :1] > 0, np.float32(np.inf), X)

    def _backward(self, G, accumulate, parameters, input_gradient):
        return G


@pytest.mark.parametrize("seed", range(6))
def test_the_batch_is_repeated_with_the_same_dropout_mask(seed):
    layers = [Linear(2, 8), nnmat.Dropout(0.5), Spike(), Linear(8, 3)]
    model = Sequential(layers, input_shape=(2,), seed=seed)
    model[0].bias.value = np.full(8, 9.0)
    trainer = Trainer(model, SoftmaxCrossEntropy(), SGD(model, lr=0.01))
    with pytest.raises(nnmat.NonFiniteError, match="first layer at fault is Spike '2'"):
        trainer.fit((np.zeros((1, 2), np.float32), np.array([0])), epochs=50, batch_size=1, progress=False)


def test_a_gradient_of_the_loss_that_is_not_finite_is_no_layers_fault():
    class Broken(nnmat.Loss):
        def _evaluate(self, H, y, sample_weight):
            return 1.0, np.full_like(H, np.nan), float(len(H))

    with pytest.raises(nnmat.NonFiniteError, match="epoch 1, step 1. The gradient of the loss itself, Broken"):
        fit(make(loss=Broken()), blobs())


def test_diverging_training_stops_with_the_step():
    model = Sequential([Linear(2, 64), ReLU(), Linear(64, 64), ReLU(), Linear(64, 3)], input_shape=(2,))
    trainer = Trainer(model, MeanSquaredError(), SGD(model, lr=1e3))
    data = blobs()
    with pytest.raises(nnmat.NonFiniteError, match=r"(loss|gradient) became .* in epoch 1, step \d+"):
        trainer.fit((100 * data.X, np.eye(3)[data.y]), epochs=20, batch_size=32, progress=False)


def test_non_finite_gradient_names_the_layer():
    class Broken(nnmat.Layer):
        def output_shape(self, input_shape):
            return input_shape

        def _forward(self, X, training, record):
            if record:
                self._recorded = True
            return X + 0

        def _backward(self, G, accumulate, parameters, input_gradient):
            return G / np.zeros(1, G.dtype)

    model = Sequential([Linear(2, 4), Broken(), Linear(4, 3)], input_shape=(2,))
    trainer = Trainer(model, SoftmaxCrossEntropy(), SGD(model, lr=0.1))
    before = model.flat_parameters.copy()
    with np.errstate(all="ignore"), pytest.raises(nnmat.NonFiniteError, match="backward pass is Broken '1'"):
        fit(trainer, blobs())
    assert np.array_equal(model.flat_parameters, before)


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
