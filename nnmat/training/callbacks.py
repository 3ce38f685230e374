"""What happens beside the training loop: early stopping, checkpoints; and the form of your own. `log` has one more.

A callback is a class with any of these methods; `trainer.stop = True` ends training after the present step:

    class PrintEachEpoch(Callback):
        def on_epoch_end(self, trainer, epoch, figures):
            print(epoch, figures["loss"])

`state` and `load_state` make a callback part of a checkpoint, so that a resumed run goes on as if never stopped;
`config` names the options that the resumed run must have too.
"""

import difflib
import math
import os
import time
from collections.abc import Iterable

import numpy as np

from ..checks import count, flag, number, positive
from ..errors import ConfigError
from ..formats.npz import save
from ..formats.paths import as_path
from ..habits import check_arguments
from .reporting.history import check_folder, check_writable, warn_unwritten

CLOSE = 1.0  # seconds before a file is due from which on each step is looked at: those of several calls of a program


class Callback:
    """Does nothing; override what is needed."""

    def __init_subclass__(cls, **arguments) -> None:
        super().__init_subclass__(**arguments)
        check_arguments(cls)

    def on_train_begin(self, trainer) -> None:
        """Before the first step, of a resumed run too; there it comes before `load_state`."""

    def on_step_end(self, trainer, step: int, loss: float) -> None:
        """After each optimizer step, or after those that `next_step` names; `step` counts from 1 over the whole run."""

    def next_step(self, step: int) -> int | str:
        """The next step after `step` that `on_step_end` must see: its number, or "last", that of the epoch or the run.

        Steps up to there may be made in one go. Without it every step is seen, if the class has an `on_step_end`.
        Others may be seen too, where something else wants to look.
        """
        own = getattr(self.on_step_end, "__func__", None) is not Callback.on_step_end
        return step + 1 if own else "last"

    def on_epoch_end(self, trainer, epoch: int, figures: dict[str, float]) -> None:
        """After each epoch (counted from 1), with its figures: loss, metrics, validation_..., seconds."""

    def on_train_end(self, trainer, history: dict[str, list]) -> None:
        """After the last epoch, also when stopped early; not after an interruption or an error."""

    def on_train_error(self, trainer, error: BaseException) -> None:
        """After an error or an interruption has ended the run, whose checkpoint, if any, is written by then.

        What it raises itself becomes a note of that error.
        """

    @property
    def stopped(self) -> bool:
        """Whether the run is over for this callback: then it is for one resumed from its checkpoint, too."""
        return False

    def config(self) -> dict:
        """The options on which a run depends, as JSON-able values: a run with others may not be resumed."""
        return {}

    def state(self) -> dict:
        """What a checkpoint keeps: JSON-able values and arrays."""
        return {}

    def load_state(self, state: dict) -> None:
        """Take back what `state` gave."""


def next_look(callbacks: Iterable[Callback], step: int) -> int | None:
    """The next step after `step` that some callback must see; None if the last of the epoch or the run will do.

    Raises ConfigError for a `next_step` that gives anything else than a later step or "last".
    """
    found = []
    for callback in callbacks:
        wanted = callback.next_step(step)
        if isinstance(wanted, str) and wanted == "last":
            continue
        if isinstance(wanted, bool) or not isinstance(wanted, int | np.integer) or wanted <= step:
            raise ConfigError(
                f"{type(callback).__name__}.next_step: expected a step after {step}, or 'last', got {wanted!r}. "
                "For every step return step + 1."
            )
        found.append(int(wanted))
    return min(found, default=None)


# How figures begin elsewhere, and what some are called, and our words for it.
_BEGINNINGS = {"val_": "validation_", "test_": "validation_", "eval_": "validation_", "train_": "", "training_": ""}
_NAMES = {"acc": "accuracy", "lr": "learning_rate"}


