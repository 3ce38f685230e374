"""The data of a training run: from what `fit` is given to checked batches of the model's dtype.

Arrays are checked once, block by block, before the first step; of those larger than `WHOLE`, which may be files mapped
into memory, a sample of blocks is, and the rest batch by batch as it comes. Batches of a source of one's own are
checked as they come.
"""

import math
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from nnmat_kernels.runtime.arrays import FLOATS
from nnmat_kernels.runtime.door import array, dtype_remedy
from nnmat_kernels.unchecked import sum_of_squares

from ..checks import count
from ..datasets import ArrayBatches, BatchSource
from ..datasets.augmented import AugmentedBatches
from ..datasets.tables.frames import is_frame, numbers_of
from ..errors import ConfigError, DataError, DtypeError, ShapeError
from ..layers.checks import FLAGS, TOKENS, as_exact
from .reporting.display import LateBar

BLOCK = 1 << 24  # bytes of an array that are looked at together
WHOLE = 1 << 30  # bytes of an array up to which all of it is read before the first step
SAMPLED = 64  # blocks of a larger one that are read then
DEFAULT_BATCH_SIZE = 32


def batch_source(
    who: str, model, loss, data, batch_size: int | None, shuffle: bool, progress: bool = True, augment=None
) -> BatchSource:
    """A batch source for the data; arrays are checked here, and batches of a source of one's own as they come."""
    source = _source(who, model, loss, data, batch_size, shuffle, progress, augment)
    return source if augment is None else AugmentedBatches(source, augment)


def _source(who: str, model, loss, data, batch_size, shuffle: bool, progress: bool, augment) -> BatchSource:
    if isinstance(data, BatchSource):
        if batch_size is not None and who == "train":
            raise ConfigError("fit: a batch source has batches of its own size. Leave out batch_size.")
        if len(data) == 0:
            raise DataError(f"{who}: the batch source has no batches.")
        if not isinstance(state := data.state(), dict):
            raise DataError(
                f"{who}: expected state() of the batch source as a dict, got {state!r}. Return {{}} for none."
            )
        if type(data) is ArrayBatches:
            _check_arrays(who, model, loss, data, progress, augment)
            if who == "train":
                check_last_batch(model, data)
        return data
    arrays = (data.X, data.y) if not is_frame(data) and hasattr(data, "X") and hasattr(data, "y") else data
    if not isinstance(arrays, list | tuple) or len(arrays) not in (2, 3):
        raise DataError(
            f"{who}: expected a Dataset, arrays (X, y) or (X, y, sample_weight), or a batch source, "
            f"got {_shown(data)}.{_data_hint(who, data)}"
        )
    X = model_inputs(who, model, arrays[0])
    size = count(who, "batch_size", DEFAULT_BATCH_SIZE if batch_size is None else batch_size)
    source = ArrayBatches(X, arrays[1], size, shuffle, *arrays[2:])
    if batch_size is None:
        source.batch_size = min(size, source.samples)
    _check_arrays(who, model, loss, source, progress, augment)
    if who == "train" and source.batch_size > source.samples:
        raise DataError(
            f"fit: batch_size = {batch_size} is larger than the {source.samples} samples. "
            f"Use batch_size <= {source.samples}."
        )
    if who == "train":
        check_last_batch(model, source)
    return source


def several_inputs(model) -> bool:
    """Whether the model takes a tuple of arrays."""
    return len(model.input_shape) > 0 and isinstance(model.input_shape[0], tuple)


def model_inputs(who: str, model, X) -> Any:
    """X as an array, or, for a model of several inputs, as a tuple of arrays, one for each."""
    if not several_inputs(model):
        first = X[0] if isinstance(X, list | tuple) and X else None
        if hasattr(first, "__array__") and getattr(first, "shape", ())[1:] == model.input_shape:
            _refuse_several(who, X)
        return array(who, "X", numbers_of(who, "X", X))
    shape = model.input_shape
    if not isinstance(X, list | tuple) or len(X) != len(shape):
        names = ", ".join(f"X{i}" for i in range(1, len(shape) + 1))
        data = f"({names})" if who == "predict" else f"(({names}), y)"
        raise ShapeError(
            f"{who}: the model has {len(shape)} inputs of shapes {', '.join(map(_rows_of, shape))}. "
            f"Give them as a tuple: {data}. Got {_shown(X)} for X."
        )
    return tuple(array(who, f"X[{i}]", numbers_of(who, f"X[{i}]", part)) for i, part in enumerate(X))


