"""Passes over all rows of some columns: sums in registers, without a look at memory between two rows.

    column_sums           S_0 += Σ x
    column_differences    S_0 += Σ (x - m), S_1 += Σ (x - m)²
    column_products       S_0 += Σ g, S_1 += Σ g (x - m)
    scale_columns         y = (x - m) k + b
    column_gradients      gx = g s - (x - m) q - e

n columns are walked in blocks, each through all rows; the last block is masked. RUN_ROWS rows are summed in their
dtype, these sums in float64: S holds them in lines of `S.shape[1]` numbers, at least n up to a full vector.

Rows begin at x, `step` numbers apart. m is a line of n numbers; m, k and b, or m, s, q and e, are lines of `C`.
"""

import numpy as np
from numba import types

from .blocks import DOUBLE, Blocks
from .builder import I64, PLACE, generated, repeat

RUN_ROWS = 64  # rows


def _each(X, x, step, rows, n):
    """Some columns as a matrix."""
    return np.lib.stride_tricks.as_strided(X[x:], (rows, n), (step * X.itemsize, X.itemsize))


def _line_of(context, builder, kind, value):
    """How far apart the lines of a matrix are."""
    return builder.extract_value(context.make_array(kind)(context, builder, value).shape, 1)


class _Columns(Blocks):
    """A pass over columns; `lines` are the matrices of which it needs to know how far apart their lines are."""

    def __init__(self, context, builder, signature, arguments, names, lines):
        super().__init__(context, builder, signature, arguments, names)
        for name in lines:
            at = names.index(name)
            self.values[name] = _line_of(context, builder, signature.args[at], arguments[at])

    def line(self, name, k):
        """Where the k-th line of a matrix begins; places in it count from there."""
        return self.lanes.at(self.arrays[name], self.builder.mul(self.values[name], I64(k)))

    def add_totals(self, k, place, vectors):
        """The k-th line of S += the vectors of a block."""
        builder, lanes = self.builder, self.lanes
        first = builder.add(place, builder.mul(self.values["S"], I64(k)))
        for v, value in enumerate(vectors):
            at = builder.add(first, I64(v * lanes.count))
            pointer = builder.gep(self.arrays["S"], [at], source_etype=DOUBLE)
            total = builder.load(pointer, typ=self.wide, align=8)
            builder.store(builder.fadd(total, self.lengthened(value)), pointer, align=8)

    def summed(self, width, ready):
        """`ready(place, masks)(i, sums)`: of row i, the `width` sums of every vector of the block, carried on."""
        builder, lanes = self.builder, self.lanes

        def block(place, masks):
            step = ready(place, masks)

            def batch(first, rows):
                q, carried, following = repeat(builder, rows, "row")
                sums = carried([lanes.zero] * (width * len(masks)), lanes.vector)
                after = step(builder.add(first, q), sums)
                following(after)
                for k in range(width):
                    self.add_totals(k, place, after[k * len(masks) : (k + 1) * len(masks)])

            self.batches(I64(RUN_ROWS), batch)

        with self.some(self.values["rows"]):
            self.blocks(block)

    def each_row(self, ready):
        """`ready(place, masks)(i)` for every row i of every block."""
        builder = self.builder

        def block(place, masks):
            write = ready(place, masks)
            i, _, following = repeat(builder, self.values["rows"], "row")
            write(i)
            following([])

        with self.some(self.values["rows"]):
            self.blocks(block)


def plain_column_sums(X, x, step, rows, n, S):
    S[0, :n] += _each(X, x, step, rows, n).sum(axis=0, dtype=float)


@generated(plain_column_sums)
def column_sums(typing_context, X, x, step, rows, n, S):
    names = ("X", "x", "step", "rows", "n", "S")

    def generate(context, builder, signature, arguments):
        own = _Columns(context, builder, signature, arguments, names, ("S",))

        def ready(place, masks):
            def step(i, sums):
                xs = own.loads(own.row("X", i), place, masks)
                return [builder.fadd(total, x) for total, x in zip(sums, xs, strict=True)]

            return step

        own.summed(1, ready)
        return context.get_dummy_value()

    return types.void(X, PLACE, PLACE, PLACE, PLACE, S), generate


def plain_column_differences(X, x, step, rows, n, m, S):
    d = _each(X, x, step, rows, n) - m[:n]
    S[0, :n] += d.sum(axis=0, dtype=float)
    S[1, :n] += (d * d).sum(axis=0, dtype=float)


