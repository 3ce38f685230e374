"""The one door for arrays: what a user gives as a plain array, or an error that says how to make one of it.

`array` takes all that NumPy makes an array of without losing anything: lists, data frames, memory maps. `plain` is for
places that take arrays only, such as kernels and layers. Both refuse what would lie as an array: masked entries, whose
mask would be lost; matrices, whose rows and products are others; sparse matrices and Python objects, which would be
arrays of objects.
"""

import inspect
from collections.abc import Iterator, Mapping, Sized
from numbers import Number

import numpy as np

from ..errors import DtypeError, ShapeError


def array(who: str, name: str, A) -> np.ndarray:
    """`A` as a plain array, copied only if it is none: the one door for arrays, lists, data frames and their like.

    An array of a class derived from NumPy's, such as np.memmap, is the same memory as a plain array, a masked array
    with nothing masked is its data, and everything else is what np.asarray makes of it. Raises DtypeError for entries
    that are masked or Python objects, for a matrix, a sparse matrix and what is no array at all; ShapeError for rows
    of unequal lengths. Whether the entries are numbers, and of which kind, is for those to say who use them.
    """
    if type(A) is np.ndarray and not A.dtype.hasobject:
        return A
    if isinstance(A, list | tuple):
        found = _stacked(who, name, A)
    elif isinstance(A, np.ndarray) or is_sparse(A):
        found = plain(who, name, A)
    else:
        try:
            found = plain(who, name, np.asarray(A))
        except Exception as error:  # of its own conversion: a tensor of PyTorch that has a gradient, say
            raise no_array(who, name, A) from error
        if found.ndim == 0 and found.dtype.hasobject and not isinstance(A, Number):
            raise no_array(who, name, A)
    if found.dtype.hasobject:
        raise _objects(who, name, found)
    return found


def real_array(who: str, name: str, A) -> np.ndarray:
    """As `array`, if its entries are real numbers or booleans; else a DtypeError."""
    A = array(who, name, A)
    if A.dtype.kind not in "fiub":
        raise DtypeError(
            f"{who}: expected {name} to hold real numbers, got dtype {A.dtype}. {dtype_remedy(name, A.dtype)}"
        )
    return A


def plain(who: str, name: str, A, dtype: str = "") -> np.ndarray:
    """`A` itself, or the same memory as a plain array if it is of a class derived from NumPy's, such as np.memmap.

    Raises DtypeError for what is no array, for a matrix, and for a masked array in which anything is masked. `dtype`
    is the one that the remedy is to name.
    """
    if type(A) is np.ndarray:
        return A
    if not isinstance(A, np.ndarray) or isinstance(A, np.matrix):
        raise no_array(who, name, A, dtype)
    if isinstance(A, np.ma.MaskedArray) and (masked := _masked_entries(A)).any():
        raise _masked_array(who, name, A, masked)
    return np.asarray(A)


def no_array(who: str, name: str, A, dtype: str = "") -> DtypeError:
    """The error for an argument that is no array, or a matrix, with what makes an array of it."""
    given = f"a sparse {type(A).__name__}" if is_sparse(A) else type(A).__name__
    remedy = f"Try np.asarray({name}{dtype and f', dtype=np.{dtype}'})."
    if is_sparse(A):
        remedy = f"Try {name}.toarray()." if hasattr(A, "toarray") else f"Try {name}.todense()."
    elif hasattr(A, "detach"):  # PyTorch's
        remedy = f"Try {name}.detach().cpu().numpy()."
    elif hasattr(A, "to_numpy"):  # a data frame or a column of one
        remedy = f"Try {name}.to_numpy({dtype and f'dtype=np.{dtype}'})."
    elif hasattr(A, "__next__") or isinstance(A, set | frozenset):
        remedy = f"Try np.array(list({name}))."
    elif isinstance(A, Mapping):
        keys = f" The keys are {', '.join(map(repr, [*A][:5]))}." if A else ""
        remedy = f"Give one of its arrays, {name}[key].{keys}"
    elif inspect.isroutine(A):
        remedy = f"It is a function: try {name}()."
    elif A is None:
        remedy = "Give an array."
    return DtypeError(f"{who}: expected {name} to be a NumPy array, got {given}. {remedy}")


def is_sparse(A) -> bool:
    """Whether `A` is a sparse matrix of any package: it has entries that are not zero, and a dense form."""
    return hasattr(A, "nnz") and (hasattr(A, "toarray") or hasattr(A, "todense"))


