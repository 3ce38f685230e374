"""Convolution and its two gradients in float64, tap by tap: Y = Σ_ab (X shifted by tap (a, b)) K[:, a, b, :]ᵀ.

Written with shifts of the padded image, not with a patch matrix, so that it shares no idea with the kernels.
"""

import numpy as np

from ..common import into, pair, windows
from ..elementwise import activations


def _taps(shape, kernel_shape, stride, padding, dilation, groups):
    """Output size, padding, and for every tap and group: (a, b, output channels, slices of the padded image)."""
    _, H, W, _ = shape
    Co, kh, kw, width = kernel_shape
    (sh, sw), (ph, pw), (dh, dw) = (pair(v) for v in (stride, padding, dilation))
    Ho, Wo = windows((H, W), (kh, kw), (sh, sw), (ph, pw), (dh, dw))
    taps = []
    for a, b, g in np.ndindex(kh, kw, groups):
        rows = slice(a * dh, a * dh + (Ho - 1) * sh + 1, sh)
        columns = slice(b * dw, b * dw + (Wo - 1) * sw + 1, sw)
        outputs = slice(g * (Co // groups), (g + 1) * (Co // groups))
        taps.append((a, b, outputs, (slice(None), rows, columns, slice(g * width, (g + 1) * width))))
    return (Ho, Wo), (ph, pw), taps


def _pad(X, ph, pw):
    return np.pad(np.asarray(X, np.float64), ((0, 0), (ph, ph), (pw, pw), (0, 0)))


def conv2d(X, K, bias=None, stride=1, padding=0, dilation=1, groups=1, out=None, activation=None):
    """Y[n, i, j, o] = f(bias[o] + Σ_abc Xpad[n, i sh + a dh, j sw + b dw, c] K[o, a, b, c]), f the activation."""
    (Ho, Wo), pads, taps = _taps(X.shape, K.shape, stride, padding, dilation, groups)
    P = _pad(X, *pads)
    Y = np.zeros((X.shape[0], Ho, Wo, K.shape[0]))
    for a, b, outputs, place in taps:
        Y[..., outputs] += P[place] @ np.asarray(K[outputs, a, b, :], np.float64).T
    if bias is not None:
        Y += np.asarray(bias, np.float64)
    if activation is not None:
        Y = getattr(activations, activation)(Y)
    return into(Y, out)


def conv2d_input_gradient(G, K, input_shape, stride=1, padding=0, dilation=1, groups=1, out=None, bias=None):
    """Each tap sends G K[:, a, b, :] back to the places that it read; what falls into the padding is dropped."""
    _, (ph, pw), taps = _taps(input_shape, K.shape, stride, padding, dilation, groups)
    B, H, W, Ci = input_shape
    P = np.zeros((B, H + 2 * ph, W + 2 * pw, Ci))
    for a, b, outputs, place in taps:
        P[place] += np.asarray(G[..., outputs], np.float64) @ np.asarray(K[outputs, a, b, :], np.float64)
    gX = P[:, ph : ph + H, pw : pw + W, :].copy()
    return into(gX if bias is None else gX + np.asarray(bias, np.float64), out)


def conv2d_weight_gradient(
    X, G, kernel_shape, stride=1, padding=0, dilation=1, groups=1, out=None, accumulate=False, bias_gradient=None
):
    """gK[o, a, b, c] (+)= Σ_nij G[n, i, j, o] Xpad[n, i sh + a dh, j sw + b dw, c]; gbias (+)= the sums of G."""
    _, pads, taps = _taps(X.shape, kernel_shape, stride, padding, dilation, groups)
    P = _pad(X, *pads)
    gK = np.zeros(kernel_shape)
    for a, b, outputs, place in taps:
        gK[outputs, a, b, :] = np.einsum("nijo,nijc->oc", np.asarray(G[..., outputs], np.float64), P[place])
    if accumulate:
        gK += out
    if bias_gradient is not None:
        sums = np.asarray(G, np.float64).sum(axis=(0, 1, 2))
        bias_gradient[...] = sums + bias_gradient if accumulate else sums
    return into(gK, out)
