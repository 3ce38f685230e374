"""How a run ends, what it leaves in files, and what it goes on from: signals, full disks, infinite updates, logs.

Each table holds cases of one kind that users of training loops have reported; the right outcome is asserted.
"""

import csv
import errno
import json
import os
import signal
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

import nnmat
from nnmat import SGD, Callback, Checkpoint, EarlyStopping, Linear, Log, Sequential, SoftmaxCrossEntropy, Tanh, Trainer
from nnmat.formats.npz import read_archive
from nnmat.training import evaluation

RNG = np.random.default_rng(0)
Y = RNG.integers(0, 3, 60)
X = (np.array([[3, 0], [-3, 0], [0, 4]])[Y] + RNG.standard_normal((60, 2))).astype(np.float32)
BATCHES, EPOCHS = 6, 4
pytestmark = pytest.mark.usefixtures("usual_signals")


@pytest.fixture
def usual_signals():
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


class At(Callback):
    """Calls something after steps (or epochs, given as "epoch 2")."""

    def __init__(self, **calls):
        self.calls = {key.replace("_", " "): call for key, call in calls.items()}

    def on_step_end(self, trainer, step, loss):
        self.calls.get(f"step {step}", lambda trainer: None)(trainer)

    def on_epoch_end(self, trainer, epoch, figures):
        self.calls.get(f"epoch {epoch}", lambda trainer: None)(trainer)


def make(lr=0.2):
    model = Sequential([Linear(2, 8), Tanh(), Linear(8, 3)], input_shape=(2,), seed=1)
    return Trainer(model, SoftmaxCrossEntropy(), SGD(model, lr=lr, momentum=0.9))


def go(callbacks=(), trainer=None, **options):
    trainer = make() if trainer is None else trainer
    options = {"epochs": EPOCHS, "batch_size": 10, "progress": False, "checkpoint": None, "seed": 5} | options
    return trainer, trainer.fit((X, Y), callbacks=list(callbacks), **options)


@pytest.fixture(scope="module")
def whole():
    """The parameters and the losses of a run that nothing happened to."""
    trainer, history = go()
    return trainer.model.flat_parameters.copy(), history["loss"]


def same(found, whole):
    trainer, history = found
    return np.array_equal(trainer.model.flat_parameters, whole[0]) and history["loss"] == whole[1]


def position(path) -> tuple[int, int, int]:
    progress = read_archive(path)[0]["training"]["progress"]
    return progress["epoch"], progress["batches"], progress["step"]


# ---- signals -----------------------------------------------------------------------------------------------------


