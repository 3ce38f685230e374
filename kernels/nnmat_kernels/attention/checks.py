"""What the public functions of attention ask of their arrays and options."""

import operator

import numpy as np

from ..errors import DtypeError, ShapeError
from ..runtime.arrays import as_array, same_dtype
from ..runtime.door import plain


def _check_heads(who, heads):
    if isinstance(heads, bool) or not isinstance(heads, int | np.integer) or heads < 1:
        raise ValueError(f"{who}: expected heads to be an integer from 1 on, got {heads!r}.")


def checked_separate(who, Q, K, V, heads):
    """Queries, keys and values that fit."""
    _check_heads(who, heads)
    Q, K, V = (as_array(who, name, A, 3) for name, A in (("Q", Q), ("K", K), ("V", V)))
    same_dtype(who, Q=Q, K=K, V=V)
    if not (len(Q) == len(K) == len(V) and K.shape[1] == V.shape[1] and Q.shape[2] == K.shape[2]):
        raise ShapeError(
            f"{who}: expected Q (B, Tq, heads d), K (B, Tk, heads d) and V (B, Tk, heads dv), "
            f"got {Q.shape}, {K.shape} and {V.shape}."
        )
    if Q.shape[2] % heads or V.shape[2] % heads:
        raise ShapeError(
            f"{who}: expected {heads} heads to divide the {Q.shape[2]} columns of Q and the {V.shape[2]} of V."
        )
    return Q, K, V


def checked_packed(who, QKV, heads):
    """An array of queries, keys and values."""
    _check_heads(who, heads)
    QKV = as_array(who, "QKV", QKV, 3)
    if QKV.shape[2] % (3 * heads):
        raise ShapeError(
            f"{who}: expected QKV (B, T, 3 heads d): {3 * heads} to divide its columns, got shape {QKV.shape}."
        )
    return QKV


def as_options(who, Q, K, heads, mask, key_mask, rate, before):
    """The masks in the form that kernels take; raises for options that are none."""
    B, Tq, Tk = len(Q), Q.shape[1], K.shape[1]
    if isinstance(rate, bool) or not isinstance(rate, int | float | np.number) or not 0 <= rate <= 1:
        raise ValueError(f"{who}: expected rate to be a number in [0, 1], got {rate!r}. Try rate=0.1.")
    if isinstance(before, bool) or not isinstance(before, int | np.integer) or before < 0:
        raise ValueError(f"{who}: expected before, a number of keys, to be an integer from 0 on, got {before!r}.")
    if mask is not None:
        A = plain(who, "mask", mask)
        if A.dtype == np.bool_:
            raise DtypeError(
                f"{who}: expected a mask of numbers to add to the scores, got booleans. "
                f"Where True means that a key is seen: np.where(mask, 0, -np.inf).astype(np.{Q.dtype})."
            )
        A = as_array(who, "mask", A)
        same_dtype(who, Q=Q, mask=A)
        shape = (1,) * (4 - A.ndim) + A.shape
        fits = len(shape) == 4 and all(n in (1, m) for n, m in zip(shape, (B, heads, Tq), strict=False))
        if A.ndim < 2 or not fits or shape[3] != Tk:
            raise ShapeError(
                f"{who}: expected a mask of shape {(Tq, Tk)}, or {(B, heads, Tq, Tk)} where each of the first three "
                f"may be 1, got {A.shape}."
            )
        mask = A.reshape(shape)
    if key_mask is not None:
        key_mask = plain(who, "key_mask", key_mask, "bool")
        if key_mask.dtype != np.bool_:
            raise DtypeError(
                f"{who}: expected key_mask to hold booleans, True where a key counts, got {key_mask.dtype}."
            )
        if key_mask.shape != (B, Tk):
            raise ShapeError(f"{who}: expected key_mask of shape {(B, Tk)}, got {key_mask.shape}.")
        key_mask = np.array(key_mask, order="C")
    return mask, key_mask


def checked_backward(who, G, O, lse, shape, heads, like):  # noqa: E741
    """The gradient, the output and ℓ of a forward pass."""
    G, O, lse = as_array(who, "G", G), as_array(who, "O", O), as_array(who, "lse", lse)  # noqa: E741
    same_dtype(who, Q=like, G=G, O=O, lse=lse)
    ends = (shape[0], heads, shape[1])
    if G.shape != shape or O.shape != shape or lse.shape != ends:
        raise ShapeError(
            f"{who}: expected G and O of shape {shape} and lse of shape {ends}, got {G.shape}, {O.shape}, {lse.shape}."
        )
    return G, O, lse


def stream_of(who, key, counter):
    """(key, counter) as an array of words."""
    words = []
    for name, value in (("key", key), ("counter", counter)):
        try:
            word = operator.index(value)
        except TypeError:
            word = -1
        if isinstance(value, bool) or not 0 <= word < 2**64:
            raise ValueError(f"{who}: expected {name} to be an integer in [0, 2**64), got {value!r}.")
        words.append(word)
    return np.array(words, np.uint64)
