"""What users of other libraries write out of habit: each is answered with what to write here."""

import difflib
import functools
import inspect
import warnings
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import numpy as np

from ..errors import ConfigError
from ..layers import Sequential, Sigmoid, Softmax
from ..layers.base import Layer
from ..losses import Loss, SigmoidBinaryCrossEntropy, SoftmaxCrossEntropy

P = ParamSpec("P")
R = TypeVar("R")

DATA = "Data is one argument: (X, y), (X, y, sample_weight), a Dataset or a batch source"
OPTIMIZER = "The optimizer has it: SGD(model, lr=0.1)"
PROGRESS = "It is called progress here: True shows a bar and a line for each epoch, False nothing"
FIT = "It is an argument of fit: trainer.fit(train, epochs=10, ...)"
TRAINER = "It is an argument of Trainer: Trainer(model, loss, optimizer, metrics=['accuracy'])"
NUMPY = "Arrays of NumPy are computed on the CPU; nnmat.set_num_threads(n) sets the threads"

# Names of options elsewhere, and what to write here, by who is asked.
HABITS: dict[str, dict[str, str]] = {
    "fit": {
        **dict.fromkeys(("verbose", "verbosity", "disp"), PROGRESS),
        **dict.fromkeys(
            ("validation_data", "val_data", "eval_set", "valid", "val"), "It is called validation: validation=(X, y)"
        ),
        "validation_split": "Split the data first: train, rest = Dataset(X, y).split(0.8); validation=rest",
        "shuffle": "Batches are drawn in a random order that seed= sets; for another, give a batch source",
        **dict.fromkeys(
            ("sample_weight", "sample_weights"), "Weights go with the data: fit((X, y, sample_weight), ...)"
        ),
        "class_weight": "The loss has it: SoftmaxCrossEntropy(class_weight=...)",
        **dict.fromkeys(("lr", "learning_rate", "optimizer", "weight_decay", "momentum"), OPTIMIZER),
        **dict.fromkeys(("n_epochs", "num_epochs", "nb_epoch", "epoch", "max_epochs", "n_iter"), "It is called epochs"),
        **dict.fromkeys(("max_steps", "max_iter", "n_steps", "num_steps"), "It is called steps"),
        "steps_per_epoch": "An epoch is all data; for a number of steps write fit(train, steps=...)",
        **dict.fromkeys(("x", "X", "y", "data", "train_data", "train_loader", "dataset"), DATA),
        **dict.fromkeys(("metrics", "loss"), TRAINER),
        "initial_epoch": "A run goes on from a file: fit(..., resume='nnmat-interrupted.npz')",
        **dict.fromkeys(("ckpt_path", "resume_from", "resume_from_checkpoint"), "It is called resume"),
        **dict.fromkeys(("random_state", "rng"), "It is called seed"),
        **dict.fromkeys(("device", "workers", "num_workers"), NUMPY),
        **dict.fromkeys(("transform", "transforms", "augmentation", "data_augmentation"), "It is called augment"),
        "early_stopping": "It is a callback: callbacks=[nnmat.EarlyStopping()]",
    },
    "Trainer": {
        **dict.fromkeys(("criterion", "loss_fn", "loss_function", "objective"), "It is called loss"),
        **dict.fromkeys(("optim", "optimiser"), "It is called optimizer"),
        "metric": "It is called metrics: metrics=['accuracy']",
        **dict.fromkeys(("lr", "learning_rate", "weight_decay", "momentum", "clip_norm"), OPTIMIZER),
        **dict.fromkeys(("epochs", "max_epochs", "batch_size", "callbacks", "validation", "seed", "progress"), FIT),
        **dict.fromkeys(("device", "accelerator", "devices"), NUMPY),
    },
    "evaluate": {
        "verbose": "It is called progress here: False shows no bar",
        **dict.fromkeys(("x", "X", "y", "sample_weight", "dataset"), DATA),
        "metrics": TRAINER,
    },
    "predict": {"verbose": "It is called progress here: False shows no bar", "x": "It is called X"},
}
HABITS["predict_proba"] = HABITS["predict"]


