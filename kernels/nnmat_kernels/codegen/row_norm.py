"""Whole norms of some rows, at most `ROWS` times as many as a vector has lanes, and their gradients.

    normalise_rows       m = Σ x/n, d = x - m, rest = Σ d/n, r = (Σ d²/n - rest² + ε)^(-1/2), y = (d - rest) r γ + β
    differentiate_rows   h = γ g, gx = r (h - mean h - x̂ mean(h x̂)), the gradients of γ and β += g x̂, g

A row alone would wait for itself: for the sum over the lanes, the division, the square root. Here every row leaves one
vector of partial sums; these are summed over their lanes all at once, as a matrix is transposed, and what follows from
the sums is computed for all rows in one vector, in float64.

    row 0  | x x x x | x x x x | ...  ->  | p p p p |  \\
    row 1  | x x x x | x x x x | ...  ->  | p p p p |   >  | Σ0 Σ1 ... |  ->  means, scales: a lane for each row
     ...                                               /

A row's bits depend on its own numbers and its length alone. RUN_BLOCKS blocks of its vectors are summed in their
dtype, these sums in float64. Last, the rows are walked in blocks of some columns, whose γ and β stay in registers.

Rows of n numbers begin at x. m, rest and r of row i stand in T at t + i, t + apart + i and t + 2 apart + i. `room`
is a scratch of `room_of(lanes)` numbers.
"""

from llvmlite import ir
from numba import types

from ..runtime.config import exact_jit
from .blocks import BLOCK, DOUBLE, Blocks
from .builder import I64, PLACE, choose, generated, lane_sums, repeat

RUN_BLOCKS = 16  # blocks
ROWS = 4  # vectors with a lane for each row
KNOWN = 5  # numbers of each row


@exact_jit
def room_of(lanes):
    """For each row: two vectors of partial sums, two sums in float64, and what is known of it."""
    return ROWS * lanes * (2 * lanes + 4 + KNOWN)


