"""What expressions need besides element-wise work: largest entries of rows, labels as rows of zeros and a one."""

import numpy as np

from ..errors import LabelError
from ..losses.labels import wrong_label
from ..reductions.row_tiles import row_maximum
from ..runtime.config import NOWHERE, exact_jit, jit
from ..runtime.launch import launch, operation
from ..runtime.parallel import CHUNK_SIZE, PARALLEL_SIZE, in_row_chunks


@operation("out")
def row_maxima_unchecked(A, out=None):
    """The largest entry (rows,) of each row of A (rows, columns), NaN if one of them is NaN."""
    out = np.empty(len(A), A.dtype) if out is None else out
    if A.size < PARALLEL_SIZE:
        launch(_row_maxima, A, out, 0, len(A))
    else:
        launch(_row_maxima_parallel, A, out, max(1, CHUNK_SIZE // A.shape[1]))
    return out


@operation("out", refuses=True)
def one_hot_unchecked(y, columns, dtype, out=None, who="one_hot"):
    """Y (rows, columns) with 1 at the label of each row and 0 elsewhere; `y` int64. A label out of range raises."""
    out = np.empty((y.size, columns), dtype) if out is None else out
    _, wrong = launch(_one_hot, y.reshape(-1), out)
    if wrong >= 0:
        raise LabelError(
            f"{who}: expected labels from 0 to {columns - 1}, got {y.reshape(-1)[wrong]} at index {wrong}. "
            "There is a label for each output."
        )
    return out


@operation()
def first_number_unchecked(A) -> float:
    """The first entry of A as a number."""
    return launch(_first_number, A.reshape(-1))


@exact_jit
def _row_maxima(A, m, first, last):
    for r in range(first, last):
        m[r] = row_maximum(A[r])


@exact_jit
def _one_hot(y, Y):
    wrong = wrong_label(y, Y.shape[1])
    if wrong >= 0:
        return 0.0, wrong
    zero, one = Y.dtype.type(0), Y.dtype.type(1)
    for r in range(Y.shape[0]):
        row = Y[r]
        for c in range(row.size):
            row[c] = zero
        row[y[r]] = one
    return 0.0, NOWHERE


@jit
def _first_number(x):
    return np.float64(x[0])


_row_maxima_parallel = in_row_chunks(_row_maxima)
