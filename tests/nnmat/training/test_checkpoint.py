"""Ctrl-C at any step, twice in one run: the resumed run ends with the bits of one that was never stopped."""

import signal

import numpy as np
import pytest

import nnmat
from nnmat import SGD, Adam, Dropout, Linear, ReLU, Sequential, SoftmaxCrossEntropy, Trainer, schedules
from nnmat.formats.npz import read_archive, write_archive

EPOCHS, BATCHES = 6, 5


def data():
    rng = np.random.default_rng(7)
    y = rng.integers(0, 3, 75)
    X = np.array([[2, 0], [-2, 0], [0, 2]])[y] + rng.standard_normal((75, 2))
    return nnmat.datasets.Dataset(X.astype(np.float32), y)


def momentum(model):
    return SGD(model, lr=schedules.Cosine(0.3, EPOCHS * BATCHES), momentum=0.9, nesterov=True, weight_decay=1e-3)


def adam(model):
    return Adam(model, lr=schedules.WarmUp(4, schedules.Cosine(0.05, EPOCHS * BATCHES)), clip_norm=1.0)


class PressCtrlC(nnmat.Callback):
    """Sends a real SIGINT after the given steps."""

    def __init__(self, steps):
        self.steps = set(steps)

    def on_step_end(self, trainer, step, loss):
        if step in self.steps:
            signal.raise_signal(signal.SIGINT)


def run(make_optimizer, press=(), resume=None, checkpoint="state.npz", patience=10, seed=1):
    layers = [Linear(2, 16), ReLU(), Dropout(0.3), Linear(16, 3)]
    model = Sequential(layers, input_shape=(2,), seed=seed)
    trainer = Trainer(model, SoftmaxCrossEntropy(), make_optimizer(model), metrics=["accuracy"])
    train, validation = data().split(60, seed=0)
    stopping = nnmat.EarlyStopping(patience=patience, restore_best=True)
    options = {"epochs": EPOCHS, "batch_size": 13, "validation": validation, "progress": False, "seed": 3}
    callbacks = [stopping, PressCtrlC(press)]
    history = trainer.fit(train, callbacks=callbacks, checkpoint=checkpoint, resume=resume, **options)
    return model, trainer, history


def without_times(history):
    return {name: column for name, column in history.items() if name != "seconds"}


def same(one, other):
    (model1, trainer1, history1), (model2, trainer2, history2) = one, other
    assert np.array_equal(model1.flat_parameters, model2.flat_parameters)
    for name, A in model1.buffers().items():
        assert np.array_equal(A, model2.buffers()[name])
    state1, state2 = trainer1.optimizer.state(), trainer2.optimizer.state()
    assert state1.keys() == state2.keys()
    assert all(np.array_equal(state1[name], state2[name]) for name in state1)
    assert without_times(history1) == without_times(history2)


@pytest.mark.parametrize("make_optimizer", [momentum, adam])
@pytest.mark.parametrize("seed", range(4))
def test_interrupted_twice_at_random_steps(make_optimizer, seed, tmp_path):
    whole = run(make_optimizer)
    first, second = sorted(np.random.default_rng(seed).choice(np.arange(1, EPOCHS * BATCHES), 2, replace=False))
    path = tmp_path / "state.npz"
    with pytest.raises(nnmat.TrainingInterrupted, match=rf"step {first}\).*resume=") as stopped:
        run(make_optimizer, press=[first], checkpoint=path)
    assert stopped.value.checkpoint == path
    with pytest.raises(nnmat.TrainingInterrupted, match=rf"step {second}\)"):
        run(make_optimizer, press=[second], checkpoint=path, resume=path)
    same(run(make_optimizer, resume=path), whole)


@pytest.mark.parametrize("step", [1, BATCHES - 1, BATCHES, BATCHES + 1, EPOCHS * BATCHES - 1])
def test_interrupted_beside_the_edges_of_epochs(step, tmp_path):
    path = tmp_path / "state.npz"
    with pytest.raises(nnmat.TrainingInterrupted):
        run(adam, press=[step], checkpoint=path)
    same(run(adam, resume=path), run(adam))


def test_interrupted_at_the_last_step_is_finished(tmp_path):
    same(run(adam, press=[EPOCHS * BATCHES], checkpoint=tmp_path / "state.npz"), run(adam))
    assert not (tmp_path / "state.npz").exists()


def test_early_stopping_survives_the_interruption(tmp_path):
    path = tmp_path / "state.npz"

    def patient(press=(), resume=None):
        return run(momentum, press, resume, path, patience=1, seed=4)

    whole = patient()
    epochs = whole[2]["epoch"][-1]
    assert epochs < EPOCHS, "the case must stop early"
    for step in range(2, epochs * BATCHES, 4):
        with pytest.raises(nnmat.TrainingInterrupted):
            patient(press=[step])
        same(patient(resume=path), whole)


