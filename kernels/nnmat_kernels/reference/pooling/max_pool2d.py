"""Pooling the obvious way, window by window, in float64."""

import numpy as np

from ..common import into, pair, windows


def max_pool2d(X, kernel_size, stride=None, padding=0, out=None, indices=None):
    """The maximum of every window inside the image, and the place of its first maximum (or first NaN)."""
    X = np.asarray(X, np.float64)
    B, H, W, C = X.shape
    windowed, (Ho, Wo), _ = _slices((H, W), kernel_size, stride, padding)
    Y = np.empty((B, Ho, Wo, C))
    places = np.empty((B, Ho, Wo, C), np.int32)
    number = np.arange(H * W).reshape(H, W)
    for i, j, rows, columns in windowed:
        places_here = number[rows, columns].reshape(-1)
        window = X[:, rows, columns].reshape(B, len(places_here), C)  # (B, h, w, C) -> (B, h w, C)
        first = window.argmax(axis=1) if window.size else np.zeros((B, C), int)
        Y[:, i, j] = np.take_along_axis(window, first[:, None], axis=1)[:, 0]
        places[:, i, j] = places_here[first]
    return into(Y, out), into(places, indices)


def max_pool2d_backward(G, indices, input_shape, out=None):
    """Each gradient added at the place of the maximum."""
    B, H, W, C = input_shape
    gX = np.zeros((B, H * W, C))
    for b, i, j, c in np.ndindex(G.shape):
        gX[b, indices[b, i, j, c], c] += G[b, i, j, c]
    return into(gX.reshape(input_shape), out)


def avg_pool2d(X, kernel_size, stride=None, padding=0, count_padding=True, out=None):
    """The mean of every window."""
    X = np.asarray(X, np.float64)
    B, H, W, C = X.shape
    places, (Ho, Wo), (kh, kw) = _slices((H, W), kernel_size, stride, padding)
    Y = np.empty((B, Ho, Wo, C))
    for i, j, rows, columns in places:
        window = X[:, rows, columns]
        n = kh * kw if count_padding else window.shape[1] * window.shape[2]
        with np.errstate(invalid="ignore"):  # inf - inf = NaN
            Y[:, i, j] = window.sum(axis=(1, 2)) / n
    return into(Y, out)


def avg_pool2d_backward(G, input_shape, kernel_size, stride=None, padding=0, count_padding=True, out=None):
    """Each gradient spread evenly over its window."""
    gX = np.zeros(input_shape)
    places, _, (kh, kw) = _slices(input_shape[1:3], kernel_size, stride, padding)
    for i, j, rows, columns in places:
        window = gX[:, rows, columns]
        n = kh * kw if count_padding else window.shape[1] * window.shape[2]
        window += (np.asarray(G, np.float64)[:, i, j] / n)[:, None, None]
    return into(gX, out)


def _slices(plane, kernel_size, stride, padding):
    """A list of (i, j, rows, columns) with the slices inside the image, the output's plane, and the kernel."""
    (kh, kw), (ph, pw) = pair(kernel_size), pair(padding)
    sh, sw = (kh, kw) if stride is None else pair(stride)
    Ho, Wo = windows(plane, (kh, kw), (sh, sw), (ph, pw))
    places = [
        (i, j, slice(max(i * sh - ph, 0), i * sh - ph + kh), slice(max(j * sw - pw, 0), j * sw - pw + kw))
        for i in range(Ho)
        for j in range(Wo)
    ]
    return places, (Ho, Wo), (kh, kw)
