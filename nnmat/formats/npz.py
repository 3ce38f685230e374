"""Models in files: architecture, parameters and buffers in one `.npz`, atomically, without pickle, checked on load.

The file is a NumPy archive: entry `header` holds JSON as bytes, `parameter/<name>` and `buffer/<name>` hold the arrays.
A training checkpoint (`nnmat.training.checkpoint`) is the same file with more entries; `load` reads either.
"""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from .. import layers
from ..errors import BuildError, ConfigError, FileFormatError
from ..layers.base import Layer
from .atomic import atomic_write

FORMAT = "nnmat model"
VERSION = 1


def save(model: Layer, path: str | os.PathLike) -> None:
    """Write a built model to `path` (`.npz`). An existing file is replaced only by a complete new one.

    Raises BuildError for a model that is not built; OSError if the file cannot be written.
    """
    write_archive(path, *model_entries(model))


def load(path: str | os.PathLike, layers: Iterable[type[Layer]] = ()) -> Layer:
    """The model saved in `path`, with its architecture, dtype, parameters and buffers.

    `layers`: your own layer classes that the model uses. Raises FileNotFoundError; FileFormatError for a file that is
    damaged, of another kind, or whose arrays do not fit its architecture.
    """
    header, arrays = read_archive(path)
    classes = {c.__name__: c for c in layers}
    try:
        model = layer_from_config(header["architecture"], classes)
        model.build(_as_tuple(header["input_shape"]), dtype=np.dtype(header["dtype"]))
    except FileFormatError as error:
        raise FileFormatError(f"load: {path}: {error}") from None
    except (KeyError, TypeError, ValueError, BuildError) as error:
        raise FileFormatError(f"load: {path}: the architecture in its header cannot be built ({error}).") from None
    restore_model(path, model, header, arrays)
    return model


def model_entries(model: Layer) -> tuple[dict, dict[str, np.ndarray]]:
    """The header and the arrays that describe a built model."""
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


def restore_model(path, model: Layer, header: dict, arrays: dict[str, np.ndarray]) -> None:
    """Copy parameters, their settings and buffers from an archive into a built model; all are checked before."""
    targets = {f"parameter/{p.name}": p.value for p in model.parameters()}
    targets |= {f"buffer/{name}": A for name, A in model.buffers().items()}
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
    try:
        settings = [(p, header["parameters"][p.name]) for p in model.parameters()]
        flags = [(p, bool(found["trainable"]), bool(found["decay"])) for p, found in settings]
    except (KeyError, TypeError) as error:
        raise FileFormatError(f"load: {path}: its header lacks settings of the parameters ({error}).") from None
    for name, target in targets.items():
        target[...] = arrays[name]
    for p, trainable, decay in flags:
        if (p.trainable, p.decay) != (trainable, decay):  # setting them makes optimizers look at all settings again
            p.trainable, p.decay = trainable, decay


def layer_from_config(config: dict, classes: dict[str, type[Layer]]) -> Layer:
    """The layer that `spec` described, with the layers (or lists of layers) among its arguments."""
    kind = config["type"]
    public = {name: getattr(layers, name) for name in layers.__all__}
    known = {name: c for name, c in public.items() if isinstance(c, type) and c is not Layer} | classes
    if kind not in known:
        raise FileFormatError(
            f"it uses a layer class {kind!r} that is not known. Pass it: load(path, layers=[{kind}])."
        )

    def argument(value):
        if isinstance(value, dict) and "type" in value:
            return layer_from_config(value, classes)
        if isinstance(value, list) and value and all(isinstance(v, dict) and "type" in v for v in value):
            return [layer_from_config(v, classes) for v in value]
        return tuple(value) if isinstance(value, list) else value

    return known[kind](**{name: argument(value) for name, value in config.items() if name != "type"})


def write_archive(path: str | os.PathLike, header: dict, arrays: dict[str, np.ndarray]) -> None:
    """Write an archive to a temporary file beside `path`, then rename it: `path` is never half-written."""
    path = Path(path)
    entries: Any = {"header": np.frombuffer(json.dumps(header, default=plain).encode(), np.uint8), **arrays}
    if path.suffix != ".npz":
        raise ConfigError(f"save: expected a file name that ends in .npz, got {str(path)!r}. Try {path.name}.npz.")
    if path.is_dir() or not path.parent.is_dir():
        raise FileNotFoundError(f"save: the folder {str(path.parent)!r} does not exist (or {path.name!r} is a folder).")
    with atomic_write(path) as file:
        np.savez(file, **entries)


def read_archive(path: str | os.PathLike) -> tuple[dict, dict[str, np.ndarray]]:
    """The header and all arrays of an archive, every byte checked (zip holds a checksum of each entry)."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"load: there is no file {str(path)!r}.")
    try:
        _, arrays = read_arrays(path)
        header = json.loads(arrays.pop("header").tobytes())
        kind, version = header["format"], header["version"]
    except Exception as error:  # whatever a damaged header makes json raise: it is the file's fault
        reason = error if isinstance(error, FileFormatError) else f"its header is damaged ({error!r})"
        raise FileFormatError(
            f"load: {path} is not a complete nnmat model file: {reason}. "
            "Was the copy cut short? Files written by nnmat.save end in .npz."
        ) from None
    if kind != FORMAT or version != VERSION:
        raise FileFormatError(
            f"load: {path} has format {kind!r} version {version}; this nnmat reads {FORMAT!r} {VERSION}."
        )
    return header, arrays


def read_arrays(
    path: str | os.PathLike, wanted: Iterable[str] | None = None
) -> tuple[list[str], dict[str, np.ndarray]]:
    """The names of all arrays in an `.npz` file, and the arrays of the `wanted` names (None: all) that it has.

    Raises FileFormatError with the reason for a file that is damaged or of another kind, or holds Python objects.
    """
    with open(path, "rb") as file:  # np.load itself leaves a damaged file open
        try:
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                return [], {}
            names = list(archive.files)
            chosen = names if wanted is None else [name for name in wanted if name in names]
            return names, {name: archive[name] for name in chosen}  # reading checks the CRC
        except Exception as error:  # whatever a damaged file makes zipfile or NumPy raise: it is the file's fault
            reason = f"damaged or of another kind ({type(error).__name__}: {error})"
            if "pickle" in str(error):  # NumPy takes any unknown file for one
                reason = "of Python objects, which are not loaded, or of another kind"
            raise FileFormatError(f"it is {reason}") from error


def plain(value):
    """A NumPy number as Python's, for json: callbacks and batch sources may well keep such numbers."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"save: expected numbers, texts, lists and dicts in a state, got {type(value).__name__}.")


def _as_tuple(value):
    return tuple(map(_as_tuple, value)) if isinstance(value, list) else value
