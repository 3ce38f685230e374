"""Event files, as TensorBoard's own reader reads them."""

import numpy as np
import pytest

import nnmat
from nnmat import Norms, TensorBoard
from nnmat.training.callbacks.tensorboard import histogram
from tests.extras import needs
from tests.nnmat.training import runs
from tests.nnmat.training.callbacks.resuming import both, same

pytestmark = needs("tensorboard")


def read(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return EventAccumulator(str(folder), size_guidance={"scalars": 0, "histograms": 0}).Reload()


def scalars(folder):
    found = read(folder)
    return {tag: [(e.step, e.value) for e in found.Scalars(tag)] for tag in found.Tags()["scalars"]}


class Losses(nnmat.Callback):
    def __init__(self):
        self.found = []

    def on_step_end(self, trainer, step, loss):
        self.found.append(loss)


def test_what_was_written_is_read_back(tmp_path):
    trainer, losses = runs.make(lr=nnmat.schedules.Cosine(0.1, 30)), Losses()
    callbacks = [Norms(), TensorBoard(tmp_path / "new" / "run", every_steps=2, histograms=True), losses]
    history = runs.fit(trainer, runs.blobs(), epochs=3, callbacks=callbacks, validation=runs.blobs(50, 1))
    found = scalars(tmp_path / "new" / "run")
    for name in ("loss", "accuracy", "validation_loss", "validation_accuracy", "learning_rate"):
        assert found.pop(f"epoch/{name}") == list(zip([7, 14, 21], np.float32(history[name]), strict=True))
    steps = list(range(2, 22, 2))
    assert found.pop("step/loss") == [(step, np.float32(losses.found[step - 1])) for step in steps]
    rates = [np.float32(nnmat.schedules.Cosine(0.1, 30)(step - 1)) for step in steps]
    assert found.pop("step/learning_rate") == list(zip(steps, rates, strict=True))
    assert [value for _, value in found.pop("epoch/weight_norm/2")] == [
        np.float32(v) for v in callbacks[0].history["weight_norm/2"]
    ]
    assert set(found) == {"epoch/seconds", "epoch/weight_norm/0", "epoch/gradient_norm/0", "epoch/gradient_norm/2"}


def test_histograms_are_those_of_the_parameters(tmp_path):
    trainer = runs.make()
    runs.fit(trainer, runs.blobs(), callbacks=[TensorBoard(tmp_path, None, histograms=True)])
    found = read(tmp_path)
    assert found.Tags()["histograms"] == ["weights/0.weight", "weights/0.bias", "weights/2.weight", "weights/2.bias"]
    assert not any(tag.startswith("step/") for tag in found.Tags()["scalars"])
    last = found.Histograms("weights/2.weight")[-1]
    W = trainer.model[2].weight.value.astype(np.float64)
    told = last.histogram_value
    assert (last.step, told.num, told.min, told.max) == (14, W.size, W.min(), W.max())
    assert told.sum == pytest.approx(W.sum())
    assert told.sum_squares == pytest.approx(np.square(W).sum())
    assert sum(told.bucket) == W.size
    below = (W[..., None] <= np.asarray(told.bucket_limit) + 1e-12).sum(axis=(0, 1))
    assert np.cumsum(told.bucket) == pytest.approx(below)


def test_steps_between_run_in_one_go(tmp_path):
    assert [TensorBoard(tmp_path).next_step(step) for step in (0, 99, 100)] == [100, 100, 200]
    assert TensorBoard(tmp_path, None).next_step(3) == "last"


@pytest.mark.parametrize("kill", [5, 40])
def test_a_killed_and_resumed_run_shows_what_a_whole_one_shows(tmp_path, kill):
    found = both(tmp_path, runs.make, lambda folder: [TensorBoard(folder / "events", every_steps=1)], kill=kill)
    (one, _, _), (other, _, _) = found
    same(one, other)
    whole, resumed = (scalars(tmp_path / name / "events") for name in ("whole", "resumed"))
    assert len(list((tmp_path / "resumed" / "events").iterdir())) == 2
    for tags in (whole, resumed):
        tags.pop("epoch/seconds")
    assert whole == resumed
    assert [step for step, _ in whole["step/loss"]] == list(range(1, 57))


def test_another_run_in_the_folder_takes_its_place(tmp_path):
    for epochs in (4, 3, 2):
        runs.fit(runs.make(), runs.blobs(), epochs=epochs, callbacks=[TensorBoard(tmp_path, every_steps=1)])
    names = sorted(path.name for path in tmp_path.iterdir())
    assert len({name.split(".")[3] for name in names}) == 3  # of different seconds: they are read by their names
    assert len(scalars(tmp_path)["epoch/loss"]) == 2


def test_two_models_have_two_rates(tmp_path):
    G = nnmat.Sequential([nnmat.Linear(2, 3)], input_shape=(2,))
    D = nnmat.Sequential([nnmat.Linear(3, 1)], input_shape=(3,))
    game = nnmat.Adversarial(G, D, nnmat.AdversarialLoss(), nnmat.SGD(G, lr=0.1), nnmat.SGD(D, lr=0.2))
    board = TensorBoard(tmp_path, every_steps=1, histograms=True)
    game.fit(np.ones((8, 3), np.float32), epochs=1, batch_size=4, callbacks=[board], progress=False)
    found = scalars(tmp_path)
    assert [value for _, value in found["step/learning_rate_discriminator"]] == [np.float32(0.2)] * 2
    assert {"epoch/generator_loss", "step/learning_rate_generator"} <= set(found)
    assert "weights/generator/0.weight" in read(tmp_path).Tags()["histograms"]


def test_a_folder_that_cannot_be_written_is_named_before_the_first_step(tmp_path):
    (tmp_path / "file").write_text("")
    trainer = runs.make()
    with pytest.raises(OSError, match="file"):
        runs.fit(trainer, runs.blobs(), callbacks=[TensorBoard(tmp_path / "file")])
    assert trainer.optimizer.steps == 0


def test_a_disk_that_is_full_later_is_said_once_and_the_run_goes_on(tmp_path, monkeypatch):
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    def full(self, event):
        raise OSError(28, "No space left on device")

    board = TensorBoard(tmp_path, every_steps=1)

    class Fill(nnmat.Callback):
        def on_step_end(self, trainer, step, loss):
            if step == 3:
                monkeypatch.setattr(EventFileWriter, "add_event", full)

    with pytest.warns(RuntimeWarning, match="TensorBoard: the event of step 4 in .*No space left") as found:
        runs.fit(runs.make(), runs.blobs(), callbacks=[board, Fill()])
    assert len(found) == 1


def test_without_the_package_it_says_what_to_install(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(nnmat.MissingExtraError, match=r"TensorBoard: expected tensorboard .* 'nnmat\[tensorboard\]'"):
        TensorBoard("runs")
    with pytest.raises(nnmat.ConfigError, match="TensorBoard: expected every_steps as an integer >= 1, got 0"):
        TensorBoard("runs", every_steps=0)


@pytest.mark.parametrize(
    "values",
    [
        [1.0, 1.0 + 2.0**-52],  # too close for bins of a width
        [0.0, 5e-324],
        [1e308, -1e308],  # a width that is infinite
        [1e200, 1.0],  # squares that are infinite
        [1e308, 1e308],
        [3.0, 3.0, 3.0],
        [-2.0],
    ],
)
def test_an_array_of_any_finite_numbers_has_a_histogram(values):
    from tensorboard.compat.proto import summary_pb2

    told = histogram(summary_pb2, np.array(values))
    assert (told.num, told.min, told.max) == (len(values), min(values), max(values))
    assert sum(told.bucket) == len(values)
    limits = list(told.bucket_limit)
    assert len(limits) == len(told.bucket)
    assert limits == sorted(limits)
    assert limits[-1] >= max(values)


def test_figures_of_ones_own_that_are_no_numbers_are_left_out(tmp_path):
    class More(nnmat.Callback):
        def on_epoch_end(self, trainer, epoch, figures):
            figures.update(note="slow", norm=np.float32(3), none=None)

    runs.fit(runs.make(), runs.blobs(), callbacks=[More(), TensorBoard(tmp_path)])
    found = scalars(tmp_path)
    assert [value for _, value in found["epoch/norm"]] == [3.0, 3.0]
    assert not {"epoch/note", "epoch/none"} & set(found)


def test_a_file_in_the_folders_place_is_named(tmp_path):
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(OSError, match=f"TensorBoard: .*{place.name} cannot be made a folder"):
            runs.fit(runs.make(), runs.blobs(), callbacks=[TensorBoard(place)])