@generated(plain_column_differences)
def column_differences(typing_context, X, x, step, rows, n, m, S):
    names = ("X", "x", "step", "rows", "n", "m", "S")

    def generate(context, builder, signature, arguments):
        own = _Columns(context, builder, signature, arguments, names, ("S",))

        def ready(place, masks):
            means = own.loads(own.arrays["m"], place, masks)

            def step(i, sums):
                xs = own.loads(own.row("X", i), place, masks)
                d = [builder.fsub(x, m) for x, m in zip(xs, means, strict=True)]
                total = [builder.fadd(*pair) for pair in zip(sums[: len(d)], d, strict=True)]
                return total + [own.lanes.multiply_add(e, e, s) for e, s in zip(d, sums[len(d) :], strict=True)]

            return step

        own.summed(2, ready)
        return context.get_dummy_value()

    return types.void(X, PLACE, PLACE, PLACE, PLACE, m, S), generate


def plain_column_products(G, X, x, step, rows, n, m, S):
    g, d = _each(G, x, step, rows, n), _each(X, x, step, rows, n) - m[:n]
    S[0, :n] += g.sum(axis=0, dtype=float)
    S[1, :n] += (g * d).sum(axis=0, dtype=float)


@generated(plain_column_products)
def column_products(typing_context, G, X, x, step, rows, n, m, S):
    names = ("G", "X", "x", "step", "rows", "n", "m", "S")

    def generate(context, builder, signature, arguments):
        own = _Columns(context, builder, signature, arguments, names, ("S",))

        def ready(place, masks):
            means, vectors = own.loads(own.arrays["m"], place, masks), len(masks)

            def step(i, sums):
                gs, xs = (own.loads(own.row(name, i), place, masks) for name in ("G", "X"))
                total = [builder.fadd(*pair) for pair in zip(sums[:vectors], gs, strict=True)]
                parts = zip(gs, xs, means, sums[vectors:], strict=True)
                return total + [own.lanes.multiply_add(g, builder.fsub(x, m), s) for g, x, m, s in parts]

            return step

        own.summed(2, ready)
        return context.get_dummy_value()

    return types.void(G, X, PLACE, PLACE, PLACE, PLACE, m, S), generate


def plain_scale_columns(X, x, step, rows, n, C, Y):
    _each(Y, x, step, rows, n)[:] = (_each(X, x, step, rows, n) - C[0, :n]) * C[1, :n] + C[2, :n]


@generated(plain_scale_columns)
def scale_columns(typing_context, X, x, step, rows, n, C, Y):
    names = ("X", "x", "step", "rows", "n", "C", "Y")

    def generate(context, builder, signature, arguments):
        own = _Columns(context, builder, signature, arguments, names, ("C",))

        def ready(place, masks):
            constants = [own.loads(own.line("C", k), place, masks) for k in range(3)]

            def write(i):
                xs = own.loads(own.row("X", i), place, masks)
                made = [
                    own.lanes.multiply_add(builder.fsub(x, m), k, b) for x, m, k, b in zip(xs, *constants, strict=True)
                ]
                own.stores(made, own.row("Y", i), place, masks)

            return write

        own.each_row(ready)
        return context.get_dummy_value()

    return types.void(X, PLACE, PLACE, PLACE, PLACE, C, Y), generate


def plain_column_gradients(G, X, x, step, rows, n, C, Y):
    m, s, q, e = C[:, :n]
    _each(Y, x, step, rows, n)[:] = _each(G, x, step, rows, n) * s - (_each(X, x, step, rows, n) - m) * q - e


@generated(plain_column_gradients)
def column_gradients(typing_context, G, X, x, step, rows, n, C, Y):
    names = ("G", "X", "x", "step", "rows", "n", "C", "Y")

    def generate(context, builder, signature, arguments):
        own = _Columns(context, builder, signature, arguments, names, ("C",))
        lanes = own.lanes

        def ready(place, masks):
            m, s, q, e = (own.loads(own.line("C", k), place, masks) for k in range(4))

            def write(i):
                made = []
                gs, xs = (own.loads(own.row(name, i), place, masks) for name in ("G", "X"))
                for v, (g, x) in enumerate(zip(gs, xs, strict=True)):
                    value = lanes.multiply_add(g, s[v], builder.fsub(lanes.zero, e[v]))
                    made.append(lanes.multiply_add(builder.fsub(m[v], x), q[v], value))
                own.stores(made, own.row("Y", i), place, masks)

            return write

        own.each_row(ready)
        return context.get_dummy_value()

    return types.void(G, X, PLACE, PLACE, PLACE, PLACE, C, Y), generate
