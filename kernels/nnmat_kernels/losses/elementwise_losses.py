"""Losses of each entry for itself: binary cross-entropy from logits, and distances. Value and gradient fused.

All take `reduction`, and weights of rows or of entries: the equations at the head of `entry_losses.py`.
"""

import numbers

import numpy as np

from ..elementwise.vector_math import exp, log1p
from ..runtime.arrays import as_array
from .entry_losses import entry_loss, reduced_entry_loss
from .targets import as_class_weights


@entry_loss(low=0.0, high=1.0)
def binary_entry(h, y, a, b):
    """a y ζ(-h) + (1 - y) ζ(h), of the logit itself: it never overflows, and no difference cancels."""
    zero, one = b - b, b
    e = exp(-abs(h))
    softplus = log1p(e)  # ζ(-|h|)
    large = one / (one + e)  # σ(|h|)
    small = e * large  # σ(-|h|)
    positive = a * y
    negative = one - y
    # ζ(h) = ζ(-|h|) + max(h, 0). Without the tests a target that has no part in h = ±inf would give 0 · inf.
    over = h if h > zero and negative != zero else zero
    under = -h if h < zero and positive != zero else zero
    loss = (positive + negative) * softplus + (negative * over + positive * under)
    rising = large if h > zero else small
    falling = small if h > zero else large
    return loss, negative * rising - positive * falling


@entry_loss(wide=True)
def squared_entry(h, y, a, b):
    """(h - y)²."""
    r = h - y
    return np.float64(r) * np.float64(r), r + r


def sigmoid_binary_cross_entropy(
    H: np.ndarray,
    y: np.ndarray,
    positive_weight: float | np.ndarray = 1.0,
    sample_weight: np.ndarray | None = None,
    out: np.ndarray | None = None,
    reduction: str = "mean",
    who: str = "sigmoid_binary_cross_entropy",
) -> tuple:
    """Binary cross-entropy of logits H (..., M), and its gradient with respect to H.

        l(h, y) = w y ζ(-h) + (1 - y) ζ(h)         ζ(h) = log(1 + exp(h)), w = positive_weight
        ∂l/∂h   = (1 - y) σ(h) - w y σ(-h)

    Shapes: H (..., M), float32 or float64; y as H (or without the last axis if M = 1), from 0 to 1, floats, integers or
        booleans; positive_weight a number, or (M,); sample_weight as H, or its first axes; the gradient as H, written
        to `out` if given; for the reduction "none" values as H.
    Errors: ShapeError, DtypeError, LabelError, DataError (weights), ValueError (options); `who` is the name in their
        texts.
    Reference: docs/equations.md, section 4.2.
    """
    return weighted_sigmoid_binary_cross_entropy(H, y, positive_weight, sample_weight, out, reduction, who)[:2]


def weighted_sigmoid_binary_cross_entropy(
    H: np.ndarray,
    y: np.ndarray,
    positive_weight: float | np.ndarray = 1.0,
    sample_weight: np.ndarray | None = None,
    out: np.ndarray | None = None,
    reduction: str = "mean",
    who: str = "weighted_sigmoid_binary_cross_entropy",
) -> tuple:
    """As `sigmoid_binary_cross_entropy`, with the divisor D as a third result (D = 0: value 0.0, zero gradient)."""
    largest = float(np.finfo(as_array(who, "H", H).dtype).max)
    if isinstance(positive_weight, np.ndarray):
        positive_weight = as_class_weights(who, positive_weight, H.shape[-1], "positive_weight")
    for w in positive_weight if isinstance(positive_weight, np.ndarray) else [positive_weight]:
        if not isinstance(w, numbers.Real) or not 0.0 <= w <= largest:  # type: ignore[operator]
            raise ValueError(
                f"{who}: expected positive_weight finite in {H.dtype} and not negative, got {w!r}. The default is 1."
            )
    options = positive_weight, 1.0, sample_weight, reduction, out
    return reduced_entry_loss(who, binary_entry, H, y, *options)


def mean_squared_error(
    H: np.ndarray,
    y: np.ndarray,
    sample_weight: np.ndarray | None = None,
    out: np.ndarray | None = None,
    reduction: str = "mean",
    who: str = "mean_squared_error",
) -> tuple:
    """Mean over all entries of (h - y)², and its gradient with respect to H.

        l(h, y) = (h - y)²        ∂l/∂h = 2 (h - y)

    Shapes: H (..., M), float32 or float64; y as H (or without the last axis if M = 1), finite; sample_weight as H, or
        its first axes; the gradient as H, written to `out` if given; for the reduction "none" values as H.
    Errors: ShapeError, DtypeError, LabelError, DataError (weights), ValueError (reduction); `who` is the name in their
        texts.
    Reference: docs/equations.md, section 4.3.
    """
    return weighted_mean_squared_error(H, y, sample_weight, out, reduction, who)[:2]


def weighted_mean_squared_error(
    H: np.ndarray,
    y: np.ndarray,
    sample_weight: np.ndarray | None = None,
    out: np.ndarray | None = None,
    reduction: str = "mean",
    who: str = "weighted_mean_squared_error",
) -> tuple:
    """As `mean_squared_error`, with the divisor D as a third result (D = 0: value 0.0, zero gradient)."""
    return reduced_entry_loss(who, squared_entry, H, y, 0.0, 0.0, sample_weight, reduction, out)