@pytest.fixture
def usual_ctrl_c():
    """Python's own handling of SIGINT, which a test runner may have switched off."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("usual_ctrl_c")
def test_a_second_ctrl_c_acts_at_once(tmp_path):
    class Twice(nnmat.Callback):
        def on_step_end(self, trainer, step, loss):
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    model = Sequential([Linear(2, 3)], input_shape=(2,))
    with pytest.raises(KeyboardInterrupt) as stopped:
        Trainer(model, SoftmaxCrossEntropy(), SGD(model, lr=0.1)).fit(
            data(), epochs=1, callbacks=[Twice()], progress=False, checkpoint=tmp_path / "state.npz"
        )
    assert not isinstance(stopped.value, nnmat.TrainingInterrupted)
    assert signal.getsignal(signal.SIGINT) is before


def test_settings_of_another_run_are_refused(tmp_path):
    path = tmp_path / "state.npz"
    with pytest.raises(nnmat.TrainingInterrupted):
        run(adam, press=[3], checkpoint=path)
    with pytest.raises(nnmat.StateError, match="was made with optimizer = "):
        run(momentum, resume=path)
    model = Sequential([Linear(2, 3)], input_shape=(2,))
    before = model.flat_parameters.copy()
    with pytest.raises(nnmat.StateError, match="was made with"):
        Trainer(model, SoftmaxCrossEntropy(), SGD(model, lr=0.1)).fit(data(), epochs=1, progress=False, resume=path)
    assert np.array_equal(model.flat_parameters, before)


class OwnOrder:
    """A batch source whose state is a generator of its own, from which each epoch draws an order."""

    def __init__(self):
        self.data, self.rng = data(), np.random.default_rng(5)

    def __len__(self):
        return BATCHES

    def batches(self, rng, start=0):
        order = self.rng.permutation(75).reshape(BATCHES, 15)
        for rows in order[start:]:
            yield self.data.X[rows], self.data.y[rows]

    def state(self):
        return {"rng": self.rng.bit_generator.state}

    def load_state(self, state):
        self.rng.bit_generator.state = state["rng"]


class Halve(nnmat.Callback):
    """Halves the learning rate after each epoch."""

    def on_epoch_end(self, trainer, epoch, figures):
        trainer.optimizer.lr = schedules.WarmUp(2, trainer.optimizer.lr / 2)


class Freeze(nnmat.Callback):
    """Freezes the first weight, and takes the decay off the second, after the first epoch."""

    def on_epoch_end(self, trainer, epoch, figures):
        trainer.model[0].weight.trainable = False
        trainer.model[2].weight.decay = False


@pytest.mark.parametrize("source", [data, OwnOrder])
@pytest.mark.parametrize("change", [nnmat.Callback, Halve, Freeze])
def test_what_changes_during_a_run_is_in_the_checkpoint(source, change, tmp_path):
    path = tmp_path / "state.npz"
    batch_size = None if source is OwnOrder else 15

    def go(press=(), resume=None):
        model = Sequential([Linear(2, 16), ReLU(), Linear(16, 3)], input_shape=(2,), seed=1)
        trainer = Trainer(model, SoftmaxCrossEntropy(), SGD(model, lr=0.5, momentum=0.9, weight_decay=0.1))
        options = {"epochs": 3, "batch_size": batch_size, "progress": False, "checkpoint": path, "resume": resume}
        return model, trainer, trainer.fit(source(), callbacks=[change(), PressCtrlC(press)], **options)

    whole = go()
    for step in (2, BATCHES, BATCHES + 2):
        with pytest.raises(nnmat.TrainingInterrupted):
            go(press=[step])
        resumed = go(resume=path)
        same(resumed, whole)
        assert resumed[1].optimizer.lr == whole[1].optimizer.lr


def test_a_checkpoint_requested_before_ctrl_c_is_written_by_the_resumed_run(tmp_path):
    class Request(nnmat.Callback):
        def on_step_end(self, trainer, step, loss):
            if step == 2:
                trainer.request_checkpoint(tmp_path / "requested.npz")

    def go(press=(), resume=None):
        model = Sequential([Linear(2, 3)], input_shape=(2,))
        return Trainer(model, SoftmaxCrossEntropy(), SGD(model, lr=0.1)).fit(
            data(),
            epochs=2,
            batch_size=15,
            callbacks=[Request(), PressCtrlC(press)],
            progress=False,
            checkpoint=tmp_path / "state.npz",
            resume=resume,
        )

    with pytest.raises(nnmat.TrainingInterrupted):
        go(press=[3])
    assert not (tmp_path / "requested.npz").exists()
    go(resume=tmp_path / "state.npz")
    assert nnmat.load(tmp_path / "requested.npz")


def test_callbacks_of_another_run_are_refused(tmp_path):
    def go(callbacks, resume=None):
        model = Sequential([Linear(2, 3)], input_shape=(2,))
        trainer = Trainer(model, SoftmaxCrossEntropy(), SGD(model, lr=0.1))
        options = {"epochs": 2, "progress": False, "checkpoint": tmp_path / "state.npz", "resume": resume}
        trainer.fit(data(), callbacks=callbacks, **options)

    with pytest.raises(nnmat.TrainingInterrupted):
        go([nnmat.EarlyStopping("loss"), PressCtrlC([1])])
    for other in ([PressCtrlC(()), nnmat.EarlyStopping("loss")], [PressCtrlC(())], []):
        with pytest.raises(nnmat.StateError, match=r"made with callbacks = \['EarlyStopping', 'PressCtrlC'\]"):
            go(other, resume=tmp_path / "state.npz")


def test_numbers_of_numpy_do_not_break_a_checkpoint(tmp_path):
    """Ctrl-C must not lose a run because a metric, a seed or a callback's state is no plain Python number."""

    class Counts(PressCtrlC):
        def state(self):
            return {"count": np.int64(3)}

    def largest(H, y):
        return np.abs(H).max()  # a float32

    def go(press=(), resume=None):
        model = Sequential([Linear(2, 3)], input_shape=(2,))
        trainer = Trainer(model, SoftmaxCrossEntropy(), SGD(model, lr=0.1), metrics=[largest])
        history = trainer.fit(
            data(),
            epochs=2,
            seed=np.int64(3),
            callbacks=[Counts(press)],
            progress=False,
            checkpoint=tmp_path / "state.npz",
            resume=resume,
        )
        return model, trainer, history

    with pytest.raises(nnmat.TrainingInterrupted):
        go(press=[2])
    whole, resumed = go(), go(resume=tmp_path / "state.npz")
    same(resumed, whole)
    assert all(type(value) is float for value in whole[2]["largest"])
    nnmat.save_history(whole[2], tmp_path / "history.json")


