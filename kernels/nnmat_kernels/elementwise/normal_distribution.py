"""The normal distribution function Φ for kernel bodies: Φ, GELU, x Φ(x), its derivative, and erf, of numbers.

    Φ(x)     = Φ(-|x|) for x < 0, else 1 - Φ(-|x|)
    gelu(x)  = max(x, 0) - |x| Φ(-|x|)                        Φ(-a) = e^(-a²/2) R(a)
    gelu'(x) = Φ(x) + x φ(x) = (1 or 0) ± e^(-a²/2) (R(a) - a/√(2π))        a = |x|, + for x < 0
    erf(x)   = ±(1 - 2 Φ(-√2 |x|)), but below √2 |x| = 1 by the series Φ(x) = 1/2 + x Q(x²)

so that no large terms cancel, and the tail of negative x keeps its digits. R falls slowly from 1/2 as 1/(a √(2π)): the
product (a + c) R(a) is a polynomial in u = (a - c)/(a + c), right to 2e-8 in float32 and 4e-18 in float64.

The rounding of -a²/2 alone would cost 100 ulp in the tail. What it loses joins the reduced argument of the exponential:
a fused multiply-add tells it, and where there is none, h with half the digits of a makes the first term exact in

    -a²/2 = -h²/2 - (a - h)(a + h)/2

GELU by the series below 1, too, would be right to 4 ulp there and not 8, but takes half as long again, since vectors
compute both forms (1.5 and not 1.0 ns per element in float32 on one core); in the tail nothing would change.
"""

import numpy as np
from numba import types
from numba.extending import overload

from ..runtime.config import EXACT, exact_jit, settings
from ..runtime.target import FUSED
from .vector_math import EXP_SCALE4, EXP_SCALE8, MINUS_HALF4, ONE4, TWO4, ZERO4, fma, scaled_exp

_ROUNDS_ONCE = FUSED and not settings.DISABLE_JIT  # `fma`
_f4, _i4, _f8, _i8 = np.float32, np.int32, np.float64, np.int64

# (a + CENTRE) R(a) in powers of (a - CENTRE)/(a + CENTRE), times EXP_SCALE, since `scaled_exp` gives 1/EXP_SCALE of the
# exponential and their product alone may be denormal; from LAST on e^(-a²/2) is 0
_CENTRE4, _LAST4, _UPPER4 = _f4(3.75), _f4(15), _i4(-(2**12))
_PEAK4 = EXP_SCALE4 * _f4(-0.3989422804014327)
_R0, _R1, _R2, _R3, _R4, _R5, _R6, _R7, _R8 = (
    EXP_SCALE4 * _f4(c)
    for c in (
        0.7502940893173218, -0.5881882905960083, 0.35293957591056824, -0.15152083337306976, 0.037492506206035614,
        0.0012000735150650144, -0.004169018007814884, 0.0005096289096400142, 0.0004434498550835997,
    )
)  # fmt: skip

_CENTRE8, _LAST8, _UPPER8, _PEAK8 = 4.0, 40.0, _i8(-(2**27)), EXP_SCALE8 * -0.3989422804014327
(
    _Q0, _Q1, _Q2, _Q3, _Q4, _Q5, _Q6, _Q7, _Q8, _Q9, _Q10, _Q11,
    _Q12, _Q13, _Q14, _Q15, _Q16, _Q17, _Q18, _Q19, _Q20, _Q21, _Q22, _Q23,
) = (
    EXP_SCALE8 * c
    for c in (
        0.7552851304157515, -0.6078966419718921, 0.38713740074221453, -0.18652185795965745,
        0.06039657489093769, -0.007540188966719381, -0.003479692367412914, 0.0016308184574697466,
        0.0001333443125592139, -0.00023109493413064064, -1.9082589727909575e-06, 3.514468067075562e-05,
        7.166661392310459e-07, -5.920156161474508e-06, -6.296896838092998e-07, 1.0215205012909071e-06,
        2.717809948345e-07, -1.549271323887327e-07, -8.536991353342608e-08, 1.32610923300199e-08,
        1.9587727444446167e-08, 1.917695265350152e-09, -2.511372928694166e-09, -7.227674920350449e-10,
    )
)  # fmt: skip

# Q in powers of x²
_ROOT2_4 = _f4(1.4142135623730951)
_E0, _E1, _E2 = _f4(0.398942280130840617), _f4(-0.0664903605671869005), _f4(0.00997332848125617061)
_E3, _E4, _E5 = _f4(-0.00118634398880198874), _f4(0.000113502296192861412), _f4(-7.66053817138208989e-6)
_ROOT2_8 = 1.4142135623730951
_F0, _F1, _F2, _F3 = 0.398942280401432678, -0.0664903800669054265, 0.009973557010035022, -0.00118732821546803438
_F4, _F5, _F6 = 0.000115434687516559416, -9.44465579310384581e-6, 6.65967987965523131e-7
_F7, _F8, _F9, _F10 = -4.12241075141608136e-8, 2.27041375856760001e-9, -1.1064328282755891e-10, 4.07432697742662748e-12


@exact_jit
def _half_square_float32(a):
    """e^(-a²/2) / EXP_SCALE."""
    half = MINUS_HALF4 * a
    if _ROUNDS_ONCE:
        x = half * a
        return scaled_exp(x, fma(half, a, -x))
    h = _i4(_f4(a).view(np.int32) & _UPPER4).view(np.float32)
    return scaled_exp(MINUS_HALF4 * h * h, MINUS_HALF4 * ((a - h) * (a + h)))


