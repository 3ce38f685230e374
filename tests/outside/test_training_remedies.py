"""Habits from other libraries, and what every user meets: each call works, or says what is wrong and what to write."""

import re
import signal
import warnings

import numpy as np
import pytest

import nnmat
from nnmat import (
    SGD,
    Adam,
    Checkpoint,
    EarlyStopping,
    Linear,
    MeanSquaredError,
    Sequential,
    Sigmoid,
    SigmoidBinaryCrossEntropy,
    Softmax,
    SoftmaxCrossEntropy,
    Tanh,
    Trainer,
)
from nnmat.training import evaluation
from nnmat.training.reporting import display

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((40, 2)).astype(np.float32), RNG.integers(0, 3, 40)
SCE, BCE, MSE = SoftmaxCrossEntropy, SigmoidBinaryCrossEntropy, MeanSquaredError


def make(outputs=3, loss=SCE, last=(), metrics=(), lr=0.1):
    model = Sequential([Linear(2, outputs), *(layer() for layer in last)], input_shape=(2,))
    return Trainer(model, loss(), SGD(model, lr=lr), metrics=metrics)


@pytest.mark.parametrize("call", ["fit", "evaluate", "predict", "predict_proba"])
@pytest.mark.parametrize(("progress", "shown"), [(0, False), (None, False), (False, False), (1, True), (True, True)])
def test_progress_is_said_in_one_way(call, progress, shown, capsys, monkeypatch):
    monkeypatch.setattr(display, "PATIENCE", -1)
    data = X if call.startswith("predict") else (X, Y)
    options = {"epochs": 1, "checkpoint": None} if call == "fit" else {}
    getattr(make(), call)(data, progress=progress, **options)
    assert (capsys.readouterr().err != "") == shown


QUIET = {"epochs": 1, "progress": False, "checkpoint": None}