class Monitor:
    """Whether a quantity of the epoch's figures is better than ever before. NaN is never better."""

    def __init__(self, who: str, quantity: str, mode: str, min_delta: float = 0.0):
        if mode not in ("auto", "min", "max"):
            raise ConfigError(f"{who}: expected mode 'auto', 'min' or 'max', got {mode!r}.")
        if not isinstance(quantity, str):
            raise ConfigError(f"{who}: expected monitor as the name of a figure, got {quantity!r}. Try 'loss'.")
        rising = mode == "max" or (mode == "auto" and any(w in quantity for w in ("accuracy", "top_")))
        self.who, self.quantity, self.mode = who, quantity, mode
        self.min_delta = number(who, "min_delta", min_delta, 0.0)
        self.sign = 1.0 if rising else -1.0
        self.reset()

    def begin(self, trainer) -> None:
        """Start with a run that will have the quantity, as far as that can be known before its first epoch."""
        if self.quantity.startswith("validation_") and not trainer.validating:
            raise ConfigError(
                f"{self.who}: expected fit(..., validation=...) to monitor {self.quantity!r}, got no validation data. "
                f"Pass some, or try monitor={self.quantity.removeprefix('validation_')!r}."
            )
        if trainer.figures and self.quantity not in trainer.figures:
            raise ConfigError(self._unknown(trainer.figures))
        self.reset()

    def _unknown(self, figures: Iterable[str]) -> str:
        """What is wrong with a quantity that is none of the figures, and what to write."""
        names, meant = list(figures), self.quantity
        for other, ours in _BEGINNINGS.items():
            if self.quantity.startswith(other):
                meant = ours + self.quantity.removeprefix(other)
        beginning, _, last = meant.rpartition("_")
        meant = f"{beginning}_{_NAMES.get(last, last)}" if beginning else _NAMES.get(last, last)
        near = difflib.get_close_matches(meant, names, 1)
        if near:
            hint = f"Write monitor={near[0]!r}."
        elif meant.startswith("validation_"):
            hint = f"Pass fit(..., validation=...) for {meant!r}."
        else:
            hint = f"Figures beside the loss are metrics: Trainer(..., metrics=[{meant!r}])."
        return f"{self.who}: there is no figure {self.quantity!r} to monitor. This run has: {', '.join(names)}. {hint}"

    def reset(self) -> None:
        """Forget what was seen."""
        self.best = -math.inf  # of sign * quantity

    def improved(self, figures: dict[str, float]) -> bool:
        """Compare the epoch's figure with the best so far, and remember the better."""
        if self.quantity not in figures:
            raise ConfigError(self._unknown(figures))
        value = self.sign * figures[self.quantity]
        if value > self.best + (self.min_delta if math.isfinite(self.best) else 0.0):
            self.best = value
            return True
        return False

    def config(self) -> dict:
        """The options beside `min_delta`."""
        return {"monitor": self.quantity, "mode": self.mode}


class EarlyStopping(Callback):
    """Stop when a quantity has not improved by `min_delta` for `patience` epochs in a row.

    `monitor`: any figure of the history. `mode`: "min", "max", or "auto" (accuracies rise, all else falls).
    `restore_best`: end with the parameters and buffers of the best epoch instead of the last, however the run ends:
    after its last epoch, by an error, or by an interruption (whose checkpoint goes on from where it stopped).
    """

    def __init__(
        self,
        monitor: str = "validation_loss",
        patience: int = 3,
        min_delta: float = 0.0,
        mode: str = "auto",
        restore_best: bool = False,
    ):
        self.monitor = Monitor("EarlyStopping", monitor, mode, min_delta)
        self.patience = count("EarlyStopping", "patience", patience)
        self.restore_best = flag("EarlyStopping", "restore_best", restore_best)
        self._forget()

    def _forget(self) -> None:
        self.waited = 0
        self.best_epoch: int | None = None
        self._best: dict[str, np.ndarray] = {}

    def on_train_begin(self, trainer):
        self.monitor.begin(trainer)
        self._forget()  # the best of another run, perhaps of another model, is of no use

    def on_epoch_end(self, trainer, epoch, figures):
        if self.monitor.improved(figures):
            self.waited, self.best_epoch = 0, epoch
            if self.restore_best:
                self._best = {name: A.copy() for name, A in _model_arrays(trainer.model).items()}
        else:
            self.waited += 1
            if self.waited >= self.patience:
                trainer.stop = True

    def on_train_end(self, trainer, history):
        self._restore(trainer)

    def on_train_error(self, trainer, error):
        self._restore(trainer)

    def _restore(self, trainer) -> None:
        if self.restore_best:
            for name, A in _model_arrays(trainer.model).items():
                A[...] = self._best.get(name, A)

    @property
    def stopped(self):
        return self.waited >= self.patience

    def config(self):
        more = {"patience": self.patience, "min_delta": self.monitor.min_delta, "restore_best": self.restore_best}
        return self.monitor.config() | more

    def state(self):
        best = {f"best/{name}": A for name, A in self._best.items()}
        return {"waited": self.waited, "best": self.monitor.best, "best_epoch": self.best_epoch, **best}

    def load_state(self, state):
        self.waited, self.monitor.best, self.best_epoch = state["waited"], state["best"], state["best_epoch"]
        self._best = {name.removeprefix("best/"): A for name, A in state.items() if name.startswith("best/")}


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
        return "last" if self.every_steps is None else step - step % self.every_steps + self.every_steps

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


def _model_arrays(model) -> dict[str, np.ndarray]:
    return {"parameters": model.flat_parameters, **{f"buffer/{k}": A for k, A in model.buffers().items()}}
