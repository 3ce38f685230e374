"""Passes over some rows of a norm, from vectors to vectors: rows of any length, without scalar code.

    sums_of_rows        Σ (x - m), Σ (x - m)²                  with m = 0 the sum of a row
    scale_rows          y = γ ((x - m) - rest) r + β
    products_of_rows    Σ γ g, Σ γ g x̂                         x̂ = ((x - m) - rest) r
    gradients_of_rows   gx = r (γ g - mean - x̂ inner); the gradients of γ and β += g x̂, g

Loops that Numba's compiler makes of Python take four vectors at a time and leave the rest of a row, or all of a short
one, to scalar code; and a call for each row costs as much as a row of 32 numbers. Here four vectors are followed by
single ones and a masked one, for one row after the other. A row's bits depend on its own numbers and its length alone.

Rows begin at x, `step` numbers apart, and n numbers of each are taken. m, rest and r of row i stand in T at t + i,
t + apart + i and t + 2 apart + i; two numbers of row i in S at 2i and 2i + 1.
"""

import functools

from numba import types

from .builder import I64, PLACE, Lanes, choose, data_pointer, generated, repeat

AT_ONCE = 4  # vectors of a row


def _swept(lanes, n, width, step):
    """`width` sums over all vectors of a row: `step(place, mask, sums)` gives the sums with one more vector."""
    builder, count = lanes.builder, lanes.count

    def loop(times, first, vectors, sums):
        q, carried, following = repeat(builder, times, "row")
        begun, ended = carried(sums, lanes.vector), []
        place = builder.add(first, builder.mul(q, I64(vectors * count)))
        for v in range(vectors):
            own = begun[v * width : (v + 1) * width]
            ended += step(builder.add(place, I64(v * count)), None, own)
        following(ended)
        return ended

    def some(times):
        return builder.icmp_signed(">", times, I64(0))

    def blocks_added():
        sums = loop(blocks, I64(0), AT_ONCE, [lanes.zero] * (AT_ONCE * width))
        pairs = [sums[k::width] for k in range(width)]
        return [functools.reduce(builder.fadd, parts) for parts in pairs]

    blocks = builder.sdiv(n, I64(AT_ONCE * count))
    sums = choose(builder, some(blocks), lanes.vector, [lanes.zero] * width, blocks_added)
    done = builder.mul(blocks, I64(AT_ONCE * count))
    singles = builder.sdiv(builder.sub(n, done), I64(count))
    sums = choose(builder, some(singles), lanes.vector, sums, lambda: loop(singles, done, 1, sums))
    done = builder.add(done, builder.mul(singles, I64(count)))
    rest = builder.sub(n, done)
    return choose(builder, some(rest), lanes.vector, sums, lambda: step(done, lanes.mask(rest), sums))