class _Rows(Blocks):
    """A pass over rows: their sums, and what is known of each."""

    def __init__(self, context, builder, signature, arguments, names):
        super().__init__(context, builder, signature, arguments, names)
        self.values["step"] = self.values["n"]  # rows follow each other
        self.n = builder.sitofp(self.values["n"], DOUBLE)
        self.zero64 = ir.Constant(self.wide, [DOUBLE(0.0)] * self.lanes.count)
        self.one64 = ir.Constant(self.wide, [DOUBLE(1.0)] * self.lanes.count)

    def spread64(self, value):
        """A float64 in every lane."""
        return self.lanes.broadcast(value, self.wide)

    def root(self, value):
        name = f"llvm.sqrt.v{self.lanes.count}f64"
        return self.builder.call(self.lanes.function(name, self.wide, self.wide), [value])

    def partial(self, k, i):
        """Where the k-th partial sums of row i stand."""
        c = self.lanes.count
        return self.lanes.at(self.arrays["room"], self.builder.add(self.builder.mul(i, I64(c)), I64(k * ROWS * c * c)))

    def total(self, k, top):
        """Where the k-th sum of row `top` stands, in float64."""
        c = self.lanes.count
        begin = self.lanes.at(self.arrays["room"], I64(2 * ROWS * c * c))
        return self.builder.gep(begin, [self.builder.add(top, I64(k * ROWS * c))], source_etype=DOUBLE)

    def line(self, k, top):
        """Where the k-th number of row `top` stands, of those that are known of all rows."""
        c = self.lanes.count
        begin = I64(ROWS * c * (2 * c + 4 + k))
        return self.lanes.at(self.arrays["room"], self.builder.add(begin, top))

    def known(self, k, i):
        """The k-th number of row i, in every lane."""
        return self.lanes.spread(self.line(k, i))

    def statistic(self, k, top):
        """Where m, rest or r of row `top` stands."""
        builder = self.builder
        begin = builder.add(self.values["t"], builder.mul(self.values["apart"], I64(k)))
        return self.lanes.at(self.arrays["T"], builder.add(begin, top))

    def each_row(self, write):
        i, _, following = repeat(self.builder, self.values["rows"], "row")
        write(i)
        following([])

    def each_vector_of_rows(self, write):
        """`write(top, mask)` for every vector with a lane for each row, its first row and the lanes that are rows."""
        builder, lanes, rows = self.builder, self.lanes, self.values["rows"]
        vectors = builder.sdiv(builder.add(rows, I64(lanes.count - 1)), I64(lanes.count))
        q, _, following = repeat(builder, vectors, "rows")
        top = builder.mul(q, I64(lanes.count))
        write(top, lanes.mask(builder.sub(rows, top)))
        following([])

    def sums(self, width, row):
        """`width` sums of each row, as totals; `row(i)(place, mask, sums)` adds a vector's: None is nothing yet."""
        builder, lanes, n = self.builder, self.lanes, self.values["n"]
        run = I64(RUN_BLOCKS * BLOCK * lanes.count)

        def clear(top, _):
            for k in range(width):
                builder.store(self.zero64, self.total(k, top), align=lanes.size)

        self.each_vector_of_rows(clear)
        q, _, following = repeat(builder, builder.sdiv(builder.add(n, builder.sub(run, I64(1))), run), "run")
        first = builder.mul(q, run)
        end = builder.add(first, run)
        last = builder.select(builder.icmp_signed("<", end, n), end, n)
        self.each_row(lambda i: self._partial_sums(width, row(i), i, first, last))

        def add(top, _):
            for k in range(width):
                rows = [lanes.load(self.partial(k, builder.add(top, I64(i)))) for i in range(lanes.count)]
                total = builder.load(self.total(k, top), typ=self.wide, align=lanes.size)
                total = builder.fadd(total, self.lengthened(lane_sums(lanes, rows)))
                builder.store(total, self.total(k, top), align=lanes.size)

        self.each_vector_of_rows(add)
        following([])

    def _partial_sums(self, width, step, i, first, last):
        builder, lanes = self.builder, self.lanes
        whole, place = self.parts(first, last)

        def vectors(place, masks, sums):
            return [
                step(builder.add(place, I64(v * lanes.count)), mask, sums[v * width : (v + 1) * width])
                for v, mask in enumerate(masks)
            ]

        def added(parts):
            return [self.added([part[k] for part in parts]) for k in range(width)]

        def blocks():
            q, carried, following = repeat(builder, whole, "block")
            begun = carried([lanes.zero] * (BLOCK * width), lanes.vector)
            at = builder.add(first, builder.mul(q, I64(BLOCK * lanes.count)))
            ended = vectors(at, [None] * BLOCK, begun)
            following([value for part in ended for value in part])
            return added(ended)

        some = builder.icmp_signed(">", whole, I64(0))
        sums = choose(builder, some, lanes.vector, [lanes.zero] * width, blocks)
        for k in range(width):
            lanes.store(sums[k], self.partial(k, i))

        def rest(masks):
            for k, value in enumerate(added(vectors(place, masks, [None] * (len(masks) * width)))):
                lanes.store(builder.fadd(sums[k], value), self.partial(k, i))

        self.rest(place, last, rest)

    def mean(self, k, top):
        """The k-th sum of the rows from `top` on, over n."""
        total = self.builder.load(self.total(k, top), typ=self.wide, align=self.lanes.size)
        return self.builder.fmul(total, self.spread64(self.builder.fdiv(DOUBLE(1.0), self.n)))

    def if_centred(self, value):
        centred = self.lanes.broadcast(self.values["centred"], self.lanes.bits)
        return self.builder.select(centred, value, self.zero64)

    def plus(self, sums, x):
        return x if sums is None else self.builder.fadd(sums, x)

    def plus_product(self, sums, x, y):
        return self.builder.fmul(x, y) if sums is None else self.lanes.multiply_add(x, y, sums)

    def added(self, vectors):
        """The sum of some vectors, in pairs."""
        while len(vectors) > 1:
            pairs = list(zip(vectors[::2], vectors[1::2], strict=False))
            vectors = [self.builder.fadd(a, b) for a, b in pairs] + vectors[2 * len(pairs) :]
        return vectors[0]


