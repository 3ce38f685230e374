"""Rows of a table by their numbers (tokens), and the gradient of the table: sums of rows, in an order of their own.

    Y = Z E        Z one row of I for each token: Y_t = E_{id_t}
    gE = Zᵀ G      row v is the sum of those rows of G whose token is v: a scatter-add

The places of each token are found by a counting sort, in order. Then every row of gE is one sum, which one thread
takes, 128 rows of G at a time: so the bits do not depend on the number of threads, nor does rounding grow with the
number of tokens.
"""

import numpy as np
from numba import prange

from ..errors import DtypeError, LabelError, ShapeError
from ..runtime.arrays import as_array, checked_out
from ..runtime.config import jit, parallel_jit
from ..runtime.door import dtype_remedy, plain
from ..runtime.launch import launch, operation
from ..runtime.parallel import CHUNK_SIZE

MOST_TOKEN_CHUNKS = 64
ROWS_AT_ONCE = 128


def embedding(E: np.ndarray, ids: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """The row of a table for each token.

    Forward: Y = Z E, Z the one-hot rows of the tokens: Y[t] = E[ids[t]].
    Backward: `embedding_backward`.
    Shapes: E (V, D), float32 or float64; ids integers from 0 to V - 1 of any shape; Y (*ids.shape, D).
    Errors: LabelError (a token out of range), DtypeError, ShapeError, ValueError (out).
    Reference: docs/equations.md, section 3.12.
    """
    E0, E = E, as_array("embedding", "E", E, 2)
    ids = _as_tokens("embedding", ids)
    out = checked_out("embedding", out, (*ids.shape, E.shape[1]), E.dtype, E0)
    embedding_unchecked(E, ids, out)
    return out


def embedding_backward(
    G: np.ndarray, ids: np.ndarray, rows: int, out: np.ndarray | None = None, accumulate: bool = False
) -> np.ndarray:
    """The gradient of the table: for each token the sum of the gradients at its places.

    Forward: `embedding`.
    Backward: gE = Zᵀ G, or gE + Zᵀ G if `accumulate`.
    Shapes: ids integers from 0 to rows - 1 of any shape, G (*ids.shape, D), gE (rows, D); float32 or float64.
    Errors: LabelError (a token out of range), DtypeError, ShapeError, ValueError (rows, out; accumulate without out).
    Reference: docs/equations.md, section 3.12.
    """
    who = "embedding_backward"
    G0, G, ids = G, as_array(who, "G", G), _as_tokens(who, ids)
    if G.ndim == 0 or G.shape[:-1] != ids.shape:
        raise ShapeError(f"{who}: expected G of shape {(*ids.shape, 'D')}, one row for each token, got {G.shape}.")
    if isinstance(rows, bool) or not isinstance(rows, int | np.integer) or rows < 0:
        raise ValueError(f"{who}: expected rows, those of the table, to be an integer from 0 on, got {rows!r}.")
    if accumulate and out is None:
        raise ValueError(f"{who}: expected out with accumulate=True, got None. Pass the array to add to.")
    out = checked_out(who, out, (int(rows), G.shape[-1]), G.dtype, G0)
    embedding_backward_unchecked(G, ids, int(rows), out, bool(accumulate))
    return out


@operation("out", refuses=True)
def embedding_unchecked(E, ids, out=None):
    """`embedding` for int64 tokens; one that is out of range raises, and nothing is written."""
    Y = np.empty((*ids.shape, E.shape[1]), E.dtype) if out is None else out
    _, wrong = launch(_gather, E, ids.reshape(-1), Y.reshape(ids.size, E.shape[1]))
    _refuse("embedding", ids, wrong, len(E))
    return Y if out is None else None


@operation("out", refuses=True)
def embedding_backward_unchecked(G, ids, rows, out=None, accumulate=False):
    """`embedding_backward` for int64 tokens; one that is out of range raises, and nothing is written."""
    D = G.shape[-1]
    gE = np.empty((rows, D), G.dtype) if out is None else out
    first, places = np.empty(rows + 1, np.int64), np.empty(ids.size, np.int64)
    chunks = max(1, min(MOST_TOKEN_CHUNKS, rows, max(G.size, gE.size) // CHUNK_SIZE))
    _, wrong = launch(_scatter, G.reshape(ids.size, D), ids.reshape(-1), first, places, chunks, accumulate, gE)
    _refuse("embedding_backward", ids, wrong, rows)
    return gE if out is None else None


def _as_tokens(who, ids):
    ids = plain(who, "ids", ids, "int64")
    if ids.dtype.kind not in "iu":
        raise DtypeError(
            f"{who}: expected ids to hold integers, got {ids.dtype}. {dtype_remedy('ids', ids.dtype, 'int64')}"
        )
    if ids.dtype == np.uint64 and ids.size and int(ids.max()) > np.iinfo(np.int64).max:
        raise LabelError(f"{who}: the token {ids.max()} is out of range.")
    return np.ascontiguousarray(ids, np.int64).reshape(ids.shape)


def _refuse(who, ids, wrong, rows):
    if wrong >= 0:
        place = tuple(int(i) for i in np.unravel_index(wrong, ids.shape))
        raise LabelError(
            f"{who}: expected tokens from 0 to {rows - 1}, for the table has {rows} rows, got {ids[place]} at index "
            f"{place}. Was the text encoded with another vocabulary?"
        )


@jit
def _wrong_token(ids, rows):
    """The first place whose token is out of range, or -1."""
    for t in range(ids.size):
        if ids[t] < 0 or ids[t] >= rows:
            return np.int64(t)
    return np.int64(-1)


@parallel_jit
def _gather(E, ids, Y):
    """(0, the first place whose token is out of range, or -1)."""
    wrong = _wrong_token(ids, E.shape[0])
    if wrong < 0:
        at_once = max(1, CHUNK_SIZE // max(1, Y.shape[1]))
        for c in prange((ids.size + at_once - 1) // at_once):
            first = np.int64(c) * at_once
            for t in range(first, min(first + at_once, ids.size)):
                source, target = E[ids[t]], Y[t]
                for j in range(target.size):
                    target[j] = source[j]
    return 0.0, wrong


@jit
def _places_by_token(ids, first, places):
    """Token v stands at places[first[v] : first[v + 1]], in order; a counting sort."""
    first[:] = 0
    for t in range(ids.size):
        first[ids[t] + 1] += 1
    for v in range(1, first.size):
        first[v] += first[v - 1]
    for t in range(ids.size):  # the begin of a token moves on to its end, which is the next one's begin
        v = ids[t]
        places[first[v]] = t
        first[v] += 1
    for v in range(first.size - 1, 0, -1):
        first[v] = first[v - 1]
    first[0] = 0


@jit
def _sum_of_rows(G, places, part, target, keep):
    """target = (target if keep else 0) + the sum of some rows of G."""
    zero = G.dtype.type(0)
    if not keep:
        for j in range(target.size):
            target[j] = zero
    for a in range(0, places.size, ROWS_AT_ONCE):
        for j in range(part.size):
            part[j] = zero
        for k in range(a, min(a + ROWS_AT_ONCE, places.size)):
            row = G[places[k]]
            for j in range(part.size):
                part[j] += row[j]
        for j in range(part.size):
            target[j] += part[j]


@parallel_jit
def _scatter(G, ids, first, places, chunks, keep, gE):
    """(0, the first place whose token is out of range, or -1)."""
    rows = gE.shape[0]
    wrong = _wrong_token(ids, rows)
    if wrong < 0:
        _places_by_token(ids, first, places)
        for c in prange(chunks):
            k = np.int64(c)
            part = np.empty(G.shape[1], G.dtype)
            for v in range(k * rows // chunks, (k + 1) * rows // chunks):
                _sum_of_rows(G, places[first[v] : first[v + 1]], part, gE[v], keep)
    return 0.0, wrong