def press(number):
    return lambda trainer: signal.raise_signal(number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
@pytest.mark.parametrize("step", [1, 6, 7, 15, 23])
def test_a_signal_ends_after_the_step_with_a_checkpoint(number, step, tmp_path, whole):
    path = tmp_path / "state.npz"
    with pytest.raises(nnmat.TrainingInterrupted, match=rf"by (Ctrl-C|SIGTERM) .*step {step}\)") as stopped:
        go([At(**{f"step_{step}": press(number)})], checkpoint=path)
    assert (stopped.value.signal, stopped.value.checkpoint) == (number, path)
    assert position(path)[2] == step
    assert same(go([At()], resume=path), whole)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
@pytest.mark.parametrize("step", [1, 6, 24])
def test_an_ignored_signal_stays_ignored(number, step, whole):
    """As in a job that a shell has put into the background, or one under nohup."""
    signal.signal(number, signal.SIG_IGN)
    assert same(go([At(**{f"step_{step}": press(number)})]), whole)
    assert signal.getsignal(number) is signal.SIG_IGN


def test_a_handler_of_the_programs_own_for_sigterm_stays_its(whole):
    seen = []
    signal.signal(signal.SIGTERM, lambda number, frame: seen.append(number))
    assert same(go([At(step_3=press(signal.SIGTERM))]), whole)
    assert seen == [signal.SIGTERM]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
def test_a_child_that_is_forked_within_a_run_is_ended_by_a_signal(number, whole):
    """As the workers of a pool that a batch source has started: they would never finish a step."""
    ended = []

    def fork(trainer):
        parent = os.getpid()
        try:
            child = os.fork()
            if child == 0:
                time.sleep(60)
                os._exit(0)
        except KeyboardInterrupt:
            assert os.getpid() != parent
            os._exit(130)
        time.sleep(0.02)
        os.kill(child, number)
        ended.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

    assert same(go([At(step_3=fork)]), whole)
    assert ended == [130 if number == signal.SIGINT else -signal.SIGTERM]


@pytest.mark.parametrize("step", [5, 9])
def test_the_last_validation_of_a_budget_of_steps_is_finished(step, monkeypatch):
    monkeypatch.setattr(evaluation, "GRACE", -1.0)
    options = {"epochs": None, "steps": step, "validation": (X, Y)}
    _, history = go([At(**{f"step_{step}": press(signal.SIGTERM)})], **options)
    assert history["validation_loss"] == go(**options)[1]["validation_loss"]


def test_both_handlers_are_back_afterwards(tmp_path):
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    go(epochs=1)
    with pytest.raises(nnmat.TrainingInterrupted):
        go([At(step_2=press(signal.SIGTERM))], checkpoint=tmp_path / "s.npz")
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


# ---- checkpoints by steps and seconds ----------------------------------------------------------------------------


class Raise(Exception):
    pass


def fail(trainer):
    raise Raise


@pytest.mark.parametrize(
    ("every", "step", "kept"),
    [
        ({"every_steps": 1}, 5, 4),  # the error is raised before the file of its step is written
        ({"every_steps": 4}, 11, 8),
        ({"every_steps": 4}, 6, 4),
        ({"every_steps": 100}, 8, 6),  # that of the epoch's end
        ({"every_seconds": 1e-9}, 10, 9),
        ({"every_seconds": 1000}, 14, 12),
    ],
)
def test_no_more_is_lost_than_was_said(every, step, kept, tmp_path, whole):
    path = tmp_path / "last.npz"
    with pytest.raises(Raise):
        go([Checkpoint(path, **every), At(**{f"step_{step}": fail})])
    assert position(path)[2] == kept
    assert same(go([Checkpoint(path, every_steps=7), At()], resume=path), whole)  # the interval may be another
    assert position(path)[2] == EPOCHS * BATCHES


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"every_steps": 0}, "every_steps as an integer >= 1, got 0"),
        ({"every_steps": 2.5}, "every_steps as an integer >= 1, got 2.5"),
        ({"every_seconds": 0}, "every_seconds as a finite number > 0, got 0"),
        ({"every_seconds": float("nan")}, "every_seconds as a finite number"),
        ({"every_seconds": "60"}, "every_seconds as a finite number"),
        ({"keep": "best", "every_steps": 5}, "with keep='last', got keep='best'.*Use two Checkpoints"),
    ],
)
def test_intervals_that_cannot_be(options, text):
    with pytest.raises(nnmat.ConfigError, match=f"Checkpoint: expected {text}|Checkpoint: expected .*{text}"):
        Checkpoint("x.npz", **options)


# ---- restore_best ------------------------------------------------------------------------------------------------


class Figures(Callback):
    """Made-up losses 3, 1, 2, ...: the second epoch is the best. Keeps the parameters of each epoch."""

    def __init__(self):
        self.kept = []

    def on_epoch_end(self, trainer, epoch, figures):
        figures["made_up"] = [3.0, 1.0, 2.0, 2.5][epoch - 1]
        self.kept.append(trainer.model.flat_parameters.copy())


def poison(trainer):
    trainer.model[0].weight.value[0, 0] = np.inf


@pytest.mark.parametrize(
    ("calls", "error"),
    [
        ({"step_20": fail}, Raise),
        ({"epoch_3": fail}, Raise),
        ({"step_15": poison}, nnmat.NonFiniteError),
        ({"step_18": poison}, nnmat.NonFiniteError),  # the last step of an epoch
        ({"step_16": press(signal.SIGINT)}, nnmat.TrainingInterrupted),
        ({"step_16": lambda trainer: [press(signal.SIGINT)(0), press(signal.SIGINT)(0)]}, KeyboardInterrupt),
        ({}, None),
    ],
)
def test_the_best_epoch_is_restored_however_the_run_ends(calls, error):
    figures, trainer = Figures(), make()
    stopping = EarlyStopping("made_up", patience=10, restore_best=True)
    if error is None:
        go([figures, stopping], trainer)
    else:
        with pytest.raises(error):
            go([figures, stopping, At(**calls)], trainer)
    assert stopping.best_epoch == 2
    assert np.array_equal(trainer.model.flat_parameters, figures.kept[1])


