"""Checks and canonical forms of the arrays that public kernel functions take.

A kernel body sees only aligned, writable, C-contiguous arrays of one dtype, float32 or float64: every other form
would be compiled again as a signature of its own, and bad input never reaches a kernel.
"""

import math
from typing import TypeGuard

import numpy as np
from numpy import ndarray

from ..errors import DtypeError, ShapeError
from .door import dtype_remedy, plain

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def is_plain(A) -> bool:
    """Whether kernels can write to `A`: an array, but no matrix (always 2-D), no masked array (it has a mask too)."""
    return type(A) is np.ndarray or (
        isinstance(A, np.ndarray) and not isinstance(A, np.matrix | np.ma.MaskedArray)  # such as np.memmap
    )


def are_canonical(ndim: int, A, B, out) -> bool:
    """Whether three arrays are canonical (see `as_array`), of one dtype and `ndim` dimensions: the usual case, fast."""
    if not (type(A) is type(B) is type(out) is ndarray):
        return False
    dtype = A.dtype
    return (
        dtype is B.dtype is out.dtype
        and dtype in FLOATS
        and A.ndim == B.ndim == out.ndim == ndim
        and A.flags.carray
        and B.flags.carray
        and out.flags.carray
    )


def same_layout(out, A) -> TypeGuard[ndarray]:
    """Whether two arrays are canonical, of one shape and dtype, and the same array or disjoint: the usual case."""
    if type(A) is not ndarray or type(out) is not ndarray:
        return False
    if A.dtype is not out.dtype or A.dtype not in FLOATS or A.shape != out.shape:
        return False
    a, o = A.flags, out.flags  # arrays that own their memory cannot overlap
    return a.carray and o.carray and a.owndata and o.owndata


def disjoint(A: ndarray, B: ndarray, out: ndarray) -> bool:
    """Whether `out` shares no memory with A or B, all of them C-contiguous."""
    if out.flags.owndata and A.flags.owndata and B.flags.owndata:  # only an array itself can share what it owns
        return A is not out and B is not out
    return not (np.may_share_memory(out, A) or np.may_share_memory(out, B))


def as_array(who: str, name: str, A, ndim: int | None = None) -> np.ndarray:
    """`A` as an aligned, writable, C-contiguous float array (copied only if it is not); raises if it cannot be."""
    if type(A) is np.ndarray and A.dtype in FLOATS and A.flags.carray and A.ndim == (A.ndim if ndim is None else ndim):
        return A  # the usual case: 0.3 us
    A = plain(who, name, A)
    if A.dtype.newbyteorder("=") not in FLOATS:
        raise DtypeError(
            f"{who}: expected {name} of dtype float32 or float64, got {A.dtype}. {dtype_remedy(name, A.dtype)}"
        )
    if ndim is not None and A.ndim != ndim:
        raise ShapeError(f"{who}: expected {name} with {ndim} dimensions, got shape {A.shape}.")
    return canonical(A)


def canonical(A: np.ndarray) -> np.ndarray:
    """`A` itself if it is aligned, writable, C-contiguous and in native byte order, else a copy that is."""
    if A.flags.carray and A.dtype.isnative:
        return A
    return np.array(A, dtype=A.dtype.newbyteorder("="), order="C")


def same_dtype(who: str, **arrays: np.ndarray | None) -> np.dtype:
    """The common dtype of the arrays (None is passed over); raises if they differ."""
    first, *others = [A.dtype for A in arrays.values() if A is not None]
    if all(dtype is first for dtype in others):  # the usual case, at a third of the cost
        return first
    given = {name: A.dtype for name, A in arrays.items() if A is not None}
    if len(set(given.values())) > 1:
        listed = ", ".join(f"{name} {dtype}" for name, dtype in given.items())
        raise DtypeError(f"{who}: expected arrays of one dtype, got {listed}. Cast them with .astype(...).")
    return next(iter(given.values()))


def checked_out(
    who: str, out: np.ndarray | None, shape: tuple, dtype: np.dtype, *inputs: np.ndarray | None
) -> np.ndarray:
    """A new array, or `out` after checking it: shape, dtype, C-contiguous, writable, no memory shared with `inputs`."""
    if out is None:
        return np.empty(shape, dtype)
    if not is_plain(out):
        raise DtypeError(
            f"{who}: expected out to be a NumPy array, got {type(out).__name__}. Try np.empty({shape}, np.{dtype})."
        )
    if out.shape != shape:
        raise ShapeError(f"{who}: expected out of shape {shape}, got {out.shape}.")
    if out.dtype != dtype:
        raise DtypeError(f"{who}: expected out of dtype {dtype}, got {out.dtype}.")
    if canonical(out) is not out:
        raise ShapeError(f"{who}: expected out to be aligned, writable and C-contiguous. Try np.empty({shape}).")
    for A in inputs:
        if A is not None and A is not out and A.flags.owndata and out.flags.owndata:
            continue  # two arrays that own their memory; np.may_share_memory would take 0.3 us to say so
        if A is not None and np.may_share_memory(out, A) and np.shares_memory(out, A):
            raise ValueError(f"{who}: out shares memory with an input that is still read. Pass another array.")
    return out


def made(*pairs) -> ndarray | tuple[ndarray, ...] | None:
    """What a driver returns: of pairs (array given or None, the one written to) those that it made itself."""
    fresh = tuple(written for given, written in pairs if given is None)
    return fresh[0] if len(fresh) == 1 else fresh or None


def elementwise_arrays(who: str, out: np.ndarray | None, **inputs) -> tuple[list[np.ndarray], np.ndarray]:
    """The checked inputs, of one shape and dtype, and a new array or the checked `out`, which may be one of them."""
    arrays = [as_array(who, name, A) for name, A in inputs.items()]
    shape, dtype = arrays[0].shape, arrays[0].dtype
    for A in arrays[1:]:
        if A.shape != shape:
            listed = ", ".join(f"{name} {A.shape}" for name, A in inputs.items())
            raise ShapeError(f"{who}: expected arrays of one shape, got {listed}.")
        if A.dtype != dtype:
            same_dtype(who, **inputs)
    if isinstance(out, np.ndarray) and out.shape == shape:
        # The same elements are harmless, for each is read before it is written; any other overlap is not.
        shared = [A for A in inputs.values() if A is not out and np.may_share_memory(A, out)]
        others = [A for A in shared if A.ctypes.data != out.ctypes.data or A.strides != out.strides]
    else:
        others = []
    return arrays, checked_out(who, out, shape, dtype, *others)


def as_rows_of(A: np.ndarray) -> np.ndarray:
    """The matrix of an array's rows: (B, ..., N) -> (B ..., N)."""
    return A if A.ndim == 2 else A.reshape(math.prod(A.shape[:-1]), A.shape[-1])