def test_a_model_is_read_out_of_a_checkpoint(tmp_path):
    path = tmp_path / "state.npz"
    with pytest.raises(nnmat.TrainingInterrupted):
        run(adam, press=[8], checkpoint=path)
    model = nnmat.load(path)
    assert [layer.kind for layer in model] == ["Linear", "ReLU", "Dropout", "Linear"]
    assert model.forward(np.zeros((1, 2), np.float32)).shape == (1, 3)


def simple(path, press=(), resume=None, train=None, validation=None, callbacks=(), **budget):
    model = Sequential([Linear(2, 3)], input_shape=(2,))
    trainer = Trainer(model, SoftmaxCrossEntropy(), SGD(model, lr=0.1))
    callbacks = [*callbacks, PressCtrlC(press)]
    train = data() if train is None else train
    options = {"batch_size": 15, "progress": False, "checkpoint": path, "resume": resume}
    history = trainer.fit(train, validation=validation, callbacks=callbacks, **({"epochs": 3} | budget), **options)
    return model, trainer, history


def changed(dataset):
    X = dataset.X.copy()
    X[40, 1] += 1
    return nnmat.datasets.Dataset(X, dataset.y)


def test_other_data_of_equal_size_is_refused(tmp_path):
    path, weights = tmp_path / "state.npz", np.ones(75)
    with pytest.raises(nnmat.TrainingInterrupted):
        simple(path, press=[3], validation=data())
    with pytest.raises(nnmat.StateError, match="checksum of the training data = '[0-9a-f]{8}', this run has '"):
        simple(path, resume=path, train=changed(data()), validation=data())
    with pytest.raises(nnmat.StateError, match="checksum of the training data"):
        simple(path, resume=path, train=(data().X, data().y, weights), validation=data())
    with pytest.raises(nnmat.StateError, match="checksum of the validation data"):
        simple(path, resume=path, validation=changed(data()))
    with pytest.raises(nnmat.StateError, match="batches of the validation data = 5, this run has None"):
        simple(path, resume=path)
    same(simple(path, resume=path, validation=data()), simple(path, validation=data()))


def test_checksums_are_computed_for_checkpoints_only_and_once(tmp_path, monkeypatch):
    calls = []

    def counted(source):
        calls.append(source)
        return "0"

    monkeypatch.setattr("nnmat.training.run.checksum", counted)
    simple(tmp_path / "state.npz", validation=data())
    assert not calls
    last = nnmat.Checkpoint(tmp_path / "last.npz", keep="last")
    simple(tmp_path / "state.npz", validation=data(), callbacks=[last])  # written after each of three epochs
    assert len(calls) == 2