def _refuse_several(who: str, X) -> None:
    """The error for arrays of samples, such as (X, y), where one is meant."""
    remedy = f"Targets are of no use here: write {who}(X)."
    if not who.startswith("predict"):
        remedy = (
            "Batches are joined by np.concatenate, or come from an object with the methods of datasets.BatchSource; "
            "see docs/training.md."
        )
    raise ShapeError(f"{who}: expected X as one array of shape (n, ...), got {_shown(X)}. {remedy}")


def cast_batch(who: str, model, X, y, weight=None) -> tuple:
    """X, float targets and weights of a batch in the model's dtype, tokens as int64; other targets as they are."""
    y, dtype = y if type(y) is np.ndarray else array(who, "y", y), model.dtype
    return (
        cast(who, "X", X, model.input_dtype),
        cast(who, "y", y, dtype) if y.dtype.kind == "f" else y,
        None if weight is None else cast(who, "sample_weight", weight, dtype),
    )


def cast(who: str, name: str, A, dtype) -> Any:
    """`A`, an array or a tuple of arrays, in `dtype`, or the tuple's; int64 and bool: of such only.

    Raises DataError for a finite number that becomes infinite, DtypeError for tokens that are no integers
    and flags that are no booleans.
    """
    if type(A) is tuple:
        dtypes = dtype if type(dtype) is tuple else (dtype,) * len(A)
        return tuple(cast(who, f"{name}[{i}]", *pair) for i, pair in enumerate(zip(A, dtypes, strict=True)))
    A = A if type(A) is np.ndarray else array(who, name, A)
    if A.dtype == dtype:
        return A
    if dtype in (TOKENS, FLAGS):
        return as_exact(who, name, A, dtype)
    _check_kind(who, name, A)
    try:
        with np.errstate(over="raise"):
            return A.astype(dtype)
    except FloatingPointError:
        _check_range(who, name, A, dtype)
        raise


def batches(who: str, model, source: BatchSource, rng: np.random.Generator, start: int = 0) -> Iterable[tuple]:
    """The batches of an epoch, checked as they come if they have not been before."""
    if isinstance(source, AugmentedBatches):
        return _checked(who, source.applied(batches(who, model, source.source, rng, start), rng, start), start)
    found = source.batches(rng, start=start)
    if type(source) is not ArrayBatches:
        return _checked(who, found, start)
    if not any(A.nbytes > WHOLE for A in source.arrays):
        return found
    single = source.inputs is source.arrays[0]
    return _finite(who, source, found, _hiding(model, 1 if single else len(source.inputs)))


def checksum(source) -> str | None:
    """A CRC of the arrays of a source (large ones: of blocks of them), their shapes and dtypes.

    None for a batch source of one's own, or none.
    """
    if isinstance(source, AugmentedBatches):
        return checksum(source.source)
    if type(source) is not ArrayBatches:
        return None
    crc = 0
    for A in source.arrays:
        crc = zlib.crc32(f"{A.dtype.str} {A.shape}".encode(), crc)
        for _, block in blocks(A):
            crc = zlib.crc32(np.ascontiguousarray(block).data, crc)
    return f"{crc:08x}"


def all_finite(A: np.ndarray) -> bool:
    """Whether there is no NaN and no infinity, in one pass of all threads and without a mask for the usual arrays."""
    if A.dtype in FLOATS and A.flags.carray and math.isfinite(sum_of_squares(A)):
        return True  # a sum that overflows says nothing
    return bool(np.isfinite(A).all())


