"""Back through a norm of columns, and through a ReLU behind it: passes over a row, from vectors to vectors.

    sums_of_columns         S[0] += h, S[1] += h (x - m)
    gradients_of_columns    gx = h s - (x - m) q - e

with h = g, or what a ReLU lets through of it: g where y > 0 (or is NaN), else 0.

    mode    PLAIN   h = g                       VALUES  y = (x - m) k + b, the norm's own value once more
            GIVEN   y is read, and h is kept

Loops that Numba's compiler makes of Python are no vectors where results take the place of arguments, or where there
are so many arrays that it gives up asking whether some overlap. Here all are, and each is loaded before it is stored.

A row begins at x in G, X, Y, H and gX, and n numbers of each are taken. The rows of V (m, k, b), of C (m, s, q, e) and
of S lie `width` numbers apart.
"""

import numpy as np
from numba import types

from .builder import I64, PLACE, Lanes, are_literals, data_pointer, generated, repeat

PLAIN, VALUES, GIVEN = 0, 1, 2
VECTORS_AT_ONCE = 2  # of a row


class _Row:
    """The arguments of a pass, and its loop."""

    def __init__(self, context, builder, signature, arguments, names):
        self.lanes, self.builder = Lanes(context, builder, signature.args[1].dtype), builder
        self.values = dict(zip(names, arguments, strict=True))
        self.arrays = {
            name: data_pointer(context, builder, kind, value)
            for name, kind, value in zip(names, signature.args, arguments, strict=True)
            if isinstance(kind, types.Array)
        }

    def each(self, write) -> None:
        """`write(place, column, mask)` for every vector: its place in an array, and in a row of constants."""
        builder, lanes, n = self.builder, self.lanes, self.values["n"]

        def sweep(first, vectors):
            """All but the last numbers, so many vectors at a time."""
            size = vectors * lanes.count
            times = builder.sdiv(builder.sub(n, first), I64(size))
            with builder.if_then(builder.icmp_signed(">", times, I64(0))):
                q, _, following = repeat(builder, times, "row")
                for v in range(vectors):
                    column = builder.add(builder.add(first, builder.mul(q, I64(size))), I64(v * lanes.count))
                    write(builder.add(self.values["x"], column), column, None)
                following([])
            return builder.add(first, builder.mul(times, I64(size)))

        last = sweep(sweep(I64(0), VECTORS_AT_ONCE), 1)
        rest = builder.sub(n, last)
        with builder.if_then(builder.icmp_signed(">", rest, I64(0))):
            write(builder.add(self.values["x"], last), last, lanes.mask(rest))

    def at(self, name, place):
        return self.lanes.at(self.arrays[name], place)

    def load(self, name, place, mask):
        return self.lanes.load(self.at(name, place), mask)

    def constant(self, name, row, column, mask):
        place = self.builder.add(self.builder.mul(self.values["width"], I64(row)), column)
        return self.load(name, place, mask)

    def let_through(self, mode, place, column, mask, d):
        """h, for d = x - m."""
        g = self.load("G", place, mask)
        if mode == PLAIN:
            return g
        if mode == VALUES:
            k, b = (self.constant("V", row, column, mask) for row in (1, 2))
            y = self.lanes.multiply_add(d, k, b)
        else:
            y = self.load("Y", place, mask)
        zero = self.lanes.zero
        return self.builder.select(self.builder.fcmp_ordered("<=", y, zero), zero, g)


def _let_through(mode, g, d, y, V, n):
    """h in NumPy."""
    if mode == PLAIN:
        return g
    y = d * V[1, :n] + V[2, :n] if mode == VALUES else y
    return np.where(y <= 0, g.dtype.type(0), g)


def plain_sums_of_columns(mode, G, X, Y, H, x, width, n, V, S):
    own = slice(x, x + n)
    d = X[own] - V[0, :n]
    h = _let_through(mode, G[own], d, Y[own], V, n)
    S[0, :n] += h
    S[1, :n] += h * d
    if mode == GIVEN:
        H[own] = h


@generated(plain_sums_of_columns)
def sums_of_columns(typing_context, mode, G, X, Y, H, x, width, n, V, S):
    """The mode is a literal; Y and H are of use where y is given."""
    if not are_literals(mode):
        return None
    names, way = ("mode", "G", "X", "Y", "H", "x", "width", "n", "V", "S"), mode.literal_value

    def generate(context, builder, signature, arguments):
        own = _Row(context, builder, signature, arguments, names)
        lanes = own.lanes

        def write(place, column, mask):
            d = builder.fsub(own.load("X", place, mask), own.constant("V", 0, column, mask))
            h = own.let_through(way, place, column, mask, d)
            if way == GIVEN:
                lanes.store(h, own.at("H", place), mask)
            second = builder.add(own.values["width"], column)
            total, products = own.load("S", column, mask), own.load("S", second, mask)
            lanes.store(builder.fadd(total, h), own.at("S", column), mask)
            lanes.store(lanes.multiply_add(h, d, products), own.at("S", second), mask)

        own.each(write)
        return context.get_dummy_value()

    return types.void(mode, G, X, Y, H, PLACE, PLACE, PLACE, V, S), generate


def plain_gradients_of_columns(mode, G, X, x, width, n, V, C, gX):
    own = slice(x, x + n)
    h = _let_through(mode, G[own], X[own] - C[0, :n], None, V, n)
    gX[own] = (C[0, :n] - X[own]) * C[2, :n] + (h * C[1, :n] - C[3, :n])


@generated(plain_gradients_of_columns)
def gradients_of_columns(typing_context, mode, G, X, x, width, n, V, C, gX):
    """The mode is a literal, and not GIVEN."""
    if not are_literals(mode):
        return None
    names, way = ("mode", "G", "X", "x", "width", "n", "V", "C", "gX"), mode.literal_value

    def generate(context, builder, signature, arguments):
        own = _Row(context, builder, signature, arguments, names)
        lanes = own.lanes

        def write(place, column, mask):
            m, s, q, e = (own.constant("C", row, column, mask) for row in range(4))
            x = own.load("X", place, mask)
            h = own.let_through(way, place, column, mask, builder.fsub(x, m))
            inner = lanes.multiply_add(h, s, builder.fneg(e))
            lanes.store(lanes.multiply_add(builder.fsub(m, x), q, inner), own.at("gX", place), mask)

        own.each(write)
        return context.get_dummy_value()

    return types.void(mode, G, X, PLACE, PLACE, PLACE, V, C, gX), generate