def _masked_entries(A: np.ma.MaskedArray) -> np.ndarray:
    """Where an array is masked; of a structured one, where any of its fields is."""
    mask = np.ma.getmaskarray(A)
    return mask if mask.dtype == bool else mask != np.zeros((), mask.dtype)


def _masked_array(who: str, name: str, A: np.ma.MaskedArray, masked: np.ndarray) -> DtypeError:
    count, first = np.count_nonzero(masked), tuple(int(i) for i in np.argwhere(masked)[0])
    axes = "" if A.ndim < 2 else ".any(axis=1)" if A.ndim == 2 else f".any(axis={tuple(range(1, A.ndim))})"
    rows = f", or leave such rows out everywhere: keep = ~np.ma.getmaskarray({name}){axes}; {name}[keep].data"
    return DtypeError(
        f"{who}: expected {name} to be a NumPy array without a mask, got {type(A).__name__} with {count} of {A.size} "
        f"entries masked, the first at index {first}. Give these values: {name}.filled(0){rows if A.ndim else ''}."
    )


_REMEDIES = {  # by the kind of a dtype that holds no real numbers
    "O": "Are its rows of equal length, and all its entries numbers? Then try {}.astype(np.{}).",
    "U": "Numbers in texts: {0}.astype(np.{1}). Names of classes: names, {0} = np.unique({0}, return_inverse=True).",
    "c": "Try {0}.real, or both parts side by side: np.concatenate([{0}.real, {0}.imag], axis=-1).",
    "M": "Count the time from a moment on: ({0} - {0}.min()) / np.timedelta64(1, 's').",
    "m": "Divide by a unit of time: {0} / np.timedelta64(1, 's').",
    "V": "Take its fields: np.lib.recfunctions.structured_to_unstructured({0}), or one of them: {0}['name'].",
}
_REMEDIES |= {"S": _REMEDIES["U"], "T": _REMEDIES["U"]}


def dtype_remedy(name: str, dtype: np.dtype, wanted: str = "float32") -> str:
    """What to write where an array has another dtype than is `wanted`."""
    return _REMEDIES.get(dtype.kind, "Try {0}.astype(np.{1}).").format(name, wanted)


def _objects(who: str, name: str, A: np.ndarray) -> DtypeError:
    """The error for an array of Python objects, with the first that is no number."""
    place, given = next(((i, x) for i, x in np.ndenumerate(A) if not isinstance(x, Number)), ((), 0))
    kind = "U" if isinstance(given, str) else "O"
    remedy = dtype_remedy(name, np.dtype(kind))
    if isinstance(given, Number):
        odd, remedy = "", f"Try np.asarray({name}, np.float64)."
    else:
        sized = isinstance(given, Sized) and not isinstance(given, str)
        odd = f" with {type(given).__name__ if sized else repr(given)[:40]} at index {place}"
        if sized:
            remedy = f"Are its rows of equal length? Then try np.stack({name})."
        elif kind == "O":
            remedy = "Leave such rows out, or write a number in its place."
    return DtypeError(f"{who}: expected {name} to hold real numbers, got dtype object{odd}. {remedy}")


def _stacked(who: str, name: str, rows: list | tuple) -> np.ndarray:
    """The array of nested lists, where NumPy would take masked entries for numbers and sparse matrices for objects."""
    for place, row in _odd_rows(name, rows):
        array(who, place, row)
    try:
        return plain(who, name, np.asarray(rows))
    except ValueError as error:
        lengths = sorted({len(row) for row in rows if isinstance(row, Sized)})
        some = f", such as {lengths[0]} and {lengths[-1]}" if len(lengths) > 1 else ""
        raise ShapeError(
            f"{who}: expected {name} to be an array, got rows of unequal lengths{some}. Fill the short ones "
            "up, with zeros for instance, or cut the long ones."
        ) from error


def _odd_rows(name: str, rows: list | tuple, depth: int = 0) -> Iterator:
    """Masked arrays, sparse ones and tensors in nested lists. Looks at types first: lists of numbers may be long."""
    types = set(map(type, rows)) - _ENTRIES
    if not types or depth > 64:  # NumPy has no more axes
        return
    for i, row in enumerate(rows):
        if type(row) in types:
            if isinstance(row, list | tuple):
                yield from _odd_rows(f"{name}[{i}]", row, depth + 1)
            elif isinstance(row, np.ma.MaskedArray) or is_sparse(row) or hasattr(row, "detach"):
                yield f"{name}[{i}]", row


_ENTRIES = frozenset({bool, int, float, complex, str, bytes, type(None), np.ndarray, np.float32, np.float64, np.int64})
