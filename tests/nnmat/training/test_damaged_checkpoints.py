"""Checkpoints that are damaged, or hold what no run can have: the same state, or a typed error and nothing changed."""

import copy
import json

import numpy as np
import pytest

import nnmat
from nnmat import Adam, Dropout, EarlyStopping, Linear, Sequential, SoftmaxCrossEntropy, Trainer
from nnmat.training.checkpoint import Held, read_checkpoint


class Counter(nnmat.Callback):
    """A callback of one's own, with numbers and an array."""

    def __init__(self):
        self.seen, self.losses = 0, np.zeros(2)

    def on_step_end(self, trainer, step, loss):
        self.seen += 1
        self.losses = np.append(self.losses, loss)[-2:]

    def state(self):
        return {"seen": self.seen, "losses": self.losses}

    def load_state(self, state):
        self.seen, self.losses = state["seen"] + 0, state["losses"] * 1


class Source:
    """A batch source of one's own, with a state."""

    def __init__(self):
        self.epochs = 0

    def __len__(self):
        return 3

    def batches(self, rng, start=0):
        self.epochs += 1
        X = rng.standard_normal((3, 4, 2)).astype(np.float32)
        for i in range(start, 3):
            yield X[i], np.arange(4) % 2

    def state(self):
        return {"epochs": self.epochs}

    def load_state(self, state):
        self.epochs = int(state["epochs"])


