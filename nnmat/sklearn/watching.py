"""What looks on while an estimator is fitted: a scorer, and callbacks of scikit-learn."""

import copy
from typing import Any

import numpy as np

from ..errors import DataError
from ..training.callbacks.base import Callback

try:
    from sklearn.callback import CallbackSupportMixin as CallbackSupport
    from sklearn.callback import with_callbacks
except ImportError:  # scikit-learn before 1.9

    class CallbackSupport:  # type: ignore[no-redef]
        """Takes no callbacks."""

    def with_callbacks(method):  # type: ignore[misc]
        """The method itself."""
        return method


class Scores(Callback):
    """After each epoch the figure `score`: what a scorer says of the estimator as it is then."""

    adds_figures = True

    def __init__(self, estimator, scorer, X, y):
        self.estimator, self.scorer, self.X, self.y = estimator, scorer, X, y
        self.found: list[float] = []

    def on_epoch_end(self, trainer, epoch, figures):
        figures["score"] = float(self.scorer(self.estimator, self.X, self.y))
        if np.isnan(figures["score"]):
            raise DataError(
                "early_stopping: scoring gave nan for the samples held out. Take another, or hold out more."
            )
        self.found.append(figures["score"])


class Tasks(Callback):
    """Each epoch as a task of scikit-learn's callbacks, which may stop the run. It comes after all others."""

    def __init__(self, estimator, context, data: dict[str, Any], epochs: int):
        self.estimator, self.context, self.data, self.epochs = estimator, context, data, epochs
        self.task: Any = None

    def on_train_begin(self, trainer):
        self._begin()

    def _begin(self) -> None:
        self.task = self.context.subcontext(task_name="epoch")
        self.task.call_on_fit_task_begin(estimator=self.estimator, **self.data)

    def on_epoch_end(self, trainer, epoch, figures):
        stop = self.task.call_on_fit_task_end(
            estimator=self.estimator, reconstruction_attributes=self._fitted, **self.data
        )
        if stop:
            trainer.stop = True
        elif not trainer.stop and epoch < self.epochs:
            self._begin()

    def _fitted(self) -> dict[str, Any]:
        """What makes a copy of the estimator one that has learned so far."""
        return {"model_": copy.deepcopy(self.estimator.model_)}


def context_of(estimator, X, y, weight: np.ndarray | None, epochs: int) -> tuple[Any, dict[str, Any]]:
    """The context of a fit and what its tasks are told, or (None, {}) without scikit-learn's callbacks."""
    begin = getattr(estimator, "_init_callback_context", None)
    if begin is None:
        return None, {}
    data = {"X": X, "y": y, "metadata": None if weight is None else {"sample_weight": weight}}
    context = begin(max_subtasks=epochs)
    context.call_on_fit_task_begin(estimator=estimator, **data)
    return context, data
