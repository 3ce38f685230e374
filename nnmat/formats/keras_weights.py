"""Weights of Keras 3 out of `.weights.h5` files, which `model.save_weights` writes.

The file has a group for each layer, named by its class and counted (`layers/conv2d`, `layers/conv2d_1`), cells and
nested models one below the other, and in `vars` the arrays 0, 1, ...: first those that are trained. Groups stand in
the order of the alphabet, so that layers go by the shapes of their arrays, and those of equal shapes by their numbers
(see `matching`). Images have their channels last in both, so nothing is renumbered behind a Flatten. What differs:

    Dense                 kernel (in, out), bias           W = kernelᵀ
    Conv1D, Conv2D        kernel (taps, Ci/groups, Co)     Co comes first
    Conv2DTranspose       kernel (kh, kw, Co, Ci)          Ci comes first
    DepthwiseConv2D       kernel (kh, kw, Ci, m)           Co = Ci m of as many groups as channels
    BatchNormalization    gamma, beta, moving mean and variance
    LSTM, SimpleRNN       kernel, recurrent kernel, bias: transposed; gates i, f, c, o are in our order
    GRU                   gates z, r, h change to r, z, n; bias (2, 3 N), of both products

No options stand in the file. Those of Keras are others here and there: its norms have eps=1e-3.

Reference: keras/src/saving/saving_lib.py and the layers' `build` of Keras 3.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..errors import ConfigError, DtypeError, FileFormatError, ShapeError
from ..extras import extra
from ..layers import (
    GRU,
    LSTM,
    RNN,
    Add,
    BatchNorm1d,
    BatchNorm2d,
    Concatenate,
    Conv1d,
    Conv2d,
    ConvTranspose2d,
    Embedding,
    GroupNorm,
    Layer,
    LayerNorm,
    Linear,
    PReLU,
    Residual,
    RMSNorm,
)
from ..layers import Sequential as Chain
from .matching import Given, Slot, branches_of, match
from .npz import cast
from .paths import existing_file

DEEPEST = 32  # groups in groups
MOST = 100_000  # groups and arrays
NOT_LAYERS = {"optimizer", "metrics", "loss", "compile_metrics", "seed_generator"}


class Variable(NamedTuple):
    """An array of Keras's: its name here (path and number), its shape there, and what writes it to here."""

    name: str
    shape: tuple[int, ...]
    write: Callable[[np.ndarray], None]


def from_keras(
    model: Layer, file: str | bytes | os.PathLike, *, order: Sequence[str] | None = None, half: bool = False
) -> None:
    """Copy the weights in a `.weights.h5` file of Keras 3 into a built model with the same layers.

    Layers whose order neither shapes nor numbers tell are refused; `order` then names the file's layers in the order
    of the model's, such as ["dense_1", "dense"]. `half`: read float16, too. Keras's norms have eps=1e-3: give the
    model's the same. Everything is checked before anything is copied.

    Raises FileNotFoundError; FileFormatError (damaged, no weights file of Keras 3); ConfigError (layers that do not
    fit, or that Keras stores in a way not known here); ShapeError; DtypeError; MissingExtraError.
    """
    if not isinstance(model, Layer) or not model.built:
        raise ConfigError(f"from_keras: expected a built model, got {model!r}. Give Sequential(..., input_shape=...).")
    if order is not None and (isinstance(order, str) or not isinstance(order, Iterable)):
        raise ConfigError(f"from_keras: expected order as a list of names of layers, got {order!r}.")
    variables, branches = list(_of_layer(model)), branches_of(model)
    path = existing_file("from_keras", file)
    h5py = extra("h5py", "from_keras", "keras")
    try:
        with h5py.File(path, "r") as opened:
            found = _found(h5py, opened)
            arrays = _arrays(variables, branches, found, model.dtype, order, half)
    except (ConfigError, ShapeError, DtypeError):
        raise
    except FileFormatError as error:
        raise FileFormatError(f"from_keras: {path}: {error}") from None
    except Exception as error:  # whatever a damaged file makes the library raise: it is the file's fault
        raise FileFormatError(
            f"from_keras: {path} is damaged or no HDF5 file ({type(error).__name__}: {error})."
        ) from error
    for variable, A in zip(variables, arrays, strict=True):
        variable.write(A)


def _arrays(
    variables: list[Variable],
    branches: list[list[str]],
    found: dict[str, Any],
    dtype: np.dtype,
    order: Sequence[str] | None,
    half: bool,
) -> list[np.ndarray]:
    """The arrays of the file, one for each variable, in the model's dtype; only those whose shape fits are read."""
    theirs = {name: Given(_shape(name, dataset), partial(_read, name, dataset)) for name, dataset in found.items()}
    named = None if order is None else [_full(part, found) for part in order]
    names = match("from_keras", [Slot(v.name, v.shape) for v in variables], theirs, order=named, branches=branches)
    for variable, name in zip(variables, names, strict=True):
        if theirs[name].shape != variable.shape:
            raise ShapeError(
                f"from_keras: expected {name!r} of shape {variable.shape} for {variable.name!r}, got "
                f"{theirs[name].shape}."
            )
        stored = found[name].dtype
        if stored.kind != "f" or "dtype" in found[name].attrs or (stored.itemsize == 2 and not half):
            kind = found[name].attrs.get("dtype", stored)
            remedy = "Pass half=True to read it as float32." if stored == np.float16 else "Save the model as float32."
            raise DtypeError(f"from_keras: expected {name!r} as float32 or float64, got {kind}. {remedy}")
    return [cast("from_keras", name, theirs[name].read(), dtype) for name in names]


