"""Losses of the two players of a generative adversarial network, from scores alone: five kinds, three parts each.

`real` and `fake` are the discriminator's, of its scores of real samples and of made ones; `generator` is the
generator's, of the scores of made ones. With ζ(s) = log(1 + exp(s)), ζ' = σ:

    kind             real              fake              generator
    minimax          ζ(-s)             ζ(s)              -ζ(s)
    non_saturating   ζ(-s)             ζ(s)              ζ(-s)
    least_squares    (s - 1)²/2        s²/2              (s - 1)²/2
    hinge            max(0, 1 - s)     max(0, 1 + s)     -s
    wasserstein      -s                s                 -s
"""

import numpy as np

from ..elementwise.vector_math import exp, log1p
from ..elementwise.vector_math import sigmoid as sigmoid_of
from .entry_losses import entry_loss, entry_loss_unchecked, weights_and_out
from .targets import as_rows
from .weighted_rows import given_or_made


@entry_loss()
def softplus_score(s, y, a, b):
    """b ζ(a s): it never overflows, and the slope b a σ(a s) is right where σ(a s) is nearly 0 or 1."""
    x = a * s
    zero = a - a
    return b * ((zero if x <= zero else x) + log1p(exp(-abs(x)))), b * a * sigmoid_of(x)


@entry_loss()
def square_score(s, y, a, b):
    """b (s - a)²."""
    r = s - a
    return b * r * r, (b + b) * r


@entry_loss()
def hinge_score(s, y, a, b):
    """max(0, b + a s), at the kink with the slope 0."""
    t = b + a * s
    zero = b - b
    return (zero if t <= zero else t), (zero if t <= zero else a)


@entry_loss()
def linear_score(s, y, a, b):
    """a s."""
    return a * s, a


_REAL, _FAKE = (softplus_score, -1.0, 1.0), (softplus_score, 1.0, 1.0)
_NEAR_ONE, _NEAR_ZERO = (square_score, 1.0, 0.5), (square_score, 0.0, 0.5)
_UP, _DOWN = (linear_score, -1.0, 0.0), (linear_score, 1.0, 0.0)
ADVERSARIAL_KINDS = {
    "minimax": {"real": _REAL, "fake": _FAKE, "generator": (softplus_score, 1.0, -1.0)},
    "non_saturating": {"real": _REAL, "fake": _FAKE, "generator": _REAL},
    "least_squares": {"real": _NEAR_ONE, "fake": _NEAR_ZERO, "generator": _NEAR_ONE},
    "hinge": {"real": (hinge_score, -1.0, 1.0), "fake": (hinge_score, 1.0, 1.0), "generator": _UP},
    "wasserstein": {"real": _UP, "fake": _DOWN, "generator": _UP},
}


def adversarial_loss(
    S: np.ndarray,
    kind: str,
    part: str,
    sample_weight: np.ndarray | None = None,
    out: np.ndarray | None = None,
    who: str = "adversarial_loss",
) -> tuple[float, np.ndarray]:
    """The mean loss of the scores S of one part of a kind (see above), and its gradient with respect to S.

        value = (1/D) Σ_b s_b (1/M) Σ_m l(S_bm)        G_bm = s_b/(D M) l'(S_bm)        D = Σ_b s_b

    Shapes: S (..., M), float32 or float64; sample_weight as S, or its first axes; the gradient as S, written to
        `out` if given.
    Errors: ShapeError, DtypeError, DataError (weights), ValueError (kind, part, out); `who` is the name in their texts.
    Reference: docs/equations.md, section 4.4; Goodfellow et al. 2014, Mao et al. 2017, Lim & Ye 2017, Arjovsky et al.
        2017.
    """
    return weighted_adversarial_loss(S, kind, part, sample_weight, out, who)[:2]


def weighted_adversarial_loss(
    S: np.ndarray,
    kind: str,
    part: str,
    sample_weight: np.ndarray | None = None,
    out: np.ndarray | None = None,
    who: str = "weighted_adversarial_loss",
) -> tuple[float, np.ndarray, float]:
    """As `adversarial_loss`, with the divisor D as a third result (D = 0: value 0.0, zero gradient)."""
    for name, given, known in (("kind", kind, ADVERSARIAL_KINDS), ("part", part, ADVERSARIAL_KINDS["hinge"])):
        if not isinstance(given, str) or given not in known:
            raise ValueError(f"{who}: expected {name} as one of {', '.join(map(repr, known))}, got {given!r}.")
    S2 = as_rows(who, S)
    s, G = weights_and_out(who, S, None, S2, sample_weight, out)
    value, G, divisor = entry_loss_unchecked(S2, None, *ADVERSARIAL_KINDS[kind][part], s, G=G, who=who)
    return value, given_or_made(out, G, S.shape), divisor
