"""Loops over the numbers of one gate of one row, each over few arrays, so that they become vector instructions."""

from ..elementwise.vector_math import fma
from ..elementwise.vector_math import sigmoid as sigmoid_of
from ..elementwise.vector_math import tanh as tanh_of
from ..runtime.config import exact_jit

RECURRENT_ROWS = 16  # of the batch, that one task takes through all steps


@exact_jit
def copy(x, y):
    for j in range(y.size):
        y[j] = x[j]


@exact_jit
def add(x, y):
    """y += x."""
    for j in range(y.size):
        y[j] += x[j]


@exact_jit
def sigmoids(x):
    """x = σ(x)."""
    for j in range(x.size):
        x[j] = sigmoid_of(x[j])


@exact_jit
def tangents(x):
    """x = tanh x."""
    for j in range(x.size):
        x[j] = tanh_of(x[j])


@exact_jit
def tangents_of(x, y):
    """y = tanh x."""
    for j in range(y.size):
        y[j] = tanh_of(x[j])


@exact_jit
def times(x, y):
    """y = x y."""
    for j in range(y.size):
        y[j] *= x[j]


@exact_jit
def add_product(x, y, z):
    """z += x y."""
    for j in range(z.size):
        z[j] = fma(x[j], y[j], z[j])


@exact_jit
def remember(f, i, g, c):
    """c = f c + i g."""
    for j in range(c.size):
        c[j] = fma(f[j], c[j], i[j] * g[j])


@exact_jit
def mix(z, n, h):
    """h = (1 - z) n + z h."""
    one = h.dtype.type(1)
    for j in range(h.size):
        h[j] = fma(z[j], h[j], (one - z[j]) * n[j])


@exact_jit
def through_tangent(x, y, t, c):
    """c += x y (1 - t²)."""
    one = c.dtype.type(1)
    for j in range(c.size):
        c[j] = fma(x[j] * y[j], (one - t[j]) * (one + t[j]), c[j])


@exact_jit
def before_sigmoid(x, y, s, a):
    """a = x y s (1 - s)."""
    one = a.dtype.type(1)
    for j in range(a.size):
        a[j] = x[j] * y[j] * (s[j] * (one - s[j]))


@exact_jit
def before_tangent(x, y, t, a):
    """a = x y (1 - t²)."""
    one = a.dtype.type(1)
    for j in range(a.size):
        a[j] = x[j] * y[j] * ((one - t[j]) * (one + t[j]))


@exact_jit
def before_tangent_of_rest(x, z, t, a):
    """a = x (1 - z)(1 - t²)."""
    one = a.dtype.type(1)
    for j in range(a.size):
        a[j] = x[j] * (one - z[j]) * ((one - t[j]) * (one + t[j]))


@exact_jit
def difference(x, y, z):
    """z = x - y."""
    for j in range(z.size):
        z[j] = x[j] - y[j]
