"""Values of special functions in float64: of the logarithm of Γ and of its derivatives, by recurrence and Stirling.

ψ⁽ⁿ⁾(x) = ψ⁽ⁿ⁾(x + k) + (-1)ⁿ⁺¹ n! Σ_{j<k} 1/(x + j)ⁿ⁺¹                    (Abramowitz and Stegun 6.3.6, 6.4.6)
ψ(x) ~ log x - 1/(2x) - Σ B₂ₘ/(2m x²ᵐ), and its derivatives                  (6.3.18, 6.4.11)
"""

import math

import numpy as np

BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)
FAR = 16.0  # from here on the series of Stirling has all digits

erf = np.vectorize(math.erf, otypes=[np.float64])
erfc = np.vectorize(math.erfc, otypes=[np.float64])
lgamma = np.vectorize(math.lgamma, otypes=[np.float64])


def polygamma(n: int, x: np.ndarray) -> np.ndarray:
    """The derivative of order n + 1 of log Γ at positive numbers."""
    x = np.array(x, dtype=np.float64)
    sign, below = (-1.0) ** (n + 1), np.zeros_like(x)
    for _ in range(int(FAR)):
        near = x < FAR
        below += np.where(near, sign * math.factorial(n) / x ** (n + 1), 0.0)
        x = np.where(near, x + 1, x)
    if n == 0:
        far = np.log(x) - 0.5 / x - sum(b / (2 * m * x ** (2 * m)) for m, b in enumerate(BERNOULLI, 1))
        return far + below
    series = math.factorial(n - 1) / x**n + math.factorial(n) / (2 * x ** (n + 1))
    for m, b in enumerate(BERNOULLI, 1):
        series = series + b * math.factorial(2 * m + n - 1) / (math.factorial(2 * m) * x ** (2 * m + n))
    return sign * series + below
