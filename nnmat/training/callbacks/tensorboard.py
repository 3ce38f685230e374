"""Event files for TensorBoard."""

import os
import time
from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np

from ...checks import count, flag
from ...extras import extra
from ...formats.paths import as_path
from ..reporting.history import check_writable, warn_unwritten
from .base import Callback, next_multiple
from .states import is_count

BINS = 30  # of a histogram
QUEUE = 1000  # events that wait for the writer's thread


class TensorBoard(Callback):
    """Write what `tensorboard --logdir FOLDER` shows, by TensorBoard's own writer (the extra `tensorboard`).

    `epoch/<figure>`: the figures of each epoch that are numbers, over the steps done by then. `step/loss`,
    `step/learning_rate`: after every k-th step, k = `every_steps` (None: never); steps between run in one go.
    `histograms`: of each parameter, too, after each epoch. Figures of callbacks that stand before this one, such as
    `Norms`, are among those of an epoch.

    The folder is made if it is not there; give each run one of its own. A run resumed from a checkpoint writes another
    file there, and what the killed run had written after the checkpoint is not shown any more.

    Raises MissingExtraError; OSError before the first step if the folder cannot be written to. If events cannot be
    written later (a full disk), a RuntimeWarning says so, and the run goes on without them.
    """

    def __init__(self, folder: str | os.PathLike, every_steps: int | None = 100, histograms: bool = False):
        self.folder = as_path("TensorBoard", folder)
        self.every_steps = None if every_steps is None else count("TensorBoard", "every_steps", every_steps)
        self.histograms = flag("TensorBoard", "histograms", histograms)
        extra("tensorboard", "TensorBoard", "tensorboard")
        self._step = 0
        self._first = 0  # the step from which on events of older files count no more
        self._begun = False  # whether that was written
        self._writer: Any = None  # while a run is in progress

    def on_train_begin(self, trainer):
        self._close()
        self._step, self._first, self._begun = 0, 0, False
        module = extra("tensorboard.summary.writer.event_file_writer", "TensorBoard", "tensorboard")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = error.strerror or error
            raise OSError(error.errno, f"TensorBoard: {self.folder} cannot be made a folder ({reason})") from None
        check_writable("TensorBoard", self.folder / "events")
        while list(self.folder.glob(f"events.out.tfevents.{int(time.time()):010}.*")):
            time.sleep(0.02)  # files are read in the order of their names, which tell full seconds
        self._writer = module.EventFileWriter(str(self.folder), max_queue_size=QUEUE)

    def next_step(self, step):
        return next_multiple(step, self.every_steps)

    def on_step_end(self, trainer, step, loss):
        self._step = step
        if self.every_steps is None or step % self.every_steps:
            return
        optimizers = trainer.held().optimizers
        found = {"step/loss": loss}
        for name, optimizer in optimizers.items():
            tag = "step/learning_rate" if len(optimizers) == 1 else f"step/learning_rate_{name.rpartition('/')[2]}"
            found[tag] = optimizer.rate_at(max(optimizer.steps - 1, 0))  # of the step that was done
        self._write(found)

    def on_epoch_end(self, trainer, epoch, figures):
        parameters: dict[str, np.ndarray] = {}
        if self.histograms:
            models = trainer.held().models
            for name, model in models.items():
                before = f"{name}/" if len(models) > 1 else ""
                parameters |= {f"weights/{before}{p.name}": p.value for p in model.parameters()}
        numbers = {name: float(value) for name, value in figures.items() if isinstance(value, Real)}
        self._write({f"epoch/{name}": value for name, value in numbers.items()}, parameters)
        self._flush()

    def on_train_end(self, trainer, history):
        self._close()

    def on_train_error(self, trainer, error):
        self._close()

    def _write(self, scalars: dict[str, float], arrays: dict[str, np.ndarray] | None = None) -> None:
        if self._writer is None:  # it could not write before
            return
        events = extra("tensorboard.compat.proto.event_pb2", "TensorBoard", "tensorboard")
        summaries = extra("tensorboard.compat.proto.summary_pb2", "TensorBoard", "tensorboard")
        Value = summaries.Summary.Value
        values = [Value(tag=tag, simple_value=number) for tag, number in scalars.items()]
        values += [Value(tag=tag, histo=histogram(summaries, A)) for tag, A in (arrays or {}).items()]
        found = [events.Event(wall_time=time.time(), step=self._step, summary=summaries.Summary(value=values))]
        if not self._begun:  # what a run before wrote of these steps is not of this one
            start = events.SessionLog(status=events.SessionLog.START)
            found.insert(0, events.Event(wall_time=time.time(), step=self._first, session_log=start))
            self._begun = True
        self._ask(lambda: [self._writer.add_event(event) for event in found])

    def _flush(self) -> None:
        """What was written is in the file when this returns."""
        if self._writer is not None:
            self._ask(self._writer.flush)

    def _ask(self, work: Callable[[], Any]) -> None:
        """Let the writer work; if it cannot, say so, and ask it no more."""
        try:
            work()
        except OSError as error:
            self._writer = None
            warn_unwritten("TensorBoard", f"the event of step {self._step} in {self.folder}", error)

    def _close(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            try:
                writer.close()
            except OSError as error:
                warn_unwritten("TensorBoard", f"the last events in {self.folder}", error)

    def state(self):
        self._flush()  # a run that goes on from here writes what comes after
        return {"step": self._step}

    def load_state(self, state):
        self._step, self._first = state["step"], state["step"] + 1

    def state_rules(self, state, model):
        return {"step": (is_count(state.get("step")), "an integer >= 0")}

    def __getstate__(self):
        return {**self.__dict__, "_writer": None}


def histogram(summaries: Any, A: np.ndarray) -> Any:
    """The summary of an array: counts in bins of equal width between its ends; none of an array with NaN.

    Where the ends are too near to each other for that, or too far apart, all entries are in one.
    """
    values = A.astype(np.float64).ravel()
    if values.size == 0 or not np.isfinite(values).all():
        return summaries.HistogramProto()
    low, high = float(values.min()), float(values.max())
    with np.errstate(over="ignore", invalid="ignore"):
        sums = float(values.sum()), float(np.square(values).sum())
        try:
            counts, edges = np.histogram(values, BINS)
        except ValueError:
            counts, edges = np.array([values.size]), np.array([low, high])
    return summaries.HistogramProto(
        min=low,
        max=high,
        num=values.size,
        sum=sums[0],
        sum_squares=sums[1],
        bucket_limit=edges[1:].tolist(),
        bucket=counts.astype(float).tolist(),
    )