def plain_normalise_rows(X, x, n, rows, gamma, beta, eps, centred, T, t, apart, Y, room, together):
    for i in range(rows):
        a = x + i * n
        m = X.dtype.type(X[a : a + n].mean(dtype=float)) if centred else X.dtype.type(0)
        d = X[a : a + n] - m
        rest = d.mean(dtype=float) if centred else 0.0
        r = 1 / ((d * d).mean(dtype=float) - rest * rest + eps) ** 0.5
        T[t + i], T[t + apart + i], T[t + 2 * apart + i] = m, rest, r
        Y[a : a + n] = (d - rest) * r * gamma + beta


@generated(plain_normalise_rows)
def normalise_rows(typing_context, X, x, n, rows, gamma, beta, eps, centred, T, t, apart, Y, room, together):
    names = ("X", "x", "n", "rows", "gamma", "beta", "eps", "centred", "T", "t", "apart", "Y", "room", "together")

    def generate(context, builder, signature, arguments):
        own = _Rows(context, builder, signature, arguments, names)
        _normalise(own)
        return context.get_dummy_value()

    return (
        types.void(
            X, PLACE, PLACE, PLACE, gamma, beta, types.float64, types.boolean, T, PLACE, PLACE, Y, room, PLACE
        ),
        generate,
    )  # fmt: skip


def _normalise(own):
    builder, lanes = own.builder, own.lanes
    own.each_vector_of_rows(lambda top, _: lanes.store(lanes.zero, own.line(0, top)))
    with builder.if_then(own.values["centred"]):

        def numbers(i):
            x = own.row("X", i)
            return lambda place, mask, sums: [own.plus(sums[0], lanes.load(lanes.at(x, place), mask))]

        own.sums(1, numbers)
        own.each_vector_of_rows(lambda top, _: lanes.store(own.shortened(own.mean(0, top)), own.line(0, top)))

    def differences(i):
        x, m = own.row("X", i), own.known(0, i)

        def step(place, mask, sums):
            d = builder.fsub(lanes.load(lanes.at(x, place), mask), m)
            if mask is not None:
                d = builder.select(mask, d, lanes.zero)
            return [own.plus(sums[0], d), own.plus_product(sums[1], d, d)]

        return step

    own.sums(2, differences)

    def finish(top, mask):
        rest = own.if_centred(own.mean(0, top))
        variance = builder.fsub(own.mean(1, top), builder.fmul(rest, rest))
        r = builder.fdiv(own.one64, own.root(builder.fadd(variance, own.spread64(own.values["eps"]))))
        shift = own.shortened(builder.fmul(builder.fsub(own.zero64, rest), r))
        rest, r = own.shortened(rest), own.shortened(r)
        lanes.store(r, own.line(1, top))
        lanes.store(shift, own.line(2, top))
        for k, value in enumerate((lanes.load(own.line(0, top)), rest, r)):
            lanes.store(value, own.statistic(k, top), mask)

    own.each_vector_of_rows(finish)

    def values(first, rows):
        def block(place, masks):
            gamma, beta = (own.loads(own.arrays[name], place, masks) for name in ("gamma", "beta"))
            q, _, following = repeat(builder, rows, "row")
            i = builder.add(first, q)
            m, r, shift = (own.known(k, i) for k in range(3))
            made = []
            for x, g, b in zip(own.loads(own.row("X", i), place, masks), gamma, beta, strict=True):
                normal = lanes.multiply_add(builder.fsub(x, m), r, shift)
                made.append(lanes.multiply_add(normal, g, b))
            own.stores(made, own.row("Y", i), place, masks)
            following([])

        own.blocks(block)

    own.batches(own.values["together"], values)


