"""The data of a training run: from what `fit` is given to checked batches of the model's dtype."""

import math
import zlib

import numpy as np

from nnmat_kernels.runtime.arrays import FLOATS
from nnmat_kernels.runtime.door import array, dtype_remedy
from nnmat_kernels.unchecked import sum_of_squares

from ..checks import count
from ..datasets import ArrayBatches, BatchSource
from ..errors import ConfigError, DataError, DtypeError, ShapeError

CHUNK = 1 << 22  # bytes of an array that pass through the checksum at a time


def batch_source(who: str, model, loss, data, batch_size: int | None, shuffle: bool) -> BatchSource:
    """A batch source for the data; arrays are checked once, here, and batches of a source of one's own as they come."""
    check_inputs(who, model)
    if isinstance(data, BatchSource):
        if batch_size is not None and who == "train":
            raise ConfigError("fit: a batch source has batches of its own size. Leave out batch_size.")
        if len(data) == 0:
            raise DataError(f"{who}: the batch source has no batches.")
        if type(data) is ArrayBatches:
            _check_arrays(who, model, loss, *data.arrays)
        return data
    arrays = (data.X, data.y) if hasattr(data, "X") and hasattr(data, "y") else data
    if not isinstance(arrays, list | tuple) or len(arrays) not in (2, 3):
        raise DataError(
            f"{who}: expected a Dataset, arrays (X, y) or (X, y, sample_weight), or a batch source, "
            f"got {type(data).__name__}."
        )
    batch_size = count(who, "batch_size", 32 if batch_size is None else batch_size)
    source = ArrayBatches(arrays[0], arrays[1], batch_size, shuffle, *arrays[2:])
    _check_arrays(who, model, loss, *source.arrays)
    if who == "train" and batch_size > source.samples:
        raise DataError(
            f"fit: batch_size = {batch_size} is larger than the {source.samples} samples. "
            f"Use batch_size <= {source.samples}."
        )
    return source


def check_inputs(who: str, model) -> None:
    """Raise ConfigError for a model of several inputs."""
    shape = model.input_shape
    if shape and type(shape[0]) is tuple:
        raise ConfigError(
            f"{who}: the Trainer takes one input array, the model has {len(shape)} inputs. Write the loop by hand: "
            "H = model.forward(inputs, training=True); loss.forward(H, y); model.backward(loss.backward()); "
            "optimizer.step()."
        )


def cast_batch(who: str, dtype, X, y, weight=None) -> tuple:
    """X, float targets and weights of a batch in the model's dtype; other targets as they are."""
    y = y if type(y) is np.ndarray else array(who, "y", y)
    return (
        cast(who, "X", X, dtype),
        cast(who, "y", y, dtype) if y.dtype.kind == "f" else y,
        None if weight is None else cast(who, "sample_weight", weight, dtype),
    )


def cast(who: str, name: str, A, dtype) -> np.ndarray:
    """`A` in `dtype`; raises DataError for a finite number that would become infinite."""
    A = A if type(A) is np.ndarray else array(who, name, A)
    if A.dtype == dtype:
        return A
    _check_kind(who, name, A)
    try:
        with np.errstate(over="raise"):
            return A.astype(dtype)
    except FloatingPointError:
        _check_range(who, name, A, dtype)
        raise


def checksum(source) -> str | None:
    """A CRC of the arrays of a source, their shapes and dtypes; None for a batch source of one's own, or none."""
    if type(source) is not ArrayBatches:
        return None
    crc = 0
    for A in source.arrays:
        crc = zlib.crc32(f"{A.dtype.str} {A.shape}".encode(), crc)
        rows = max(1, CHUNK * len(A) // max(A.nbytes, 1))
        for first in range(0, len(A), rows):
            crc = zlib.crc32(np.ascontiguousarray(A[first : first + rows]).data, crc)
    return f"{crc:08x}"


def _check_arrays(who: str, model, loss, X, y, *weight) -> None:
    if X.shape[1:] != model.input_shape:
        expected = ", ".join(["n", *map(str, model.input_shape)])
        raise ShapeError(f"{who}: the model takes X of shape ({expected}), got {X.shape}.")
    for name, A in (("X", X), ("y", y), *(("sample_weight", w) for w in weight)):
        _check_kind(who, name, A)
        if A.dtype.kind == "f" and not _all_finite(A):
            where = _first(~np.isfinite(A))
            raise DataError(
                f"{who}: {name} holds {A[where]} at index {where}. Repair or remove such samples: "
                "one NaN makes every parameter NaN."
            )
        if A.dtype.kind == "f" and A.itemsize > model.dtype.itemsize:
            _check_range(who, name, A, model.dtype)
    for w in weight:
        if (w < 0).any():
            where = _first(w < 0)
            raise DataError(
                f"{who}: sample_weight holds {w[where]} at index {where}, expected numbers >= 0. "
                "A weight of 0 leaves a sample out."
            )
    loss.check_targets(y, model.output_shape(model.input_shape))


def _check_kind(who: str, name: str, A: np.ndarray) -> None:
    if A.dtype.kind not in "fiub":
        remedy = dtype_remedy(name, A.dtype)
        raise DtypeError(f"{who}: expected {name} to hold real numbers, got dtype {A.dtype}. {remedy}")


def _all_finite(A: np.ndarray) -> bool:
    """In one pass of all threads and without a mask; a sum that overflows says nothing."""
    if A.dtype in FLOATS and A.flags.carray and math.isfinite(sum_of_squares(A)):
        return True
    return bool(np.isfinite(A).all())


def _check_range(who: str, name: str, A: np.ndarray, dtype) -> None:
    """Raise DataError if a finite number of A becomes infinite in `dtype`."""
    with np.errstate(all="ignore"):
        if A.size == 0 or np.isfinite([A.min().astype(dtype), A.max().astype(dtype)]).all():
            return
        lost = np.isinf(A.astype(dtype)) & np.isfinite(A)
    if lost.any():
        where = _first(lost)
        raise DataError(
            f"{who}: {name} holds {A[where]} at index {where}, beyond the range of {dtype}. Scale the data, "
            "or build the model with dtype=np.float64."
        )


def _first(mask: np.ndarray) -> tuple[int, ...]:
    return tuple(int(i) for i in np.argwhere(mask)[0])