def explained(function: Callable[P, R]) -> Callable[P, R]:
    """The method; a call whose arguments do not fit is a ConfigError that says what to write."""
    signature = inspect.signature(function)

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except TypeError:
            try:
                signature.bind(*args, **kwargs)
            except TypeError as error:
                who = type(args[0]).__name__ if function.__name__ == "__init__" else function.__name__
                raise ConfigError(_explanation(who, signature, args, kwargs, str(error))) from None
            raise  # of something else

    return call


def _explanation(who: str, signature: inspect.Signature, args: tuple, kwargs: dict[str, Any], reason: str) -> str:
    options = [name for name in signature.parameters if name != "self"]
    habits = HABITS.get(who, HABITS["Trainer"])
    for name in kwargs:
        if name not in options:
            near = difflib.get_close_matches(name, options, 1)
            hint = f"Did you mean {near[0]}?" if near else f"It has: {', '.join(options)}."
            return f"{who}: there is no option {name!r}. {f'{habits[name]}.' if name in habits else hint}"
    if who in ("fit", "evaluate", "predict", "predict_proba") and len(args) > 2:
        return two_arguments(who)
    return f"{who}: {reason}. It takes: {', '.join(options)}."


def two_arguments(who: str) -> str:
    """What is wrong with `fit(X, y, ...)`."""
    if who.startswith("predict"):
        return f"{who}: expected X alone, got another array behind it. Targets are of no use here: write {who}(X)."
    more = ", epochs=..." if who == "fit" else ""
    return f"{who}: expected the data as one argument, got X and y apart. Write {who}((X, y){more})."


def check_one_argument(who: str, second: Any) -> None:
    """Raise ConfigError if the second argument is y, or something else that has a length."""
    if isinstance(second, np.ndarray) or (hasattr(second, "__len__") and not isinstance(second, str)):
        raise ConfigError(two_arguments(who))


def check_kind(name: str, value: Any, kind: type) -> None:
    """Raise ConfigError if a part of a Trainer is none of its kind."""
    if isinstance(value, kind):
        return
    if isinstance(value, type) and issubclass(value, kind):
        hint = f"Did you forget the parentheses: {value.__name__}({'model' if name == 'optimizer' else ''})?"
    elif isinstance(value, Layer | Loss) or hasattr(value, "gradient_norm"):
        hint = "The order is Trainer(model, loss, optimizer)."
    else:
        examples = {"loss": "SoftmaxCrossEntropy()", "optimizer": "Adam(model)", "model": "Sequential([...])"}
        hint = f"Try nnmat.{examples[name]}."
    raise ConfigError(f"Trainer: expected {name} to be a {kind.__name__}, got {value!r}. {hint}")


def check_outputs(model: Layer, loss: Loss, metrics: dict[str, Callable]) -> None:
    """Raise ConfigError for a loss or metrics that say nothing of a single output; warn of a doubled activation."""
    shape = model.output_shape(model.input_shape)
    if shape and shape[-1] == 1:
        if isinstance(loss, SoftmaxCrossEntropy):
            raise ConfigError(
                "Trainer: SoftmaxCrossEntropy of one output is always 0: the only class is always right. Give the "
                "model one output for each class, or, for two classes from one logit, take SigmoidBinaryCrossEntropy."
            )
        for name, metric in metrics.items():
            if getattr(metric, "__module__", "") == "nnmat.metrics" and (name == "accuracy" or name.startswith("top_")):
                raise ConfigError(
                    f"Trainer: the metric {name!r} asks for the largest of several outputs, the model has one. For the "
                    "sign of a logit write metrics=['binary_accuracy']."
                )
    last = model
    while isinstance(last, Sequential):
        last = last[-1]
    if isinstance(last, Softmax | Sigmoid) and isinstance(loss, SoftmaxCrossEntropy | SigmoidBinaryCrossEntropy):
        warnings.warn(
            f"Trainer: the model ends in {last.who}, and {type(loss).__name__} takes logits: it applies its own "
            f"{'softmax' if isinstance(loss, SoftmaxCrossEntropy) else 'sigmoid'}, so training goes through two. Leave "
            "the last layer out; trainer.predict_proba(X) gives probabilities.",
            UserWarning,
            stacklevel=4,
        )
        if isinstance(loss, SoftmaxCrossEntropy):
            loss.looked = True  # it would say the same
