"""What all updates share: how vectors are cut for the threads, and the checks of vectors and scalars."""

import numbers
from typing import Any

import numpy as np

from ..errors import DtypeError, ShapeError
from ..runtime.arrays import as_array, canonical, is_plain
from ..runtime.config import exact_jit
from ..runtime.door import dtype_remedy, plain

UPDATE_CHUNK = 8_192  # elements


@exact_jit
def chunk(i, n):
    """Chunk i of n elements."""
    chunks = n // UPDATE_CHUNK
    return slice(i * n // chunks, (i + 1) * n // chunks)


def floats(who: str, **scalars: float) -> list[float]:
    """The scalars as floats, so that kernels are compiled for one kind of number."""
    for name, x in scalars.items():
        if type(x) is not float and not isinstance(x, numbers.Real):  # `float`: the usual case, quickly
            raise ValueError(f"{who}: expected {name} to be a number, got {x!r}. Try a float.")
    return [float(x) for x in scalars.values()]


def check_vectors(who: str, optional: list[str], **vectors: Any) -> None:
    """Raises if the vectors differ in length or dtype, or cannot be changed in place; the `optional` may be None."""
    theta = as_array(who, "theta", vectors["theta"], ndim=1)
    for name, x in vectors.items():
        if x is None and name in optional:
            continue
        plain(who, name, x)  # raises for what is no array
        if not is_plain(x):
            raise DtypeError(
                f"{who}: expected {name} to be a NumPy array without a mask, because the update is made in place, got "
                f"{type(x).__name__}. Pass its numbers: {name}.data."
            )
        if x.shape != theta.shape:
            raise ShapeError(f"{who}: expected {name} of shape {theta.shape}, as theta, got {x.shape}.")
        if x.dtype != theta.dtype:
            remedy = dtype_remedy(name, x.dtype, str(theta.dtype))
            raise DtypeError(f"{who}: expected {name} of dtype {theta.dtype}, as theta, got {x.dtype}. {remedy}")
        if canonical(x) is not x:
            raise ShapeError(
                f"{who}: expected {name} to be aligned, writable and contiguous, because the update is made in place. "
                "Pass a vector with all its elements side by side."
            )
    given = [(name, x) for name, x in vectors.items() if x is not None]
    for i, (name, x) in enumerate(given):
        for other, y in given[:i]:
            if np.may_share_memory(x, y):  # exact, for both are contiguous
                raise ValueError(f"{who}: {name} shares memory with {other}. Pass another vector, such as a copy.")


def step_number(who: str, step) -> int:
    """The step as an int, counted from 1."""
    if not isinstance(step, numbers.Integral) or step < 1:
        raise ValueError(f"{who}: expected step to be an integer >= 1, got {step!r}. The first update is step 1.")
    return int(step)