class Broken(Callback):
    """Raises when it is told of an error."""

    def on_train_error(self, trainer, error):
        raise ZeroDivisionError("of its own")


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize(
    ("calls", "error"),
    [({"step_20": fail}, Raise), ({"step_15": poison}, nnmat.NonFiniteError), ({"epoch_3": fail}, Raise)],
)
def test_a_callback_that_fails_hides_no_error_and_no_other_callback(calls, error, count):
    figures, trainer = Figures(), make()
    stopping = EarlyStopping("made_up", patience=10, restore_best=True)
    with pytest.raises(error) as raised:
        go([figures, *(Broken() for _ in range(count)), stopping, At(**calls)], trainer)
    assert raised.value.__notes__ == ["Broken.on_train_error raised ZeroDivisionError: of its own"] * count
    assert np.array_equal(trainer.model.flat_parameters, figures.kept[1])


def test_an_error_before_the_run_restores_nothing():
    figures, trainer = Figures(), make()
    stopping = EarlyStopping("made_up", patience=10, restore_best=True)
    go([figures, stopping], trainer)
    other = make(lr=0.1)
    before = other.model.flat_parameters.copy()
    with pytest.raises(nnmat.ConfigError):
        go([EarlyStopping("validation_loss"), stopping], other)
    assert np.array_equal(other.model.flat_parameters, before)


# ---- the last step counts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan], ids=str)
@pytest.mark.parametrize(
    ("step", "budget"),
    [(24, {"epochs": EPOCHS}), (12, {"epochs": EPOCHS}), (8, {"epochs": None, "steps": 8}), (9, {"epochs": EPOCHS})],
    ids=["of the run", "of an epoch", "of a budget of steps", "of an interval"],
)
def test_an_update_to_infinity_is_seen_before_anything_is_written(value, step, budget, tmp_path):
    last, best = tmp_path / "last.npz", tmp_path / "best.npz"

    def spoil(trainer):
        trainer.model[2].weight.value[1, 2] = value

    callbacks = [
        Checkpoint(last, every_steps=3),
        Checkpoint(best, monitor="loss"),
        Log(tmp_path / "log.csv"),
        At(**{f"step_{step}": spoil}),
    ]
    with pytest.raises(
        nnmat.NonFiniteError, match=rf"update of epoch \d, step {step} made parameter '2.weight' .*\(1, 2\).*smaller lr"
    ):
        go(callbacks, **budget)
    for path in (last, best):
        assert not path.exists() or np.isfinite(nnmat.load(path).flat_parameters).all()
    assert position(last)[2] < step


def test_an_update_to_infinity_is_seen_when_a_signal_asks_for_a_file(tmp_path):
    def both(trainer):
        poison(trainer)
        signal.raise_signal(signal.SIGTERM)

    with pytest.raises(nnmat.NonFiniteError, match="made parameter '0.weight' inf"):
        go([At(step_8=both)], checkpoint=tmp_path / "state.npz")
    assert not (tmp_path / "state.npz").exists()


def test_a_frozen_parameter_may_be_infinite():
    trainer = make()
    trainer.model[2].bias.value[...] = [0, 0, -np.inf]  # a class that is left out
    trainer.model[2].bias.trainable = False
    keep = Y < 2
    assert len(trainer.fit((X[keep], Y[keep]), epochs=2, progress=False, checkpoint=None)["loss"]) == 2


# ---- files -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([], "nnmat-interrupted.npz"),
        (["nnmat-interrupted.npz"], "nnmat-interrupted-2.npz"),
        (["nnmat-interrupted.npz", "nnmat-interrupted-2.npz"], "nnmat-interrupted-3.npz"),
    ],
)
def test_a_run_does_not_overwrite_the_file_of_another(before, after, tmp_path, monkeypatch, whole):
    monkeypatch.chdir(tmp_path)
    for name in before:
        Path(name).write_bytes(b"of another run")
    with pytest.raises(nnmat.TrainingInterrupted) as stopped:
        make().fit((X, Y), EPOCHS, batch_size=10, callbacks=[At(step_3=press(signal.SIGTERM))], progress=False, seed=5)
    assert stopped.value.checkpoint == Path(after)
    assert [Path(name).read_bytes() for name in before] == [b"of another run"] * len(before)
    with pytest.raises(nnmat.TrainingInterrupted) as stopped:  # its own file it may replace
        make().fit(
            (X, Y),
            EPOCHS,
            batch_size=10,
            callbacks=[At(step_9=press(signal.SIGTERM))],
            progress=False,
            seed=5,
            resume=after,
        )
    assert stopped.value.checkpoint == Path(after)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*before, after])
    assert same(go([At()], resume=after), whole)