def plain_differentiate_rows(G, X, x, n, rows, gamma, centred, T, t, apart, Y, sums, second, room, together):
    for i in range(rows):
        a, (m, rest, r) = x + i * n, (T[t + k * apart + i] for k in range(3))
        g, normal = G[a : a + n].copy(), ((X[a : a + n] - m) - rest) * r
        h = g * gamma
        sums[:n] += g * normal
        sums[second : second + n] += g
        mean = h.mean(dtype=float) if centred else 0.0
        Y[a : a + n] = (h - mean - normal * (h * normal).mean(dtype=float)) * r


@generated(plain_differentiate_rows)
def differentiate_rows(
    typing_context, G, X, x, n, rows, gamma, centred, T, t, apart, Y, sums, second, room, together
):  # fmt: skip
    """The gradient of γ begins at 0 in `sums`, that of β at `second`."""
    names = (
        "G",
        "X",
        "x",
        "n",
        "rows",
        "gamma",
        "centred",
        "T",
        "t",
        "apart",
        "Y",
        "sums",
        "second",
        "room",
        "together",
    )

    def generate(context, builder, signature, arguments):
        own = _Rows(context, builder, signature, arguments, names)
        _differentiate(own)
        return context.get_dummy_value()

    return types.void(
        G, X, PLACE, PLACE, PLACE, gamma, types.boolean, T, PLACE, PLACE, Y, sums, PLACE, room, PLACE
    ), generate


def _differentiate(own):
    builder, lanes = own.builder, own.lanes

    def copy(top, mask):
        for k in range(3):
            lanes.store(lanes.load(own.statistic(k, top), mask), own.line(k, top))

    own.each_vector_of_rows(copy)

    def products(i):
        x, g, gamma, m, rest = own.row("X", i), own.row("G", i), own.arrays["gamma"], own.known(0, i), own.known(1, i)

        def step(place, mask, sums):
            upstream, factor, number = (lanes.load(lanes.at(A, place), mask) for A in (g, gamma, x))
            h, d = builder.fmul(upstream, factor), builder.fsub(builder.fsub(number, m), rest)
            return [own.plus(sums[0], h), own.plus_product(sums[1], h, d)]

        return step

    own.sums(2, products)

    def finish(top, mask):
        r = own.lengthened(lanes.load(own.line(2, top)))
        mean, inner = own.if_centred(own.mean(0, top)), builder.fmul(own.mean(1, top), builder.fmul(r, r))
        for k, value in ((3, mean), (4, inner)):
            lanes.store(own.shortened(builder.fmul(builder.fsub(own.zero64, value), r)), own.line(k, top))

    own.each_vector_of_rows(finish)

    def gradients(first, rows):
        own.blocks(lambda place, masks: _gradients(own, first, rows, place, masks))

    own.batches(own.values["together"], gradients)


def _gradients(own, first, rows, place, masks):
    builder, lanes, sums = own.builder, own.lanes, own.arrays["sums"]
    gamma, second = own.loads(own.arrays["gamma"], place, masks), builder.add(place, own.values["second"])
    begun = [*own.loads(sums, place, masks), *own.loads(sums, second, masks)]
    q, carried, following = repeat(builder, rows, "row")
    before, i = carried(begun, lanes.vector), builder.add(first, q)
    m, rest, r, shift, slope = (own.known(k, i) for k in range(KNOWN))
    xs, gs = (own.loads(own.row(name, i), place, masks) for name in ("X", "G"))
    made, of_gamma, of_beta = [], [], []
    for v, (x, g) in enumerate(zip(xs, gs, strict=True)):
        d, scaled = builder.fsub(builder.fsub(x, m), rest), builder.fmul(g, r)
        made.append(lanes.multiply_add(scaled, gamma[v], lanes.multiply_add(d, slope, shift)))
        of_gamma.append(lanes.multiply_add(scaled, d, before[v]))
        of_beta.append(builder.fadd(g, before[len(masks) + v]))
    own.stores(made, own.row("Y", i), place, masks)
    following([*of_gamma, *of_beta])
    own.stores(of_gamma, sums, place, masks)
    own.stores(of_beta, sums, second, masks)
