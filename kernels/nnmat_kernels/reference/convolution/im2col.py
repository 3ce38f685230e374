"""The patch matrix and its transpose, one window and one tap at a time, in float64."""

import numpy as np

from ..common import into, pair, windows


def _places(shape, kernel_size, stride, padding, dilation):
    """Yields (row of U, first column of U, n, y, x) for every window, tap and image that meet inside the image."""
    B, H, W, C = shape
    (kh, kw), (sh, sw), (ph, pw), (dh, dw) = (pair(v) for v in (kernel_size, stride, padding, dilation))
    Ho, Wo = windows((H, W), (kh, kw), (sh, sw), (ph, pw), (dh, dw))
    places = []
    for n, i, j, a, b in np.ndindex(B, Ho, Wo, kh, kw):
        y, x = i * sh + a * dh - ph, j * sw + b * dw - pw
        if 0 <= y < H and 0 <= x < W:
            places.append(((n * Ho + i) * Wo + j, (a * kw + b) * C, n, y, x))
    return (B * Ho * Wo, kh * kw * C), places


def im2col(X, kernel_size, stride=1, padding=0, dilation=1, out=None):
    """U[(n, i, j), (a, b, c)] = Xpad[n, i sh + a dh, j sw + b dw, c]."""
    C = X.shape[3]
    size, places = _places(X.shape, kernel_size, stride, padding, dilation)
    U = np.zeros(size)
    for row, column, n, y, x in places:
        U[row, column : column + C] = X[n, y, x]
    return into(U, out)


def col2im(cols, input_shape, kernel_size, stride=1, padding=0, dilation=1, out=None):
    """Every number of the patch matrix is added to the place that it was read from."""
    C = input_shape[3]
    _, places = _places(input_shape, kernel_size, stride, padding, dilation)
    X = np.zeros(input_shape)
    for row, column, n, y, x in places:
        X[n, y, x] += cols[row, column : column + C]
    return into(X, out)