def blocks(A: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """An array's rows in blocks, each with the number of its first row: all, or evenly spread ones of a large array."""
    rows = max(1, BLOCK * len(A) // max(A.nbytes, 1))
    blocks = -(-len(A) // rows)
    chosen: Iterable[int] = range(blocks)
    if A.nbytes > WHOLE and blocks > SAMPLED:
        chosen = np.linspace(0, blocks - 1, SAMPLED).astype(int).tolist()
    for block in chosen:
        yield block * rows, A[block * rows : (block + 1) * rows]


def _check_arrays(who: str, model, loss, source: ArrayBatches, progress: bool, augment) -> None:
    single = source.inputs is source.arrays[0]
    inputs: tuple[np.ndarray, ...] = source.arrays[:1] if single else tuple(source.inputs)
    shown = inputs if augment is None else AugmentedBatches(source, augment).of_first(inputs)
    _check_shapes(who, model, shown)
    names = ["X"] if single else [f"X[{i}]" for i in range(len(inputs))]
    one = model.input_dtype
    dtypes = dict(zip(names, one if type(one) is tuple else (one,) * len(names), strict=True))
    hiding = [name for name, hides in zip(names, _hiding(model, len(names)), strict=True) if hides]
    total = sum(min(A.nbytes, WHOLE) for A in source.arrays)
    with LateBar(f"{who}: checking the data", total, "B", progress) as bar:
        for name, A in zip([*names, "y", "sample_weight"], source.arrays, strict=False):
            _check_kind(who, name, A)
            if (kind := dtypes.get(name)) in (TOKENS, FLAGS):
                as_exact(who, name, A[:0], kind)
            if A.dtype.kind != "f":
                continue
            for first, block in blocks(A):
                _check_finite(who, name, block, first, name in hiding)
                if A.itemsize > model.dtype.itemsize:
                    _check_range(who, name, block, model.dtype, first)
                if name == "sample_weight":
                    _check_weights(who, block, first)
                bar.update(block.nbytes)
    _check_targets(loss, source.arrays[len(inputs)], model.output_shape(model.input_shape))


def _check_shapes(who: str, model, inputs: tuple[np.ndarray, ...]) -> None:
    shapes = model.input_shape if several_inputs(model) else (model.input_shape,)
    if len(inputs) != len(shapes) or any(A.shape[1:] != shape for A, shape in zip(inputs, shapes, strict=True)):
        takes, given = ", ".join(map(_rows_of, shapes)), ", ".join(str(A.shape) for A in inputs)
        raise ShapeError(f"{who}: the model takes X of shape {takes}, got {given}.{_shape_hint(inputs, shapes)}")


def check_last_batch(model, source: ArrayBatches) -> None:
    """Raise DataError for a smallest batch of an epoch that a layer cannot be trained on."""
    smallest = source.samples % source.batch_size or source.batch_size
    for layer in model.modules():
        if smallest < layer.least_batch:
            fitting = [B for B in range(2, source.samples + 1) if (source.samples % B or B) >= layer.least_batch]
            best = min(fitting, key=lambda B: abs(B - source.batch_size), default=None)
            raise DataError(
                f"fit: the last batch of an epoch would hold {smallest} of the {source.samples} samples, and "
                f"{layer.who} takes at least {layer.least_batch} in training. "
                + (f"Try batch_size={best}." if best else "Give more samples.")
            )


def _check_targets(loss, y: np.ndarray, output_shape: tuple) -> None:
    """What the loss has to say about targets, block by block, for it may need a copy."""
    if y.nbytes <= BLOCK:
        loss.check_targets(y, output_shape)
        return
    for first, block in blocks(y):
        try:
            loss.check_targets(block, output_shape)
        except (ValueError, TypeError) as error:  # ShapeError, LabelError, DtypeError are such
            raise type(error)(f"{error} Rows are counted from row {first} of y.") from None


def _checked(who: str, found: Any, start: int) -> Iterator[tuple]:
    """The batches of a source of one's own, each a tuple of arrays of equal lengths."""
    if not isinstance(found, Iterable):
        raise DataError(f"{who}: expected batches(rng, start) of the source to give an iterator, got {_shown(found)}.")
    for number, batch in enumerate(found, start):
        if not isinstance(batch, tuple | list) or len(batch) not in (2, 3):
            raise DataError(
                f"{who}: expected batch {number} of the source as (X, y) or (X, y, sample_weight), "
                f"got {_shown(batch)}. Let its batches() `yield X, y`."
            )
        X, y, *weight = batch if len(batch) == 2 or batch[2] is not None else batch[:2]  # None stands for no weights
        X = tuple(array(who, "X", part) for part in X) if isinstance(X, tuple) else array(who, "X", X)
        y, weight = array(who, "y", y), [array(who, "sample_weight", w) for w in weight]
        arrays = [*(X if isinstance(X, tuple) else (X,)), y, *weight]
        lengths = {len(A) if A.ndim else 0 for A in arrays}
        if len(lengths) != 1 or 0 in lengths:
            raise DataError(
                f"{who}: expected the arrays of batch {number} of the source to have as many rows each, and at least "
                f"one, got the shapes {', '.join(str(A.shape) for A in arrays)}."
            )
        for w in weight:
            _check_kind(who, "sample_weight", w)
            _check_finite(f"{who}: batch {number} of the source", "sample_weight", w)
            _check_weights(f"{who}: batch {number} of the source", w)
        yield (X, y, *weight)


def _finite(who: str, source: ArrayBatches, found: Iterable[tuple], hiding: tuple[bool, ...]) -> Iterator[tuple]:
    """The batches of large arrays, none of them with a NaN; the error counts rows in the whole arrays."""
    for batch in found:
        X, *others = batch
        arrays = [*(X if type(X) is tuple else (X,)), *others]
        for i, A in enumerate(arrays):
            hides = i < len(hiding) and hiding[i]
            if A.dtype.kind == "f" and (wrong := _wrong(A, hides)) is not None:
                row, *rest = _first(wrong)
                rows = source.rows
                number = rows.start + row if isinstance(rows, slice) else int(rows[row])
                names = ["X"] if type(X) is not tuple else [f"X[{j}]" for j in range(len(X))]
                _refuse(who, [*names, "y", "sample_weight"][i], A[(row, *rest)], (number, *rest))
        yield batch


def _check_kind(who: str, name: str, A: np.ndarray) -> None:
    if A.dtype.kind not in "fiub":
        remedy = dtype_remedy(name, A.dtype)
        raise DtypeError(f"{who}: expected {name} to hold real numbers, got dtype {A.dtype}. {remedy}")


def _hiding(model, inputs: int) -> tuple[bool, ...]:
    """For each input whether it may hold -inf."""
    found = model.hiding_inputs()
    return found if type(found) is tuple else (found,) * inputs


def _wrong(A: np.ndarray, hides: bool) -> np.ndarray | None:
    """Where A holds NaN or an infinity, but for -inf where that `hides`; None if nowhere."""
    if all_finite(A):
        return None
    wrong = np.isnan(A) | np.isposinf(A) if hides else ~np.isfinite(A)
    return wrong if wrong.any() else None


def _check_finite(who: str, name: str, A: np.ndarray, first: int = 0, hides: bool = False) -> None:
    """Raise DataError for a NaN or an infinity; the array's first row is number `first` of the whole."""
    if (wrong := _wrong(A, hides)) is not None:
        where = _first(wrong)
        _refuse(who, name, A[where], (where[0] + first, *where[1:]))


def _refuse(who: str, name: str, value, where: tuple[int, ...]) -> None:
    raise DataError(
        f"{who}: {name} holds {value} at index {where}. Repair or remove such samples: one NaN makes every "
        "parameter NaN."
    )


def _check_weights(who: str, w: np.ndarray, first: int = 0) -> None:
    if (w < 0).any():
        where = _first(w < 0)
        raise DataError(
            f"{who}: sample_weight holds {w[where]} at index {(where[0] + first, *where[1:])}, expected numbers >= 0. "
            "A weight of 0 leaves a sample out."
        )


def _check_range(who: str, name: str, A: np.ndarray, dtype, first: int = 0) -> None:
    """Raise DataError if a finite number of A becomes infinite in `dtype`."""
    with np.errstate(all="ignore"):
        if A.size == 0 or np.isfinite([A.min().astype(dtype), A.max().astype(dtype)]).all():
            return
        lost = np.isinf(A.astype(dtype)) & np.isfinite(A)
    if lost.any():
        where = _first(lost)
        raise DataError(
            f"{who}: {name} holds {A[where]} at index {(where[0] + first, *where[1:])}, beyond the range of {dtype}. "
            "Scale the data, or build the model with dtype=np.float64."
        )


def _data_hint(who: str, data) -> str:
    if who == "validation" and isinstance(data, int | float):
        return " Split the data first: train, rest = Dataset(X, y).split(0.8); validation=rest."
    if is_frame(data):
        return (
            f" Write table = datasets.table(frame, target='...'), and {'fit' if who == 'train' else who}(table.train)."
        )
    if hasattr(data, "__iter__") and not hasattr(data, "shape"):
        return " Batches come from an object with the methods of datasets.BatchSource; see docs/training.md."
    if who == "validation":
        return " Write validation=(X, y)."
    return f" Write {'fit' if who == 'train' else who}((X, y), ...)."


def _shape_hint(inputs: tuple, shapes: tuple) -> str:
    (X, *_), (shape, *_) = inputs, shapes
    if X.ndim == len(shape) and len(shape) == 3 and (*X.shape[1:], 1) == shape:
        return " Add the channel axis: X[..., np.newaxis]."
    if X.shape == shape:
        return " Is it one sample? Add the batch axis: X[np.newaxis]."
    if X.ndim == 1 and shape == (1,):
        return " One number for each sample is a column: X[:, np.newaxis]."
    if X.ndim == 4 and len(shape) == 3 and (X.shape[2], X.shape[3], X.shape[1]) == shape:
        return " Images are channels-last: X.transpose(0, 2, 3, 1)."
    if X.ndim == 2 and len(shape) == 1 and X.shape[:1] == shape:
        return " Did you pass X.T?"
    return ""


def _rows_of(shape: tuple) -> str:
    return f"({', '.join(['n', *map(str, shape)])})"


def _shown(value) -> str:
    """A value in an error message: arrays by their shapes."""
    if isinstance(value, np.ndarray):
        return f"one array of shape {value.shape}"
    if isinstance(value, list | tuple):
        return f"a {type(value).__name__} of {len(value)}"
    return type(value).__name__


def _first(mask: np.ndarray) -> tuple[int, ...]:
    return tuple(int(i) for i in np.argwhere(mask)[0])
