"""Models in files: architecture, parameters and buffers in one file, atomically, without pickle, checked on load.

The file is a NumPy archive: entry `header` holds JSON as bytes, `parameter/<name>` and `buffer/<name>` hold the arrays.
The header's `entries` lists them with shape, dtype and SHA-256 (files of earlier versions have no list and are loaded
without). A training checkpoint (`nnmat.training.checkpoint`) is the same file with more entries, so `load` reads the
model out of either.

A `.safetensors` file has the same header as the text `nnmat` of its metadata, and the tensors under the plain names,
so that other libraries find `0.weight` where they look for it.
"""

import hashlib
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from nnmat_kernels.runtime.door import array, dtype_remedy
from nnmat_kernels.runtime.door import plain as plain_array

from .. import layers
from ..errors import BuildError, ConfigError, DtypeError, FileFormatError, MissingExtraError, ShapeError
from ..layers.base import Layer
from ..layers.checks import Shape, check_dtype, check_shape, is_several
from ..layers.containers.tied import link
from ..parameters import Parameter
from .archive import read_arrays
from .atomic import atomic_write
from .paths import as_path
from .safe_tensors import SUFFIX, read_tensors, write_tensors

FORMAT = "nnmat model"
VERSION = 1
LARGEST = 2**28  # numbers that one sample may have at a layer
GROWTH = 16  # times its size that a file may take in memory; nnmat itself writes files that are not compressed


def save(model: Layer, path: str | bytes | os.PathLike) -> None:
    """Write a built model to `path` (`.npz` or `.safetensors`). An old file is replaced only by a complete new one.

    Raises BuildError for a model that is not built; OSError if the file cannot be written; ConfigError for another
    ending; MissingExtraError for safetensors where the package is not installed.
    """
    header, arrays = model_entries(model)
    if as_path("save", path).suffix == SUFFIX:
        write_tensors(path, *_as_tensors(header, arrays))
    else:
        write_archive(path, header, arrays)


def load(path: str | bytes | os.PathLike, layers: Iterable[type[Layer]] = ()) -> Layer:
    """The model saved in `path`, with its architecture, dtype, parameters and buffers.

    `layers`: your own layer classes that the model uses. Every byte that is used is checked, and the shapes of the
    arrays are compared with the architecture before memory is taken for it. Raises FileNotFoundError; FileFormatError
    for a file that is damaged, of another kind, or whose arrays do not fit its architecture.
    """
    header, arrays = read_archive(path)
    classes = {c.__name__: c for c in layers}
    try:
        model = layer_from_config(header["architecture"], classes)
        input_shape, dtype = _as_tuple(header["input_shape"]), check_dtype("load", np.dtype(header["dtype"]))
        _check_shapes(layer_from_config(header["architecture"], classes), input_shape, dtype, arrays)
        model.build(input_shape, dtype=dtype)
    except FileFormatError as error:
        raise FileFormatError(f"load: {path!s}: {error}") from None
    except Exception as error:  # whatever a constructor makes of arguments that it never gave: it is the file's fault
        raise FileFormatError(
            f"load: {path!s}: the architecture in its header cannot be built ({_reason(error)})."
        ) from error
    restore_model(path, model, header, arrays)
    return model


