"""Max pooling the obvious way, window by window, in float64."""

import numpy as np

from ..common import into, window_slices


def max_pool2d(X, kernel_size, stride=None, padding=0, out=None, indices=None, dilation=1, ceil_mode=False):
    """The maximum of every window inside the image, and the place of its first maximum (or first NaN)."""
    X = np.asarray(X, np.float64)
    windowed, plane, _ = window_slices(X.shape[1:3], kernel_size, stride, padding, dilation, ceil_mode)
    Y, places = _maxima(X, windowed, plane)
    return into(Y, out), into(places, indices)


def adaptive_max_pool2d(X, output_size, out=None, indices=None):
    """The same of bins: bin i of n holds the pixels that overlap the i-th n-th of the axis."""
    X = np.asarray(X, np.float64)
    plane = output_size if isinstance(output_size, tuple | list) else (output_size, output_size)
    bins = [
        [[m for m in range(size) if m + 1 > i * size / n and m < (i + 1) * size / n] for i in range(n)]
        for size, n in zip(X.shape[1:3], plane, strict=True)
    ]
    windowed = [
        (i, j, slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
        for i, rows in enumerate(bins[0])
        for j, columns in enumerate(bins[1])
    ]
    Y, places = _maxima(X, windowed, plane)
    return into(Y, out), into(places, indices)


def _maxima(X, windowed, plane):
    """Of windows (i, j, rows, columns), i and j in a plane of windows."""
    B, H, W, C = X.shape
    Ho, Wo = plane
    Y = np.empty((B, Ho, Wo, C))
    places = np.empty((B, Ho, Wo, C), np.int32)
    number = np.arange(H * W).reshape(H, W)
    for i, j, rows, columns in windowed:
        places_here = number[rows, columns].reshape(-1)
        window = X[:, rows, columns].reshape(B, len(places_here), C)  # (B, h, w, C) -> (B, h w, C)
        first = window.argmax(axis=1) if window.size else np.zeros((B, C), int)
        Y[:, i, j] = np.take_along_axis(window, first[:, None], axis=1)[:, 0]
        places[:, i, j] = places_here[first]
    return Y, places


def max_pool2d_backward(G, indices, input_shape, out=None):
    """Each gradient added at the place of the maximum."""
    B, H, W, C = input_shape
    gX = np.zeros((B, H * W, C))
    for b, i, j, c in np.ndindex(G.shape):
        gX[b, indices[b, i, j, c], c] += G[b, i, j, c]
    return into(gX.reshape(input_shape), out)
