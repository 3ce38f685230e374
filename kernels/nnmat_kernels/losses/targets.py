"""Checks of what the loss kernels take beside the logits: labels, targets and weights; all raise before any work."""

import numbers

import numpy as np

from ..errors import DataError, DtypeError, LabelError, ShapeError
from ..runtime.arrays import FLOATS, as_array, canonical
from ..runtime.door import dtype_remedy, plain
from .labels import wrong_label

REDUCTIONS = ("mean", "sum", "none")


def as_rows(who: str, H) -> np.ndarray:
    """H (..., M) as a matrix with one row of M values per sample; M >= 1."""
    H = as_array(who, "H", H)
    if H.ndim < 2 or H.shape[-1] == 0:
        raise ShapeError(
            f"{who}: expected H of shape (..., M) with at least two axes and M >= 1, got {H.shape}. "
            "A single row is H[None, :], a single column H[:, None]."
        )
    return H.reshape(-1, H.shape[-1])


def as_labels(
    who: str, y: np.ndarray, H_shape: tuple, ignore_index: int | None
) -> tuple[np.ndarray, np.ndarray | None]:
    """Labels as int64 (rows,), and which rows count (None: all of them)."""
    if y.shape != H_shape[:-1]:
        raise ShapeError(
            f"{who}: expected integer labels y of shape {H_shape[:-1]}, got {y.shape}. {label_remedy(y, H_shape)}"
        )
    _check_ignored(who, ignore_index)
    M = H_shape[-1]
    y = canonical(y.reshape(-1))
    if ignore_index is None and y.dtype == np.int64 and wrong_label(y, M) < 0:
        return y, None  # the usual case, in one pass
    valid = None if ignore_index is None else y != ignore_index
    wrong = (y < 0) | (y >= M) if valid is None else ((y < 0) | (y >= M)) & valid
    if wrong.any():
        row = int(np.argmax(wrong))
        ignored = "" if ignore_index is None else f" (or ignore_index={ignore_index})"
        raise LabelError(
            f"{who}: expected labels from 0 to {M - 1}{ignored}, got {y[row]} in row {row}. "
            f"Labels count from 0{': try y - 1' if _count_from_one(y, valid, M) else ''}; "
            "rows to be left out are marked by ignore_index."
        )
    return y.astype(np.int64, copy=False), valid


def label_rows(who: str, y: np.ndarray, H_shape: tuple, ignore_index: int | None) -> np.ndarray:
    """As `as_labels`, but the values of int64 labels, which a kernel looks at, are not checked."""
    _check_ignored(who, ignore_index)
    if y.dtype == np.int64 and y.shape == H_shape[:-1]:
        return canonical(y.reshape(-1))
    return as_labels(who, y, H_shape, ignore_index)[0]


def _check_ignored(who: str, ignore_index) -> None:
    if ignore_index is not None and (isinstance(ignore_index, bool) or not isinstance(ignore_index, numbers.Integral)):
        raise ValueError(
            f"{who}: expected ignore_index to be an integer or None, got {ignore_index!r}. A common value is -100."
        )


def label_remedy(y: np.ndarray, H_shape: tuple, own: str = "One label per row of H.") -> str:
    """What to write where labels, given as integers or not, have another shape than H without its last axis."""
    if y.shape == H_shape and H_shape[-1] > 1:
        return "One-hot targets are floats: y.astype(np.float32). Their labels are y.argmax(axis=-1)."
    cast = "" if y.dtype.kind in "iu" else ".astype(np.int64)"
    if y.shape == H_shape[:-1]:
        return f"Class labels are integers: y{cast}."
    if y.shape == (*H_shape[:-1], 1):
        return f"Take the labels out of their axis of length 1: {'np.ravel(y)' if y.ndim == 2 else 'y[..., 0]'}{cast}."
    return own


def _count_from_one(y: np.ndarray, valid: np.ndarray | None, M: int) -> bool:
    counted = y if valid is None else y[valid]
    return M > 1 and bool(counted.min() == 1 and counted.max() == M)


