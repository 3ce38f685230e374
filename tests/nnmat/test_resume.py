"""Ctrl-C at any step, twice in one run: the resumed run ends with the bits of one that was never stopped."""

import signal

import numpy as np
import pytest

import nnmat
from nnmat import SGD, Adam, Dropout, Linear, ReLU, Sequential, SoftmaxCrossEntropy, Trainer, schedules

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


def test_a_model_is_read_out_of_a_checkpoint(tmp_path):
    path = tmp_path / "state.npz"
    with pytest.raises(nnmat.TrainingInterrupted):
        run(adam, press=[8], checkpoint=path)
    model = nnmat.load(path)
    assert [layer.kind for layer in model] == ["Linear", "ReLU", "Dropout", "Linear"]
    assert model.forward(np.zeros((1, 2), np.float32)).shape == (1, 3)
