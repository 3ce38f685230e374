"""Stopping when nothing gets better any more."""

import numpy as np

from ...checks import count, flag
from .base import Callback
from .monitor import Monitor
from .states import are_alike, arrays_of, is_count, part


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
                self._best = {name: A.copy() for name, A in arrays_of(trainer.model).items()}
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
            for name, A in arrays_of(trainer.model).items():
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
        self._best = part(state, "best/")

    def state_rules(self, state, model):
        epoch, best = state.get("best_epoch", 0), part(state, "best/")
        needed = self.restore_best and epoch is not None
        return {
            "best": self.monitor.rule(state),
            "waited": (is_count(state.get("waited")), "an integer >= 0"),
            "best_epoch": (epoch is None or (is_count(epoch) and epoch >= 1), "an integer >= 1 or null"),
            "best/...": (
                are_alike(best, arrays_of(model)) if needed else not best,
                "the arrays of the best epoch" if needed else "no arrays",
            ),
        }