def load_state(
    model: Layer,
    source: str | bytes | os.PathLike | Mapping[str, np.ndarray],
    *,
    partial: bool = False,
    half: bool = False,
) -> None:
    """Copy parameters and buffers into a built model by their names; its architecture need not be that of the source.

    `source`: a file of `save` or a checkpoint, any `.safetensors` file, or arrays by name, such as
    `{p.name: p.value for p in other.parameters()}`. Floats are cast to the model's dtype; float16 and bfloat16 of a
    `.safetensors` file only if `half` says so. With `partial` what the source lacks stays as it is; a name that the
    model does not have is refused in any case. The arrays are taken as they are: what PyTorch wrote has its axes in
    another order, see `convert.from_torch`. All is checked before anything is changed: raises BuildError,
    FileNotFoundError, FileFormatError, ConfigError (names), ShapeError, DtypeError.
    """
    who = "load_state"
    if not isinstance(model, Layer) or not model.built:
        raise BuildError(f"{who}: expected a built model, got {model!r}. Give Sequential(..., input_shape=...).")
    targets = {name.partition("/")[2]: A for name, A in _targets(model).items()}
    if isinstance(source, Mapping):
        given = {name: _given(who, f"source[{name!r}]", A) for name, A in source.items()}
    elif not isinstance(source, str | bytes | os.PathLike):
        remedy = (
            "{p.name: p.value for p in other.parameters()}" if isinstance(source, Layer) else "{'0.weight': A, ...}"
        )
        raise ConfigError(
            f"{who}: expected source as a path, or as a dict of arrays by their names, got {type(source).__name__}. "
            f"Try load_state(model, {remedy})."
        )
    elif as_path(who, source).suffix == SUFFIX:
        _, given = read_tensors(source, half=half, who=who)
    else:
        _, arrays = read_archive(source)
        given = {key.partition("/")[2]: A for key, A in arrays.items() if key.startswith(("parameter/", "buffer/"))}
    unknown, missing = sorted(map(str, given.keys() - targets.keys())), sorted(targets.keys() - given.keys())
    if unknown or (missing and not partial):
        faults = [f"the model has no {', '.join(map(repr, unknown))}"] * bool(unknown)
        faults += [f"the source has no {', '.join(map(repr, missing))}"] * bool(missing and not partial)
        remedy = "Leave them out." if unknown else "Pass partial=True to keep what is missing as it is."
        raise ConfigError(f"{who}: expected the names of the model, but {'; '.join(faults)}. {remedy}")
    fitting = {name: _fitting(who, name, A, targets[name]) for name, A in given.items()}
    for name, A in fitting.items():
        targets[name][...] = A


def _given(who: str, name: str, A) -> np.ndarray:
    """An array of the source's."""
    if isinstance(A, Parameter):
        raise DtypeError(f"{who}: expected {name} to be a NumPy array, got a Parameter. Try {name}.value.")
    return array(who, name, A)


def _fitting(who: str, name: str, A: np.ndarray, target: np.ndarray) -> np.ndarray:
    """A as an array of the target's shape and dtype, or an error that names it."""
    if A.shape != target.shape:
        raise ShapeError(f"{who}: expected {name!r} of shape {target.shape}, got {A.shape}. Is it another layer's?")
    floats = target.dtype.kind == "f"
    if A.dtype.kind not in "fiu" if floats else A.dtype != target.dtype:
        remedy = dtype_remedy(f"source[{name!r}]", A.dtype, str(target.dtype))
        raise DtypeError(f"{who}: expected {name!r} of dtype {target.dtype}, got {A.dtype}. {remedy}")
    return cast(who, name, A, target.dtype)


