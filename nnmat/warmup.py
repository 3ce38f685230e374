"""Compiling the kernels before they are needed, or reading them from the disk cache if they are there.

What a training needs is described by the specs of its parts, so that another process can go through it: it builds
them anew, with zeros for weights, and takes a step with zeros for data.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import numpy as np

from nnmat_kernels.indexing.take_rows import take_rows
from nnmat_kernels.runtime.compiling import quiet
from nnmat_kernels.runtime.sharing import expected, serve
from nnmat_kernels.unchecked import sum_of_squares

from . import losses, metrics, optimizers
from .checks import count
from .errors import ConfigError
from .formats.npz import layer_from_config
from .layers import (
    AvgPool2d,
    Conv2d,
    Dropout,
    Flatten,
    Layer,
    LeakyReLU,
    Linear,
    MaxPool2d,
    ReLU,
    Sequential,
    Sigmoid,
    Tanh,
)
from .losses import Loss, MeanSquaredError, SigmoidBinaryCrossEntropy, SoftmaxCrossEntropy
from .optimizers import SGD, Adam, Optimizer

# Sizes of batches: kernels have a serial form for little work and a parallel one for much; so do optimizers, which is
# why the dense networks are not smaller. A linear layer has a third form, for the smallest batches.
SMALL, MIDDLE, LARGE = 2, 64, 512
EVALUATED = 256  # samples of a batch of `evaluate` and `predict`, and of the validation data
MOST_BYTES = 1 << 30  # of parameters: a helper builds the model too, and takes as much memory
Job = Callable[[], Any]
P = ParamSpec("P")
R = TypeVar("R")


def warmup(
    model: Layer | None = None,
    loss: Loss | None = None,
    optimizer: Optimizer | None = None,
    *,
    batch_size: int = 32,
    dtype=np.float32,
    progress: bool = True,
) -> None:
    """Compile what a training needs, with all cores, so that its steps find their kernels compiled.

    For a built `model`: its passes with batches of `batch_size`, and the loss and the updates if they are given. None
    of the three changes: zeros go through a copy. Without a model, for the usual networks: training and prediction with
    `Linear`, `Conv2d`, pooling, `Dropout`, the activations, the losses, and SGD and Adam, in the given `dtype` (float32
    or float64), on small and on large batches.

    The code goes to the disk cache, where later processes find it. Takes up to half a minute with an empty cache, a
    second with a full one. Says on stderr what it does, unless `progress` is False. Raises ConfigError, DtypeError.
    """
    described: dict[str, Any] = {"usual": np.dtype(dtype).name}
    if model is not None:
        if not isinstance(model, Layer) or not model.built:
            raise ConfigError(
                f"warmup: expected model as a built layer, got {model!r}. Give Sequential(..., input_shape=...), "
                "or, for the usual networks in another dtype, write warmup(dtype=np.float64)."
            )
        described = describe(model, loss, optimizer) | {"batches": [count("warmup", "batch_size", batch_size)]}
    with quiet(not progress), expected(lambda: described):
        for stage in work(described):
            for run in stage:
                run()


# ---- what another process is told -----------------------------------------------------------------------------------


def first_use(method: Callable[P, R]) -> Callable[P, R]:
    """Decorates a method of the Trainer: helpers compile what it does not find in the disk cache."""
    signature = inspect.signature(method)

    @functools.wraps(method)
    def with_helpers(*arguments: P.args, **options: P.kwargs) -> R:
        def described() -> dict | None:
            given = signature.bind(*arguments, **options)
            given.apply_defaults()
            return describe_run(arguments[0], method.__name__, given.arguments)

        with expected(described):
            return method(*arguments, **options)

    return with_helpers


def describe_run(trainer, method: str, given: dict[str, Any]) -> dict | None:
    """What `fit` or `evaluate` of a Trainer needs, by their arguments; None if these do not say."""
    data, trains = given["train"] if method == "fit" else given["data"], method == "fit"
    arrays = (data.X, data.y) if hasattr(data, "X") and hasattr(data, "y") else data
    size = given["batch_size"] or 32
    if not isinstance(arrays, list | tuple) or len(arrays) not in (2, 3) or not isinstance(size, int):
        return None
    inputs = [np.asarray(X) for X in (arrays[0] if isinstance(arrays[0], tuple) else arrays[:1])]  # of several inputs
    y, n = np.asarray(arrays[1]), len(inputs[0])
    batches = [B for B in (min(size, n), n % size if size < n else 0) if B]
    found = describe(trainer.model, trainer.loss, trainer.optimizer if trains else None)
    return found | {
        "y": (y.shape[1:], (trainer.model.dtype if y.dtype.kind == "f" else y.dtype).str),
        "weighted": len(arrays) == 3,
        "metrics": [name for name, metric in trainer.metrics.items() if is_own(metric)],
        "arrays": [(A.shape, A.dtype.str) for A in (*inputs, y)],
        "batches": batches if trains else [],
        "evaluated": batches if not trains else [EVALUATED] if given["validation"] is not None else [],
    }


def describe(model: Layer, loss: Loss | None, optimizer: Optimizer | None) -> dict[str, Any]:
    """The parts of a model that are nnmat's own, its loss and its optimizer, as values that another process reads."""
    parts = own_parts(model)
    if sum(p.size for p in model.parameters()) * model.dtype.itemsize > MOST_BYTES:
        parts = []
    return {
        "parts": [(_without_weights(part.spec()), part.input_shape) for part in parts],
        "dtype": model.dtype.name,
        "outputs": model.output_shape(model.input_shape),
        "loss": (type(loss).__name__, loss.config()) if loss is not None and is_own(type(loss)) else None,
        "optimizer": optimizer.config() if optimizer is not None and is_own(type(optimizer)) else None,
    }