def _totals(lanes, a, b):
    """The sums of two vectors' numbers: one half of a vector each, and then halves of halves are added."""
    count, half = lanes.count, lanes.count // 2
    low = [*range(half), *range(count, count + half)]
    vector = lanes.builder.fadd(lanes.shuffle(a, b, low), lanes.shuffle(a, b, [i + half for i in low]))
    apart = half // 2
    while apart:
        turned = [i // half * half + (i + apart) % half for i in range(count)]
        vector = lanes.builder.fadd(vector, lanes.shuffle(vector, vector, turned))
        apart //= 2
    return [lanes.builder.extract_element(vector, I64(i)) for i in (0, half)]


class _Rows:
    """The arguments of a pass, and the loop over its rows."""

    def __init__(self, context, builder, signature, arguments, names):
        self.lanes = Lanes(context, builder, signature.args[0].dtype)
        self.builder = builder
        self.values = dict(zip(names, arguments, strict=True))
        self.arrays = {
            name: data_pointer(context, builder, kind, value)
            for name, kind, value in zip(names, signature.args, arguments, strict=True)
            if isinstance(kind, types.Array)
        }

    def each(self, write):
        """`write(row)` for every row, if there is one."""
        builder, rows = self.builder, self.values["rows"]
        with builder.if_then(builder.icmp_signed(">", rows, I64(0))):
            i, _, following = repeat(builder, rows, "rows")
            self.index = i
            self.begin = builder.add(self.values["x"], builder.mul(i, self.values["step"]))
            write()
            following([])

    def row(self, name):
        """Where the row begins in an array of rows."""
        return self.lanes.at(self.arrays[name], self.begin)

    def statistic(self, k):
        """m, rest or r of the row, in every lane."""
        builder = self.builder
        place = builder.add(builder.add(self.values["t"], builder.mul(self.values["apart"], I64(k))), self.index)
        return self.lanes.spread(self.lanes.at(self.arrays["T"], place))

    def of_two(self, k):
        """Where the first or second number of the row lies in S."""
        return self.lanes.at(self.arrays["S"], self.builder.add(self.builder.mul(self.index, I64(2)), I64(k)))

    def load(self, pointer, place, mask):
        return self.lanes.load(self.lanes.at(pointer, place), mask)

    def store_sums(self, sums):
        for k, total in enumerate(_totals(self.lanes, *sums)):
            self.builder.store(total, self.of_two(k), align=self.lanes.size)


def _statistics(T, t, apart, i):
    return T[t + i], T[t + apart + i], T[t + 2 * apart + i]


def plain_sums_of_rows(X, x, step, rows, n, T, t, apart, S):
    for i in range(rows):
        d = X[x + i * step : x + i * step + n] - T[t + i]
        S[2 * i], S[2 * i + 1] = d.sum(), (d * d).sum()


@generated(plain_sums_of_rows)
def sums_of_rows(typing_context, X, x, step, rows, n, T, t, apart, S):
    names = ("X", "x", "step", "rows", "n", "T", "t", "apart", "S")

    def generate(context, builder, signature, arguments):
        own = _Rows(context, builder, signature, arguments, names)
        lanes = own.lanes

        def write():
            x, m = own.row("X"), own.statistic(0)

            def step(place, mask, sums):
                d = builder.fsub(own.load(x, place, mask), m)
                if mask is not None:
                    d = builder.select(mask, d, lanes.zero)
                return [builder.fadd(sums[0], d), lanes.multiply_add(d, d, sums[1])]

            own.store_sums(_swept(lanes, own.values["n"], 2, step))

        own.each(write)
        return context.get_dummy_value()

    return types.void(X, PLACE, PLACE, PLACE, PLACE, T, PLACE, PLACE, S), generate


def plain_scale_rows(X, x, step, rows, n, T, t, apart, gamma, beta, Y):
    for i in range(rows):
        (m, rest, r), a = _statistics(T, t, apart, i), x + i * step
        Y[a : a + n] = ((X[a : a + n] - m) - rest) * r * gamma + beta


@generated(plain_scale_rows)
def scale_rows(typing_context, X, x, step, rows, n, T, t, apart, gamma, beta, Y):
    names = ("X", "x", "step", "rows", "n", "T", "t", "apart", "gamma", "beta", "Y")

    def generate(context, builder, signature, arguments):
        own = _Rows(context, builder, signature, arguments, names)
        lanes, gamma, beta = own.lanes, own.arrays["gamma"], own.arrays["beta"]

        def write():
            x, y, m, rest, r = own.row("X"), own.row("Y"), own.statistic(0), own.statistic(1), own.statistic(2)

            def step(place, mask, sums):
                d = builder.fmul(builder.fsub(builder.fsub(own.load(x, place, mask), m), rest), r)
                value = lanes.multiply_add(d, own.load(gamma, place, mask), own.load(beta, place, mask))
                lanes.store(value, lanes.at(y, place), mask)
                return []

            _swept(lanes, own.values["n"], 0, step)

        own.each(write)
        return context.get_dummy_value()

    return types.void(X, PLACE, PLACE, PLACE, PLACE, T, PLACE, PLACE, gamma, beta, Y), generate


def plain_products_of_rows(G, X, x, step, rows, n, T, t, apart, gamma, j, S):
    for i in range(rows):
        (m, rest, r), a = _statistics(T, t, apart, i), x + i * step
        h = G[a : a + n] * gamma[j : j + n]
        S[2 * i], S[2 * i + 1] = h.sum(), (h * (((X[a : a + n] - m) - rest) * r)).sum()


@generated(plain_products_of_rows)
def products_of_rows(typing_context, G, X, x, step, rows, n, T, t, apart, gamma, j, S):
    """The numbers of γ begin at j."""
    names = ("G", "X", "x", "step", "rows", "n", "T", "t", "apart", "gamma", "j", "S")

    def generate(context, builder, signature, arguments):
        own = _Rows(context, builder, signature, arguments, names)
        lanes, gamma = own.lanes, own.lanes.at(own.arrays["gamma"], own.values["j"])

        def write():
            g, x, m, rest, r = own.row("G"), own.row("X"), own.statistic(0), own.statistic(1), own.statistic(2)

            def step(place, mask, sums):
                d = builder.fmul(builder.fsub(builder.fsub(own.load(x, place, mask), m), rest), r)
                h = builder.fmul(own.load(g, place, mask), own.load(gamma, place, mask))
                return [builder.fadd(sums[0], h), lanes.multiply_add(h, d, sums[1])]

            own.store_sums(_swept(lanes, own.values["n"], 2, step))

        own.each(write)
        return context.get_dummy_value()

    return types.void(G, X, PLACE, PLACE, PLACE, PLACE, T, PLACE, PLACE, gamma, PLACE, S), generate


def plain_gradients_of_rows(G, X, x, step, rows, n, T, t, apart, gamma, S, Y, sums):
    for i in range(rows):
        (m, rest, r), a = _statistics(T, t, apart, i), x + i * step
        g, h = G[a : a + n].copy(), ((X[a : a + n] - m) - rest) * r
        sums[:n] += g * h
        sums[n : 2 * n] += g
        Y[a : a + n] = (g * gamma - S[2 * i] - h * S[2 * i + 1]) * r


@generated(plain_gradients_of_rows)
def gradients_of_rows(typing_context, G, X, x, step, rows, n, T, t, apart, gamma, S, Y, sums):
    """The mean and the inner product of a row stand in S; the gradients of γ and β in the first and next n `sums`."""
    names = ("G", "X", "x", "step", "rows", "n", "T", "t", "apart", "gamma", "S", "Y", "sums")

    def generate(context, builder, signature, arguments):
        own = _Rows(context, builder, signature, arguments, names)
        lanes, gamma, of_gamma = own.lanes, own.arrays["gamma"], own.arrays["sums"]
        of_beta = lanes.at(of_gamma, own.values["n"])

        def write():
            g, x, m, rest, r = own.row("G"), own.row("X"), own.statistic(0), own.statistic(1), own.statistic(2)
            y, mean, inner = own.row("Y"), lanes.spread(own.of_two(0)), lanes.spread(own.of_two(1))

            def step(place, mask, sums):
                upstream = own.load(g, place, mask)
                h = builder.fmul(builder.fsub(builder.fsub(own.load(x, place, mask), m), rest), r)
                added = lanes.multiply_add(upstream, h, own.load(of_gamma, place, mask))
                lanes.store(added, lanes.at(of_gamma, place), mask)
                lanes.store(builder.fadd(upstream, own.load(of_beta, place, mask)), lanes.at(of_beta, place), mask)
                scaled = builder.fsub(builder.fmul(upstream, own.load(gamma, place, mask)), mean)
                value = lanes.multiply_add(builder.fsub(lanes.zero, h), inner, scaled)
                lanes.store(builder.fmul(value, r), lanes.at(y, place), mask)
                return []

            _swept(lanes, own.values["n"], 0, step)

        own.each(write)
        return context.get_dummy_value()

    return types.void(G, X, PLACE, PLACE, PLACE, PLACE, T, PLACE, PLACE, gamma, S, Y, sums), generate
