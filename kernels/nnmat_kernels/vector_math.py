"""exp, sigmoid and tanh in the form that the compiler turns into vector instructions.

`math.exp` in a kernel is a call for each element (2.3 to 3.5 ns, `math.tanh` 12 to 18); these work on a register full
of elements at once. They are called from kernel bodies, with one float32 or float64, and are right to 4 ulp over the
whole range: NaN gives NaN, exp(+inf) = inf, exp(-inf) = 0, and results too small for a normal number are denormal.

    e^x = 2^n (1 + q)        n = round(x / ln 2)        r = x - n ln 2, |r| <= 0.35        q = r + r²/2! + r³/3! + ...

The sum stops at k = 7 in float32 and k = 13 in float64, where the next term is below a tenth of an ulp.

Two things keep the compiler from spoiling it, which may reorder sums and products (`config.FASTMATH`):

* r = (x - n HIGH) - n LOW with ln 2 = HIGH + LOW and n HIGH exact. The second n goes through an integer, or the
  compiler would see the common factor and use x - n (HIGH + LOW), which loses LOW to rounding (4.6 ulp instead of 0.9).
* 2^n is added to the exponent bits of 1 + q as far as results are normal numbers; only the rest of the way down, to
  the denormal ones, is a product.
"""

import numpy as np
from numba import types
from numba.extending import overload

from .config import jit

_f4, _i4, _f8, _i8 = np.float32, np.int32, np.float64, np.int64

# float32: above HIGHEST e^x is infinite, below LOWEST it rounds to 0.
_LOWEST4, _HIGHEST4 = _f4(-104.0), _f4(88.72283)
_LOG2E4, _HIGH4, _LOW4 = _f4(1.4426950408889634), _f4(0.693359375), _f4(-2.12194440e-4)
_ZERO4, _ONE4, _TWO4, _HALF4, _INF4 = _f4(0), _f4(1), _f4(2), _f4(0.5), _f4(np.inf)
_C3, _C4, _C5, _C6, _C7 = _f4(1 / 6), _f4(1 / 24), _f4(1 / 120), _f4(1 / 720), _f4(1 / 5040)
_LEAST4, _BIAS4, _BITS4 = _i4(-125), _i4(127), _i4(23)
_SATURATED4 = _f4(20)  # tanh(10) rounds to 1

# float64
_LOWEST8, _HIGHEST8 = -746.0, 709.782712893384
_LOG2E8, _HIGH8, _LOW8 = 1.4426950408889634, 6.93145751953125e-1, 1.42860682030941723212e-6
_D3, _D4, _D5, _D6, _D7, _D8 = 1 / 6, 1 / 24, 1 / 120, 1 / 720, 1 / 5040, 1 / 40320
_D9, _D10, _D11, _D12, _D13 = 1 / 362880, 1 / 3628800, 1 / 39916800, 1 / 479001600, 1 / 6227020800
_LEAST8, _BIAS8, _BITS8 = _i8(-1021), _i8(1023), _i8(52)
_SATURATED8, _INF8 = 40.0, _f8(np.inf)


@jit
def _reduce_float32(v):
    """n and q of a v that is neither NaN nor beyond the limits."""
    n = np.floor(v * _LOG2E4 + _HALF4)
    i = _i4(n)
    r = (v - n * _HIGH4) - _f4(i) * _LOW4
    q = r * (_ONE4 + r * (_HALF4 + r * (_C3 + r * (_C4 + r * (_C5 + r * (_C6 + r * _C7))))))
    return i, q


@jit
def _reduce_float64(v):
    n = np.floor(v * _LOG2E8 + 0.5)
    i = _i4(n)  # not int64: AVX2 has no vector instruction for it
    r = (v - n * _HIGH8) - _f8(i) * _LOW8
    q = _D7 + r * (_D8 + r * (_D9 + r * (_D10 + r * (_D11 + r * (_D12 + r * _D13)))))
    q = r * (1.0 + r * (0.5 + r * (_D3 + r * (_D4 + r * (_D5 + r * (_D6 + r * q))))))
    return _i8(i), q


def exp(x):
    """e^x of one float32 or float64: at most 1.5 ulp from the true value (measured: 0.92, 1.15 without FMA)."""
    return _exp_float32(x) if isinstance(x, np.float32) else _exp_float64(np.float64(x))


def _exp_float32(x):
    v = x if x > _LOWEST4 else _LOWEST4  # NaN becomes a number here, and NaN again at the end
    v = v if v < _HIGHEST4 else _HIGHEST4
    n, q = _reduce_float32(v)
    m = _i4(max(n, _LEAST4))
    normal = _i4(_f4(_ONE4 + q).view(np.int32) + (m << _BITS4)).view(np.float32)
    y = normal * _i4((n - m + _BIAS4) << _BITS4).view(np.float32)
    y = y if x <= _HIGHEST4 else _INF4
    return y if x == x else x


def _exp_float64(x):
    v = x if x > _LOWEST8 else _LOWEST8
    v = v if v < _HIGHEST8 else _HIGHEST8
    n, q = _reduce_float64(v)
    m = max(n, _LEAST8)
    normal = _i8(_f8(1.0 + q).view(np.int64) + (m << _BITS8)).view(np.float64)
    y = normal * _i8((n - m + _BIAS8) << _BITS8).view(np.float64)
    y = y if x <= _HIGHEST8 else _INF8
    return y if x == x else x


@overload(exp)
def _exp(x):
    return {types.float32: _exp_float32, types.float64: _exp_float64}.get(x)


def sigmoid(x):
    """1 / (1 + e^-x) of one float32 or float64, by e^-|x|, which never overflows and keeps small values accurate."""
    return _sigmoid_float32(x) if isinstance(x, np.float32) else _sigmoid_float64(np.float64(x))


def _sigmoid_float32(x):
    e = exp(-abs(x))
    return (_ONE4 if x >= _ZERO4 else e) / (_ONE4 + e)


def _sigmoid_float64(x):
    e = exp(-abs(x))
    return (1.0 if x >= 0.0 else e) / (1.0 + e)


@overload(sigmoid)
def _sigmoid(x):
    return {types.float32: _sigmoid_float32, types.float64: _sigmoid_float64}.get(x)


def tanh(x):
    """tanh of one float32 or float64: t / (t + 2) of t = e^2|x| - 1 = 2^n q + (2^n - 1), with the sign of x.

    Near 0, where n = 0, t = q is as accurate as x itself.
    """
    return _tanh_float32(x) if isinstance(x, np.float32) else _tanh_float64(np.float64(x))


def _tanh_float32(x):
    a = _TWO4 * abs(x)
    n, q = _reduce_float32(a if a < _SATURATED4 else _SATURATED4)
    s = _i4((n + _BIAS4) << _BITS4).view(np.float32)
    t = s * q + (s - _ONE4)
    y = t / (t + _TWO4)
    y = y if x >= _ZERO4 else -y
    return y if x == x else x


def _tanh_float64(x):
    a = 2.0 * abs(x)
    n, q = _reduce_float64(a if a < _SATURATED8 else _SATURATED8)
    s = _i8((n + _BIAS8) << _BITS8).view(np.float64)
    t = s * q + (s - 1.0)
    y = t / (t + 2.0)
    y = y if x >= 0.0 else -y
    return y if x == x else x


@overload(tanh)
def _tanh(x):
    return {types.float32: _tanh_float32, types.float64: _tanh_float64}.get(x)