def cast(who: str, name: str, A: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """A in another dtype. Raises DtypeError where a finite number becomes infinite."""
    with np.errstate(over="ignore"):
        found = A.astype(dtype)
    if dtype.kind == "f" and (np.isinf(found) & np.isfinite(A)).any():
        raise DtypeError(
            f"{who}: expected numbers of {name!r} within the range of {dtype}, got some beyond it. "
            "Build the model with dtype=np.float64."
        )
    return found


def model_entries(model: Layer) -> tuple[dict, dict[str, np.ndarray]]:
    """The header and the arrays that describe a built model."""
    if not isinstance(model, Layer):
        raise ConfigError(f"save: expected a model, got {type(model).__name__}. Write save(model, path).")
    if not model.built:
        raise BuildError(f"save: {model.kind} is not built yet, so it has no parameters. Give input_shape.")
    header = {
        "format": FORMAT,
        "version": VERSION,
        "architecture": model.spec(),
        "input_shape": model.input_shape,
        "dtype": str(model.dtype),
        "parameters": {p.name: {"trainable": p.trainable, "decay": p.decay} for p in model.parameters()},
    }
    arrays = {f"parameter/{p.name}": p.value for p in model.parameters()}
    arrays |= {f"buffer/{name}": A for name, A in model.buffers().items()}
    return header, arrays


def check_model(path, model: Layer, header: dict, arrays: dict[str, np.ndarray]) -> None:
    """Raise FileFormatError if the arrays and settings of an archive do not fit a built model; changes nothing."""
    targets = _targets(model)
    stored = {name for name in arrays if name.startswith(("parameter/", "buffer/"))}
    if stored != set(targets):
        odd = sorted(stored ^ set(targets))
        raise FileFormatError(f"load: {path}: its arrays do not fit the model; differing entries: {', '.join(odd)}.")
    for name, target in targets.items():
        if arrays[name].shape != target.shape or arrays[name].dtype != target.dtype:
            raise FileFormatError(
                f"load: {path}: entry {name!r} is {arrays[name].dtype} {arrays[name].shape}, "
                f"the model needs {target.dtype} {target.shape}."
            )
    settings = header.get("parameters")
    for p in model.parameters():
        found = settings.get(p.name) if isinstance(settings, dict) else None
        if not isinstance(found, dict) or not all(isinstance(found.get(key), bool) for key in ("trainable", "decay")):
            raise FileFormatError(
                f"load: {path}: its header lacks settings of the parameters: expected trainable and decay of "
                f"{p.name!r} as true or false, got {found!r}."
            )


def restore_model(path, model: Layer, header: dict, arrays: dict[str, np.ndarray]) -> None:
    """Copy parameters, their settings and buffers from an archive into a built model; all are checked before."""
    check_model(path, model, header, arrays)
    for name, target in _targets(model).items():
        target[...] = arrays[name]
    for p in model.parameters():
        found = header["parameters"][p.name]
        if (p.trainable, p.decay) != (found["trainable"], found["decay"]):  # setting makes optimizers look again
            p.trainable, p.decay = found["trainable"], found["decay"]


def _targets(model: Layer) -> dict[str, np.ndarray]:
    """The arrays of a model by the names of their entries."""
    targets = {f"parameter/{p.name}": p.value for p in model.parameters()}
    return targets | {f"buffer/{name}": A for name, A in model.buffers().items()}


def _check_shapes(model: Layer, input_shape: Shape, dtype: np.dtype, arrays: dict[str, np.ndarray]) -> None:
    """Compare the shapes that a model (not built, and of no use afterwards) declares with those of the arrays.

    `build` takes memory for all parameters and draws them: a few bytes that name a large layer must not get so far.
    """
    names: dict[Parameter, str] = {}
    for path, layer in declared(model, check_shape(model.kind, input_shape), dtype):
        for p in layer.own_parameters():
            if names.get(p, p.kind) == p.kind:  # as `build` names it: by the first part that uses it
                names[p] = f"{path}.{p.kind}" if path else p.kind
    for p, name in names.items():
        entry = f"parameter/{name}"
        if entry not in arrays:
            raise FileFormatError(f"its arrays do not fit the model; differing entries: {entry}.")
        if arrays[entry].shape != p.shape:
            found = f"{arrays[entry].dtype} {arrays[entry].shape}"
            raise FileFormatError(f"entry {entry!r} is {found}, the model needs {dtype} {p.shape}.")


def declared(layer: Layer, input_shape: Shape, dtype: np.dtype, path: str = "") -> Iterator[tuple[str, Layer]]:
    """The layers of a model with their paths, each with its shapes fixed and its parameters declared, as by `build`.

    No memory is taken for parameters, and the model is of no use afterwards. Raises what `build` raises, and
    FileFormatError where a sample has more than `LARGEST` numbers at a layer that declares anything: running figures
    and tables are as large.
    """
    output_shape = layer.checked_output_shape(input_shape)
    takes = type(layer).declare is not Layer.declare and not isinstance(layer, layers.Sequential)
    for shape in (input_shape, output_shape) if takes else ():
        if (count := sum(map(math.prod, shape if is_several(shape) else (shape,)))) > LARGEST:
            raise FileFormatError(f"a sample of {layer.who} has {count:,} numbers; at most {LARGEST:,} are read.")
    layer.input_shape, layer.dtype, layer.path = input_shape, dtype, path
    layer._output_shape = output_shape
    layer.declare(input_shape, np.random.default_rng(0))
    yield path, layer
    for (name, child), inner in zip(layer.named_children(), layer.child_shapes(input_shape), strict=True):
        yield from declared(child, inner, dtype, f"{path}.{name}" if path else name)


def layer_from_config(config: dict, classes: dict[str, type[Layer]]) -> Layer:
    """The layer that `spec` described, with the layers (or lists of layers) among its arguments."""
    layer = _layer_from_config(config, classes)
    link(layer)
    return layer


def _layer_from_config(config: dict, classes: dict[str, type[Layer]]) -> Layer:
    kind = config["type"]
    public = {name: getattr(layers, name) for name in layers.__all__}
    known = {name: c for name, c in public.items() if isinstance(c, type) and c is not Layer} | classes
    if kind not in known:
        raise FileFormatError(
            f"it uses a layer class {kind!r} that is not known. Pass it: load(path, layers=[{kind}])."
        )

    def argument(value):
        if isinstance(value, dict) and "type" in value:
            return _layer_from_config(value, classes)
        if isinstance(value, list) and value and all(v is None or (isinstance(v, dict) and "type" in v) for v in value):
            return [None if v is None else _layer_from_config(v, classes) for v in value]
        return tuple(value) if isinstance(value, list) else value

    return known[kind](**{name: argument(value) for name, value in config.items() if name != "type"})


def write_archive(path: Any, header: dict, arrays: dict[str, np.ndarray]) -> None:
    """Write an archive to a temporary file beside `path`, then rename it: `path` is never half-written.

    Raises ConfigError for another ending than `.npz`, DtypeError for what neither JSON nor an array can hold.
    """
    path = as_path("save", path)
    if path.suffix != ".npz":
        more = " (a model's also in .safetensors)" if "training" not in header else ""
        raise ConfigError(
            f"save: expected a file name that ends in .npz{more}, got {str(path)!r}. Try {path.name}.npz."
        )
    if path.is_dir() or not path.parent.is_dir():
        raise FileNotFoundError(f"save: the folder {str(path.parent)!r} does not exist (or {path.name!r} is a folder).")
    arrays = {name: np.asarray(plain_array("save", repr(name), A), order="C") for name, A in arrays.items()}
    for name, A in arrays.items():
        if A.dtype.hasobject:
            raise DtypeError(f"save: expected {name!r} as an array of numbers or texts, got dtype {A.dtype}.")
    text = _json(header | {"entries": {name: _listed(A) for name, A in arrays.items()}})
    entries: Any = {"header": np.frombuffer(text, np.uint8), **arrays}
    size = sum(A.nbytes + 400 + 2 * len(name) for name, A in entries.items())  # of zip and npy headers: some 400 bytes
    with atomic_write(path, size) as file:
        np.savez(file, **entries)


def read_archive(path: Any) -> tuple[dict, dict[str, np.ndarray]]:
    """The header and all arrays of an archive, every byte checked: by zip's checksums and by the header's list.

    Takes no more memory than some times the size of the file. Raises FileNotFoundError, FileFormatError.
    """
    path = as_path("load", path)
    if not path.is_file():
        raise FileNotFoundError(f"load: there is no file {str(path)!r}.")
    try:
        if path.suffix == SUFFIX:
            metadata, tensors = read_tensors(path, half=True, who="load")
            header, arrays = _from_tensors(path, metadata, tensors)
        else:
            _, arrays = read_arrays(path, growth=GROWTH)
            header = json.loads(arrays.pop("header").tobytes())
        kind, version = header["format"], header["version"]
    except (MemoryError, MissingExtraError, DtypeError):
        raise
    except Exception as error:  # whatever a damaged header makes json raise: it is the file's fault
        if isinstance(error, FileFormatError) and path.suffix == SUFFIX:
            raise
        reason = error if isinstance(error, FileFormatError) else f"its header is damaged ({_reason(error)})"
        raise FileFormatError(
            f"load: {path} is not a complete nnmat model file: {reason}. "
            "Was the copy cut short? Files written by nnmat.save end in .npz or .safetensors."
        ) from None
    if kind != FORMAT or version != VERSION:
        raise FileFormatError(
            f"load: {path} has format {kind!r} version {version!r}; this nnmat reads {FORMAT!r} {VERSION}."
        )
    listed = header.pop("entries", None)
    if listed is not None:  # files of earlier versions have no list
        found = {name: _listed(A) for name, A in arrays.items()}
        if listed != found:
            keys = listed.keys() | found.keys() if isinstance(listed, dict) else found.keys()
            odd = sorted(k for k in keys if not isinstance(listed, dict) or listed.get(k) != found.get(k))
            raise FileFormatError(
                f"load: {path} is not a complete nnmat model file: its entries are not those that its header lists; "
                f"differing entries: {', '.join(odd)}. Was it changed, or the copy cut short?"
            )
    return header, arrays


def _as_tensors(header: dict, arrays: dict[str, np.ndarray]) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    """The metadata and the tensors, under their plain names, of a safetensors file."""
    tensors = {name.partition("/")[2]: A for name, A in arrays.items()}
    if len(tensors) < len(arrays) or "__metadata__" in tensors:
        raise ConfigError(
            "save: a parameter and a buffer of one name cannot stand beside each other in a .safetensors file, nor one "
            "called __metadata__. Rename one of them, or write .npz."
        )
    text = _json(header | {"entries": {name: _listed(A) for name, A in arrays.items()}}).decode()
    return {"nnmat": text}, tensors


def _from_tensors(path, metadata: dict[str, str], tensors: dict[str, np.ndarray]) -> tuple[dict, dict[str, np.ndarray]]:
    """The header and the arrays under the names of an archive, those that its list has."""
    if "nnmat" not in metadata:
        raise FileFormatError(
            f"load: {path} holds {len(tensors)} tensors and no architecture: nnmat.save did not write it. Build the "
            "model and try load_state(model, path), or convert.from_torch(model, path) for what PyTorch wrote."
        )
    header = json.loads(metadata["nnmat"])
    keys = {key.partition("/")[2]: key for key in header["entries"]}
    return header, {keys.get(name, name): A for name, A in tensors.items()}


def plain(value):
    """A NumPy number as Python's, for json: callbacks and batch sources may well keep such numbers."""
    if isinstance(value, np.generic):
        return value.item()
    raise DtypeError(f"save: expected numbers, texts, lists and dicts in a state, got {type(value).__name__}.")


def _json(header: dict) -> bytes:
    try:
        return json.dumps(header, default=plain).encode()
    except DtypeError:
        raise
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigError(
            f"save: expected states and options that JSON can hold, got others ({_reason(error)}). "
            "It takes numbers, texts, lists, and dicts with texts as keys."
        ) from error


def _listed(A: np.ndarray) -> dict:
    """What the header's list says of an array; the SHA-256 is that of its elements in C order."""
    digest = hashlib.sha256(np.ascontiguousarray(A).reshape(-1).view(np.uint8).data).hexdigest()
    return {"shape": list(A.shape), "dtype": A.dtype.str, "sha256": digest}


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _as_tuple(value):
    return tuple(map(_as_tuple, value)) if isinstance(value, list) else value