def test_callbacks_of_other_options_are_refused(tmp_path):
    path, best = tmp_path / "state.npz", tmp_path / "best.npz"

    def go(stopping, checkpoint, press=(), resume=None):
        callbacks = [nnmat.EarlyStopping("loss", **stopping), nnmat.Checkpoint(best, monitor="loss", **checkpoint)]
        return simple(path, press, resume, callbacks=callbacks)

    with pytest.raises(nnmat.TrainingInterrupted):
        go({"min_delta": np.float32(0.5)}, {}, press=[7])
    for stopping, checkpoint in [
        ({"min_delta": 0.5, "patience": 4}, {}),
        ({"min_delta": 0.25}, {}),
        ({"min_delta": 0.5, "restore_best": True}, {}),
        ({"min_delta": 0.5, "mode": "max"}, {}),
        ({"min_delta": 0.5}, {"keep": "last"}),
        ({"min_delta": 0.5}, {"mode": "max"}),
    ]:
        with pytest.raises(nnmat.StateError, match="was made with callbacks' options = .*'patience': 3"):
            go(stopping, checkpoint, resume=path)
    same(go({"min_delta": 0.5}, {}, resume=path), go({"min_delta": 0.5}, {}))


def test_options_of_a_callback_of_ones_own_may_hold_numpy_numbers(tmp_path):
    class Own(nnmat.Callback):
        def __init__(self, size):
            self.size = size

        def config(self):
            return {"size": self.size, "pair": (1, 2)}

    path = tmp_path / "state.npz"
    with pytest.raises(nnmat.TrainingInterrupted):
        simple(path, press=[3], callbacks=[Own(np.int64(4))])
    with pytest.raises(nnmat.StateError, match="callbacks' options"):
        simple(path, resume=path, callbacks=[Own(np.int64(5))])
    simple(path, resume=path, callbacks=[Own(np.int64(4))])


def test_another_budget_of_steps_is_refused_and_epochs_may_grow(tmp_path):
    path = tmp_path / "last.npz"
    last = nnmat.Checkpoint(path, keep="last")
    simple(tmp_path / "state.npz", callbacks=[last], epochs=None, steps=7)  # ends within an epoch of 5 batches
    for budget in ({"epochs": None, "steps": 14}, {"epochs": 4}):
        with pytest.raises(nnmat.StateError, match="was made with steps = 7, this run has .*closes its epoch early"):
            simple(path, resume=path, callbacks=[last], **budget)
    simple(tmp_path / "state.npz", callbacks=[last], epochs=2)
    grown = simple(tmp_path / "state.npz", resume=path, callbacks=[last], epochs=4)
    same(grown, simple(tmp_path / "state.npz", callbacks=[last], epochs=4))


def test_ctrl_c_without_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        nnmat.TrainingInterrupted, match=r"step 3\). Its state was not kept: checkpoint=None"
    ) as stopped:
        simple(None, press=[3])
    assert stopped.value.checkpoint is None
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_refuses_only_an_explicit_checkpoint(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("os.access", lambda path, mode: False)
    model = Sequential([Linear(2, 3)], input_shape=(2,))
    trainer = Trainer(model, SoftmaxCrossEntropy(), SGD(model, lr=0.1))
    trainer.fit(data(), epochs=1, progress=False)
    with pytest.raises(nnmat.TrainingInterrupted, match="Its state was not kept: .* cannot be written to. Try fit"):
        trainer.fit(data(), epochs=1, progress=False, callbacks=[PressCtrlC([1])])
    with pytest.raises(nnmat.ConfigError, match="checkpoint as a .npz file in a writable folder"):
        trainer.fit(data(), epochs=1, progress=False, checkpoint="nnmat-interrupted.npz")


@pytest.mark.parametrize(
    ("name", "value"),
    [("size", "x"), ("size", -1), ("size", None), ("checksum", "x"), ("checksum", [1]), ("size", 10**400)],
)
def test_a_damaged_position_of_a_log_is_refused(name, value, tmp_path):
    path, log = tmp_path / "state.npz", tmp_path / "log.csv"
    with pytest.raises(nnmat.TrainingInterrupted):
        simple(path, press=[7], callbacks=[nnmat.Log(log)])
    before = log.read_bytes()
    header, arrays = read_archive(path)
    header["training"]["states"]["callback/0"][name] = value
    write_archive(path, header, arrays)
    with pytest.raises(nnmat.FileFormatError, match=r"callback 0 \(Log\): its state is damaged|is damaged"):
        simple(path, resume=path, callbacks=[nnmat.Log(log)])
    assert log.read_bytes() == before
