"""What users of other libraries write out of habit, and what to write here instead.

The constructors of layers, losses, optimizers, schedules and callbacks are asked by other names elsewhere, and have
methods that have no meaning here. Both end in an error that says what to write; nothing is accepted under two names.
"""

import difflib
import functools
import inspect
from collections.abc import Callable, Collection
from typing import Any, TypeVar, cast

from .errors import ConfigError

F = TypeVar("F", bound=Callable[..., Any])

NAMES = {  # arguments of other libraries, and what they may be called here
    "learning_rate": "lr",
    "eta": "lr",
    "base_lr": "lr",
    "initial_learning_rate": "lr",
    "params": "model",
    "parameters": "model",
    "beta_1": "betas",
    "beta_2": "betas",
    "beta1": "betas",
    "beta2": "betas",
    "epsilon": "eps",
    "rho": "alpha",
    "l2": "weight_decay",
    "decay": "weight_decay",
    "clipnorm": "clip_norm",
    "global_clipnorm": "clip_norm",
    "max_norm": "clip_norm",
    "units": "out_features",
    "output_dim": "out_features",
    "input_dim": "in_features",
    "filters": "out_channels",
    "pool_size": "kernel_size",
    "strides": "stride",
    "dilation_rate": "dilation",
    "use_bias": "bias",
    "num_heads": "heads",
    "nhead": "heads",
    "embed_dim": "features",
    "d_model": "features",
    "kdim": "key_features",
    "dim_feedforward": "hidden",
    "hidden_size": "hidden",
    "num_features": "channels",
    "num_channels": "channels",
    "num_groups": "groups",
    "normalized_shape": "features",
    "elementwise_affine": "affine",
    "num_embeddings": "tokens",
    "embedding_dim": "features",
    "kernel_initializer": "weight_initializer",
    "initializer": "weight_initializer",
    "dim": "axis",
    "start_dim": "start",
    "end_dim": "end",
    "num_parameters": "channels",
    "init": "initial",
    "p": "rate",
    "drop_prob": "rate",
    "count_include_pad": "count_padding",
    "divisor_override": "divisor",
    "weight": "class_weight",
    "weights": "class_weight",
    "class_weights": "class_weight",
    "pos_weight": "positive_weight",
    "restore_best_weights": "restore_best",
    "filepath": "path",
    "filename": "path",
    "T_max": "steps",
    "decay_steps": "steps",
    "warmup_steps": "steps",
    "total_iters": "steps",
    "eta_min": "final",
    "gamma": "factor",
    "step_size": "every",
    "threshold": "min_delta",
    "log_dir": "folder",
    "logdir": "folder",
    "update_freq": "every_steps",
    "histogram_freq": "histograms",
    "swa_lr": "lr",
    "swa_start": "start",
}
MORE_NAMES = {"alpha": "negative_slope", "step_size": "lr", "weights": "weight_initializer", "random_state": "seed"}
NOTES = {"dim": "channels are the last axis, -1", "start_dim": "channels are the last axis, 3 of images"}
ADVICE = {  # arguments that nothing here corresponds to
    "activation": "An activation is a layer of its own: Linear(784, 128), ReLU().",
    "amsgrad": "Adam and AdamW have it: leave it out.",
    "batch_first": "The batch is always the first axis: leave it out.",
    "bias_constraint": "There are no constraints: leave it out.",
    "data_format": "Images are always channels-last, (B, H, W, C): leave it out.",
    "device": "All is computed by the processor: leave it out.",
    "dim": "It is always the last axis: leave it out.",
    "axis": "It is always the last axis: leave it out.",
    "dtype": "It is that of the whole model: Sequential(..., dtype=np.float32), or build(..., dtype=np.float32).",
    "from_logits": "Losses always take logits: leave it out, and the Softmax or Sigmoid before the loss too.",
    "inplace": "No layer writes into its input: leave it out.",
    "input_shape": "It belongs to the model: Sequential(layers, input_shape=...).",
    "last_epoch": "A schedule is a function of the step: leave it out.",
    "maximize": "The optimizers have it: SGD(model, maximize=True).",
    "name": "Parameters are named by their place in the model, such as 0.weight: leave it out.",
    "optimizer": "A schedule stands in the optimizer: SGD(model, lr=Cosine(...)).",
    "padding_mode": "Conv1d and Conv2d have it, and Pad, as mode; elsewhere padding is with zeros: leave it out.",
    "return_indices": "Backward has them: leave it out. nnmat_kernels.max_pool2d returns them.",
    "reduction": "Its value is one number: leave it out. AdversarialLoss weighs scores by forward(S, sample_weight=s).",
    "save_best_only": "Write keep='best' for the model of the best epoch, keep='last' for the state of the last.",
    "save_weights_only": "keep='best' writes the model, keep='last' what a run goes on from: leave it out.",
    "save_freq": "Write every_steps=1000, or every_seconds=60.",
    "weight": "Rows and entries have weights in each call: give them to forward(H, y, sample_weight).",
    "verbose": "Progress is shown by fit(..., progress=True).",
}
OF_MODELS = {  # methods of models of other libraries
    "add": "Give all layers at once: Sequential([...]).",
    "append": "Give all layers at once: Sequential([...]).",
    "compile": "Write Trainer(model, loss, optimizer, metrics=[...]).",
    "cuda": "All is computed by the processor: leave it out.",
    "eval": "A forward is one for evaluation unless you write forward(X, training=True).",
    "evaluate": "Write Trainer(model, loss, optimizer).evaluate(data).",
    "fit": "Write Trainer(model, loss, optimizer).fit(data, epochs=10).",
    "get_weights": "Write [p.value for p in model.parameters()].",
    "load_state_dict": "Write nnmat.convert.from_torch(model, state), or nnmat.load(path).",
    "named_parameters": "Write for p in model.parameters(), and p.name.",
    "predict": "Write model.forward(X), or Trainer(model, loss, optimizer).predict(X) for many samples.",
    "requires_grad_": "Write p.trainable = False for p in model.parameters().",
    "set_weights": "Write p.value = A for p in model.parameters().",
    "state_dict": "Write nnmat.save(model, path), or nnmat.convert.to_torch(model).",
    "to": "All is computed by the processor; the dtype is given to build or Sequential.",
    "train": "Write forward(X, training=True), or Trainer(model, loss, optimizer).fit(data, epochs=10).",
    "zero_grad": "backward overwrites the gradients unless you write accumulate=True: leave it out.",
}
OF_OPTIMIZERS = {
    "apply_gradients": "Write optimizer.step().",
    "load_state_dict": "Write optimizer.load_state(state).",
    "minimize": "Write model.backward(loss.backward()), then optimizer.step().",
    "param_groups": "Write optimizer.lr = 0.01; groups=[{'parameters': [...], 'lr_factor': 0.1}] makes groups.",
    "state_dict": "Write optimizer.state().",
    "zero_grad": OF_MODELS["zero_grad"],
}


