"""Dropout with a mask that is computed, not stored: a hash of (key, counter, place) decides about each element.

The same key and counter give the same mask, whoever asks, in whatever order and with however many threads: so the
backward pass is the forward kernel applied to G. The hash is SplitMix64 (Steele, Lea & Flood, "Fast splittable
pseudorandom number generators", 2014): the n-th number of the stream that starts at `seed` is mix(seed + n GOLDEN).
"""

import operator

import numpy as np
from numba import prange

from ..errors import ShapeError
from ..runtime.arrays import elementwise_arrays, same_layout
from ..runtime.config import inlined_jit, jit, parallel_jit
from ..runtime.launch import launch, operation

DROPOUT_PARALLEL_SIZE = 32_768  # elements, about 1.5 ns each
DROPOUT_CHUNK = 8_192

_MASK = 2**64 - 1
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_M1, _M2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)


def dropout(X: np.ndarray, rate: float, key: int, counter: int, out: np.ndarray | None = None) -> np.ndarray:
    """Set each element to zero with probability `rate`, scale the others so that the expectation stays.

    Forward: Y = D ⊙ X / (1 - rate), D_i = 1 if the hash of (key, counter, i) is below 1 - rate, else 0;
        rate = 1: Y = 0.
    Backward: gX = D ⊙ G / (1 - rate), the same call with G for X.
    Shapes: X any (i counts in row-major order), Y the same; float32 or float64; 0 <= rate <= 1; key and counter
        integers in [0, 2⁶⁴). `out` may be X itself, not overlap it otherwise.
    Errors: DtypeError, ShapeError, ValueError (rate, key, counter, out).
    Reference: docs/equations.md, section 3.7. NaN and inf stay visible: D is a factor, and 0 times NaN is NaN.
    """
    stream = _checked("dropout", rate, key, counter)
    if not same_layout(out, X):
        (X,), out = elementwise_arrays("dropout", out, X=X)
    dropout_unchecked(X, rate, stream, out)
    return out


@operation("out")
def dropout_unchecked(X, rate, stream, out=None):
    """`dropout` with (key, counter) = `stream`, an array (2,) of uint64 that is read when the kernel runs."""
    out = np.empty_like(X) if out is None else out
    below, scale = threshold(rate), out.dtype.type(1 / (1 - rate) if rate < 1 else 0)
    body = _dropout_serial if out.size < DROPOUT_PARALLEL_SIZE else _dropout_parallel
    launch(body, X.ravel(), stream, below, scale, out.ravel())
    return out


def channel_dropout(X: np.ndarray, rate: float, key: int, counter: int, out: np.ndarray | None = None) -> np.ndarray:
    """Set whole channels of each sample to zero with probability `rate`, scale the others.

    Forward: Y[b, ..., c] = D_bc X[b, ..., c] / (1 - rate), D as in `dropout` of a matrix (B, C); rate = 1: Y = 0.
    Backward: the same call with G for X.
    Shapes: X (B, ..., C), Y the same; float32 or float64; 0 <= rate <= 1; key and counter integers in [0, 2⁶⁴). `out`
        may be X itself, not overlap it otherwise.
    Errors: DtypeError, ShapeError (fewer than two axes), ValueError (rate, key, counter, out).
    Reference: docs/equations.md, section 3.7.
    """
    who = "channel_dropout"
    stream = _checked(who, rate, key, counter)
    (X,), out = elementwise_arrays(who, out, X=X)
    if X.ndim < 2:
        raise ShapeError(f"{who}: expected X of shape (B, ..., C), got {X.shape}.")
    channel_dropout_unchecked(X, rate, stream, out)
    return out


@operation("out")
def channel_dropout_unchecked(X, rate, stream, out=None):
    """`channel_dropout` with (key, counter) = `stream`."""
    out = np.empty_like(X) if out is None else out
    below, scale = threshold(rate), out.dtype.type(1 / (1 - rate) if rate < 1 else 0)
    if out.size:
        B, C = X.shape[0], X.shape[-1]
        body = _channels_serial if out.size < DROPOUT_PARALLEL_SIZE else _channels_parallel
        launch(body, X.reshape(B, -1, C), stream, below, scale, out.reshape(B, -1, C))
    return out