class Run:
    """All that a checkpoint restores."""

    def __init__(self):
        self.model = Sequential([Linear(2, 2), Dropout(0.5)], input_shape=(2,), seed=1)
        self.optimizer = Adam(self.model, lr=0.1)
        self.source = Source()
        self.callbacks = [EarlyStopping("loss", restore_best=True), Counter(), nnmat.Checkpoint("x.npz", keep="last")]

    def fit(self, **options):
        trainer = Trainer(self.model, SoftmaxCrossEntropy(), self.optimizer)
        return trainer.fit(self.source, 2, callbacks=self.callbacks, progress=False, **options)

    def read(self, path, settings):
        held = Held({"model": self.model}, {"optimizer": self.optimizer}, {})
        return vars(read_checkpoint(path, settings, held, self.source, self.callbacks))

    def state(self) -> str:
        parts = [self.model.flat_parameters, self.model.buffers(), self.optimizer.state(), self.source.state()]
        settings = [(p.trainable, p.decay) for p in self.model.parameters()]
        return repr([parts, settings, [callback.state() for callback in self.callbacks]])


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run whose last checkpoint is in x.npz of the working folder."""
    monkeypatch.chdir(tmp_path)
    run = Run()
    run.fit()
    return run


def stored(path="x.npz"):
    with np.load(path) as archive:
        arrays = dict(archive)
    return json.loads(arrays.pop("header").tobytes()), arrays


def put(path, content: bytes):
    with open(path, "r+b") as file:
        file.write(content)
        file.truncate()


@pytest.mark.parametrize("damage", ["a bit", "all bits", "truncated"])
def test_every_damaged_byte_gives_the_same_state_or_an_error_and_no_change(run, damage):
    with open("x.npz", "rb") as file:
        whole = file.read()
    settings = stored()[0]["training"]["settings"]
    fresh, expected = Run(), Run()
    progress = expected.read("x.npz", settings)
    before, after = fresh.state(), expected.state()
    assert before != after
    errors = 0
    for at in range(len(whole)):
        flip = 1 << at % 8 if damage == "a bit" else 0xFF
        damaged = whole[:at] if damage == "truncated" else whole[:at] + bytes([whole[at] ^ flip]) + whole[at + 1 :]
        put("x.npz", damaged)
        try:
            found = fresh.read("x.npz", settings)
        except nnmat.FileFormatError:
            errors += 1
            assert fresh.state() == before
        else:
            assert found == progress
            assert fresh.state() == after
            fresh = Run()
    assert errors > len(whole) // 2
    assert damage != "truncated" or errors == len(whole)


def changed(header, place, value):
    """The header with `value` at `place`, keys from `training` on; a function makes the value from the old one."""
    header = copy.deepcopy(header)
    part = header["training"]
    for key in place[:-1]:
        part = part[key]
    if value is DELETE:
        del part[place[-1]]
    else:
        part[place[-1]] = value(part[place[-1]]) if callable(value) else value
    return header


DELETE = object()
HUGE = 10**400
PROGRESS = {
    "epoch": [-1, 1.5, "2", None, True, 1, HUGE, [2]],
    "batches": [-1, 4, 1.0, "0", None, False, HUGE],
    "step": [-1, 0.5, "6", None, True, HUGE],
    "rng_state": [{}, None, 3, {"bit_generator": "MT19937"}, lambda s: s | {"state": {"state": -1, "inc": 1}}],
    "sums": [None, [], {"loss": 3}, {"loss": [1]}, {"loss": [1, "x"]}, {"loss": [HUGE, 1]}],
    "history": [None, [], {}, {"loss": [1.0]}, {"loss": [1.0, "x"]}, {"loss": 3}, lambda h: h | {"loss": [1, None]}],
    "seconds": [-1.0, None, "0", float("nan"), float("inf"), HUGE],
    "stopped": [0, None, "no", []],
    "learning_rate": [-0.1, None, "0.1", float("nan"), float("inf"), HUGE],
    "requested": [None, "x.npz", [1], {"a": 1}],
    "unknown": [1],
}
PARTS = {
    ("progress",): [None, [], "x", DELETE],
    ("settings",): [None, [], "x", DELETE],
    ("states",): [None, [], "x", DELETE, {}],
    ("states", "optimizer"): [None, [], {}, DELETE],
    ("states", "optimizer", "steps"): [-1, 1.5, "6", None, HUGE, [1, 2], DELETE],
    ("states", "optimizer", "schedule"): [None, "x", {"kind": "Cosine"}, {"kind": "Constant", "lr": -1}, DELETE],
    ("states", "optimizer", "more"): [1],
    ("states", "source"): [None, [], {}, DELETE],
    ("states", "source", "epochs"): [None, "x", [], float("inf"), DELETE],
    ("states", "callback/0"): [None, [], {}, DELETE],
    ("states", "callback/0", "waited"): [-1, 1.5, "0", None, True, HUGE, DELETE],
    ("states", "callback/0", "best"): ["x", None, [], float("nan"), HUGE, DELETE],
    ("states", "callback/0", "best_epoch"): [0, -1, 1.5, "1", True, HUGE],
    ("states", "callback/1", "seen"): [None, "x", [], DELETE],
    ("states", "callback/2", "best"): ["x", None, float("nan"), DELETE],
    ("states", "callback/3"): [{}],
}
CASES = [(("progress", name), value) for name, values in PROGRESS.items() for value in values]
CASES += [(place, value) for place, values in PARTS.items() for value in values]


@pytest.mark.parametrize("case", range(len(CASES)))
def test_values_that_no_run_can_have_are_refused_before_anything_changes(run, case):
    header, arrays = stored()
    settings = header["training"]["settings"]
    del header["entries"]
    place, value = CASES[case]
    text = json.dumps(changed(header, place, value)).encode()
    np.savez("x.npz", header=np.frombuffer(text, np.uint8), **arrays)
    fresh = Run()
    before = fresh.state()
    with pytest.raises((nnmat.FileFormatError, nnmat.ConfigError), match="x.npz|^Adam: expected "):
        fresh.read("x.npz", settings)
    assert fresh.state() == before


ARRAYS = {
    "no velocity": lambda a: a.pop("optimizer/mean"),
    "a velocity of another length": lambda a: a.update({"optimizer/mean": np.zeros(3, np.float32)}),
    "a velocity of another type": lambda a: a.update({"optimizer/mean": a["optimizer/mean"].astype(float)}),
    "a velocity in words": lambda a: a.update({"optimizer/mean": np.array(["a"] * 6)}),
    "no weight": lambda a: a.pop("parameter/0.weight"),
    "a weight of another shape": lambda a: a.update({"parameter/0.weight": np.zeros((3, 2), np.float32)}),
    "a buffer of another type": lambda a: a.update({"buffer/1.stream": np.zeros(2, np.int64)}),
    "no best weights": lambda a: a.pop("callback/0/best/parameters"),
    "best weights of another length": lambda a: a.update({"callback/0/best/parameters": np.zeros(2, np.float32)}),
    "best weights of another type": lambda a: a.update({"callback/0/best/parameters": np.zeros(6)}),
    "a best buffer too many": lambda a: a.update({"callback/0/best/buffer/x": np.zeros(2)}),
    "no array of a callback of one's own": lambda a: a.pop("callback/1/losses"),
    "words for one": lambda a: a.update({"callback/1/losses": np.array(["a", "b"])}),
}


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize("case", ARRAYS)
def test_arrays_that_do_not_fit_are_refused_before_anything_changes(run, case, listed):
    header, arrays = stored()
    settings = header["training"]["settings"]
    if not listed:
        del header["entries"]
    ARRAYS[case](arrays)
    np.savez("x.npz", header=np.frombuffer(json.dumps(header).encode(), np.uint8), **arrays)
    fresh = Run()
    before = fresh.state()
    with pytest.raises((nnmat.FileFormatError, nnmat.ConfigError, nnmat.ShapeError, nnmat.DtypeError)):
        fresh.read("x.npz", settings)
    assert fresh.state() == before


@pytest.mark.parametrize(
    "error", [KeyError("waited"), TypeError("no"), AttributeError("x"), ZeroDivisionError(), RecursionError()]
)
def test_a_callback_that_cannot_take_its_state_is_named_and_the_others_get_theirs_back(run, error):
    class Broken(Counter):
        def load_state(self, state):
            raise error

    settings = stored()[0]["training"]["settings"]
    fresh = Run()
    fresh.callbacks[1] = Broken()
    before = fresh.state()
    with pytest.raises(nnmat.FileFormatError, match=r"x\.npz: the state of callback/1 \(Broken\) cannot be taken back"):
        fresh.read("x.npz", settings)
    assert fresh.state() == before


def test_ctrl_c_while_a_state_is_taken_back_changes_nothing(run):
    class Slow(Counter):
        def load_state(self, state):
            raise KeyboardInterrupt

    fresh = Run()
    fresh.callbacks[1] = Slow()
    before = fresh.state()
    with pytest.raises(KeyboardInterrupt):
        fresh.read("x.npz", stored()[0]["training"]["settings"])
    assert fresh.state() == before


def test_fit_goes_on_from_a_checkpoint_of_an_earlier_version(run):
    header, arrays = stored()
    del header["entries"]
    np.savez("old.npz", header=np.frombuffer(json.dumps(header).encode(), np.uint8), **arrays)
    resumed = Run()
    history = resumed.fit(resume=b"old.npz")
    assert history["epoch"] == [1, 2]
    assert np.array_equal(resumed.model.flat_parameters, run.model.flat_parameters)


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (object(), nnmat.DtypeError, "numbers, texts, lists and dicts"),
        ({1, 2}, nnmat.DtypeError, "numbers, texts, lists and dicts"),
        ({(1, 2): 3}, nnmat.ConfigError, "dicts with texts as keys"),
        (np.array([object()]), nnmat.DtypeError, "as an array of numbers"),
        ("circular", nnmat.ConfigError, "JSON can hold"),
        ("deep", nnmat.ConfigError, "JSON can hold"),
    ],
)
def test_a_state_that_no_file_can_hold_is_refused_and_the_old_file_kept(run, value, error, text):
    if isinstance(value, str):
        deep: list = []
        end = deep
        for _ in range(0 if value == "circular" else 100_000):
            end.append([])
            end = end[0]
        if value == "circular":
            deep.append(deep)
        value = deep

    class Odd(Counter):
        def state(self):
            return {"value": value}

    with open("x.npz", "rb") as file:
        before = file.read()
    odd = Run()
    odd.callbacks[1] = Odd()
    with pytest.raises(error, match=f"save: .*{text}"):
        odd.fit()
    with open("x.npz", "rb") as file:
        assert file.read() == before


@pytest.mark.parametrize("path", [3, "a\0b", b"a\0b.npz", ""])
def test_what_is_no_path_is_refused(run, path):
    with pytest.raises(nnmat.ConfigError, match="expected a path"):
        Run().fit(resume=path)
    with pytest.raises(nnmat.ConfigError, match="expected a path"):
        Run().fit(checkpoint=path)