def is_own(function) -> bool:
    """Whether a class or function is nnmat's own, so that another process has it too."""
    return f"{getattr(function, '__module__', '')}.".startswith("nnmat.")


def own_parts(model: Layer) -> list[Layer]:
    """The largest parts of a model that consist of nnmat's own layers."""
    if all(is_own(type(part)) for part in model.modules()):
        return [model]
    return [part for child in model.children() for part in own_parts(child)]


def _without_weights(spec: Any) -> Any:
    """A spec whose initial values need no drawing."""
    if isinstance(spec, dict):
        return {k: "zeros" if k.endswith("_initializer") else _without_weights(v) for k, v in spec.items()}
    return [_without_weights(part) for part in spec] if isinstance(spec, list) else spec


# ---- what it does ---------------------------------------------------------------------------------------------------


def main() -> None:
    """A helper of another process: compiles what that one needs."""
    serve(work)


def work(described: dict[str, Any]) -> list[list[Job]]:
    """What was described, as functions that do it with zeros: those of a first training step, then the others."""
    if "usual" in described:
        return [stage for network in _usual(described["usual"]) for stage in work(network)]
    dtype = np.dtype(described["dtype"])
    models = [layer_from_config(spec, {}).build(shape, dtype=dtype) for spec, shape in described["parts"]]
    stages = [_step(described, models, B) for B in described["batches"]]
    if stages:
        first, arrays = described["batches"][0], described.get("arrays", [])
        stages[0][:0] = [functools.partial(_choose, shape, kind, first) for shape, kind in arrays]
    stages.append([])
    for B in described.get("evaluated", described["batches"]):
        stages[-1] += [functools.partial(_predict, model, B) for model in models]
        stages[-1] += _figures(described, B)
    return stages


def _step(described: dict[str, Any], models: list[Layer], B: int) -> list[Job]:
    """A training step: what needs the result of a kernel, which a rehearsal does not have, is a job of its own."""
    jobs: list[Job] = [functools.partial(_forward, model, B) for model in models]
    jobs += _figures(described, B)
    jobs += [functools.partial(_backward, model, B) for model in models]
    if described["optimizer"] is not None and len(models) == 1:
        settings = {k: v for k, v in described["optimizer"].items() if k not in ("kind", "lr")}
        optimizer = getattr(optimizers, described["optimizer"]["kind"])(models[0], lr=0.0, **settings)
        jobs += [optimizer.gradient_norm, functools.partial(optimizer.step, 0.0)]
    return jobs


