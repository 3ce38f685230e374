"""An element-wise expression as a list of operations, walked through for one block of entries after the other.

Each line of the list is (operation, register, left, right). A register holds REGISTER_SIZE entries; all of them fit in
the level-1 cache, and every line is a loop over such a block that the compiler vectorises. So an expression of any
length reads its arrays once and writes its results once, and no kernel has to be compiled for it.

    load       register r = entries of array p: of the kind q, "all" of them, one "row" beside every row, one "column"
               beside every column, or one "number" everywhere
    constant   register r = number p everywhere
    store      result r = register p
    others     register r = the operation of registers p and q, or of p alone

Each element is computed as written, so its bits depend neither on the threads nor on its place.
"""

import math
from typing import Any

import numpy as np
from numba import prange

from ..elementwise.normal_distribution import distribution_of, erf, gelu_of
from ..elementwise.vector_math import exp, log, log1p
from ..elementwise.vector_math import sigmoid as sigmoid_of
from ..elementwise.vector_math import tanh as tanh_of
from ..runtime.config import exact_jit, parallel_jit
from ..runtime.launch import launch, operation
from ..runtime.parallel import CHUNK_SIZE, PARALLEL_SIZE
from .special import digamma, log_gamma

REGISTER_SIZE = 512  # entries of a register
MOST_REGISTERS = 24
MOST_ARRAYS = 8
KINDS_OF_ARRAYS = ("all", "row", "column", "number")
WALKED = (
    *("load", "constant", "store", "add", "subtract", "multiply", "divide", "power", "negative", "reciprocal"),
    *("square", "sqrt", "exp", "log", "sin", "cos", "tanh", "sigmoid", "relu", "step", "abs", "sign", "softplus"),
    *("gelu", "phi", "Phi"),
    *("tan", "arctan", "cosh", "sinh", "log1p", "erf", "silu", "elu", "clip", "huber", "lgamma", "digamma"),
    *("maximum", "greater"),
)
_KIND_ALL, _KIND_ROW, _KIND_COLUMN, _KIND_NUMBER = range(len(KINDS_OF_ARRAYS))
(
    _DO_LOAD,
    _DO_CONSTANT,
    _DO_STORE,
    _DO_ADD,
    _DO_SUBTRACT,
    _DO_MULTIPLY,
    _DO_DIVIDE,
    _DO_POWER,
    _DO_NEGATIVE,
    _DO_RECIPROCAL,
) = range(10)
(
    _DO_SQUARE,
    _DO_SQRT,
    _DO_EXP,
    _DO_LOG,
    _DO_SIN,
    _DO_COS,
    _DO_TANH,
    _DO_SIGMOID,
    _DO_RELU,
    _DO_STEP,
    _DO_ABS,
    _DO_SIGN,
    _DO_SOFTPLUS,
) = range(10, 23)
_DO_GELU, _DO_DENSITY, _DO_DISTRIBUTION = range(23, 26)
(
    _DO_TAN,
    _DO_ARCTAN,
    _DO_COSH,
    _DO_SINH,
    _DO_LOG1P,
    _DO_ERF,
    _DO_SILU,
    _DO_ELU,
    _DO_CLIP,
    _DO_HUBER,
    _DO_LGAMMA,
    _DO_DIGAMMA,
) = range(26, 38)
_DO_MAXIMUM, _DO_GREATER = range(38, 40)
_PHI_AT_0 = 1 / math.sqrt(2 * math.pi)


@operation("out")
def walk_unchecked(lines, numbers, arrays, results, shape, out=None):
    """The results (results, rows, columns) of a list of operations.

    `lines` (n, 4) int64; `numbers` and `arrays`, at most MOST_ARRAYS, of the dtype of the results; `shape` is (rows,
    columns). Nothing is checked: whoever writes the list answers for it.
    """
    rows, columns = shape
    out = np.empty((results, rows, columns), numbers.dtype) if out is None else out
    flat = [A.reshape(-1) for A in arrays]
    given = (*flat, *(numbers,) * (MOST_ARRAYS - len(flat)))
    body = _walk if rows * columns < PARALLEL_SIZE else _walk_parallel
    launch(body, lines, numbers, *given, columns, out.reshape(results, rows * columns))
    return out


