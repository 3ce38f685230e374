"""Windows of tokens: which, in which order, and that a run of the Trainer on them can be resumed."""

import signal

import numpy as np
import pytest

from nnmat import (
    Adam,
    Callback,
    Embedding,
    Linear,
    Sequential,
    SoftmaxCrossEntropy,
    Trainer,
    TrainingInterrupted,
)
from nnmat.datasets import RandomWindows, SampleSource, windows
from nnmat.errors import ConfigError, DataError, DtypeError


def test_windows_side_by_side():
    tokens = np.arange(11)
    data = windows(tokens, 3)
    assert data.X.tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert data.y.tolist() == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    assert np.shares_memory(data.X, tokens)
    assert len(windows(np.arange(4), 3)) == 1


def test_tokens_in_a_file_are_not_copied(tmp_path):
    tokens = np.memmap(tmp_path / "tokens", ">u2", "w+", shape=(50,))
    tokens[:] = np.arange(50)
    source = RandomWindows(tokens, context=4, batch_size=3, steps=1)
    assert np.shares_memory(source.tokens, tokens)
    ((X, y),) = source.batches(np.random.default_rng(1))
    assert X.dtype == y.dtype == np.dtype(np.int64)
    assert (X[:, 1:] == y[:, :-1]).all()
    assert windows(tokens, 7).y.dtype == np.dtype(np.int64)


def test_random_windows():
    source = RandomWindows(np.arange(50, dtype=np.uint8), context=4, batch_size=3, steps=5)
    assert isinstance(source, SampleSource)
    assert (len(source), source.samples) == (5, 15)
    whole = list(source.batches(np.random.default_rng(1)))
    assert len(whole) == 5
    for X, y in whole:
        assert X.shape == y.shape == (3, 4)
        assert X.dtype == y.dtype == np.int64
        assert (X[:, :1] + np.arange(4) == X).all()
        assert (y == X + 1).all()
    rest = list(source.batches(np.random.default_rng(1), start=2))
    assert all(np.array_equal(A, B) for a, b in zip(whole[2:], rest, strict=True) for A, B in zip(a, b, strict=True))
    firsts = np.concatenate([X[:, 0] for _ in range(40) for X, _ in source.batches(np.random.default_rng(_))])
    assert (firsts.min(), firsts.max()) == (0, 45)  # every window has a token behind it


def test_a_run_that_is_stopped_and_resumed_has_the_same_bits(tmp_path):
    tokens = np.random.default_rng(0).integers(0, 7, 200)

    class Stop(Callback):
        at: int | None = None

        def on_step_end(self, trainer, step, loss):
            if step == self.at:
                signal.raise_signal(signal.SIGINT)

    def run(**options):
        model = Sequential([Embedding(7, 5), Linear(5, 7)], input_shape=(4,), seed=0)
        trainer = Trainer(model, SoftmaxCrossEntropy(), Adam(model, lr=0.01), metrics=["accuracy"])
        source = RandomWindows(tokens, 4, 3, steps=10)
        stop = Stop()
        stop.at = options.pop("at", None)
        history = trainer.fit(
            source, epochs=2, validation=windows(tokens, 4), seed=3, progress=False, callbacks=[stop], **options
        )
        return model.flat_parameters.tobytes(), history["validation_loss"]

    with pytest.raises(TrainingInterrupted) as stopped:
        run(at=14, checkpoint=tmp_path / "half.npz")
    assert stopped.value.checkpoint == tmp_path / "half.npz"
    assert run() == run(resume=tmp_path / "half.npz")


@pytest.mark.parametrize("make", [windows, lambda tokens, context: RandomWindows(tokens, context, 2, 3)])
def test_errors(make):
    who = "windows" if make is windows else "RandomWindows"
    for tokens, context, kind, text in [
        (np.arange(4), 4, DataError, rf"^{who}: expected more tokens than context = 4, .*got 4\. Give a longer text"),
        (np.arange(0), 1, DataError, rf"^{who}: expected more tokens than context = 1"),
        ([], 1, DataError, rf"^{who}: expected more tokens than context = 1, .*got 0\."),
        (np.zeros((4, 2), int), 1, DataError, rf"^{who}: expected tokens of shape \(n,\), one text, got \(4, 2\)"),
        (
            np.zeros(4),
            1,
            DtypeError,
            rf"^{who}: expected tokens of an integer dtype, got float64\. Try tokens\.astype\(np\.int64\)",
        ),
        (np.arange(4), 0, ConfigError, rf"^{who}: expected context as an integer >= 1, got 0"),
    ]:
        with pytest.raises(kind, match=text):
            make(tokens, context)


def test_errors_of_random_windows():
    with pytest.raises(ConfigError, match=r"^RandomWindows: expected steps as an integer >= 1"):
        RandomWindows(np.arange(9), 2, 1, 0)
    source = RandomWindows(np.arange(9), 2, 1, 4)
    with pytest.raises(ConfigError, match=r"^RandomWindows\.batches: expected start from 0 to 4, got 5"):
        source.batches(np.random.default_rng(0), start=5)
    with pytest.raises(ConfigError, match=r"^RandomWindows\.load_state: expected an empty state"):
        source.load_state({"a": 1})
    source.load_state(source.state())
