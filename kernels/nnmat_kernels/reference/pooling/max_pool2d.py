"""Max pooling the obvious way, window by window, in float64."""

import numpy as np

from ..common import into, window_slices


def max_pool2d(X, kernel_size, stride=None, padding=0, out=None, indices=None):
    """The maximum of every window inside the image, and the place of its first maximum (or first NaN)."""
    X = np.asarray(X, np.float64)
    B, H, W, C = X.shape
    windowed, (Ho, Wo), _ = window_slices((H, W), kernel_size, stride, padding)
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
