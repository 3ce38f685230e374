"""Losses as weighted sums over rows: what they share, whatever the loss of a row is.

The weights of the rows, the check of them, and their sum D are kernels: so launches give value, gradient and D.
"""

import numpy as np

from ..runtime.config import NOWHERE, exact_jit, jit
from ..runtime.launch import launch, operation
from ..runtime.parallel import PARALLEL_SIZE, in_row_chunks_of_two
from .targets import check_weights

WEIGHTS_TOGETHER = 128  # that are one sum, so that rounding does not grow with their number


@exact_jit
def mean_of_sums(sums, divisor, columns):
    """The sum of the pieces' sums, in order, over `divisor` times `columns`, or 0: the same bits for any threads."""
    value = 0.0
    for i in range(sums.size):
        value += sums[i]
    return float(value / (divisor * columns)) if divisor != 0.0 else 0.0  # a float without the JIT, too


@jit
def spread_weights(sample_weight, weights):
    """weights (rows,) = those of samples of as many rows each, or 1 if there are none; (0, a wrong one or -1)."""
    if sample_weight.size == 0:
        weights[:] = 1.0
        return 0.0, NOWHERE
    each = weights.size // sample_weight.size
    for i in range(sample_weight.size):
        s = np.float64(sample_weight[i])
        if not 0.0 <= s < np.inf:
            return 0.0, np.int64(i)
        weights[i * each : (i + 1) * each] = s
    return 0.0, NOWHERE


@jit
def sum_of_weights(weights, each):
    """D = Σ_b s_b; `each`: how many weights a row has."""
    total = 0.0
    for first in range(0, weights.size, WEIGHTS_TOGETHER):
        part = 0.0
        for b in range(first, min(first + WEIGHTS_TOGETHER, weights.size)):
            part += weights[b]
        total += part
    return float(total / each)


def spread(who: str, sample_weight: np.ndarray | None, rows: int) -> np.ndarray:
    """The weights of all rows, by a kernel, which refuses a negative or infinite one."""
    weights = np.empty(rows)
    given = np.empty(0) if sample_weight is None else sample_weight
    _, wrong = launch(spread_weights, given, weights)
    if wrong >= 0:
        check_weights(who, "sample_weight", given)  # raises
    return weights


def mean_over_rows(serial, parallel, parallel_size: int, chunk: int, divisor: float, columns: int, H, *others) -> float:
    """The sum that a kernel makes over the rows of H, by one thread, or in pieces of about `chunk` elements by several;
    divided by `divisor` times `columns`.

    `serial` takes (H, *others, sums, slot, first, last), and `parallel` (H, *others, sums) with a slot for each piece.
    """
    rows = len(H)
    if rows > 1 and H.size >= parallel_size:
        sums = np.empty(min(rows, H.size // chunk))
        launch(parallel, H, *others, sums)
    else:
        sums = np.empty(1)
        launch(serial, H, *others, sums, 0, 0, rows)
    return launch(mean_of_sums, sums, divisor, columns)


@jit
def _scale_rows(out, G, c, first, last):
    for b in range(first, last):
        for m in range(G.shape[1]):
            out[b, m] = c[b, 0] * G[b, m]


_scale_rows_parallel = in_row_chunks_of_two(_scale_rows)


@operation("out")
def scale_rows_unchecked(G, c, out=None):
    """`out` = G with row b times c_b, c of the shape of the rows: the gradient of values of rows for a cotangent c."""
    out = np.empty_like(G) if out is None else out
    arrays = out.reshape(-1, G.shape[-1]), G.reshape(-1, G.shape[-1]), c.reshape(-1, 1)
    if G.size < PARALLEL_SIZE:
        launch(_scale_rows, *arrays, 0, c.size)
    else:
        launch(_scale_rows_parallel, *arrays, c.size)
    return out


def given_or_made(out: np.ndarray | None, G: np.ndarray, shape: tuple) -> np.ndarray:
    """The gradient that a caller gets: `out` if it gave one, else the made one in the shape of its H."""
    return out if out is not None else G if G.shape == shape else G.reshape(shape)