def _full(part: str, found: dict[str, Any]) -> str:
    """The path of a layer, which may be given without `layers/`."""
    name = str(part).replace("/", ".").strip(".")
    known = {key.rpartition(".")[0] for key in found}
    return name if any(f"{key}.".startswith(f"{name}.") for key in known) else f"layers.{name}"


def _found(h5py: Any, opened: Any) -> dict[str, Any]:
    """The arrays in the groups `vars`, by the paths of their layers and their numbers, `layers.dense_1.0`."""
    found: dict[str, Any] = {}
    seen = 0

    def visit(group: Any, path: list[str], inside: bool) -> None:
        nonlocal seen
        for name in group:
            seen += 1
            if seen > MOST or len(path) > DEEPEST:
                raise FileFormatError("it has more groups than a model has layers.")
            where = "/".join([*path, name])
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise FileFormatError(f"{where!r} is a link to another place, which is not followed.")
            part = group[name]
            if isinstance(part, h5py.Group):
                if name not in NOT_LAYERS:
                    visit(part, [*path, name], name == "vars")
            elif inside and isinstance(part, h5py.Dataset):
                if part.is_virtual or part.external:
                    raise FileFormatError(f"{where!r} has its numbers in another file, which is not read.")
                found[".".join([*path[:-1], name])] = part

    visit(opened, [], False)
    if not found:
        old = " It is one of Keras 2: save it again with Keras 3." if "layer_names" in opened.attrs else ""
        raise FileFormatError(f"it has no arrays in groups 'vars', as files of Keras 3's save_weights have.{old}")
    return found


def _shape(name: str, dataset: Any) -> tuple[int, ...]:
    """The shape of an array, that of a depthwise kernel as a convolution of groups has it."""
    shape = tuple(dataset.shape or ())
    if len(shape) == 4 and "depthwise_conv2d" in name:
        return (*shape[:2], 1, shape[2] * shape[3])
    return shape


def _read(name: str, dataset: Any) -> np.ndarray:
    return np.asarray(dataset[()]).reshape(_shape(name, dataset))


# ---- layers ---------------------------------------------------------------------------------------------------------


def _of_layer(layer: Layer) -> Iterator[Variable]:
    """The arrays of a layer and of those inside, as Keras has them."""
    for kinds, variables in _KNOWN.items():
        if isinstance(layer, kinds):
            for number, (shape, write) in enumerate(variables(layer)):
                yield Variable(f"{layer.path or layer.kind}.{number}", shape, write)
            return
    if isinstance(layer, Chain | Residual | Add | Concatenate):
        for part in layer.children():
            yield from _of_layer(part)
    elif layer.parameters():
        raise ConfigError(f"from_keras: {layer.who} has parameters that Keras stores in a way not known here.")


_Array = tuple[tuple[int, ...], Callable[[np.ndarray], None]]


def _same(target: np.ndarray, shape: tuple[int, ...] | None = None) -> _Array:
    """An array that is the same in both, but for axes of length 1."""

    def write(A: np.ndarray) -> None:
        target[...] = A.reshape(target.shape)

    return target.shape if shape is None else shape, write


def _turned(target: np.ndarray) -> _Array:
    """The last axis there is the first one here."""

    def write(A: np.ndarray) -> None:
        target[...] = np.moveaxis(A, -1, 0)

    return (*target.shape[1:], target.shape[0]), write


def _given(*parameters: Any) -> Iterator[_Array]:
    for p in parameters:
        if p is not None:
            yield _same(p.value)


def _of_weight(layer: Any) -> Iterator[_Array]:
    """Linear layers and convolutions."""
    if isinstance(layer, ConvTranspose2d) and layer.groups > 1:
        raise ConfigError(f"from_keras: {layer.who} has groups, which Keras's layer has not.")
    yield _turned(layer.weight.value)
    yield from _given(layer.bias)


def _of_batch_norm(layer: Any) -> Iterator[_Array]:
    yield from _given(layer.gamma, layer.beta)
    for buffer in layer.own_buffers().values():
        yield _same(buffer)


def _of_slopes(layer: Any) -> Iterator[_Array]:
    """Slopes that are shared along all axes but the last."""
    slope = layer.slope.value
    yield _same(slope, (*(1 for _ in layer.input_shape[1:]), slope.size))


def _of_recurrence(layer: Any) -> Iterator[_Array]:
    gates = (1, 0, 2) if isinstance(layer, GRU) else tuple(range(layer.gates))

    def regated(A: np.ndarray) -> np.ndarray:
        """Gates, which the last axis has one behind the other, in our order."""
        parts = np.split(A, layer.gates, axis=-1)
        return np.concatenate([parts[gate] for gate in gates], axis=-1)

    def transposed(target: np.ndarray) -> _Array:
        def write(A: np.ndarray) -> None:
            target[...] = regated(A).T

        return target.shape[::-1], write

    yield transposed(layer.in_proj.weight.value)
    yield transposed(layer.weight.value)
    if layer.in_proj.bias is None:
        return
    biases = [layer.in_proj.bias.value, *(p.value for p in [getattr(layer, "bias", None)] if p is not None)]

    def write(A: np.ndarray) -> None:
        for target, row in zip(biases, np.atleast_2d(regated(A)), strict=True):
            target[...] = row

    yield (2, biases[0].size) if len(biases) == 2 else biases[0].shape, write


_KNOWN: dict[Any, Callable[[Any], Iterator[_Array]]] = {
    (Linear, Conv1d, Conv2d, ConvTranspose2d): _of_weight,
    (BatchNorm1d, BatchNorm2d): _of_batch_norm,
    (LayerNorm, RMSNorm, GroupNorm): lambda layer: _given(layer.gamma, layer.beta),
    Embedding: lambda layer: _given(layer.weight),
    PReLU: _of_slopes,
    (LSTM, RNN, GRU): _of_recurrence,
}
