"""Average pooling the obvious way, window by window, in float64."""

import numpy as np

from ..common import into, window_slices


def avg_pool2d(X, kernel_size, stride=None, padding=0, count_padding=True, out=None):
    """The mean of every window."""
    X = np.asarray(X, np.float64)
    B, H, W, C = X.shape
    places, (Ho, Wo), (kh, kw) = window_slices((H, W), kernel_size, stride, padding)
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
    places, _, (kh, kw) = window_slices(input_shape[1:3], kernel_size, stride, padding)
    for i, j, rows, columns in places:
        window = gX[:, rows, columns]
        n = kh * kw if count_padding else window.shape[1] * window.shape[2]
        window += (np.asarray(G, np.float64)[:, i, j] / n)[:, None, None]
    return into(gX, out)
