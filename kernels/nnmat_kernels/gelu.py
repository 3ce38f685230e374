"""GELU, x Φ(x), and its derivative, with the normal distribution function itself and not an approximation by tanh.

    gelu(x)  = max(x, 0) - |x| Φ(-|x|)                        Φ(-a) = e^(-a²/2) R(a)
    gelu'(x) = Φ(x) + x φ(x) = (1 or 0) ± e^(-a²/2) (R(a) - a/√(2π))        a = |x|, + for x < 0

so that no large terms cancel, and the tail of negative x keeps its digits. R falls slowly from 1/2 as 1/(a √(2π)): the
product (a + c) R(a) is a polynomial in u = (a - c)/(a + c), right to 2e-8 in float32 and 4e-18 in float64.

The rounding of -a²/2 alone would cost 100 ulp in the tail. What it loses joins the reduced argument of the exponential:
a fused multiply-add tells it, and where there is none, h with half the digits of a makes the first term exact in

    -a²/2 = -h²/2 - (a - h)(a + h)/2
"""

import numpy as np
from numba import prange, types
from numba.extending import overload

from .activations import CHUNK, PARALLEL_FROM
from .checks import alike, elementwise_arrays
from .config import EXACT, exact_jit, parallel_jit, settings
from .registers import FUSED
from .vector_math import exp_of_sum, fma

_ROUNDS_ONCE = FUSED and not settings.DISABLE_JIT  # `fma`
_f4, _i4, _f8, _i8 = np.float32, np.int32, np.float64, np.int64

# (a + C) R(a) in powers of (a - C)/(a + C); from LAST on e^(-a²/2) is 0
_C4, _LAST4, _UPPER4 = _f4(2.5), _f4(15), _i4(-(2**12))
_ZERO4, _ONE4, _HALF4, _PEAK4 = _f4(0), _f4(1), _f4(-0.5), _f4(-0.3989422804014327)
_P0, _P1, _P2, _P3 = (
    _f4(0.70665663),
    _f4(-0.4336919),
    _f4(0.13198705),
    _f4(0.009235507823763856),
)
_P4, _P5, _P6, _P7 = (
    _f4(-0.016387089283653285),
    _f4(-0.001599698014649689),
    _f4(0.0025268463202029095),
    _f4(0.0006840565099609624),
)
_P8, _P9 = _f4(-0.0003145891754483909), _f4(-0.00015900027414554173)

_C8, _LAST8, _UPPER8, _PEAK8 = 4.0, 40.0, _i8(-(2**27)), -0.3989422804014327
_Q0, _Q1, _Q2, _Q3 = 0.7552851304157515, -0.6078966419718921, 0.38713740074221453, -0.18652185795965745
_Q4, _Q5, _Q6, _Q7 = 0.06039657489093769, -0.007540188966719381, -0.003479692367412914, 0.0016308184574697466
_Q8, _Q9, _Q10, _Q11 = 0.0001333443125592139, -0.00023109493413064064, -1.9082589727909575e-06, 3.514468067075562e-05
_Q12, _Q13, _Q14, _Q15 = 7.166661392310459e-07, -5.920156161474508e-06, -6.296896838092998e-07, 1.0215205012909071e-06
_Q16, _Q17, _Q18, _Q19 = 2.717809948345e-07, -1.549271323887327e-07, -8.536991353342608e-08, 1.32610923300199e-08
_Q20, _Q21, _Q22, _Q23 = 1.9587727444446167e-08, 1.917695265350152e-09, -2.511372928694166e-09, -7.227674920350449e-10


@exact_jit
def _half_square_float32(a):
    """e^(-a²/2)."""
    half = _HALF4 * a
    if _ROUNDS_ONCE:
        x = half * a
        return exp_of_sum(x, fma(half, a, -x))
    h = _i4(_f4(a).view(np.int32) & _UPPER4).view(np.float32)
    return exp_of_sum(_HALF4 * h * h, _HALF4 * ((a - h) * (a + h)))


@exact_jit
def _half_square_float64(a):
    half = -0.5 * a
    if _ROUNDS_ONCE:
        x = half * a
        return exp_of_sum(x, fma(half, a, -x))
    h = _i8(_f8(a).view(np.int64) & _UPPER8).view(np.float64)
    return exp_of_sum(-0.5 * h * h, -0.5 * ((a - h) * (a + h)))


@exact_jit
def _parts_float32(x):
    """a = |x|, e^(-a²/2) and R(a)."""
    a = abs(x)
    a = _LAST4 if a > _LAST4 else a  # this way round NaN stays
    e = _half_square_float32(a)
    over = _ONE4 / (a + _C4)
    u = (a - _C4) * over
    s = u * u
    f = s * s
    p = fma(fma(_P7, u, _P6), s, fma(_P5, u, _P4))
    q = fma(fma(_P3, u, _P2), s, fma(_P1, u, _P0))
    p = fma(fma(fma(_P9, u, _P8), f, p), f, q)
    return a, e, p * over


