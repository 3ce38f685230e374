"""Convolution X ⋆ K of 2-D matrices (valid cross-correlation, with stride, padding, dilation) and its two adjoints.

    (X ⋆ K)_ij = Σ_ab X_pad[i s + a δ, j s + b δ] K_ab                                  LAW-9: bilinear in X and K
    Tr(Hᵀ(X ⋆ K)) = Tr(Fᵀ X), F = conv_input(H, K)                                      TR-6
    Tr(Hᵀ(X ⋆ K)) = Tr(Gᵀ K), G = conv_kernel(H, X)                                     TR-7

All three are one trilinear form read in three ways, so that the set is closed under differentiation.
"""

from typing import Any

from ..dimensions import Shape
from ..errors import ShapeError
from ..notation.names import USUAL
from .expr import Expr, described, lift, node, zeros
from .operators import adjoint
from .signatures import SIGNATURES

Pair = tuple[int, int]
Setting = tuple[Pair, Pair, Pair]  # stride, padding, dilation


def _pair(name: str, value: Any, least: int) -> Pair:
    pair = (value, value) if isinstance(value, int) and not isinstance(value, bool) else value
    good = isinstance(pair, tuple) and len(pair) == 2 and all(type(v) is int and v >= least for v in pair)
    if not good:
        raise ShapeError(f"conv: expected {name} as an integer >= {least} or a pair of them, got {value!r}.")
    return pair


def setting_of(**options: Any) -> Setting:
    """Stride, padding and dilation as pairs, the usual where one is not given. Raises ShapeError for what is none."""
    stride, padding, dilation = (_pair(word, options.get(word, usual), usual) for word, usual in USUAL.items())
    return stride, padding, dilation


def conv(X: Expr, K: Expr, stride=USUAL["stride"], padding=USUAL["padding"], dilation=USUAL["dilation"]) -> Expr:
    """X ⋆ K of matrices X (H, W) and K (kh, kw). Raises ShapeError where the kernel is larger than the image."""
    X, K = lift(X, "conv"), lift(K, "conv")
    setting = setting_of(stride=stride, padding=padding, dilation=dilation)
    shape = SIGNATURES["conv"].shape(X.shape, K.shape, setting)
    if any(d.constant is not None and d.constant < 1 for d in shape):
        raise ShapeError(
            f"conv: expected a kernel no larger than the padded image, got {described(X)} and {described(K)}."
        )
    return node("conv", (X, K), setting, shape)


def conv_input(H: Expr, K: Expr, shape: Shape, setting: Setting) -> Expr:
    """F(H, K), of the shape of X."""
    H = adjoint("conv_input", H, conv(zeros(*shape), K, *setting))
    return node("conv_input", (H, K), (setting, shape), shape)


def conv_kernel(H: Expr, X: Expr, shape: Shape, setting: Setting) -> Expr:
    """G(H, X), of the shape of K."""
    H = adjoint("conv_kernel", H, conv(X, zeros(*shape), *setting))
    return node("conv_kernel", (H, X), (setting, shape), shape)
