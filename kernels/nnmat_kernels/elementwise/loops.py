"""Kernels over flat arrays, made of a function of one element; in place they are vectors, too.

Over two arrays that overlap no loop is vectorised, and programs put most results where an argument was: so there is a
loop of its own for a result that lies in the place of an argument.
"""

from ..runtime.config import exact_jit, inlined_jit, named_after


def of_values(function):
    """The kernel y = f(x)."""
    f = inlined_jit(function)

    @exact_jit
    @named_after(function)
    def kernel(x, y):
        if x.ctypes.data == y.ctypes.data:
            for i in range(y.size):
                y[i] = f(y[i])
        else:
            for i in range(y.size):
                y[i] = f(x[i])

    return kernel


def of_gradients(function):
    """The kernel gx = f(g, x)."""
    f = inlined_jit(function)

    @exact_jit
    @named_after(function)
    def kernel(g, x, gx):
        if g.ctypes.data == gx.ctypes.data:
            for i in range(gx.size):
                gx[i] = f(gx[i], x[i])
        elif x.ctypes.data == gx.ctypes.data:
            for i in range(gx.size):
                gx[i] = f(g[i], gx[i])
        else:
            for i in range(gx.size):
                gx[i] = f(g[i], x[i])

    return kernel


def of_values_and_number(function):
    """The kernel y = f(x, number)."""
    f = inlined_jit(function)

    @exact_jit
    @named_after(function)
    def kernel(x, number, y):
        if x.ctypes.data == y.ctypes.data:
            for i in range(y.size):
                y[i] = f(y[i], number)
        else:
            for i in range(y.size):
                y[i] = f(x[i], number)

    return kernel


def of_gradients_and_number(function):
    """The kernel gx = f(g, x, number)."""
    f = inlined_jit(function)

    @exact_jit
    @named_after(function)
    def kernel(g, x, number, gx):
        if g.ctypes.data == gx.ctypes.data:
            for i in range(gx.size):
                gx[i] = f(gx[i], x[i], number)
        elif x.ctypes.data == gx.ctypes.data:
            for i in range(gx.size):
                gx[i] = f(g[i], gx[i], number)
        else:
            for i in range(gx.size):
                gx[i] = f(g[i], x[i], number)

    return kernel