def as_targets(
    who: str, y: np.ndarray, H_shape: tuple, dtype: np.dtype, low=None, high=None, labels: bool = False
) -> np.ndarray:
    """Targets of H's shape, cast to `dtype`, as rows; all finite, and from `low` to `high` where given.

    `labels`: whether the loss takes integer labels as well, which its remedies then name.
    """
    if y.shape != H_shape and not (H_shape[-1] == 1 and y.shape == H_shape[:-1]):
        hint = "One target per entry of H."
        if labels:
            hint = label_remedy(y, H_shape, hint)
        elif y.shape in (H_shape[:-1], (*H_shape[:-1], 1)):
            hint += f" For one number per row, H has one column; for labels of {H_shape[-1]} classes use softmax"
            hint += " cross-entropy."
        raise ShapeError(f"{who}: expected targets y of the shape of H, {H_shape}, got {y.shape}. {hint}")
    y = canonical(y.reshape(-1, H_shape[-1]))
    limit = np.finfo(dtype).max
    least, most = -limit if low is None else low, limit if high is None else high
    if y.size and not (least <= y.min() and y.max() <= most):  # NaN fails both comparisons
        row, column = (int(i) for i in np.argwhere(~((y >= least) & (y <= most)))[0])
        rule = ("" if low is None else f" from {low:g}") + ("" if high is None else f" to {high:g}")
        hint = "Clean or rescale the data first."
        if (low, high) == (0.0, 1.0) and y.min() == -1 and y.max() == 1:
            hint = "For targets -1 and 1: (y + 1) / 2."
        elif (low, high) == (0.0, 1.0) and y.shape[1] == 1 and y.min() >= 0 and np.isfinite(y.max()):
            hint = "Labels of more than two classes need a column of H for each, and softmax cross-entropy."
        raise LabelError(
            f"{who}: expected finite targets{rule}, got {y[row, column]} in row {row}, column {column}. {hint}"
        )
    return y.astype(dtype, copy=False)


def target_rows(who: str, y: np.ndarray, H_shape: tuple, dtype: np.dtype, **limits) -> np.ndarray:
    """As `as_targets`, but the values of targets of this dtype, which a kernel looks at, are not checked."""
    if y.dtype == dtype and y.shape == H_shape:
        return canonical(y.reshape(-1, H_shape[-1]))
    return as_targets(who, y, H_shape, dtype, **limits)


def labels_only(who: str, ignore_index: int | None) -> None:
    """Raise DtypeError for an `ignore_index` beside float targets, among which no label can be told."""
    if ignore_index is not None:
        raise DtypeError(
            f"{who}: expected integer labels with ignore_index={ignore_index!r}, got float targets, which are no "
            "labels. Leave rows out by sample_weight=0, or pass integer labels."
        )


def as_array_of_targets(who: str, y, booleans: bool = False) -> np.ndarray:
    """y as a plain array if it is one of integers, float32 or float64 (or `booleans`); raises otherwise."""
    y = plain(who, "y", y)
    if y.dtype.kind in "iu" or y.dtype.newbyteorder("=") in FLOATS or (booleans and y.dtype == bool):
        return y
    remedy = "Try y.astype(np.int64) for labels, y.astype(np.float32) for targets, one-hot rows among them."
    if y.dtype.kind not in "bf":
        remedy = dtype_remedy("y", y.dtype)
    raise DtypeError(f"{who}: expected y of an integer dtype, float32 or float64, got {y.dtype}. {remedy}")


def as_sample_weight(who: str, sample_weight, leading: tuple, entries: tuple | None = None) -> np.ndarray:
    """Weights as a flat array of floats; they may have the first axes of H only, such as (B,).

    `entries`: the shape of H, where each entry may have a weight. A kernel looks at the values of float32 and float64.
    """
    s = _as_numbers(who, "sample_weight", sample_weight)
    if s.ndim == 0 or (s.shape != leading[: s.ndim] and s.shape != entries):
        more = "" if entries is None else f", or {entries} for entries"
        raise ShapeError(
            f"{who}: expected sample_weight of shape {leading} (or its first axes{more}), got {s.shape}. "
            "One weight per row of H."
        )
    if s.dtype not in FLOATS:
        check_weights(who, "sample_weight", s)
        s = s.astype(np.float64)
    return canonical(s.reshape(-1))


def as_class_weights(who: str, class_weight, M: int, name: str = "class_weight") -> np.ndarray:
    """Class weights as float64 (M,)."""
    w = _as_numbers(who, name, class_weight)
    check_weights(who, name, w)
    if w.shape != (M,):
        raise ShapeError(f"{who}: expected {name} of shape ({M},), got {w.shape}. One weight per column of H.")
    return canonical(w.astype(np.float64, copy=False))


def _as_numbers(who: str, name: str, w) -> np.ndarray:
    w = plain(who, name, w, "float64")
    if w.dtype.kind not in "iuf":
        raise DtypeError(
            f"{who}: expected {name} to be an array of numbers, got dtype {w.dtype}. "
            f"{dtype_remedy(name, w.dtype, 'float64')}"
        )
    return w


def check_weights(who: str, name: str, w: np.ndarray) -> None:
    """Raise DataError if one of them is negative, infinite or NaN."""
    if w.size and not (w.min() >= 0 and w.max() < np.inf):
        i = int(np.argmax(~((w >= 0) & (w < np.inf)).reshape(-1)))
        raise DataError(
            f"{who}: expected {name} finite and not negative, got {w.reshape(-1)[i]} at position {i}. "
            "A weight of 0 leaves a row or class out."
        )


def check_reduction(who: str, reduction) -> None:
    """Raise ValueError unless it is one of the three."""
    if not isinstance(reduction, str) or reduction not in REDUCTIONS:
        raise ValueError(f"{who}: expected reduction as one of {', '.join(map(repr, REDUCTIONS))}, got {reduction!r}.")
