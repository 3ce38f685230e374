"""Losses of distributions, each entry for itself: the Kullback-Leibler divergence, and Poisson's likelihood.

All take `reduction`, and weights of rows or of entries: the equations at the head of `entry_losses.py`.
"""

import numbers

import numpy as np

from ..elementwise.vector_math import exp, log
from ..runtime.config import inlined_jit
from .entry_losses import entry_loss, reduced_entry_loss

HALF_LOG_TWO_PI = 0.9189385332046727


@entry_loss(low=0.0)
def divergence_entry(h, y, a, b):
    """y (log y - h), with a = 0: a target of 0 has no part in any h, which may be -inf."""
    nothing = a if h < np.inf else h  # NaN, and the logarithm of no probability, stay
    return y * (log(y) - h) if y > a else nothing, a - y


@entry_loss(low=-np.inf)
def log_divergence_entry(h, y, a, b):
    """The same for targets that are logarithms; -inf is that of 0."""
    p = exp(y)
    nothing = a if h < np.inf else h
    return p * (y - h) if p > a else nothing, a - p


@inlined_jit
def _stirling(y):
    """log y! for y > 1, nearly."""
    t = np.float64(y)
    return (t + 0.5) * log(t) - t + HALF_LOG_TWO_PI if t > 1.0 else 0.0


@inlined_jit
def _of_log_rate(h, y, b):
    rate, zero = exp(h), b - b
    return rate - (y * h if y != zero else zero), rate - y


@inlined_jit
def _of_rate(h, y, a, b):
    return h - y * log(h + a), b - y / (h + a)


@entry_loss(low=0.0)
def log_rate_entry(h, y, a, b):
    """exp(h) - y h, with b = 1."""
    return _of_log_rate(h, y, b)


@entry_loss(low=0.0)
def full_log_rate_entry(h, y, a, b):
    """The same with log y!."""
    loss, slope = _of_log_rate(h, y, b)
    return np.float64(loss) + _stirling(y), slope


@entry_loss(low=0.0)
def rate_entry(h, y, a, b):
    """h - y log(h + a), with b = 1."""
    return _of_rate(h, y, a, b)


@entry_loss(low=0.0)
def full_rate_entry(h, y, a, b):
    """The same with log y!."""
    loss, slope = _of_rate(h, y, a, b)
    return np.float64(loss) + _stirling(y), slope


def kl_divergence(
    H: np.ndarray,
    y: np.ndarray,
    log_target: bool = False,
    sample_weight: np.ndarray | None = None,
    out: np.ndarray | None = None,
    reduction: str = "mean",
    who: str = "kl_divergence",
) -> tuple:
    """Mean over rows of the Kullback-Leibler divergence of exp(H) from y, and its gradient with respect to H.

        value = (1/D) Σ_b s_b Σ_m y_bm (log y_bm - h_bm)        G_bm = -s_b y_bm/D        0 log 0 = 0

    The mean is one over rows, PyTorch's "batchmean". `log_target`: y are logarithms, too, and exp(y) stands above.

    Shapes: H (..., M), float32 or float64; y as H (or without the last axis if M = 1), from 0 (or
        logarithms, -inf among them); sample_weight as H, or its first axes; the gradient as H, written to `out` if
        given; for the reduction "none" values as H.
    Errors: ShapeError, DtypeError, LabelError, DataError (weights), ValueError (options); `who` is the name in their
        texts.
    Reference: docs/equations.md, section 4.6.
    """
    return weighted_kl_divergence(H, y, log_target, sample_weight, out, reduction, who)[:2]


def weighted_kl_divergence(
    H: np.ndarray,
    y: np.ndarray,
    log_target: bool = False,
    sample_weight: np.ndarray | None = None,
    out: np.ndarray | None = None,
    reduction: str = "mean",
    who: str = "weighted_kl_divergence",
) -> tuple:
    """As `kl_divergence`, with the divisor D as a third result (D = 0: value 0.0, zero gradient)."""
    loss = log_divergence_entry if log_target else divergence_entry
    return reduced_entry_loss(who, loss, H, y, 0.0, 0.0, sample_weight, reduction, out, columns=1)


def poisson_negative_log_likelihood(
    H: np.ndarray,
    y: np.ndarray,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    sample_weight: np.ndarray | None = None,
    out: np.ndarray | None = None,
    reduction: str = "mean",
    who: str = "poisson_negative_log_likelihood",
) -> tuple:
    """Mean over all entries of Poisson's negative log-likelihood of the counts y, and its gradient with respect to H.

        l(h, y) = exp(h) - y h           ∂l/∂h = exp(h) - y              H are logarithms of rates
        l(h, y) = h - y log(h + eps)     ∂l/∂h = 1 - y/(h + eps)         H are rates (`log_input=False`)

    `full`: with Stirling's y log y - y + ½ log(2πy) for y > 1, nearly log y!, which does not depend on H.

    Shapes: H (..., M), float32 or float64; y as H (or without the last axis if M = 1), from 0;
        sample_weight as H, or its first axes; the gradient as H, written to `out` if given; for the reduction "none"
        values as H.
    Errors: ShapeError, DtypeError, LabelError, DataError (weights), ValueError (options); `who` is the name in their
        texts.
    Reference: docs/equations.md, section 4.7.
    """
    return weighted_poisson_negative_log_likelihood(H, y, log_input, full, eps, sample_weight, out, reduction, who)[:2]


def weighted_poisson_negative_log_likelihood(
    H: np.ndarray,
    y: np.ndarray,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    sample_weight: np.ndarray | None = None,
    out: np.ndarray | None = None,
    reduction: str = "mean",
    who: str = "weighted_poisson_negative_log_likelihood",
) -> tuple:
    """As `poisson_negative_log_likelihood`, with the divisor D as a third result (D = 0: value 0.0, zero gradient)."""
    if not isinstance(eps, numbers.Real) or not 0.0 <= eps < np.inf:  # type: ignore[operator]
        raise ValueError(f"{who}: expected eps finite and not negative, got {eps!r}. The default is 1e-8.")
    if log_input:
        loss = full_log_rate_entry if full else log_rate_entry
    else:
        loss = full_rate_entry if full else rate_entry
    return reduced_entry_loss(who, loss, H, y, float(eps), 1.0, sample_weight, reduction, out)
