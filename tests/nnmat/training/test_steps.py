"""Runs as programs have the bits of runs by hand, however they are cut, watched, stopped and resumed."""

import copy
import signal

import numpy as np
import pytest

import nnmat as nm
from nnmat.training import steps
from nnmat_kernels.runtime.config import settings

N, B = 203, 16  # a last batch of 11
only_compiled = pytest.mark.skipif(bool(settings.DISABLE_JIT), reason="nothing is compiled")


def data(dtype=np.float32):
    rng = np.random.default_rng(5)
    return rng.standard_normal((N, 12)).astype(dtype), rng.integers(0, 4, N)


def trainer(compiled, metrics=("accuracy",), loss=nm.SoftmaxCrossEntropy, last=()):
    layers = [nm.Linear(12, 20), nm.Tanh(), nm.Dropout(0.2), nm.Linear(20, 4), *copy.deepcopy(last)]
    model = nm.Sequential(layers, input_shape=(12,), seed=3)
    optimizer = nm.Adam(model, lr=nm.schedules.Cosine(0.01, 60), clip_norm=1.0)
    return nm.Trainer(model, loss(), optimizer, metrics=metrics, compiled=compiled)


def run(compiled, make=trainer, train=None, **options):
    own = make(compiled)
    options = {"epochs": 4, "batch_size": B, "progress": False, "checkpoint": None, **options}
    history = own.fit(data() if train is None else train, **options)
    return own, {name: values for name, values in history.items() if name != "seconds"}


def assert_same(one, other):
    (a, history_a), (b, history_b) = one, other
    assert history_a == history_b
    assert a.model.flat_parameters.tobytes() == b.model.flat_parameters.tobytes()
    assert a.model.flat_gradients.tobytes() == b.model.flat_gradients.tobytes()
    assert all(A.tobytes() == b.model.buffers()[name].tobytes() for name, A in a.model.buffers().items())
    assert a.optimizer.steps == b.optimizer.steps


class Programs:
    """How many steps each call of a program made."""

    def __init__(self, monkeypatch):
        self.calls = []
        run = steps.StepPrograms.run

        def counted(own, batch, places, *rates):
            self.calls.append(len(next(iter(places.values()))))
            return run(own, batch, places, *rates)

        monkeypatch.setattr(steps.StepPrograms, "run", counted)


@only_compiled
@pytest.mark.parametrize(
    "options", [{}, {"steps": 47, "epochs": None}, {"validation": data()}, {"batch_size": N, "epochs": 40}]
)
def test_a_run_has_the_bits_of_one_by_hand(options, monkeypatch):
    programs = Programs(monkeypatch)
    assert_same(run(True, **options), run(False, **options))
    assert sum(programs.calls) > 0


@only_compiled
def test_a_short_run_is_not_worth_a_program(monkeypatch):
    programs = Programs(monkeypatch)
    assert_same(run(True, epochs=2), run(False, epochs=2))
    assert programs.calls == []


@only_compiled
def test_another_optimizer_or_loss_between_runs_is_the_one_that_counts():
    def twice(compiled):
        own, _ = run(compiled)
        own.optimizer = nm.SGD(own.model, lr=1e-3, momentum=0.9)
        own.loss = nm.SoftmaxCrossEntropy()
        history = own.fit(data(), epochs=4, batch_size=B, progress=False, checkpoint=None)
        return own, {name: values for name, values in history.items() if name != "seconds"}

    assert_same(twice(True), twice(False))


@only_compiled
def test_settings_that_a_callback_changes_count():
    class Anneal(nm.Callback):
        def on_epoch_end(self, trainer, epoch, figures):
            trainer.model[2].rate = 0.2 / (1 + epoch)

    assert_same(run(True, callbacks=[Anneal()]), run(False, callbacks=[Anneal()]))


@only_compiled
def test_who_observes_sees_every_step():
    seen = {True: 0, False: 0}
    for compiled in seen:

        def count(layer, Y, compiled=compiled):
            seen[compiled] += 1

        with nm.observe(forward=count):
            run(compiled)
    assert seen[True] == seen[False] > 0


@only_compiled
def test_a_schedule_that_fails_does_so_at_its_step():
    def steps_done(compiled):
        own = trainer(compiled)

        def rate(step):
            if step == 37:
                raise RuntimeError("no more rates")
            return 0.01

        own.optimizer.lr = rate
        with pytest.raises(RuntimeError, match="no more rates"):
            own.fit(data(), epochs=9, batch_size=B, progress=False)
        return own.optimizer.steps, own.model.flat_parameters.tobytes()

    assert steps_done(True) == steps_done(False)
    assert steps_done(True)[0] == 37


