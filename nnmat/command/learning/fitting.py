"""The training that options ask for, with one bar for all epochs."""

import argparse
from typing import Any

import numpy as np

from ...datasets import Augment, Dataset
from ...layers import Sequential
from ...losses import Loss, MeanSquaredError, SoftmaxCrossEntropy
from ...optimizers import AdamW
from ...schedules import Cosine
from ...training.callbacks.base import Callback
from ...training.reporting.display import advance, progress_bar
from ...training.reporting.history import History
from ...training.trainer import Trainer
from .networks import network, resolved


class Bar(Callback):
    """A bar of the epochs with their figures, where stderr is a terminal."""

    def __init__(self, what: str, total: int, quiet: bool):
        self.options: dict[str, Any] = {"desc": what, "total": total, "unit": " epochs", "leave": False}
        self.options["disable"] = True if quiet else None  # None: shown on terminals only
        self.bar: Any = None

    def on_train_begin(self, trainer):
        self.bar = progress_bar(**self.options)

    def on_epoch_end(self, trainer, epoch, figures):
        name = "accuracy" if "accuracy" in figures else "loss"
        self.bar.set_postfix_str(f"validation {name} {figures[f'validation_{name}']:.4f}", refresh=False)
        advance(self.bar, 1)

    def on_train_end(self, trainer, history):
        self.bar.close()

    def on_train_error(self, trainer, error):
        if self.bar is not None:
            self.bar.close()


def loss_of(labels: Any) -> Loss:
    """What a network of classes, or of numbers, makes small."""
    return MeanSquaredError() if labels is None else SoftmaxCrossEntropy()


def fit(
    options: argparse.Namespace, train: Dataset, validation: Dataset, what: str = "training"
) -> tuple[Sequential, History]:
    """The network that the options ask for, trained, and its history.

    The validation samples are looked at after every epoch and choose nothing.
    """
    options = resolved(options, len(train), images=train.X.ndim == 4)
    classes = None if train.labels is None else len(train.labels)
    model = network(options, train.X.shape[1:], 1 if classes is None else classes)
    schedule = Cosine(options.lr, options.epochs * -(-len(train) // options.batch_size))
    optimizer = AdamW(model, lr=schedule, weight_decay=options.weight_decay)
    trainer = Trainer(model, loss_of(train.labels), optimizer, metrics=[] if classes is None else ["accuracy"])
    history = trainer.fit(
        train,
        epochs=options.epochs,
        batch_size=options.batch_size,
        validation=validation,
        augment=_augment(options, train.X),
        callbacks=[Bar(what, options.epochs, options.quiet)],
        seed=options.seed,
        progress=False,
        checkpoint=None,
    )
    return model, history


def _augment(options: argparse.Namespace, X: np.ndarray) -> Augment | None:
    """Shifts, turns and mirror images, if any are asked for and X are images."""
    shift, turn, flip = (getattr(options, name, 0) for name in ("shift", "rotate", "flip"))
    if X.ndim != 4 or not (shift or turn or flip):
        return None
    return Augment(shift=shift, rotate=turn, flip=flip or False)
