"""The values of a convolution X ⋆ K and of its two adjoints, by windows of the padded image."""

import numpy as np

from ..language.convolution import Setting


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