@only_compiled
def test_a_callback_whose_method_was_set_on_the_object_sees_every_step():
    seen, watcher = [], nm.Callback()
    watcher.on_step_end = lambda trainer, step, value: seen.append(step)
    run(True, callbacks=[watcher])
    assert seen == list(range(1, 4 * -(-N // B) + 1))


@only_compiled
def test_steps_go_together_where_nobody_looks(monkeypatch):
    programs = Programs(monkeypatch)
    run(True, epochs=10)
    assert max(programs.calls) == N // B  # all of an epoch, but the last smaller batch


class Watching(nm.Callback):
    def __init__(self):
        self.seen = []

    def on_step_end(self, trainer, step, value):
        self.seen.append((step, value, trainer.model.flat_parameters.tobytes()))
        if step == 40:
            trainer.stop = True


@only_compiled
def test_a_callback_sees_every_step_and_may_stop(monkeypatch):
    programs = Programs(monkeypatch)
    one, other = Watching(), Watching()
    assert_same(run(True, callbacks=[one]), run(False, callbacks=[other]))
    assert one.seen == other.seen
    assert len(one.seen) == 40
    assert set(programs.calls) == {1}


@only_compiled
@pytest.mark.parametrize("metrics", [["top_2"], ["accuracy", "top_2"], [lambda H, y: float(H.mean())]])
def test_other_metrics_are_measured_step_by_step(metrics, monkeypatch):
    programs = Programs(monkeypatch)
    assert_same(run(True, lambda c: trainer(c, metrics)), run(False, lambda c: trainer(c, metrics)))
    assert set(programs.calls) == {1}


@only_compiled
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
def test_data_of_other_dtypes(dtype):
    X, y = data()
    X = (40 * abs(X)).astype(dtype)
    for labels in (y.astype(np.int32), y.astype(np.uint8), np.eye(4)[y]):
        assert_same(run(True, train=(X, labels)), run(False, train=(X, labels)))


@only_compiled
def test_sample_weights_and_losses_with_options(monkeypatch):
    programs = Programs(monkeypatch)
    X, y = data()
    w = np.linspace(0, 1, N).astype(np.float32)
    assert_same(run(True, train=(X, y, w)), run(False, train=(X, y, w)))

    def smooth(compiled):
        return trainer(compiled, loss=lambda: nm.SoftmaxCrossEntropy(label_smoothing=0.1))

    assert max(programs.calls) > 1
    programs.calls.clear()
    assert_same(run(True, smooth), run(False, smooth))
    assert max(programs.calls) > 1


@only_compiled
def test_a_resumed_run_has_the_same_bits(tmp_path):
    class Stop(nm.Callback):
        def on_step_end(self, trainer, step, value):
            if step == 30:  # within the third epoch
                trainer.request_checkpoint(tmp_path / "here.npz", now=True)
                trainer.stop = True

    whole = run(True)
    run(True, callbacks=[Stop()])

    class Idle(Stop):
        def on_step_end(self, trainer, step, value):
            """Nothing more."""

    Idle.__name__ = "Stop"
    own = trainer(True)
    history = own.fit(
        data(),
        epochs=4,
        batch_size=B,
        progress=False,
        checkpoint=None,
        callbacks=[Idle()],
        resume=tmp_path / "here.npz",
    )
    assert_same(whole, (own, {name: values for name, values in history.items() if name != "seconds"}))


@only_compiled
def test_ctrl_c_between_programs_leaves_a_state_that_goes_on(tmp_path, monkeypatch):
    whole, runs = run(True, epochs=6), []
    run_programs = steps.StepPrograms.run

    def interrupted(own, batch, places, *rates):
        runs.append(places)
        if len(runs) == 4:
            signal.raise_signal(signal.SIGINT)
        return run_programs(own, batch, places, *rates)

    monkeypatch.setattr(steps.StepPrograms, "run", interrupted)
    path = tmp_path / "stopped.npz"
    with pytest.raises(nm.TrainingInterrupted):
        run(True, epochs=6, checkpoint=path)
    monkeypatch.undo()
    assert_same(whole, run(True, epochs=6, resume=path))


@only_compiled
@pytest.mark.parametrize("clipped", [True, False])
def test_a_step_that_is_not_finite_is_named_as_by_hand(clipped):
    told, states = [], []
    for compiled in (True, False):
        own = trainer(compiled)
        own.optimizer.clip_norm = 1.0 if clipped else None
        own.optimizer.lr = lambda step: 1e-3 if step < 20 else 1e38
        with pytest.raises(nm.NonFiniteError) as caught:
            own.fit(data(), epochs=9, batch_size=B, progress=False)
        told.append(str(caught.value))
        stream = own.model.buffers()["2.stream"].tolist()
        states.append((own.model.flat_parameters.tobytes(), own.optimizer.steps, stream))
    assert told[0] == told[1]
    assert states[0] == states[1]


@only_compiled
def test_a_gradient_that_is_not_finite_changes_nothing():
    """Nothing of that step is left."""
    told, states = [], []
    rng = np.random.default_rng(0)
    X = rng.standard_normal((4096, 260)).astype(np.float32)
    y = X[:, :1] * np.float32(0.1)
    X[3000, 0] = 1e23  # the loss is finite, being a sum in float64, and the gradient of the weights is not
    for compiled in (True, False):
        linear = nm.Sequential([nm.Linear(260, 300), nm.Linear(300, 1)], input_shape=(260,))
        optimizer = nm.SGD(linear, lr=1e-4, momentum=0.9)
        own = nm.Trainer(linear, nm.MeanSquaredError(), optimizer, compiled=compiled)
        with pytest.raises(nm.NonFiniteError) as caught:
            own.fit((X, y), epochs=2, batch_size=16, progress=False)
        told.append(str(caught.value))
        states.append(
            (linear.flat_parameters.tobytes(), optimizer.state_vectors()["velocity"].tobytes(), optimizer.steps)
        )
        assert not compiled or own.program is not None
    assert "gradient" in told[0]
    assert told[0] == told[1]
    assert states[0] == states[1]


def test_why_steps_run_by_hand_is_said_once(capsys):
    class Doubled(nm.Layer):
        def output_shape(self, input_shape):
            return input_shape

        def forward(self, X, call):
            return 2 * X

        def backward(self, G, call):
            return 2 * G

    own = trainer(True, last=[Doubled()])
    own.fit(data(), epochs=1, batch_size=B, checkpoint=None)
    own.fit(data(), epochs=1, batch_size=B, checkpoint=None)
    told = capsys.readouterr().err
    reason = "NUMBA_DISABLE_JIT" if settings.DISABLE_JIT else "Doubled '4' computes in Python"
    assert told.count("fit: steps run by hand, not as programs") == 1
    assert reason in told
    trainer(False, last=[Doubled()]).fit(data(), epochs=1, batch_size=B, checkpoint=None)
    assert "by hand" not in capsys.readouterr().err


def test_compiled_is_a_flag():
    with pytest.raises(nm.ConfigError, match="compiled"):
        trainer("yes")


@only_compiled
@pytest.mark.parametrize("inputs", [1, 2])
def test_models_of_several_inputs(inputs):
    """Enough steps for programs."""
    rng = np.random.default_rng(0)
    X, y = tuple(rng.standard_normal((inputs, 500, 6)).astype(np.float32)), rng.integers(0, 3, 500)
    layers = [nm.Concatenate(), nm.Linear(6 * inputs, 3)]
    found = []
    for compiled in (True, False):
        model = nm.Sequential(copy.deepcopy(layers), input_shape=((6,),) * inputs)
        own = nm.Trainer(model, nm.SoftmaxCrossEntropy(), nm.Adam(model), compiled=compiled)
        own.fit((X, y), epochs=1, batch_size=8, progress=False)
        found.append(model.flat_parameters.tobytes())
    assert found[0] == found[1]


@only_compiled
def test_accuracy_with_ignored_labels_is_refused_as_by_hand():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((800, 6)).astype(np.float32), rng.integers(0, 3, 800)
    y[777] = -100
    told = []
    for compiled in (True, False):
        model = nm.Sequential([nm.Linear(6, 3)], input_shape=(6,))
        loss = nm.SoftmaxCrossEntropy(ignore_index=-100)
        own = nm.Trainer(model, loss, nm.SGD(model), metrics=["accuracy"], compiled=compiled)
        with pytest.raises(nm.LabelError) as caught:
            own.fit((X, y), epochs=1, batch_size=8, seed=2, progress=False)
        told.append((str(caught.value), own.optimizer.steps))
    assert told[0] == told[1]


@only_compiled
def test_a_loss_that_computes_in_python_is_told(capsys):
    class Half(nm.MeanSquaredError):
        recordable = True

        def forward(self, H, y, call):
            return super().forward(H, y, call) / 2

    model = nm.Sequential([nm.Linear(6, 3)], input_shape=(6,))
    own = nm.Trainer(model, Half(), nm.SGD(model, lr=1e-3))
    rng = np.random.default_rng(0)
    data = rng.standard_normal((400, 6)).astype(np.float32), rng.standard_normal((400, 3)).astype(np.float32)
    own.fit(data, epochs=2, batch_size=8, checkpoint=None)
    assert capsys.readouterr().err.count("steps run by hand, not as programs: ") == 1