def check_arguments(cls: type) -> None:
    """Put a check round the constructor that a class has itself: a ConfigError says which arguments it takes."""
    written: Any = cls.__dict__.get("__init__")
    if inspect.isfunction(written):
        setattr(cls, "__init__", arguments_checked(written))  # noqa: B010 (mypy will have no assignment to __init__)


def arguments_checked(written: F) -> F:
    """A constructor with that check round it."""
    signature = inspect.signature(written)

    @functools.wraps(written)
    def checked(self, *arguments, **options):
        try:
            signature.bind(self, *arguments, **options)
        except TypeError as error:
            raise _refusal(type(self).__name__, signature, options, error) from None
        return written(self, *arguments, **options)

    return cast(F, checked)


def _refusal(who: str, signature: inspect.Signature, options: dict, error: TypeError) -> ConfigError:
    mine = list(signature.parameters.values())[1:]
    known = [p.name for p in mine]
    odd = [name for name in options if name not in known]
    called = f"It is called as {who}({', '.join(map(_shown, mine))})."
    if odd:
        return ConfigError(
            f"{who}: expected arguments among those it has, got {odd[0]}. {remedy(odd[0], known)}{called}"
        )
    hint = f"Write {who}([layer, ...]). " if known[:1] == ["layers"] and not options else ""
    return ConfigError(f"{who}: expected other arguments ({error}). {hint}{called}")


def list_of_layers(who: str, layers: Any) -> list:
    """The layers that a container is given, as a list; a ConfigError for a single one and for what is no list."""
    try:
        if callable(layers):  # a layer, even one that has parts, or a class
            raise TypeError
        return list(layers)
    except TypeError:
        given = "a layer" if callable(layers) else repr(layers)
        raise ConfigError(f"{who}: expected a list of layers, got {given}. Write {who}([layer, ...]).") from None


def _shown(parameter: inspect.Parameter) -> str:
    default = parameter.default
    if default is inspect.Parameter.empty:
        return parameter.name
    return f"{parameter.name}={f'np.{default.__name__}' if isinstance(default, type) else repr(default)}"


def remedy(name: str, known: Collection[str]) -> str:
    """What to write for an argument `name` that is not among those `known`; ends in a space if there is anything."""
    for names in (NAMES, MORE_NAMES):
        if names.get(name) in known:
            return f"Write {names[name]}{f': {NOTES[name]}' if name in NOTES else ''}. "
    if name in ADVICE:
        return f"{ADVICE[name]} "
    close = difflib.get_close_matches(name, known, 1)
    return f"Write {close[0]}. " if close else ""


class Elsewhere:
    """An attribute that a class has in other libraries: here it has none, and the error says what to write.

    It is found on the class and not by `__getattr__`, which would slow down every other attribute.
    """

    def __init__(self, name: str, advice: str):
        self.name, self.advice = name, advice

    def __get__(self, instance, owner: type):
        raise AttributeError(f"{owner.__name__}: expected an attribute it has, got {self.name}. {self.advice}")


def refuse_attributes(cls: type, advice: dict[str, str]) -> None:
    """Answer the names of this table, on a class and on those derived from it that do not have them, with advice."""
    for name, text in advice.items():
        setattr(cls, name, Elsewhere(name, text))