WRONG = {
    # data in two arguments
    "fit(X, y, epochs)": (lambda t: t.fit(X, Y, epochs=1), r"got X and y apart. Write fit\(\(X, y\), epochs=...\)"),
    "fit(X, y)": (lambda t: t.fit(X, Y), r"Write fit\(\(X, y\), epochs=...\)"),
    "fit(X, y, 1)": (lambda t: t.fit(X, Y, 1), r"Write fit\(\(X, y\), epochs=...\)"),
    "fit(X, y, batch, epochs)": (lambda t: t.fit(X, Y, 32, epochs=3), r"Write fit\(\(X, y\), epochs=...\)"),
    "fit(X, list)": (lambda t: t.fit(X, Y.tolist(), steps=3), r"Write fit\(\(X, y\), epochs=...\)"),
    "evaluate(X, y)": (lambda t: t.evaluate(X, Y), r"Write evaluate\(\(X, y\)\)"),
    "evaluate(X, y, 32)": (lambda t: t.evaluate(X, Y, 32), r"Write evaluate\(\(X, y\)\)"),
    "fit(list of batches)": (
        lambda t: t.fit([(X, Y), (X, Y)], **QUIET),
        r"got a tuple of 2\. Batches are joined by np\.co",
    ),
    "fit(((X1, X2), y))": (
        lambda t: t.fit(((X, X), Y), **QUIET),
        r"X as one array of shape \(n, \.\.\.\), got a tuple of 2",
    ),
    "fit(([X, X], y))": (
        lambda t: t.fit(([X, X], Y), **QUIET),
        r"X as one array of shape \(n, \.\.\.\), got a list of 2",
    ),
    "predict((X, y))": (
        lambda t: t.predict((X, Y)),
        r"got a tuple of 2\. Targets are of no use here: write predict\(X\)",
    ),
    "proba((X, y))": (lambda t: t.predict_proba((X, Y)), r"got a tuple of 2\. .*write predict_proba\(X\)"),
    "predict(X, y)": (
        lambda t: t.predict(X, Y),
        r"^predict: expected X alone, got another array.*write predict\(X\)\.$",
    ),
    "predict(X, y, 32)": (lambda t: t.predict(X, Y, 32), r"^predict: expected X alone.*write predict\(X\)\.$"),
    "proba(X, y)": (lambda t: t.predict_proba(X, Y), r"^predict_proba: expected X alone.*write predict_proba\(X\)\.$"),
    "evaluate batches": (lambda t: t.evaluate([(X, Y), (X, Y)]), r"got a tuple of 2\. Batches are joined by"),
    "a column of labels": (lambda t: t.fit((X, Y[:, None]), **QUIET), r"np\.ravel\(y\)\.$"),
    "a column of floats": (lambda t: t.fit((X, Y[:, None] * 1.0), **QUIET), r"np\.ravel\(y\)\.astype\(np\.int64\)\.$"),
    "batch_size=X": (
        lambda t: t.fit((X, Y), epochs=1, batch_size=X),
        r"batch_size .*got an array of shape \(40, 2\)\.",
    ),
    "epochs=[...]": (lambda t: t.fit((X, Y), steps=1, seed=[7] * 99), r"seed .*got \[7, 7, .*\.\.\.\.$"),
    "lr=array": (lambda t: SGD(t.model, momentum=X), r"momentum .*got an array of shape \(40, 2\)\."),
    "fit(x=, y=)": (lambda t: t.fit(x=X, y=Y, epochs=1), r"no option 'x'. Data is one argument: \(X, y\)"),
    "fit(X) alone": (lambda t: t.fit(X, epochs=1), r"expected a Dataset, arrays \(X, y\).*one array of shape"),
    # names of options
    "verbose=1": (lambda t: t.fit((X, Y), epochs=1, verbose=1), "no option 'verbose'. It is called progress here"),
    "verbose=0": (lambda t: t.evaluate((X, Y), verbose=0), "no option 'verbose'. It is called progress here"),
    "predict verbose": (lambda t: t.predict(X, verbose=0), "no option 'verbose'. It is called progress here"),
    "validation_data": (lambda t: t.fit((X, Y), epochs=1, validation_data=(X, Y)), r"validation=\(X, y\)"),
    "validation_split": (lambda t: t.fit((X, Y), epochs=1, validation_split=0.2), r"\.split\(0.8\)"),
    "sample_weight": (lambda t: t.fit((X, Y), epochs=1, sample_weight=Y), r"fit\(\(X, y, sample_weight\)"),
    "learning_rate": (lambda t: t.fit((X, Y), epochs=1, learning_rate=0.1), r"SGD\(model, lr=0.1\)"),
    "num_epochs": (lambda t: t.fit((X, Y), num_epochs=1), "It is called epochs"),
    "epoch": (lambda t: t.fit((X, Y), epoch=1), "It is called epochs"),
    "batchsize": (lambda t: t.fit((X, Y), epochs=1, batchsize=8), "Did you mean batch_size"),
    "callback": (lambda t: t.fit((X, Y), epochs=1, callback=[]), "Did you mean callbacks"),
    "nonsense": (lambda t: t.fit((X, Y), epochs=1, zzz=1), "no option 'zzz'. It has: train, epochs, steps, batch_size"),
    "progress=2": (lambda t: t.fit((X, Y), epochs=1, progress=2), "expected progress as True .*, 'bar', 'lines' or F"),
    "evaluate progress": (lambda t: t.evaluate((X, Y), progress="no"), "evaluate: expected progress as True"),
    "predict progress": (lambda t: t.predict(X, progress=2), "predict: expected progress as True"),
    "progress='no'": (lambda t: t.fit((X, Y), epochs=1, progress="no"), "expected progress as True"),
    "metrics in fit": (lambda t: t.fit((X, Y), epochs=1, metrics=["accuracy"]), r"Trainer\(model, loss, optimizer, m"),
    "one callback": (lambda t: t.fit((X, Y), epochs=1, callbacks=EarlyStopping()), r"callbacks=\[nnmat.EarlyStopping"),
    "callback class": (lambda t: t.fit((X, Y), epochs=1, callbacks=[EarlyStopping]), "with brackets and parentheses"),
    "no data": (lambda t: t.fit(epochs=1), "fit: missing a required argument: 'train'. It takes: train, epochs"),
    # parts
    "order": (lambda t: Trainer(t.model, t.optimizer, t.loss), r"The order is Trainer\(model, loss, optimizer\)"),
    "loss class": (lambda t: Trainer(t.model, SCE, t.optimizer), r"parentheses: SoftmaxCrossEntropy\(\)"),
    "loss name": (lambda t: Trainer(t.model, "mse", t.optimizer), r"Try nnmat.SoftmaxCrossEntropy\(\)"),
    "optimizer class": (lambda t: Trainer(t.model, t.loss, Adam), r"parentheses: Adam\(model\)"),
    "optimizer name": (lambda t: Trainer(t.model, t.loss, "adam"), r"Try nnmat.Adam\(model\)"),
    "criterion": (
        lambda t: Trainer(t.model, criterion=t.loss, optimizer=t.optimizer),
        "'criterion'. It is called loss",
    ),
    "lr in Trainer": (lambda t: Trainer(t.model, t.loss, t.optimizer, lr=0.1), r"SGD\(model, lr=0.1\)"),
    "epochs in Trainer": (lambda t: Trainer(t.model, t.loss, t.optimizer, epochs=3), r"trainer.fit\(train, epochs=10"),
    "no optimizer": (lambda t: Trainer(t.model, t.loss), "Trainer: missing a required argument: 'optimizer'"),
    # one output
    "accuracy of one logit": (lambda t: make(1, BCE, metrics=["accuracy"]), r"metrics=\['binary_accuracy'\]"),
    "accuracy of one number": (lambda t: make(1, MSE, metrics=[nnmat.metrics.accuracy]), r"\['binary_accuracy'\]"),
    "top 5 of one logit": (lambda t: make(1, BCE, metrics=["top_5"]), r"metrics=\['binary_accuracy'\]"),
    "softmax of one output": (lambda t: make(1, SCE), "take SigmoidBinaryCrossEntropy"),
    # batch sizes and shapes
    "batch size": (lambda t: t.fit((X, Y), batch_size=41, **QUIET), "Use batch_size <= 40"),
    "images without a channel": (
        lambda t: Trainer(m := Sequential([nnmat.Flatten(), Linear(None, 3)], (5, 5, 1)), SCE(), SGD(m)).fit(
            (np.zeros((4, 5, 5), np.float32), Y[:4]), **QUIET
        ),
        r"X\[..., np.newaxis\]",
    ),
    "one sample": (lambda t: t.fit((X[0], Y[:2]), **QUIET), r"X\[np.newaxis\]"),
    # data that is none
    "validation=0.2": (lambda t: t.fit((X, Y), validation=0.2, **QUIET), r"Dataset\(X, y\).split\(0.8\)"),
    "validation=X": (lambda t: t.fit((X, Y), validation=X, **QUIET), r"Write validation=\(X, y\)"),
    "a generator": (lambda t: t.fit(((X, Y) for _ in range(3)), **QUIET), "methods of datasets.BatchSource"),
    "a list of batches": (lambda t: t.fit([(X, Y)] * 5, **QUIET), "methods of datasets.BatchSource"),
    "a dict": (lambda t: t.fit({"X": X, "y": Y}, **QUIET), r"got dict"),
    "evaluate(X)": (lambda t: t.evaluate(X), r"Write evaluate\(\(X, y\), ...\)"),
    "predict(data)": (lambda t: t.predict(nnmat.datasets.Dataset(X, Y)), r"got a Dataset. Write predict\(data.X\)"),
    # probabilities
    "proba of a distance": (lambda t: make(3, MSE).predict_proba(X), "expected a loss that defines probabilities"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_habit_is_answered_with_what_to_write(case):
    call, text = WRONG[case]
    trainer = make()
    with pytest.raises((nnmat.ConfigError, nnmat.DataError, nnmat.ShapeError), match=text) as raised:
        call(trainer)
    assert len(str(raised.value)) < 400
    assert trainer.optimizer.steps == 0


def test_a_type_error_of_the_users_own_code_passes():
    class Broken(nnmat.Callback):
        def on_step_end(self, trainer, step, loss):
            raise TypeError("mine")

    with pytest.raises(TypeError, match="^mine$"):
        make().fit((X, Y), callbacks=[Broken()], **QUIET)


MONITORS = {
    "val_loss": (True, "validation_loss"),
    "val_accuracy": (True, "validation_accuracy"),
    "val_acc": (True, "validation_accuracy"),
    "acc": (False, "accuracy"),
    "train_loss": (False, "loss"),
    "lr": (False, "learning_rate"),
    "losss": (False, "loss"),
}


@pytest.mark.parametrize("name", MONITORS)
@pytest.mark.parametrize("kind", ["stopping", "checkpoint"])
def test_a_figure_of_another_name_is_named_before_the_first_step(name, kind, tmp_path):
    validating, ours = MONITORS[name]
    callback = EarlyStopping(name) if kind == "stopping" else Checkpoint(tmp_path / "best.npz", monitor=name)
    trainer = make(metrics=["accuracy"])
    with pytest.raises(nnmat.ConfigError, match=rf"no figure '{name}' .*has: loss, .*Write monitor='{ours}'"):
        trainer.fit((X, Y), callbacks=[callback], validation=(X, Y) if validating else None, **QUIET)
    assert trainer.optimizer.steps == 0


class Looks(nnmat.Callback):
    """Adds no figure: it looks at steps only."""

    def on_step_end(self, trainer, step, loss):
        raise AssertionError("a step was done")


class Adds(nnmat.Callback):
    def on_epoch_end(self, trainer, epoch, figures):
        figures["val_loss"] = 1.0


def test_figures_that_callbacks_of_ones_own_add_may_be_monitored():
    with pytest.raises(nnmat.ConfigError, match="Write monitor='validation_loss'"):
        make().fit((X, Y), callbacks=[Looks(), EarlyStopping("val_loss")], validation=(X, Y), **QUIET)
    make().fit((X, Y), callbacks=[Adds(), EarlyStopping("val_loss")], **QUIET)


def test_a_figure_that_is_not_there_yet_is_explained():
    with pytest.raises(nnmat.ConfigError, match=r"Trainer\(..., metrics=\['accuracy'\]\)"):
        make().fit((X, Y), callbacks=[EarlyStopping("accuracy")], **QUIET)
    with pytest.raises(nnmat.ConfigError, match=r"Pass fit\(..., validation=...\) for 'validation_loss'"):
        make().fit((X, Y), callbacks=[EarlyStopping("val_loss")], **QUIET)


@pytest.mark.parametrize("n", [1, 4, 31, 33])
def test_the_default_batch_size_fits_the_data(n):
    trainer = make()
    trainer.fit((X[:n], Y[:n]), **QUIET)
    assert trainer.optimizer.steps == -(-n // 32)


def test_xor_with_four_samples_just_trains():
    points = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    model = Sequential([Linear(2, 8), Tanh(), Linear(8, 1)], input_shape=(2,), seed=0)
    trainer = Trainer(model, BCE(), Adam(model, lr=0.1), metrics=["binary_accuracy"])
    for y in (np.array([0, 1, 1, 0]), np.array([[0], [1], [1], [0]]), np.array([0.0, 1, 1, 0])):
        history = trainer.fit((points, y), epochs=100, progress=False, checkpoint=None)
        assert history["binary_accuracy"][-1] == 1.0
    assert np.array_equal(trainer.predict_proba(points)[:, 0] > 0.5, [False, True, True, False])


@pytest.mark.parametrize(
    ("last", "loss", "outputs", "warns"),
    [
        ([Softmax], SCE, 3, "Softmax '1', and SoftmaxCrossEntropy takes logits: it applies its own softmax"),
        ([Sigmoid], BCE, 3, "Sigmoid '1', and SigmoidBinaryCrossEntropy takes logits: it applies its own sigmoid"),
        ([Sigmoid], SCE, 3, "Leave the last layer out"),
        ([Softmax], BCE, 3, "Leave the last layer out"),
        ([lambda: Sequential([Tanh(), Softmax()])], SCE, 3, r"Softmax '1.1'.*predict_proba"),
        ([Softmax], MSE, 3, None),
        ([Sigmoid], MSE, 1, None),
        ([Sigmoid, lambda: Linear(3, 3)], SCE, 3, None),
        ([], SCE, 3, None),
    ],
)
def test_an_activation_that_the_loss_applies_itself_is_warned_of_once(last, loss, outputs, warns):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        trainer = make(outputs, loss, last)
        y = Y if loss is SCE else np.zeros((40, outputs))
        trainer.fit((X, y), **QUIET)
        trainer.fit((X, y), **QUIET)
    assert len(caught) == (warns is not None)
    for warning in caught:
        assert warning.category is UserWarning
        assert re.search(warns, str(warning.message))
        assert warning.filename == __file__  # it points to the user's line


# ---- probabilities -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("batch_size", [1, 7, 64])
def test_probabilities_are_those_of_the_loss(dtype, batch_size):
    tolerance = 4 * np.finfo(dtype).eps
    for outputs, loss in ((3, SCE), (1, BCE), (4, BCE)):
        model = Sequential([Linear(2, outputs)], input_shape=(2,), dtype=dtype)
        trainer = Trainer(model, loss(), SGD(model))
        H = trainer.predict(X).astype(np.float64)
        expected = np.exp(H) / np.exp(H).sum(axis=1, keepdims=True) if loss is SCE else 1 / (1 + np.exp(-H))
        P = trainer.predict_proba(X, batch_size=batch_size)
        assert P.dtype == dtype
        assert np.allclose(P, expected, rtol=tolerance, atol=tolerance)
    assert make().predict_proba(X[:0]).shape == (0, 3)


@pytest.mark.parametrize("metrics", [None, (), "accuracy", nnmat.metrics.accuracy, iter(["accuracy"])])
def test_metrics_may_be_one_or_none(metrics):
    assert list(make(metrics=metrics).metrics) == ([] if not metrics else ["accuracy"])


def test_a_loss_made_from_one_with_probabilities_has_them():
    class Mine(SoftmaxCrossEntropy):
        pass

    assert make(loss=Mine).predict_proba(X).sum(axis=1) == pytest.approx(np.ones(40), rel=1e-6)


# ---- what a run shows --------------------------------------------------------------------------------------------

LINE = (
    r"epoch 1/3: loss \d.*, accuracy 0\.\d+, validation_loss \d.*, validation_accuracy 0\.\d+ \(\d.* s, .* samples/s\)"
)


def shown(capsys, **options):
    trainer = make(metrics=["accuracy"])
    trainer.fit((X, Y), validation=(X, Y), epochs=3, checkpoint=None, **options)
    out, err = capsys.readouterr()
    assert out == ""
    return err


@pytest.mark.parametrize(
    ("progress", "bar", "lines"), [(True, True, 3), ("bar", True, 0), ("lines", False, 3), (False, False, 0)]
)
def test_validation_figures_stand_in_one_line_for_each_epoch(progress, bar, lines, capsys):
    err = shown(capsys, progress=progress)
    assert len(re.findall(r"epoch \d/3: loss .*validation_accuracy", err)) == lines
    assert bool(re.search(LINE, err)) == (lines > 0)
    assert ("%|" in err) == bar  # of tqdm
    if not bar:
        assert len(err.splitlines()) == lines


@pytest.mark.parametrize(("call", "words"), [("fit", "validation"), ("evaluate", "evaluate"), ("predict", "predict")])
@pytest.mark.parametrize("patience", [0.0, 1000.0])
def test_an_evaluation_of_more_than_a_second_shows_a_bar(call, words, patience, capsys, monkeypatch):
    monkeypatch.setattr(display, "PATIENCE", patience)
    trainer = make()
    if call == "fit":
        trainer.fit((X, Y), validation=(X, Y), epochs=1, batch_size=10, progress="bar", checkpoint=None)
    elif call == "evaluate":
        trainer.evaluate((X, Y), batch_size=10)
    else:
        trainer.predict(X, batch_size=10)
    assert (f"{words}:" in capsys.readouterr().err) == (patience == 0.0)
    if call != "fit":
        getattr(trainer, call)(X if call == "predict" else (X, Y), batch_size=10, progress=False)
        assert capsys.readouterr().err == ""


@pytest.fixture
def usual_sigterm():
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("usual_sigterm")
def test_a_long_evaluation_does_not_hold_up_a_signal(tmp_path, monkeypatch):
    """The run stops in it, at the epoch's last step, and the resumed one evaluates again."""
    monkeypatch.setattr(evaluation, "GRACE", -1.0)
    measured = []

    def slow(H, y):
        measured.append(len(y))
        if len(measured) == 6:  # four batches of training, and the second of the validation
            signal.raise_signal(signal.SIGTERM)
        return 1.0

    def run(resume=None):
        trainer = make(metrics=[slow])
        options = {"epochs": 2, "batch_size": 10, "validation": (X, Y), "progress": False, "resume": resume}
        history = trainer.fit((X, Y), checkpoint=tmp_path / "state.npz", **options)
        return trainer.model.flat_parameters.tobytes(), history["loss"], history["validation_loss"]

    with pytest.raises(nnmat.TrainingInterrupted, match=r"after 0 full epochs and 4 batches \(step 4\)"):
        run()
    assert len(measured) == 6
    assert run(resume=tmp_path / "state.npz") == run()
