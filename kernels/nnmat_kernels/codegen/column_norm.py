"""Passes over all rows of some columns: sums in registers, without a look at memory between two rows.

    column_sums           S_0 += Σ x
    column_differences    S_0 += Σ (x - m), S_1 += Σ (x - m)²
    column_products       S_0 += Σ g, S_1 += Σ g (x - m)
    scale_columns         y = (x - m) k + b
    column_gradients      gx = g s - (x - m) q - e

and joined with what stands behind the norm, f = ReLU or nothing:

    join_columns          y = f((x - m) k + b + a)
    products_behind_relu, gradients_behind_relu
                          as above, with what the ReLU lets through in the place of g: h = g where y > 0 (or is NaN),
                          else 0; y = (x - m) k + b once more, or as it is given, and then h is kept

n columns are walked in blocks, each through all rows; the last block is masked. RUN_ROWS rows are summed in their
dtype, these sums in float64: S holds them in lines of `S.shape[1]` numbers, at least n up to a full vector.

Rows begin at x, `step` numbers apart. m is a line of n numbers; m, k and b, or m, s, q and e, are lines of `C`.
"""

import numpy as np
from numba import types

from .blocks import DOUBLE, Blocks
from .builder import I64, PLACE, are_literals, generated, repeat

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
    _each(Y, x, step, rows, n)[:] = (m - _each(X, x, step, rows, n)) * q + (_each(G, x, step, rows, n) * s - e)


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


def plain_join_columns(X, A, x, step, rows, n, C, Y, floor, added):
    value = (_each(X, x, step, rows, n) - C[0, :n]) * C[1, :n] + C[2, :n]
    value = _each(A, x, step, rows, n) + value if added else value
    _each(Y, x, step, rows, n)[:] = np.where(value <= floor, X.dtype.type(0), value)


@generated(plain_join_columns)
def join_columns(typing_context, X, A, x, step, rows, n, C, Y, floor, added):
    """`floor` is 0 for the ReLU, NaN for nothing; A is added if `added`, a literal."""
    if not are_literals(added):
        return None
    names = ("X", "A", "x", "step", "rows", "n", "C", "Y", "floor", "added")

    def generate(context, builder, signature, arguments):
        own = _Columns(context, builder, signature, arguments, names, ("C",))
        lanes = own.lanes
        floor = lanes.broadcast(own.values["floor"], lanes.vector)

        def ready(place, masks):
            constants = [own.loads(own.line("C", k), place, masks) for k in range(3)]

            def write(i):
                xs = own.loads(own.row("X", i), place, masks)
                made = [lanes.multiply_add(builder.fsub(x, m), k, b) for x, m, k, b in zip(xs, *constants, strict=True)]
                if added.literal_value:
                    terms = own.loads(own.row("A", i), place, masks)
                    made = [builder.fadd(*pair) for pair in zip(terms, made, strict=True)]
                below = [builder.fcmp_ordered("<=", value, floor) for value in made]
                made = [builder.select(b, lanes.zero, value) for b, value in zip(below, made, strict=True)]
                own.stores(made, own.row("Y", i), place, masks)

            return write

        own.each_row(ready)
        return context.get_dummy_value()

    return types.void(X, A, PLACE, PLACE, PLACE, PLACE, C, Y, X.dtype, added), generate


def _let_through(lanes, gs, ys):
    """h of some vectors."""
    below = [lanes.builder.fcmp_ordered("<=", y, lanes.zero) for y in ys]
    return [lanes.builder.select(b, lanes.zero, g) for b, g in zip(below, gs, strict=True)]


def _values(own, V, xs):
    """y of some vectors, and x - m; V are those of m, k and b."""
    d = [own.builder.fsub(x, m) for x, m in zip(xs, V[0], strict=True)]
    return [own.lanes.multiply_add(e, k, b) for e, k, b in zip(d, V[1], V[2], strict=True)], d


def plain_products_behind_relu(G, X, Y, H, x, step, rows, n, V, S, given):
    g, d = _each(G, x, step, rows, n), _each(X, x, step, rows, n) - V[0, :n]
    y = _each(Y, x, step, rows, n) if given else d * V[1, :n] + V[2, :n]
    h = np.where(y <= 0, G.dtype.type(0), g)
    if given:
        _each(H, x, step, rows, n)[:] = h
    S[0, :n] += h.sum(axis=0, dtype=float)
    S[1, :n] += (h * d).sum(axis=0, dtype=float)


@generated(plain_products_behind_relu)
def products_behind_relu(typing_context, G, X, Y, H, x, step, rows, n, V, S, given):
    """Y is read and H written if `given`, a literal; else V has lines for k and b."""
    if not are_literals(given):
        return None
    names = ("G", "X", "Y", "H", "x", "step", "rows", "n", "V", "S", "given")

    def generate(context, builder, signature, arguments):
        own = _Columns(context, builder, signature, arguments, names, ("V", "S"))

        def ready(place, masks):
            lines = range(1 if given.literal_value else 3)
            V, vectors = [own.loads(own.line("V", k), place, masks) for k in lines], len(masks)

            def step(i, sums):
                gs, xs = (own.loads(own.row(name, i), place, masks) for name in ("G", "X"))
                if given.literal_value:
                    d = [builder.fsub(x, m) for x, m in zip(xs, V[0], strict=True)]
                    ys = own.loads(own.row("Y", i), place, masks)
                else:
                    ys, d = _values(own, V, xs)
                hs = _let_through(own.lanes, gs, ys)
                if given.literal_value:
                    own.stores(hs, own.row("H", i), place, masks)
                total = [builder.fadd(*pair) for pair in zip(sums[:vectors], hs, strict=True)]
                parts = zip(hs, d, sums[vectors:], strict=True)
                return total + [own.lanes.multiply_add(h, e, s) for h, e, s in parts]

            return step

        own.summed(2, ready)
        return context.get_dummy_value()

    return types.void(G, X, Y, H, PLACE, PLACE, PLACE, PLACE, V, S, given), generate


def plain_gradients_behind_relu(G, X, x, step, rows, n, V, C, Y):
    m, s, q, e = C[:, :n]
    d = _each(X, x, step, rows, n) - m
    h = np.where(d * V[1, :n] + V[2, :n] <= 0, G.dtype.type(0), _each(G, x, step, rows, n))
    _each(Y, x, step, rows, n)[:] = (m - _each(X, x, step, rows, n)) * q + (h * s - e)


@generated(plain_gradients_behind_relu)
def gradients_behind_relu(typing_context, G, X, x, step, rows, n, V, C, Y):
    names = ("G", "X", "x", "step", "rows", "n", "V", "C", "Y")

    def generate(context, builder, signature, arguments):
        own = _Columns(context, builder, signature, arguments, names, ("V", "C"))
        lanes = own.lanes

        def ready(place, masks):
            m, s, q, e = (own.loads(own.line("C", k), place, masks) for k in range(4))
            V = [m, *(own.loads(own.line("V", k), place, masks) for k in (1, 2))]

            def write(i):
                gs, xs = (own.loads(own.row(name, i), place, masks) for name in ("G", "X"))
                made = []
                for v, h in enumerate(_let_through(lanes, gs, _values(own, V, xs)[0])):
                    value = lanes.multiply_add(h, s[v], builder.fsub(lanes.zero, e[v]))
                    made.append(lanes.multiply_add(builder.fsub(m[v], xs[v]), q[v], value))
                own.stores(made, own.row("Y", i), place, masks)

            return write

        own.each_row(ready)
        return context.get_dummy_value()

    return types.void(G, X, PLACE, PLACE, PLACE, PLACE, V, C, Y), generate
