"""Files in the course of a run."""

import os
import time

from ...checks import count, positive
from ...errors import ConfigError
from ...formats.npz import save
from ...formats.paths import as_path
from ..reporting.history import check_folder, check_writable, warn_unwritten
from .base import Callback, next_multiple
from .monitor import Monitor

CLOSE = 1.0  # seconds before a file is due from which on each step is looked at: those of several calls of a program


class Checkpoint(Callback):
    """Write a file after epochs: with `keep="last"` after every one, with "best" only when `monitor` improves.

    "last" writes a training checkpoint (`fit(..., resume=path)` goes on from it), "best" a model. `nnmat.load` reads
    the model out of either. `every_steps=k` writes after every k-th step too, `every_seconds=s` after the first step
    that ends s seconds or more after the file was last written: a process that is killed loses no more than that. They
    are of `keep="last"`, which is then the default.

    That the folder can be written to is checked before the first step. If a file cannot be written later (a full
    disk), a RuntimeWarning says what it needs, the old file stays, and the run goes on.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        keep: str | None = None,
        monitor: str = "validation_loss",
        mode: str = "auto",
        *,
        every_steps: int | None = None,
        every_seconds: float | None = None,
    ):
        often = every_steps is not None or every_seconds is not None
        keep = ("last" if often else "best") if keep is None else keep
        if keep not in ("best", "last"):
            raise ConfigError(f"Checkpoint: expected keep 'best' or 'last', got {keep!r}.")
        if often and keep == "best":
            raise ConfigError(
                "Checkpoint: expected every_steps or every_seconds with keep='last', got keep='best': the monitored "
                "figure is known after epochs only. Use two Checkpoints."
            )
        self.path, self.keep = as_path("Checkpoint", path), keep
        if self.path.suffix != ".npz":
            raise ConfigError(f"Checkpoint: expected a file name that ends in .npz, got {str(self.path)!r}.")
        check_folder("Checkpoint", self.path)
        self.every_steps = None if every_steps is None else count("Checkpoint", "every_steps", every_steps)
        self.every_seconds = None if every_seconds is None else positive("Checkpoint", "every_seconds", every_seconds)
        self.monitor = Monitor("Checkpoint", monitor, mode)
        self._written = 0.0  # when

    def on_train_begin(self, trainer):
        check_writable("Checkpoint", self.path)
        self._written = time.monotonic()
        if self.keep == "best":
            self.monitor.begin(trainer)

    def on_step_end(self, trainer, step, loss):
        due = self.every_steps is not None and step % self.every_steps == 0
        if due or (self.every_seconds is not None and time.monotonic() - self._written >= self.every_seconds):
            trainer.request_checkpoint(self.path, now=True)
            self._written = time.monotonic()

    def next_step(self, step):
        if self.every_seconds is not None and time.monotonic() - self._written >= self.every_seconds - CLOSE:
            return step + 1
        return next_multiple(step, self.every_steps)

    def on_epoch_end(self, trainer, epoch, figures):
        if self.keep == "last":
            trainer.request_checkpoint(self.path)
            self._written = time.monotonic()
        elif self.monitor.improved(figures):
            try:
                save(trainer.model, self.path)
            except OSError as error:
                warn_unwritten("Checkpoint", f"the model of epoch {epoch}", error)

    def config(self):
        return {"keep": self.keep, **self.monitor.config()}  # the file may lie elsewhere, and be written more often

    def state(self):
        return {"best": self.monitor.best}

    def load_state(self, state):
        self.monitor.best = state["best"]

    def state_rules(self, state, model):
        return {"best": self.monitor.rule(state)}