@pytest.mark.parametrize(("age", "after"), [(3600, "nnmat-interrupted.npz"), (1, "nnmat-interrupted-2.npz")])
def test_a_name_that_a_killed_process_has_taken_is_free_again(age, after, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("nnmat-interrupted.npz").touch()
    Path(".nnmat-interrupted.npz.0123456789ab.tmp").write_bytes(b"half a file")
    os.utime("nnmat-interrupted.npz", (time.time() - age,) * 2)
    with pytest.raises(nnmat.TrainingInterrupted) as stopped:
        make().fit((X, Y), EPOCHS, callbacks=[At(step_1=press(signal.SIGTERM))], progress=False)
    assert stopped.value.checkpoint == Path(after)
    assert Path(".nnmat-interrupted.npz.0123456789ab.tmp").exists() == (age == 1)


@pytest.mark.parametrize(
    ("calls", "steps"),
    [
        ({"step_8": "now"}, (1, 2, 8)),
        ({"step_8": "later"}, (1, 2, 8)),
        ({"step_12": "later"}, (2, 0, 12)),
        ({"epoch_2": "later"}, (2, 0, 12)),
        ({"epoch_2": "now"}, (2, 0, 12)),
    ],
)
def test_a_requested_checkpoint_with_stop_goes_on(calls, steps, tmp_path, whole):
    path = tmp_path / "later.npz"

    def ask(how):
        def call(trainer):
            trainer.request_checkpoint(path, now=how == "now")
            trainer.stop = True

        return call

    go([At(**{when: ask(how) for when, how in calls.items()})])
    assert position(path) == steps
    assert same(go([At()], resume=path), whole)


def test_a_run_that_early_stopping_has_ended_is_over_when_resumed(tmp_path):
    def run(resume=None):
        callbacks = [Figures(), EarlyStopping("made_up", patience=1), Checkpoint(tmp_path / "last.npz", keep="last")]
        return go(callbacks, resume=resume)

    trainer, history = run()
    again, more = run(tmp_path / "last.npz")
    assert history["epoch"] == more["epoch"] == [1, 2, 3]
    assert np.array_equal(again.model.flat_parameters, trainer.model.flat_parameters)


def epochs_of(path) -> list[int]:
    if path.suffix == ".jsonl":
        return [json.loads(line)["epoch"] for line in path.read_text().splitlines()]
    return [int(row["epoch"]) for row in csv.DictReader(path.read_text().splitlines())]


@pytest.mark.parametrize("name", ["log.csv", "log.jsonl"])
@pytest.mark.parametrize(("kept", "failing"), [(4, "step_17"), (8, "epoch_3"), (1, "step_22"), (6, "step_7")])
def test_a_resumed_log_has_each_epoch_once_and_in_order(name, kept, failing, tmp_path, whole):
    path, state = tmp_path / name, tmp_path / "state.npz"

    def callbacks(**calls):
        return [Log(path), At(**calls)]

    go(callbacks(), epochs=2)  # the lines of a run before
    request = {f"step_{kept}": lambda trainer: trainer.request_checkpoint(state, now=True)}
    with pytest.raises(Raise):
        go(callbacks(**(request | {failing: fail})))
    assert same(go(callbacks(), resume=state), whole)
    assert epochs_of(path) == [1, 2, 1, 2, 3, 4]
    go(callbacks(), resume=state, epochs=1)
    assert epochs_of(path) == [1, 2, 1]


@pytest.mark.parametrize("change", ["moved", "edited", "another file"])
def test_a_log_that_is_another_file_by_now_loses_nothing(change, tmp_path):
    path, other, state = tmp_path / "log.csv", tmp_path / "other.csv", tmp_path / "state.npz"
    with pytest.raises(Raise):
        go([Log(path), Checkpoint(state, every_steps=8), At(step_20=fail)])  # the file is of step 18, epoch 3
    lines = path.read_text().splitlines(keepends=True)
    if change == "moved":
        path.rename(other)
    elif change == "edited":
        path.write_text("".join(lines).replace("\n2,", "\n02,"))
    else:
        other.write_text("".join([lines[0], *lines[1:] * 3]))
        path = other
    before = path.read_text() if path.exists() else ""
    go([Log(path), Checkpoint(state, every_steps=8), At()], resume=state)
    assert path.read_text().startswith(before)
    assert epochs_of(path)[-1] == 4


def no_space(*arguments):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("callback", ["last", "steps", "best"])
def test_on_a_full_disk_the_run_goes_on_and_says_what_is_needed(callback, tmp_path, monkeypatch, whole):
    path = tmp_path / "kept.npz"
    made = {
        "last": lambda: Checkpoint(path, keep="last"),
        "steps": lambda: Checkpoint(path, every_steps=5),
        "best": lambda: Checkpoint(path, monitor="loss"),
    }[callback]

    def fill(trainer):
        monkeypatch.setattr("os.fsync", no_space)

    with pytest.warns(RuntimeWarning, match=r"was not written, the run goes on.*kept.npz needs .* bytes.*are free"):
        found = go([made(), At(step_8=fill)])
    assert same(found, whole)
    assert np.isfinite(nnmat.load(path).flat_parameters).all()  # the old file, whole
    assert [p.name for p in tmp_path.iterdir()] == ["kept.npz"]
    monkeypatch.undo()
    if callback != "best":
        assert same(go([made(), At()], resume=path), whole)


def test_on_a_full_disk_a_signal_says_that_nothing_was_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for checkpoint in (nnmat.training.checkpoint.INTERRUPTED, tmp_path / "state.npz"):
        monkeypatch.setattr("os.fsync", no_space)
        with pytest.raises(nnmat.TrainingInterrupted, match="Its state was not kept: .*needs .* bytes") as stopped:
            go([At(step_8=press(signal.SIGTERM))], checkpoint=checkpoint)
        assert stopped.value.checkpoint is None
        assert not list(tmp_path.iterdir())


def test_lines_of_a_log_wait_until_there_is_space(tmp_path, monkeypatch):
    path, usual = tmp_path / "log.jsonl", open

    def full(name, mode="r", *arguments, **options):
        if name == path:
            no_space()
        return usual(name, mode, *arguments, **options)

    def fill(trainer):
        monkeypatch.setattr("builtins.open", full)

    def free(trainer):
        monkeypatch.setattr("builtins.open", usual)

    with pytest.warns(RuntimeWarning, match=r"Log: the line of epoch \d in .*log.jsonl was not written"):
        go([Log(path), At(step_8=fill, step_22=free)])
    assert epochs_of(path) == [1, 2, 3, 4]


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder that nobody can write to")
@pytest.mark.parametrize(
    "callback",
    [
        lambda folder: Checkpoint(f"{folder}/m.npz"),
        lambda folder: Checkpoint(f"{folder}/m.npz", keep="last"),
        lambda folder: Checkpoint(f"{folder}/m.npz", every_seconds=60),
        lambda folder: Log(f"{folder}/log.csv"),
        lambda folder: Log(f"{folder}/log.jsonl"),
    ],
)
def test_a_folder_that_cannot_be_written_is_noticed_before_the_first_step(callback):
    trainer = make()
    with pytest.raises(OSError, match=r"(Checkpoint|Log): /proc/\S+ cannot be written .*Choose another folder"):
        go([callback("/proc")], trainer, validation=(X, Y))
    assert trainer.optimizer.steps == 0
    with pytest.raises(nnmat.ConfigError, match="checkpoint as a .npz file in a writable folder"):
        go(trainer=trainer, checkpoint="/proc/state.npz")


def test_a_file_that_is_a_folder_or_a_table_of_others_is_noticed_before_the_first_step(tmp_path):
    trainer, folder = make(), tmp_path / "folder.npz"
    folder.mkdir()
    with pytest.raises(IsADirectoryError, match=r"Checkpoint: expected the name of a file, '.*folder.npz' is a folder"):
        go([Checkpoint(folder, keep="last")], trainer)
    (tmp_path / "log.csv").write_text("epoch,other\n1,2\n")
    with pytest.raises(nnmat.ConfigError, match=r"has the columns epoch, other, this run epoch, loss, .*another file"):
        go([Log(tmp_path / "log.csv")], trainer)
    assert trainer.optimizer.steps == 0


def test_temporary_files_of_killed_saves_go_with_the_next_one(tmp_path):
    for number in range(3):
        (tmp_path / f".last.npz.{number:012x}.tmp").write_bytes(b"half a file")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        go([Checkpoint(tmp_path / "last.npz", every_steps=5)])
    assert [path.name for path in tmp_path.iterdir()] == ["last.npz"]