@exact_jit
def _parts_float64(x):
    a = abs(x)
    a = _LAST8 if a > _LAST8 else a
    e = _half_square_float64(a)
    over = 1.0 / (a + _C8)
    u = (a - _C8) * over
    s = u * u
    f = s * s
    p = fma(fma(_Q23, u, _Q22), s, fma(_Q21, u, _Q20))
    p = fma(p, f, fma(fma(_Q19, u, _Q18), s, fma(_Q17, u, _Q16)))
    p = fma(p, f, fma(fma(_Q15, u, _Q14), s, fma(_Q13, u, _Q12)))
    p = fma(p, f, fma(fma(_Q11, u, _Q10), s, fma(_Q9, u, _Q8)))
    p = fma(p, f, fma(fma(_Q7, u, _Q6), s, fma(_Q5, u, _Q4)))
    p = fma(p, f, fma(fma(_Q3, u, _Q2), s, fma(_Q1, u, _Q0)))
    return a, e, p * over


def gelu_of(x):
    """x Φ(x) of one float32 or float64."""
    return _gelu_float32(x) if isinstance(x, np.float32) else _gelu_float64(np.float64(x))


def _gelu_float32(x):
    a, e, r = _parts_float32(x)
    return (_ZERO4 if x < _ZERO4 else x) - a * r * e


def _gelu_float64(x):
    a, e, r = _parts_float64(x)
    return (0.0 if x < 0.0 else x) - a * r * e


@overload(gelu_of, jit_options=EXACT)
def _gelu_of(x):
    return {types.float32: _gelu_float32, types.float64: _gelu_float64}.get(x)


def gelu_slope(x):
    """Φ(x) + x φ(x) of one float32 or float64."""
    return _slope_float32(x) if isinstance(x, np.float32) else _slope_float64(np.float64(x))


def _slope_float32(x):
    a, e, r = _parts_float32(x)
    y = e * fma(_PEAK4, a, r)
    return y if x < _ZERO4 else _ONE4 - y


def _slope_float64(x):
    a, e, r = _parts_float64(x)
    y = e * fma(_PEAK8, a, r)
    return y if x < 0.0 else 1.0 - y


@overload(gelu_slope, jit_options=EXACT)
def _gelu_slope(x):
    return {types.float32: _slope_float32, types.float64: _slope_float64}.get(x)


def gelu(X: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """The Gaussian error linear unit of every element; NaN stays NaN.

    Forward: Y = X ⊙ Φ(X), Φ(x) = (1 + erf(x/√2))/2 the normal distribution function.
    Backward: `gelu_backward`.
    Shapes: X any, Y the same; float32 or float64. `out` may be X itself, not overlap it otherwise.
    Errors: DtypeError, ShapeError, ValueError (out).
    Reference: docs/equations.md, section 3.4; Hendrycks & Gimpel 2016. At most 8 ulp from the true value, also
    where it is tiny.
    """
    if not alike(X, out):
        (X,), out = elementwise_arrays("gelu", out, X=X)
    gelu_unchecked(X, out)
    return out


def gelu_unchecked(X, out):
    (_gelu if out.size < PARALLEL_FROM else _gelu_parallel)(X.ravel(), out.ravel())


def gelu_backward(G: np.ndarray, X: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """The derivative of the Gaussian error linear unit, from its input X.

    Forward: `gelu`.
    Backward: gX = G ⊙ (Φ(X) + X ⊙ φ(X)), φ(x) = e^(-x²/2)/√(2π).
    Shapes: G, X and gX of one shape; float32 or float64. `out` may be G or X itself.
    Errors: DtypeError, ShapeError, ValueError (out).
    Reference: docs/equations.md, section 3.4; Hendrycks & Gimpel 2016. The slope is right to 2 eps
    (2.4e-7 in float32), and in the tail below -1 to 12 ulp.
    """
    if not (alike(G, out) and alike(X, out)):
        (G, X), out = elementwise_arrays("gelu_backward", out, G=G, X=X)
    gelu_backward_unchecked(G, X, out)
    return out


def gelu_backward_unchecked(G, X, out):
    (_gelu_backward if out.size < PARALLEL_FROM else _gelu_backward_parallel)(G.ravel(), X.ravel(), out.ravel())


@exact_jit
def _gelu(x, y):
    for i in range(y.size):
        y[i] = gelu_of(x[i])


@parallel_jit
def _gelu_parallel(x, y):
    for c in prange((y.size + CHUNK - 1) // CHUNK):
        a = np.int64(c) * CHUNK
        _gelu(x[a : a + CHUNK], y[a : a + CHUNK])


@exact_jit
def _gelu_backward(g, x, gx):
    for i in range(gx.size):
        gx[i] = g[i] * gelu_slope(x[i])


@parallel_jit
def _gelu_backward_parallel(g, x, gx):
    for c in prange((gx.size + CHUNK - 1) // CHUNK):
        a = np.int64(c) * CHUNK
        _gelu_backward(g[a : a + CHUNK], x[a : a + CHUNK], gx[a : a + CHUNK])
