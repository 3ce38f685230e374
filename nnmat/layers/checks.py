"""Checks of shapes, dtypes and batches, which all layers share, and how shapes are written in their messages."""

from typing import Any

import numpy as np

from nnmat_kernels.runtime.arrays import canonical
from nnmat_kernels.runtime.door import dtype_remedy, plain

from ..errors import BuildError, DtypeError, ShapeError

Shape = tuple  # of ints, for one sample; or, for a layer of several inputs, a tuple of such tuples


def check_shape(who: str, shape) -> Shape:
    """`shape` as a tuple of ints (or a tuple of such tuples); an int n stands for (n,)."""
    if isinstance(shape, int | np.integer) and not isinstance(shape, bool):
        shape = (shape,)
    if isinstance(shape, list | tuple):
        if len(shape) > 0 and all(isinstance(part, list | tuple) for part in shape):
            return tuple(check_shape(who, part) for part in shape)
        if all(isinstance(n, int | np.integer) and not isinstance(n, bool) and n > 0 for n in shape):
            return tuple(int(n) for n in shape)
    raise ShapeError(
        f"{who}: expected input_shape as a tuple of positive integers without the batch axis, such as (28, 28, 1), "
        f"got {shape!r}."
    )


def is_several(shape: Shape) -> bool:
    """Whether it is the shapes of several inputs."""
    return len(shape) > 0 and isinstance(shape[0], tuple)


def check_dtype(who: str, dtype) -> np.dtype:
    """`dtype` as numpy.dtype float32 or float64, else a DtypeError."""
    try:
        found = np.dtype(dtype)
    except TypeError:
        found = None
    if dtype is None or found is None or found not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise DtypeError(f"{who}: expected dtype float32 or float64, got {dtype!r}. Try dtype=np.float32.")
    return found


TOKENS, FLAGS = np.dtype(np.int64), np.dtype(np.bool_)


def check_batch(layer: Any, A, shape: Shape, name: str, batch: int | None = None, dtype: Any = None):
    """`A` in canonical form if it is a batch of `shape` (of `batch` samples, if given) for `layer`; else raises.

    `dtype`: that of the layer if it is None; of several arrays a tuple, or one for all. Integers of other sizes become
    int64 where it is that, tokens.
    """
    dtype = layer.dtype if dtype is None else dtype
    if type(A) is np.ndarray and A.dtype is dtype and A.flags.carray:
        given = A.shape
        if given[1:] == shape and given and (batch is None or given[0] == batch):
            return A  # the usual case, quickly
    if shape is None:
        raise BuildError(f"{layer.kind}: it is not built yet. Call build(input_shape) first.")
    if shape and type(shape[0]) is tuple:  # several arrays
        if type(A) is not tuple or len(A) != len(shape):
            given = f"{len(A)} in a {type(A).__name__}" if isinstance(A, list | tuple) else type(A).__name__
            raise ShapeError(
                f"{layer.who}: expected {name} to be a tuple of {len(shape)} arrays, got {given}. "
                f"Pass them as ({', '.join(f'{name}{i}' for i in range(len(shape)))})."
            )
        dtypes = dtype if type(dtype) is tuple else (dtype,) * len(A)
        parts = tuple(
            check_batch(layer, a, s, f"{name}[{i}]", batch, d)
            for i, (a, s, d) in enumerate(zip(A, shape, dtypes, strict=True))
        )
        if len({len(a) for a in parts}) > 1:
            raise ShapeError(f"{layer.who}: expected all inputs of one batch size, got {[len(a) for a in parts]}.")
        return parts
    A = plain(layer.who, name, A, str(dtype))
    if A.shape[1:] != shape or A.ndim == 0 or (batch is not None and len(A) != batch):
        expected = batch_shape(shape, "B" if batch is None else batch)
        raise ShapeError(
            f"{layer.who}: expected {name} of shape {expected}, got {A.shape}.{_shape_hint(name, A.shape, shape)}"
        )
    if dtype != layer.dtype:
        return canonical(as_exact(layer.who, name, A, dtype))
    if A.dtype.newbyteorder("=") != layer.dtype:
        remedy = dtype_remedy(name, A.dtype, str(layer.dtype))
        if A.dtype in (np.float32, np.float64):
            remedy = f"{remedy.rstrip('.')}, or build the model with dtype=np.{A.dtype}."
        raise DtypeError(f"{layer.who}: expected {name} of dtype {layer.dtype}, got {A.dtype}. {remedy}")
    return canonical(A)


def as_exact(who: str, name: str, A: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """`A` as tokens (int64, made of any integers) or as flags (booleans); a DtypeError if it holds something else."""
    what, kinds = ("integers, tokens", "iu") if dtype == TOKENS else ("booleans", "b")
    if A.dtype.kind not in kinds:
        raise DtypeError(
            f"{who}: expected {name} to hold {what}, got dtype {A.dtype}. {dtype_remedy(name, A.dtype, str(dtype))}"
        )
    return A.astype(dtype, copy=False)


def batch_shape(shape: Shape, batch: int | str = "B") -> str:
    """How the shape of a batch is written: (B, 28, 28, 1) for samples of shape (28, 28, 1)."""
    if shape and type(shape[0]) is tuple:
        return ", ".join(batch_shape(part, batch) for part in shape)
    return f"({batch}, {', '.join(map(str, shape))})" if shape else f"({batch},)"


def _shape_hint(name: str, given: tuple, shape: tuple) -> str:
    if given == shape:
        return f" Is it one sample? Add the batch axis: {name}[np.newaxis]."
    if len(given) == 2 and len(shape) == 1 and given[0] == shape[0]:
        return f" Did you pass {name}.T?"
    if len(given) == 4 and len(shape) == 3 and (given[2], given[3], given[1]) == shape:
        return f" Images are channels-last: try {name}.transpose(0, 2, 3, 1)."
    if len(given) == 3 and len(shape) == 3 and shape[2] == 1 and given[1:] == shape[:2]:
        return f" Add the channel axis: {name}[..., np.newaxis]."
    if len(shape) == 1 and int(np.prod(given[1:])) == shape[0]:
        return f" Flatten it: {name}.reshape(len({name}), -1)."
    return ""


def check_images(who: str, shape: Shape) -> tuple[int, int, int]:
    """`shape` if it is that of an image (H, W, C), else a ShapeError."""
    if len(shape) != 3:
        raise ShapeError(f"{who}: expected images (B, H, W, C), got input of shape {batch_shape(shape)}.")
    return shape
