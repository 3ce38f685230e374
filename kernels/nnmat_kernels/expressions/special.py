"""Functions of single numbers that nothing but expressions needs: the logarithm of Γ and its derivative.

ψ(x) = ψ(x + 1) - 1/x        ψ(x) ~ log x - 1/(2x) - Σ B₂ₘ/(2m x²ᵐ)           (Abramowitz and Stegun 6.3.5, 6.3.18)
"""

import math

from ..runtime.config import exact_jit

_STIRLING_FROM = 10.0  # the first term that is left out is 4e-17 there


@exact_jit
def log_gamma(x):
    """log Γ(x) of a float64, inf at 0, NaN below."""
    if x > 0.0:
        return math.lgamma(x)
    return math.inf if x == 0.0 else math.nan


@exact_jit
def digamma(x):
    """Γ'(x)/Γ(x) of a float64, to about 1e-15; NaN where x is not positive."""
    if not x > 0.0:
        return math.nan
    below = 0.0
    while x < _STIRLING_FROM:
        below -= 1.0 / x
        x += 1.0
    s = 1.0 / (x * x)
    near = 1 / 240 - s * (1 / 132 - s * (691 / 32760 - s / 12))
    series = s * (1 / 12 - s * (1 / 120 - s * (1 / 252 - s * near)))
    return math.log(x) - 0.5 / x - series + below
