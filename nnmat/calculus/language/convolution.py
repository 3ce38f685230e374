"""Convolution X ⋆ K of 2-D matrices (valid cross-correlation, with stride, padding, dilation) and its two adjoints.

    (X ⋆ K)_ij = Σ_ab X_pad[i s + a δ, j s + b δ] K_ab                                  LAW-9: bilinear in X and K
    Tr(Hᵀ(X ⋆ K)) = Tr(Fᵀ X), F = conv_input(H, K)                                      TR-6
    Tr(Hᵀ(X ⋆ K)) = Tr(Gᵀ K), G = conv_kernel(H, X)                                     TR-7

All three are one trilinear form read in three ways, so that the set is closed under differentiation.
"""

import numpy as np

from ..dimensions import Dim, Shape
from ..errors import ShapeError
from .expr import Expr, described, lift, node, zeros
from .operators import adjoint

Setting = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]  # stride, padding, dilation


def _pair(name: str, value, least: int) -> tuple[int, int]:
    pair = (value, value) if isinstance(value, int) and not isinstance(value, bool) else value
    good = isinstance(pair, tuple) and len(pair) == 2 and all(type(v) is int and v >= least for v in pair)
    if not good:
        raise ShapeError(f"conv: expected {name} as an integer >= {least} or a pair of them, got {value!r}.")
    return pair


def _windows(length: Dim, kernel: Dim, stride: int, padding: int, dilation: int) -> Dim:
    return (length + 2 * padding - (kernel - 1) * dilation - 1).floor_divided(stride) + 1


def conv(X: Expr, K: Expr, stride=1, padding=0, dilation=1) -> Expr:
    """X ⋆ K of matrices X (H, W) and K (kh, kw). Raises ShapeError where the kernel is larger than the image."""
    X, K = lift(X, "conv"), lift(K, "conv")
    setting = (_pair("stride", stride, 1), _pair("padding", padding, 0), _pair("dilation", dilation, 1))
    shape = tuple(_windows(X.shape[i], K.shape[i], *(pair[i] for pair in setting)) for i in (0, 1))
    if any(d.constant is not None and d.constant < 1 for d in shape):
        raise ShapeError(
            f"conv: expected a kernel no larger than the padded image, got {described(X)} and {described(K)}."
        )
    return node("conv", (X, K), setting, (shape[0], shape[1]))


def conv_input(H: Expr, K: Expr, shape: Shape, setting: Setting) -> Expr:
    """F(H, K), of the shape of X."""
    H = adjoint("conv_input", H, conv(zeros(*shape), K, *setting))
    return node("conv_input", (H, K), (setting, shape), shape)


def conv_kernel(H: Expr, X: Expr, shape: Shape, setting: Setting) -> Expr:
    """G(H, X), of the shape of K."""
    H = adjoint("conv_kernel", H, conv(X, zeros(*shape), *setting))
    return node("conv_kernel", (H, X), (setting, shape), shape)


def _patches(X: np.ndarray, kernel: tuple[int, int], setting: Setting) -> np.ndarray:
    """All windows: (Ho, Wo, kh, kw), a view of the padded image."""
    (s, t), (p, q), (d, e) = setting
    padded = np.pad(X, ((p, p), (q, q)))
    span = ((kernel[0] - 1) * d + 1, (kernel[1] - 1) * e + 1)
    windows = np.lib.stride_tricks.sliding_window_view(padded, span)
    return windows[::s, ::t, ::d, ::e]


def forward(X: np.ndarray, K: np.ndarray, setting: Setting) -> np.ndarray:
    """The value of X ⋆ K."""
    return np.einsum("ijab,ab->ij", _patches(X, K.shape, setting), K)


def kernel_adjoint(H: np.ndarray, X: np.ndarray, kernel: tuple[int, int], setting: Setting) -> np.ndarray:
    """The value of G(H, X)."""
    return np.einsum("ijab,ij->ab", _patches(X, kernel, setting), H)


def input_adjoint(H: np.ndarray, K: np.ndarray, image: tuple[int, int], setting: Setting) -> np.ndarray:
    """The value of F(H, K): every window added back where it came from."""
    (s, t), (p, q), (d, e) = setting
    padded = np.zeros((image[0] + 2 * p, image[1] + 2 * q))
    rows, columns = H.shape
    for a in range(K.shape[0]):
        for b in range(K.shape[1]):
            padded[a * d : a * d + rows * s : s, b * e : b * e + columns * t : t] += K[a, b] * H
    return padded[p : p + image[0], q : q + image[1]]