@operation("stream", "used")
def next_mask_unchecked(stream, used=None):
    """`used` = (key, counter) of `stream`, whose counter goes on by one."""
    used = np.empty_like(stream) if used is None else used
    launch(_next_mask, stream, used)
    return used


def threshold(rate: float) -> int:
    """How many of the 2⁵³ values of a hash mean "keep"."""
    return round((1 - float(rate)) * 2**53)


def _checked(who, rate, key, counter) -> np.ndarray:
    """(key, counter) as a stream."""
    if isinstance(rate, bool) or not isinstance(rate, int | float | np.integer | np.floating) or not 0 <= rate <= 1:
        raise ValueError(f"{who}: expected rate to be a number in [0, 1], got {rate!r}. Try rate=0.5.")
    return np.array([_word(who, "key", key), _word(who, "counter", counter)], np.uint64)


def _word(who, name, value) -> int:
    try:
        word = operator.index(value)
    except TypeError:
        word = -1
    if isinstance(value, bool) or not 0 <= word <= _MASK:
        raise ValueError(f"{who}: expected {name} to be an integer in [0, 2**64), got {value!r}.")
    return word


@inlined_jit
def _factor(seed, place, below, scale, zero):
    z = seed + np.uint64(place + 1) * _GOLDEN
    z = (z ^ (z >> _S30)) * _M1
    z = (z ^ (z >> _S27)) * _M2
    z = z ^ (z >> _S31)
    return scale if np.int64(z >> _S11) < below else zero


@jit
def _dropout(x, first, seed, below, scale, y):
    """y = D ⊙ x scale, where element i has place first + i in the whole array."""
    zero = y.dtype.type(0)
    if x.ctypes.data == y.ctypes.data:  # in place: over two arrays that overlap, a loop would not vectorise
        for i in range(y.size):
            y[i] = y[i] * _factor(seed, first + i, below, scale, zero)
    else:
        for i in range(y.size):
            y[i] = x[i] * _factor(seed, first + i, below, scale, zero)


@jit
def mask_factors(seed, first, step, below, scale, f):
    """f_i = scale where the mask of `dropout` keeps the place first + i step, else 0."""
    zero = f.dtype.type(0)
    for i in range(f.size):
        f[i] = _factor(seed, first + i * step, below, scale, zero)


@jit
def seed_of(stream):
    """Where the stream of a key and counter starts: different counters of one key never start at the same place."""
    return _mix(_mix(stream[0]) ^ stream[1])


@jit
def _mix(z):
    z = z + _GOLDEN
    z = (z ^ (z >> _S30)) * _M1
    z = (z ^ (z >> _S27)) * _M2
    return z ^ (z >> _S31)


@jit
def _next_mask(stream, used):
    used[0], used[1] = stream[0], stream[1]
    stream[1] += np.uint64(1)


@jit
def _dropout_serial(x, stream, below, scale, y):
    _dropout(x, 0, seed_of(stream), below, scale, y)


@parallel_jit
def _dropout_parallel(x, stream, below, scale, y):
    seed = seed_of(stream)
    for c in prange((y.size + DROPOUT_CHUNK - 1) // DROPOUT_CHUNK):
        a = np.int64(c) * DROPOUT_CHUNK
        _dropout(x[a : a + DROPOUT_CHUNK], a, seed, below, scale, y[a : a + DROPOUT_CHUNK])


@jit
def _channels(X, first, seed, below, scale, Y):
    """Samples of which the first one is sample `first` of the batch."""
    C = X.shape[2]
    f = np.empty(C, X.dtype)
    for b in range(X.shape[0]):
        mask_factors(seed, (first + b) * C, 1, below, scale, f)
        for r in range(X.shape[1]):
            x, y = X[b, r], Y[b, r]
            for c in range(C):
                y[c] = x[c] * f[c]


@jit
def _channels_serial(X, stream, below, scale, Y):
    _channels(X, 0, seed_of(stream), below, scale, Y)


@parallel_jit
def _channels_parallel(X, stream, below, scale, Y):
    seed = seed_of(stream)
    together = max(1, DROPOUT_CHUNK // (X.shape[1] * X.shape[2]))
    for c in prange((X.shape[0] + together - 1) // together):
        a = np.int64(c) * together
        _channels(X[a : a + together], a, seed, below, scale, Y[a : a + together])
