"""exp, sigmoid, tanh and log in the form that the compiler turns into vector instructions.

`math.exp` in a kernel is a call for each element (2.7 ns, `math.tanh` 13.7, on Zen 3); these work on a register full
of elements at once. They are called from kernel bodies, with one float32 or float64, and are right to 4 ulp over the
whole range: NaN gives NaN, exp(+inf) = inf, exp(-inf) = 0, and results too small for a normal number are denormal.

    e^x = 2^n (1 + q)        n = round(x / ln 2)        r = x - n ln 2, |r| <= 0.35        q = r + r² P(r)

    log x = k ln 2 + log(1 + g)   x = 2^k (1 + g), 1 + g from sqrt(1/2) to sqrt(2)

P is the polynomial of least error (e^r is then right to 8e-9 in float32 and 1.3e-17 in float64, a tenth of an ulp).

**The same bits everywhere.** A loop becomes vector instructions and a scalar rest, and the compiler may contract and
reorder differently in the two. So these functions, and loops over them, are compiled without leave to do either
(`config.exact_jit`), and fused multiply-adds, which both parts then have, are asked for by name: an element has the
same bits wherever it stands in an array, and whichever kernel computes it.

Polynomials are summed in pairs and squares, not one term after the other: the chain of operations that wait for each
other is what bounds the speed (a tenth to a quarter).

* Rounding to an integer is an addition of 1.5 · 2^23 (2^52 in float64), whose last bits then hold n.
* r = (x - n HIGH) - n LOW with ln 2 = HIGH + LOW, and n HIGH exact even where there is no fused multiply-add.
* 2^n is the product of two halves, for it alone may be infinite or 0 where e^x is neither; so results that are
  denormal are rounded once.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from ..runtime.config import EXACT, exact_jit
from ..runtime.target import FUSED

_f4, _i4, _f8, _i8 = np.float32, np.int32, np.float64, np.int64

# float32: below LOWEST e^x rounds to 0, at HIGHEST it is infinite.
_LOWEST4, _HIGHEST4 = _f4(-104.0), _f4(89.0)
_LOG2E4, _HIGH4, _LOW4 = _f4(1.4426950408889634), _f4(-0.693359375), _f4(2.12194440e-4)
_ROUND4, _ZERO_BITS4 = _f4(1.5 * 2**23), _i4(0x4B400000 - 254)  # n + 254 = bits of (n + ROUND) - ZERO_BITS
ZERO4, ONE4, TWO4, _HALF4, MINUS_HALF4 = _f4(0), _f4(1), _f4(2), _f4(0.5), _f4(-0.5)
_C3, _C4, _C5, _C6 = _f4(0.16666576989698776), _f4(0.041666554617204574), _f4(0.0083631790527), _f4(0.0013926183588)
_HALVE4, _BIAS4, _BITS4, _SIGN4 = _i4(1), _i4(127), _i4(23), _i4(-(2**31))
_SATURATED4 = _f4(20)  # tanh(10) rounds to 1

EXP_SCALE4, EXP_SCALE8 = _f4(2.0**-48), 2.0**-256
_SCALED_ROUND4, _SCALED_ROUND8 = _f4(1.5 * 2**23 + 127 + 48), 1.5 * 2.0**52 + 1023 + 256

# float64
_LOWEST8, _HIGHEST8 = -746.0, 710.0
_LOG2E8, _HIGH8, _LOW8 = 1.4426950408889634, -6.93145751953125e-1, -1.42860682030941723212e-6
_ROUND8, _ZERO_BITS8 = 1.5 * 2.0**52, _i8(0x4338000000000000 - 2046)
_D4, _D5, _D6, _D7 = 0.041666666666624128, 0.0083333333333300618, 0.0013888888917213717, 0.00019841269863053617
_D8, _D9, _D10, _D11 = 2.4801521295954375e-5, 2.7557268459997065e-6, 2.7620088445409748e-7, 2.5100385495510319e-8
_D3 = 1 / 6
_NOTHING4, _NOTHING8 = _f4(-0.0), -0.0  # x + -0 is x, also for x = -0: the compiler leaves it out
_HALVE8, _BIAS8, _BITS8, _SIGN8 = _i8(1), _i8(1023), _i8(52), _i8(-(2**63))
_SATURATED8 = 40.0


def fma(x, y, z):
    """x y + z of three floats of one type, rounded once where the processor can, in scalar code and vectors alike."""
    return x * y + z


@intrinsic
def _fused(typing_context, x, y, z):
    def generate(context, builder, signature, arguments):
        x, y, z = arguments
        return builder.fma(x, y, z) if FUSED else builder.fadd(builder.fmul(x, y), z)

    return x(x, x, x), generate


@overload(fma, jit_options=EXACT)
def _fma(x, y, z):
    return lambda x, y, z: _fused(x, y, z)  # type: ignore[call-arg]  # Numba passes the typing context


def maximum(x, y):
    """The larger of two floats of one type, NaN if either is: unlike a comparison, it vectorises in reductions."""
    return np.maximum(x, y)


@intrinsic
def _larger(typing_context, x, y):
    def generate(context, builder, signature, arguments):
        kind = arguments[0].type
        function = ir.FunctionType(kind, [kind, kind])
        name = f"llvm.maximum.f{x.bitwidth}"
        return builder.call(cgutils.get_or_insert_function(builder.module, function, name), arguments)

    return x(x, x), generate


@overload(maximum, jit_options=EXACT)
def _maximum(x, y):
    return lambda x, y: _larger(x, y)  # type: ignore[call-arg]


@exact_jit
def _reduce_float32(v):
    """n + 254 and q of v within the limits; q is NaN if v is."""
    t = fma(v, _LOG2E4, _ROUND4)
    n = t - _ROUND4
    r = fma(n, _LOW4, fma(n, _HIGH4, v))
    s = r * r
    q = fma(fma(_C6, s, fma(_C5, r, _C4)), s, fma(_C3, r, _HALF4))
    return _i4(_f4(t).view(np.int32) - _ZERO_BITS4), fma(s, q, r)


@exact_jit
def _reduce_float64(v):
    """n + 2046 and q."""
    t = fma(v, _LOG2E8, _ROUND8)
    n = t - _ROUND8
    r = fma(n, _LOW8, fma(n, _HIGH8, v))
    s = r * r
    f = s * s
    q = fma(fma(_D11, r, _D10), f, fma(fma(_D9, r, _D8), s, fma(_D7, r, _D6)))
    q = fma(q, f, fma(fma(_D5, r, _D4), s, fma(_D3, r, 0.5)))
    return _i8(_f8(t).view(np.int64) - _ZERO_BITS8), fma(s, q, r)


@exact_jit
def _times_power_float32(q, n):
    half = _i4(n >> _HALVE4)
    return (ONE4 + q) * _i4(half << _BITS4).view(np.float32) * _i4((n - half) << _BITS4).view(np.float32)


@exact_jit
def _times_power_float64(q, n):
    half = _i8(n >> _HALVE8)
    return (1.0 + q) * _i8(half << _BITS8).view(np.float64) * _i8((n - half) << _BITS8).view(np.float64)


def exp(x):
    """e^x of one float32 or float64: at most 1.5 ulp from the true value (measured: 0.92, 1.15 without FMA)."""
    return np.float32(_exp_float32(x)) if isinstance(x, np.float32) else np.float64(_exp_float64(np.float64(x)))


def _exp_float32(x):
    v = _LOWEST4 if x < _LOWEST4 else x  # this way round NaN stays
    v = _HIGHEST4 if v > _HIGHEST4 else v
    n, q = _reduce_float32(v)
    return _times_power_float32(q, n)


def _exp_float64(x):
    v = _LOWEST8 if x < _LOWEST8 else x
    v = _HIGHEST8 if v > _HIGHEST8 else v
    n, q = _reduce_float64(v)
    return _times_power_float64(q, n)


@overload(exp, jit_options=EXACT)
def _exp(x):
    return {types.float32: _exp_float32, types.float64: _exp_float64}.get(x)


def scaled_exp(x, low):
    """e^(x + low) / EXP_SCALE for numbers from -113 (float64: -800) to 0 and a `low` that is small beside x.

    So it is a normal number, and its multiple by EXP_SCALE is rounded once, to a denormal one too.
    """
    if isinstance(x, np.float32):
        return np.float32(_scaled_exp_float32(x, np.float32(low)))
    return np.float64(_scaled_exp_float64(np.float64(x), np.float64(low)))


def _scaled_exp_float32(x, low):
    t = fma(x, _LOG2E4, _SCALED_ROUND4)
    n = t - _SCALED_ROUND4
    r = fma(n, _HIGH4, x) + fma(n, _LOW4, low)
    s = r * r
    p = fma(fma(_C6, s, fma(_C5, r, _C4)), s, fma(_C3, r, _HALF4))
    return fma(s, p, ONE4 + r) * _i4(_f4(t).view(np.int32) << _BITS4).view(np.float32)


def _scaled_exp_float64(x, low):
    t = fma(x, _LOG2E8, _SCALED_ROUND8)
    n = t - _SCALED_ROUND8
    r = fma(n, _HIGH8, x) + fma(n, _LOW8, low)
    s = r * r
    f = s * s
    p = fma(fma(_D11, r, _D10), f, fma(fma(_D9, r, _D8), s, fma(_D7, r, _D6)))
    p = fma(p, f, fma(fma(_D5, r, _D4), s, fma(_D3, r, 0.5)))
    return fma(s, p, 1.0 + r) * _i8(_f8(t).view(np.int64) << _BITS8).view(np.float64)


@overload(scaled_exp, jit_options=EXACT)
def _scaled_exp(x, low):
    return {types.float32: _scaled_exp_float32, types.float64: _scaled_exp_float64}.get(x)


def sigmoid(x):
    """1 / (1 + e^-x) of one float32 or float64, by e^-|x|, which never overflows and keeps small values accurate."""
    return _sigmoid_float32(x) if isinstance(x, np.float32) else _sigmoid_float64(np.float64(x))


def _sigmoid_float32(x):
    v = -abs(x)
    e = scaled_exp(_LOWEST4 if v < _LOWEST4 else v, _NOTHING4)  # this way round NaN stays
    return (ONE4 if x >= ZERO4 else e * EXP_SCALE4) / fma(e, EXP_SCALE4, ONE4)


def _sigmoid_float64(x):
    v = -abs(x)
    e = scaled_exp(_LOWEST8 if v < _LOWEST8 else v, _NOTHING8)
    return (1.0 if x >= 0.0 else e * EXP_SCALE8) / fma(e, EXP_SCALE8, 1.0)


@overload(sigmoid, jit_options=EXACT)
def _sigmoid(x):
    return {types.float32: _sigmoid_float32, types.float64: _sigmoid_float64}.get(x)


def tanh(x):
    """tanh of one float32 or float64: t / (t + 2) of t = e^2|x| - 1 = 2^n q + (2^n - 1), with the sign of x.

    Near 0, where n = 0, t = q is as accurate as x itself.
    """
    return _tanh_float32(x) if isinstance(x, np.float32) else _tanh_float64(np.float64(x))


def _tanh_float32(x):
    a = TWO4 * abs(x)
    n, q = _reduce_float32(_SATURATED4 if a > _SATURATED4 else a)
    s = _i4((n - _BIAS4) << _BITS4).view(np.float32)
    t = fma(s, q, s - ONE4)
    y = t / (t + TWO4)
    return _i4(_f4(y).view(np.int32) | (_f4(x).view(np.int32) & _SIGN4)).view(np.float32)


def _tanh_float64(x):
    a = 2.0 * abs(x)
    n, q = _reduce_float64(_SATURATED8 if a > _SATURATED8 else a)
    s = _i8((n - _BIAS8) << _BITS8).view(np.float64)
    t = fma(s, q, s - 1.0)
    y = t / (t + 2.0)
    return _i8(_f8(y).view(np.int64) | (_f8(x).view(np.int64) & _SIGN8)).view(np.float64)


@overload(tanh, jit_options=EXACT)
def _tanh(x):
    return {types.float32: _tanh_float32, types.float64: _tanh_float64}.get(x)


# log(1 + g) = g - g²/2 + g³ P(g) for 1 + g from sqrt(1/2) to sqrt(2), in float32; a series in float64
_ROOT_HALF_BITS4, _TINY4, _SCALE4, _SHIFT4 = _i4(0x3F3504F3), _f4(2.0**-126), _f4(2.0**24), _f4(24)
_INFINITE4, _NAN4 = _f4(np.inf), _f4(np.nan)
_P0, _P1, _P2, _P3 = _f4(0.333333307282), _f4(-0.250003064226), _f4(0.200010450942), _f4(-0.166412814631)
_P4, _P5, _P6, _P7 = _f4(0.142144959239), _f4(-0.129981837637), _f4(0.126223198492), _f4(-0.0790274377239)
_ROOT_HALF_BITS8, _ROUND_BITS8 = _i8(0x3FE6A09E667F3BCD), _f8(_ROUND8).view(np.int64)
_LN2_HIGH8, _LN2_LOW8 = 6.93147180369123816490e-1, 1.90821492927058770002e-10
_L3, _L5, _L7, _L9, _L11, _L13, _L15, _L17, _L19 = (1 / n for n in range(3, 20, 2))
_TINY8, _SCALE8, _SHIFT8 = 2.0**-1022, 2.0**54, 54.0


@exact_jit
def _log_float32_of(u, tail, shift):
    """log u + tail - shift ln 2 of a normal u > 0: u = 2^k (1 + g), the small terms first."""
    k = _i4((_f4(u).view(np.int32) - _ROOT_HALF_BITS4) >> _BITS4)
    g = _i4(_f4(u).view(np.int32) - (k << _BITS4)).view(np.float32) - ONE4
    n = shift - _f4(k)
    s = g * g
    p = fma(fma(_P3, g, _P2), s, fma(_P1, g, _P0))
    p = fma(fma(fma(_P7, g, _P6), s, fma(_P5, g, _P4)), s * s, p)
    return fma(n, _HIGH4, g + fma(n, _LOW4, fma(s, fma(g, p, MINUS_HALF4), tail)))


@exact_jit
def _log_float64_of(u, tail, shift):
    """The same with f = 1 + g, s = (f - 1)/(f + 1) and log f = 2 artanh(s), a series in s²."""
    k = _i8((_f8(u).view(np.int64) - _ROOT_HALF_BITS8) >> _BITS8)
    f = _i8(_f8(u).view(np.int64) - (k << _BITS8)).view(np.float64)
    n = (_i8(k + _ROUND_BITS8).view(np.float64) - _ROUND8) - shift  # k as a number, without AVX-512 in one step too
    s = (f - 1.0) / (f + 1.0)
    z = s * s
    p = fma(fma(fma(fma(fma(_L19, z, _L17), z, _L15), z, _L13), z, _L11), z, _L9)
    p = fma(fma(fma(p, z, _L7), z, _L5), z, _L3) * z
    return fma(n, _LN2_HIGH8, fma(2.0 * s, p, fma(n, _LN2_LOW8, tail)) + 2.0 * s)


def log(x):
    """The natural logarithm of one float32 or float64: -inf at 0, NaN below."""
    return np.float32(_log_float32(x)) if isinstance(x, np.float32) else np.float64(_log_float64(np.float64(x)))


def _log_float32(x):
    small = x < _TINY4  # denormal: 2^24 times as much
    y = _log_float32_of(x * _SCALE4 if small else x, ZERO4, _SHIFT4 if small else ZERO4)
    y = y if x < _INFINITE4 else x  # this way round NaN stays
    y = -_INFINITE4 if x == ZERO4 else y
    return _NAN4 if x < ZERO4 else y


def _log_float64(x):
    small = x < _TINY8
    y = _log_float64_of(x * _SCALE8 if small else x, 0.0, _SHIFT8 if small else 0.0)
    y = y if x < np.inf else x
    y = -np.inf if x == 0.0 else y
    return np.nan if x < 0.0 else y


@overload(log, jit_options=EXACT)
def _log(x):
    return {types.float32: _log_float32, types.float64: _log_float64}.get(x)


def log1p(x):
    """log(1 + x) of one finite x >= 0 (or NaN), down to the smallest: u = 1 + x, and what its rounding lost, over u."""
    return np.float32(_log1p_float32(x)) if isinstance(x, np.float32) else np.float64(_log1p_float64(np.float64(x)))


def _log1p_float32(x):
    u = ONE4 + x
    return _log_float32_of(u, (x - (u - ONE4)) / u, ZERO4)


def _log1p_float64(x):
    u = 1.0 + x
    return _log_float64_of(u, (x - (u - 1.0)) / u, 0.0)


@overload(log1p, jit_options=EXACT)
def _log1p(x):
    return {types.float32: _log1p_float32, types.float64: _log1p_float64}.get(x)