def _figures(described: dict[str, Any], B: int) -> list[Job]:
    """The loss and the metrics of a batch of outputs."""
    if described["loss"] is None:
        return []
    kind, options = described["loss"]
    loss = getattr(losses, kind)(**options)
    H = np.ones((B, *described["outputs"]), described["dtype"])
    shape, y_dtype = described.get("y", (loss.target_shape(H.shape[1:]), H.dtype))
    if "y" not in described and kind == "SoftmaxCrossEntropy":
        shape, y_dtype = H.shape[1:-1], np.int64
    y, weights = np.zeros((B, *shape), y_dtype), [np.ones(B, H.dtype)] if described.get("weighted") else []
    jobs: list[Job] = [functools.partial(loss.forward, H, y, *weights)]
    return jobs + [functools.partial(metrics.resolve(name)[1], H, y) for name in described.get("metrics", [])]


def _choose(shape: tuple, dtype: str, B: int) -> None:
    """What `fit` does with its arrays before the first step: it looks for NaN, and takes a batch."""
    A = np.zeros(shape, dtype)
    take_rows(A, np.arange(B))
    if A.dtype.kind == "f":
        sum_of_squares(A)


def _zeros(shape: tuple, B: int, dtype) -> Any:
    """A batch for an input shape, or one for each of several."""
    if shape and isinstance(shape[0], tuple):
        dtypes = dtype if isinstance(dtype, tuple) else (dtype,) * len(shape)
        return tuple(_zeros(own, B, kind) for own, kind in zip(shape, dtypes, strict=True))
    return np.zeros((B, *shape), dtype)


def _forward(model: Layer, B: int) -> None:
    model.forward(_zeros(model.input_shape, B, model.input_dtype), training=True)


def _backward(model: Layer, B: int) -> None:
    H = model.forward(_zeros(model.input_shape, B, model.input_dtype), training=True)
    model.backward(np.zeros_like(H), input_gradient=False)


def _predict(model: Layer, B: int) -> None:
    model.forward(_zeros(model.input_shape, B, model.input_dtype), record=False)


# ---- the usual networks ---------------------------------------------------------------------------------------------


def _usual(dtype) -> list[dict[str, Any]]:
    def dense(*hidden) -> Sequential:
        layers = [Linear(784, 128), *hidden, Linear(128, 10)]
        return Sequential(layers, input_shape=(784,), dtype=dtype)

    def images(*layers) -> Sequential:
        return Sequential([*layers, Flatten(), Linear(None, 10)], input_shape=(28, 28, 1), dtype=dtype)

    small_cnn = images(Conv2d(1, 8, 5), ReLU(), MaxPool2d(2), Conv2d(8, 16, 5), ReLU(), MaxPool2d(2))
    other_cnn = images(Conv2d(1, 4, 3, padding=1), Tanh(), AvgPool2d(2), Conv2d(4, 4, 3, groups=4), ReLU())
    networks: list[tuple[Layer, Loss, Callable[..., Optimizer]]] = [
        (dense(Sigmoid()), SoftmaxCrossEntropy(), functools.partial(SGD, momentum=0.9)),
        (dense(ReLU(), Dropout(0.3)), SoftmaxCrossEntropy(label_smoothing=0.1), Adam),
        (dense(Tanh()), MeanSquaredError(), functools.partial(SGD, momentum=0.9)),
        (dense(LeakyReLU()), SigmoidBinaryCrossEntropy(), Adam),
        (small_cnn, SoftmaxCrossEntropy(), functools.partial(SGD, momentum=0.9)),
        (other_cnn, SoftmaxCrossEntropy(), Adam),
    ]
    found = [describe(model, loss, optimizer(model)) for model, loss, optimizer in networks]
    return [network | {"batches": [SMALL, MIDDLE, LARGE], "metrics": []} for network in found]