@exact_jit
def _half_square_float64(a):
    half = -0.5 * a
    if _ROUNDS_ONCE:
        x = half * a
        return scaled_exp(x, fma(half, a, -x))
    h = _i8(_f8(a).view(np.int64) & _UPPER8).view(np.float64)
    return scaled_exp(-0.5 * h * h, -0.5 * ((a - h) * (a + h)))


@exact_jit
def _parts_float32(x):
    """a = |x|, e^(-a²/2) / EXP_SCALE and EXP_SCALE R(a)."""
    a = abs(x)
    a = _LAST4 if a > _LAST4 else a  # this way round NaN stays
    e = _half_square_float32(a)
    over = ONE4 / (a + _CENTRE4)
    u = (a - _CENTRE4) * over
    s = u * u
    f = s * s
    p = fma(fma(_R7, u, _R6), s, fma(_R5, u, _R4))
    q = fma(fma(_R3, u, _R2), s, fma(_R1, u, _R0))
    p = fma(fma(_R8, f, p), f, q)
    return a, e, p * over


@exact_jit
def _parts_float64(x):
    a = abs(x)
    a = _LAST8 if a > _LAST8 else a
    e = _half_square_float64(a)
    over = 1.0 / (a + _CENTRE8)
    u = (a - _CENTRE8) * over
    s = u * u
    f = s * s
    p = fma(fma(_Q23, u, _Q22), s, fma(_Q21, u, _Q20))
    p = fma(p, f, fma(fma(_Q19, u, _Q18), s, fma(_Q17, u, _Q16)))
    p = fma(p, f, fma(fma(_Q15, u, _Q14), s, fma(_Q13, u, _Q12)))
    p = fma(p, f, fma(fma(_Q11, u, _Q10), s, fma(_Q9, u, _Q8)))
    p = fma(p, f, fma(fma(_Q7, u, _Q6), s, fma(_Q5, u, _Q4)))
    p = fma(p, f, fma(fma(_Q3, u, _Q2), s, fma(_Q1, u, _Q0)))
    return a, e, p * over


@exact_jit
def _middle_float32(x):
    """Q(x²)."""
    z = x * x
    return fma(fma(fma(_E5, z, _E4), z, _E3), z * z * z, fma(fma(_E2, z, _E1), z, _E0))


@exact_jit
def _middle_float64(x):
    z = x * x
    s = z * z
    q = fma(fma(_F10, s, fma(_F9, z, _F8)), s, fma(_F7, z, _F6))
    return fma(fma(fma(q, s, fma(_F5, z, _F4)), s, fma(_F3, z, _F2)), s, fma(_F1, z, _F0))


def gelu_of(x):
    """x Φ(x) of one float32 or float64."""
    return _gelu_float32(x) if isinstance(x, np.float32) else _gelu_float64(np.float64(x))


def _gelu_float32(x):
    a, e, r = _parts_float32(x)
    return fma(-(a * e), r, ZERO4 if x < ZERO4 else x)


def _gelu_float64(x):
    a, e, r = _parts_float64(x)
    return fma(-(a * e), r, 0.0 if x < 0.0 else x)


@overload(gelu_of, jit_options=EXACT)
def _gelu_of(x):
    return {types.float32: _gelu_float32, types.float64: _gelu_float64}.get(x)


def gelu_slope(x):
    """Φ(x) + x φ(x) of one float32 or float64."""
    return _slope_float32(x) if isinstance(x, np.float32) else _slope_float64(np.float64(x))


def _slope_float32(x):
    a, e, r = _parts_float32(x)
    y = e * fma(_PEAK4, a, r)
    return y if x < ZERO4 else ONE4 - y


def _slope_float64(x):
    a, e, r = _parts_float64(x)
    y = e * fma(_PEAK8, a, r)
    return y if x < 0.0 else 1.0 - y


@overload(gelu_slope, jit_options=EXACT)
def _gelu_slope(x):
    return {types.float32: _slope_float32, types.float64: _slope_float64}.get(x)


def distribution_of(x):
    """Φ(x) of one float32 or float64."""
    return _distribution_float32(x) if isinstance(x, np.float32) else _distribution_float64(np.float64(x))


def _distribution_float32(x):
    _, e, r = _parts_float32(x)
    y = e * r
    return y if x < ZERO4 else ONE4 - y


def _distribution_float64(x):
    _, e, r = _parts_float64(x)
    y = e * r
    return y if x < 0.0 else 1.0 - y


@overload(distribution_of, jit_options=EXACT)
def _distribution_of(x):
    return {types.float32: _distribution_float32, types.float64: _distribution_float64}.get(x)


def erf(x):
    """The error function of one float32 or float64: at most 4 ulp from the true value (measured: 2.6)."""
    return np.float32(_erf_float32(x)) if isinstance(x, np.float32) else np.float64(_erf_float64(np.float64(x)))


def _erf_float32(x):
    t = _ROOT2_4 * x
    a, e, r = _parts_float32(t)
    far = ONE4 - TWO4 * (e * r)
    return TWO4 * (t * _middle_float32(t)) if a < ONE4 else (-far if x < ZERO4 else far)


def _erf_float64(x):
    t = _ROOT2_8 * x
    a, e, r = _parts_float64(t)
    far = 1.0 - 2.0 * (e * r)
    return 2.0 * (t * _middle_float64(t)) if a < 1.0 else (-far if x < 0.0 else far)


@overload(erf, jit_options=EXACT)
def _erf(x):
    return {types.float32: _erf_float32, types.float64: _erf_float64}.get(x)
