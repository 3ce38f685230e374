"""Losses of the distance of each output from its target that grow like it, and not like its square.

All take `reduction`, and weights of rows or of entries: the equations at the head of `entry_losses.py`.
"""

import numbers

import numpy as np

from ..runtime.arrays import as_array
from .entry_losses import entry_loss, reduced_entry_loss


@entry_loss()
def absolute_entry(h, y, a, b):
    """|h - y|, with a = 1 and b = 0: at the kink the slope 0."""
    r = h - y
    return abs(r), a if r > b else -a if r < b else r


@entry_loss()
def huber_entry(h, y, a, b):
    """b r² for |r| <= a, else b a (2 |r| - a): a parabola between two lines, of one slope where they meet."""
    r = h - y
    u, line = abs(r), (b + b) * a
    loss = b * r * r if u <= a else b * a * (u + u - a)
    return loss, (b + b) * r if u <= a else line if r > a else -line if r < a else r


def l1_loss(
    H: np.ndarray,
    y: np.ndarray,
    sample_weight: np.ndarray | None = None,
    out: np.ndarray | None = None,
    reduction: str = "mean",
    who: str = "l1_loss",
) -> tuple:
    """Mean over all entries of |h - y|, and its gradient with respect to H.

        l(h, y) = |h - y|        ∂l/∂h = sign(h - y), 0 at 0

    Shapes: H (..., M), float32 or float64; y as H (or without the last axis if M = 1), finite; sample_weight as H, or
        its first axes; the gradient as H, written to `out` if given; for the reduction "none" values as H.
    Errors: ShapeError, DtypeError, LabelError, DataError (weights), ValueError (options); `who` is the name in their
        texts.
    Reference: docs/equations.md, section 4.5.
    """
    return weighted_l1_loss(H, y, sample_weight, out, reduction, who)[:2]


def weighted_l1_loss(
    H: np.ndarray,
    y: np.ndarray,
    sample_weight: np.ndarray | None = None,
    out: np.ndarray | None = None,
    reduction: str = "mean",
    who: str = "weighted_l1_loss",
) -> tuple:
    """As `l1_loss`, with the divisor D as a third result (D = 0: value 0.0, zero gradient)."""
    return reduced_entry_loss(who, absolute_entry, H, y, 1.0, 0.0, sample_weight, reduction, out)


def huber_loss(
    H: np.ndarray,
    y: np.ndarray,
    delta: float = 1.0,
    scale: float = 1.0,
    sample_weight: np.ndarray | None = None,
    out: np.ndarray | None = None,
    reduction: str = "mean",
    who: str = "huber_loss",
) -> tuple:
    """Mean over all entries of Huber's function of h - y, and its gradient with respect to H.

        l(h, y) = scale r²/2 for |r| <= delta, else scale delta (|r| - delta/2)        r = h - y
        ∂l/∂h   = scale max(-delta, min(delta, r))

    Its scale is 1; with scale = 1/delta it is the smooth L1 loss.

    Shapes: H (..., M), float32 or float64; y as H (or without the last axis if M = 1), finite; sample_weight as H, or
        its first axes; the gradient as H, written to `out` if given; for the reduction "none" values as H.
    Errors: ShapeError, DtypeError, LabelError, DataError (weights), ValueError (options); `who` is the name in their
        texts.
    Reference: docs/equations.md, section 4.5; Huber 1964.
    """
    return weighted_huber_loss(H, y, delta, scale, sample_weight, out, reduction, who)[:2]


def weighted_huber_loss(
    H: np.ndarray,
    y: np.ndarray,
    delta: float = 1.0,
    scale: float = 1.0,
    sample_weight: np.ndarray | None = None,
    out: np.ndarray | None = None,
    reduction: str = "mean",
    who: str = "weighted_huber_loss",
) -> tuple:
    """As `huber_loss`, with the divisor D as a third result (D = 0: value 0.0, zero gradient)."""
    largest = float(np.finfo(as_array(who, "H", H).dtype).max)
    for name, value in (("delta", delta), ("scale", scale)):
        if not isinstance(value, numbers.Real) or not 0.0 < value <= largest:  # type: ignore[operator]
            raise ValueError(
                f"{who}: expected {name} finite in {H.dtype} and above 0, got {value!r}. The default is 1."
            )
    return reduced_entry_loss(who, huber_entry, H, y, float(delta), 0.5 * scale, sample_weight, reduction, out)