@exact_jit
def _walk(lines, numbers, a, b, c, d, e, f, g, h, columns, out):
    _walk_piece(lines, numbers, a, b, c, d, e, f, g, h, columns, out, 0, out.shape[1])


@parallel_jit
def _walk_parallel(lines, numbers, a, b, c, d, e, f, g, h, columns, out):
    n = out.shape[1]
    for piece in prange((n + CHUNK_SIZE - 1) // CHUNK_SIZE):
        first = np.int64(piece) * CHUNK_SIZE
        _walk_piece(lines, numbers, a, b, c, d, e, f, g, h, columns, out, first, min(first + CHUNK_SIZE, n))


@exact_jit
def _walk_piece(lines, numbers, a, b, c, d, e, f, g, h, columns, out, first, last):
    """Entries first to last of the results, block by block."""
    registers = np.empty((MOST_REGISTERS, REGISTER_SIZE), out.dtype)
    for start in range(first, last, REGISTER_SIZE):
        n = min(REGISTER_SIZE, last - start)
        for i in range(lines.shape[0]):
            what, r, p, q = lines[i, 0], lines[i, 1], lines[i, 2], lines[i, 3]
            if what == _DO_STORE:
                _copy_to(registers[p], out[r, start : start + n])
            elif what == _DO_CONSTANT:
                registers[r, :n] = numbers[p]
            elif what == _DO_LOAD:
                if p < 4:
                    source = a if p == 0 else b if p == 1 else c if p == 2 else d
                else:
                    source = e if p == 4 else f if p == 5 else g if p == 6 else h
                _load(q, source, start, columns, registers[r, :n])
            elif what <= _DO_POWER or what >= _DO_MAXIMUM:
                _of_two(what, registers[p], registers[q], registers[r, :n])
            else:
                _of_one(what, registers[p], registers[r, :n])


@exact_jit
def _copy_to(x, y):
    for i in range(y.size):
        y[i] = x[i]


@exact_jit
def _load(kind, x, start, columns, y):
    """Entries from `start` on of an array of rows of so many columns."""
    if kind == _KIND_NUMBER:
        for i in range(y.size):
            y[i] = x[0]
    elif kind != _KIND_ALL:
        row: Any = start // columns
        column: Any = start % columns
        done: Any = np.int64(0)
        while done < y.size:
            end: Any = min(y.size, done + columns - column)
            if kind == _KIND_ROW:
                for i in range(end - done):
                    y[done + i] = x[column + i]
            else:
                for i in range(done, end):
                    y[i] = x[row]
            done, row, column = np.int64(end), row + 1, 0
    else:
        for i in range(y.size):
            y[i] = x[start + i]


@exact_jit
def _of_two(what, p, q, y):
    n = y.size
    if what == _DO_ADD:
        for i in range(n):
            y[i] = p[i] + q[i]
    elif what == _DO_SUBTRACT:
        for i in range(n):
            y[i] = p[i] - q[i]
    elif what == _DO_MULTIPLY:
        for i in range(n):
            y[i] = p[i] * q[i]
    elif what == _DO_DIVIDE:
        for i in range(n):
            y[i] = p[i] / q[i]
    elif what == _DO_POWER:
        for i in range(n):
            y[i] = p[i] ** q[i]
    else:
        _compared(what, p, q, y)


@exact_jit
def _compared(what, p, q, y):
    n, zero, half, one = y.size, y.dtype.type(0), y.dtype.type(0.5), y.dtype.type(1)
    if what == _DO_MAXIMUM:
        for i in range(n):
            y[i] = p[i] if p[i] > q[i] or p[i] != p[i] else q[i]
    else:
        for i in range(n):
            y[i] = one if p[i] > q[i] else zero if p[i] < q[i] else half if p[i] == q[i] else p[i] + q[i]


@exact_jit
def _of_one(what, p, y):
    if what <= _DO_COS:
        _arithmetic(what, p, y)
    elif what <= _DO_SIGN:
        _rectified(what, p, y)
    elif what <= _DO_DISTRIBUTION:
        _smooth(what, p, y)
    elif what <= _DO_ERF:
        _analytic(what, p, y)
    else:
        _special(what, p, y)


@exact_jit
def _arithmetic(what, p, y):
    n, one = y.size, y.dtype.type(1)
    if what == _DO_NEGATIVE:
        for i in range(n):
            y[i] = -p[i]
    elif what == _DO_RECIPROCAL:
        for i in range(n):
            y[i] = one / p[i]
    elif what == _DO_SQUARE:
        for i in range(n):
            y[i] = p[i] * p[i]
    elif what == _DO_SQRT:
        for i in range(n):
            y[i] = np.sqrt(p[i])
    elif what == _DO_EXP:
        for i in range(n):
            y[i] = exp(p[i])
    elif what == _DO_LOG:
        for i in range(n):
            y[i] = log(p[i])
    elif what == _DO_SIN:
        for i in range(n):
            y[i] = np.sin(p[i])
    else:
        for i in range(n):
            y[i] = np.cos(p[i])


@exact_jit
def _rectified(what, p, y):
    n, zero, one = y.size, y.dtype.type(0), y.dtype.type(1)
    if what == _DO_TANH:
        for i in range(n):
            y[i] = tanh_of(p[i])
    elif what == _DO_SIGMOID:
        for i in range(n):
            y[i] = sigmoid_of(p[i])
    elif what == _DO_RELU:
        for i in range(n):
            y[i] = zero if p[i] <= zero else p[i]  # this way round NaN stays
    elif what == _DO_STEP:
        for i in range(n):
            y[i] = zero if p[i] <= zero else p[i] if p[i] != p[i] else one
    elif what == _DO_ABS:
        for i in range(n):
            y[i] = abs(p[i])
    else:
        for i in range(n):
            y[i] = one if p[i] > zero else -one if p[i] < zero else p[i]


@exact_jit
def _smooth(what, p, y):
    n, zero, half, peak = y.size, y.dtype.type(0), y.dtype.type(0.5), y.dtype.type(_PHI_AT_0)
    if what == _DO_SOFTPLUS:
        for i in range(n):
            y[i] = (zero if p[i] <= zero else p[i]) + log1p(exp(-abs(p[i])))
    elif what == _DO_GELU:
        for i in range(n):
            y[i] = gelu_of(p[i])
    elif what == _DO_DENSITY:
        for i in range(n):
            y[i] = peak * exp(-half * p[i] * p[i])
    elif what == _DO_DISTRIBUTION:
        for i in range(n):
            y[i] = distribution_of(p[i])


@exact_jit
def _analytic(what, p, y):
    n = y.size
    if what == _DO_TAN:
        for i in range(n):
            y[i] = np.tan(p[i])
    elif what == _DO_ARCTAN:
        for i in range(n):
            y[i] = np.arctan(p[i])
    elif what == _DO_COSH:
        for i in range(n):
            y[i] = np.cosh(p[i])
    elif what == _DO_SINH:
        for i in range(n):
            y[i] = np.sinh(p[i])
    elif what == _DO_LOG1P:
        for i in range(n):
            y[i] = np.log1p(p[i])
    else:
        for i in range(n):
            y[i] = erf(p[i])


@exact_jit
def _special(what, p, y):
    n, zero, half, one = y.size, y.dtype.type(0), y.dtype.type(0.5), y.dtype.type(1)
    if what == _DO_SILU:
        for i in range(n):
            y[i] = p[i] * sigmoid_of(p[i])
    elif what == _DO_ELU:
        for i in range(n):
            y[i] = p[i] if p[i] > zero else np.expm1(p[i])
    elif what == _DO_CLIP:
        for i in range(n):
            y[i] = one if p[i] > one else -one if p[i] < -one else p[i]  # this way round NaN stays
    elif what == _DO_HUBER:
        for i in range(n):
            near = one if p[i] > one else -one if p[i] < -one else p[i]
            y[i] = near * (p[i] - half * near)
    elif what == _DO_LGAMMA:
        for i in range(n):
            y[i] = log_gamma(np.float64(p[i]))
    else:
        for i in range(n):
            y[i] = digamma(np.float64(p[i]))
