"""Weights from and to PyTorch, as state dicts of NumPy arrays.

    from_torch(model, torch_model)                     # into a Sequential with the layers in the same order
    from_torch(model, "model.safetensors")
    torch_model.load_state_dict({k: torch.from_numpy(v) for k, v in to_torch(model, like=torch_model).items()})

How the arrays differ in both is said in `torch_entries`; which entry is which, in `matching`.
"""

import os
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from nnmat_kernels.runtime.door import array, dtype_remedy, plain

from ..errors import ConfigError, DtypeError, ShapeError
from ..layers import Sequential
from .matching import Given, Slot, branches_of, match, partly
from .npz import cast
from .paths import as_path
from .safe_tensors import SUFFIX, read_tensors
from .torch_entries import Entry, entries_of
from .torch_options import check_options

REMEDY = (
    "Give their names in the model's order, order=[...]; or the module itself; or order='given' if the dictionary has "
    "it."
)


def from_torch(
    model: Sequential,
    state: Mapping[str, Any] | str | bytes | os.PathLike | Any,
    *,
    order: Sequence[str] | str | None = None,
    strict: bool = True,
    half: bool = False,
) -> None:
    """Copy PyTorch's weights into a built chain of layers.

    `state`: a module, a state dict of tensors or arrays, or a `.safetensors` file. `half`: read numbers of half
    precision in a file, and tensors of bfloat16, too.

    Entries with the model's names (and perhaps one prefix) go by them. With other names the layers of a module, or of
    the state dict that it returned, go in their order, each by its own kinds (`weight`, `bias`). A plain dictionary and
    a file have no order to trust: their layers go by the shapes of their arrays, those of equal shapes by the numbers
    in their names, `h.2` before `h.10`; what is open after that is refused. `order` then names their layers in the
    order of the model's, or is "given", if the dictionary has that order. A module's options are compared, too.

    `strict=False`: by names only; entries and layers that have no partner are left alone.

    Everything is checked before anything is copied. Raises ConfigError (missing or extra entries, options, what is not
    clear), ShapeError, DtypeError, FileFormatError.
    """
    entries = entries_of(model)
    arrays, ordered = _arrays(model, state, half)
    if isinstance(order, str) and order != "given":
        raise ConfigError(f"from_torch: expected order as a list of names, or as 'given', got {order!r}.")
    theirs = {name: Given(A.shape, partial(np.asarray, A)) for name, A in arrays.items()}
    ours = [Slot(entry.name, entry.shape()) for entry in entries]
    if strict:
        names: Sequence[str | None] = match(
            "from_torch",
            ours,
            theirs,
            ordered=ordered or order == "given",
            order=_list(order),
            branches=branches_of(model),
            remedy=REMEDY,
        )
    else:
        names = partly("from_torch", ours, theirs)
    pairs = [(entry, name, arrays[name]) for entry, name in zip(entries, names, strict=True) if name is not None]
    for entry, name, A in pairs:
        _check(entry, name, A)
    _check_shared(pairs)
    fitting = [cast("from_torch", name, A, entry.parts[0].dtype) for entry, name, A in pairs]
    for (entry, _, _), A in zip(pairs, fitting, strict=True):
        entry.write(A)


def to_torch(model: Sequential, like: Any = None) -> dict[str, np.ndarray]:
    """A built chain's parameters and buffers as a PyTorch state dict of new NumPy arrays.

    Under the model's names; with `like`, a module or a state dict, under its names and in its order, matched as
    `from_torch` does it. Raises ConfigError, ShapeError.
    """
    entries = entries_of(model)
    if like is None:
        return {entry.name: entry.read() for entry in entries}
    arrays, ordered = _arrays(model, like, True, "to_torch")
    theirs = {name: Given(A.shape, partial(np.asarray, A)) for name, A in arrays.items()}
    ours = [Slot(entry.name, entry.shape()) for entry in entries]
    remedy, branches = "Give the module itself.", branches_of(model)
    names = match("to_torch", ours, theirs, ordered=ordered, branches=branches, remedy=remedy)
    found = dict(zip(names, entries, strict=True))
    for name, entry in found.items():
        if arrays[name].shape != entry.shape():
            raise ShapeError(
                f"to_torch: expected {name!r} of shape {entry.shape()} for {entry.name!r}, got {arrays[name].shape}."
            )
    return {name: found[name].read() for name in arrays}


def _arrays(model: Sequential, state: Any, half: bool, who: str = "from_torch") -> tuple[dict[str, np.ndarray], bool]:
    """The arrays by their names, and whether their order is that of a module."""
    if isinstance(state, str | bytes | os.PathLike) and as_path(who, state).suffix == SUFFIX:
        return read_tensors(state, half=half, who=who)[1], False
    if callable(module := getattr(state, "state_dict", None)):
        if hasattr(state, "modules"):
            check_options(model, state)
        return _arrays(model, module(), half, who)[0], True
    if not isinstance(state, Mapping):
        raise ConfigError(
            f"{who}: expected a state dict, or a {SUFFIX} file, got {type(state).__name__}. Try "
            f"{who}(model, module.state_dict())."
        )
    found = {}
    for name, A in state.items():
        if not isinstance(name, str):
            raise ConfigError(f"{who}: expected names as texts in the state dict, got {name!r}.")
        if str(getattr(A, "dtype", "")) == "torch.bfloat16":  # which NumPy has not
            if not half:
                raise DtypeError(
                    f"{who}: expected {name!r} as float32 or float64, got bfloat16, which was rounded. Pass half=True "
                    "to read it as float32."
                )
            A = A.float()
        found[name] = (array if hasattr(A, "__array__") else plain)(who, f"state[{name!r}]", A)
    return found, hasattr(state, "_metadata")  # which PyTorch puts on the dicts that it makes


def _list(order: Sequence[str] | str | None) -> Sequence[str] | None:
    return None if order is None or isinstance(order, str) else order


def _check(entry: Entry, name: str, A: np.ndarray) -> None:
    """An array against the entry that it is for."""
    expected = entry.shape()
    if A.dtype.kind != entry.parts[0].dtype.kind:
        kind = "floats" if entry.parts[0].dtype.kind == "f" else "integers"
        remedy = dtype_remedy(f"state[{name!r}]", A.dtype)
        raise DtypeError(f"from_torch: expected {name!r} as an array of {kind}, got {A.dtype}. {remedy}")
    if A.shape != expected:
        raise ShapeError(f"from_torch: expected {name!r} of shape {expected} for {entry.name!r}, got {A.shape}.")


def _check_shared(pairs: list[tuple[Entry, str, np.ndarray]]) -> None:
    """Entries of one array here are equal; those that count as a sum come together."""
    for at, (entry, name, A) in enumerate(pairs):
        others = [(other, B) for other, _, B in pairs[:at] if other.parts[0] is entry.parts[0]]
        if entry.added:
            if not others:
                raise ConfigError(f"from_torch: expected both biases of a recurrent layer, got {name!r} alone.")
            continue
        for other, B in others:
            if not np.array_equal(B, A, equal_nan=True):
                raise ConfigError(
                    f"from_torch: expected {name!r} as another entry has it, for both are {other.name!r}, a shared "
                    "weight, got other numbers. Tie them in the torch model too."
                )
