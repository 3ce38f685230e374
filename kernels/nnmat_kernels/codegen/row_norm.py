"""Whole norms of some rows, at most as many as a vector has lanes, and their gradients.

    normalise_rows       m = Σ x / n, d = x - m, rest = Σ d / n, r = (Σ d² / n - rest² + ε)^(-1/2), y = (d - rest) r γ + β
    differentiate_rows   h = γ g, gx = r (h - mean h - x̂ mean(h x̂)), the gradients of γ and β += g x̂, g

A row alone would wait for itself: for the sum over the lanes, the division, the square root. Here every row leaves one
vector of partial sums; these are summed over their lanes all at once, as a matrix is transposed, and what follows from
the sums is computed for all rows in one vector, in float64.

    row 0  | x x x x | x x x x | ...  ->  | p p p p |  \\
    row 1  | x x x x | x x x x | ...  ->  | p p p p |   >  | Σ0 Σ1 ... |  ->  means, scales: a lane for each row
     ...                                               /

The rows are walked in blocks of some columns, whose γ and β stay in registers; the last block is masked. A row's bits
depend on its own numbers and its length alone. The numbers of RUN blocks are summed in their dtype, these sums in
float64.

Rows begin at x, N numbers apart. m, rest and r of row i stand in T at t + i, t + apart + i and t + 2 apart + i. `room`
is a scratch of `ROOM` vectors for each row that a vector has lanes.
"""

from llvmlite import ir
from numba import types

from ..runtime.target import VECTOR_BYTES
from .builder import I64, PLACE, Lanes, data_pointer, generated, lane_sums, repeat

BLOCK = 4 if VECTOR_BYTES == 64 else 2  # vectors of a block
RUN = 16  # blocks
ROOM = 2  # sums of each row; and a vector for each thing that is known of all rows
KNOWN = 5
DOUBLE = ir.DoubleType()


class _Rows:
    """The arguments of a pass, and loops over its rows."""

    def __init__(self, context, builder, signature, arguments, names):
        self.lanes = Lanes(context, builder, signature.args[0].dtype)
        self.builder = builder
        self.values = dict(zip(names, arguments, strict=True))
        self.arrays = {
            name: data_pointer(context, builder, kind, value)
            for name, kind, value in zip(names, signature.args, arguments, strict=True)
            if isinstance(kind, types.Array)
        }
        self.wide = ir.VectorType(DOUBLE, self.lanes.count)
        self.n = builder.sitofp(self.values["N"], DOUBLE)

    def spread64(self, value):
        """A float64 in every lane."""
        return self.lanes.broadcast(value, self.wide)

    def shortened(self, value):
        same = self.lanes.element == DOUBLE
        return value if same else self.builder.fptrunc(value, self.lanes.vector)

    def lengthened(self, value):
        same = self.lanes.element == DOUBLE
        return value if same else self.builder.fpext(value, self.wide)

    def root(self, value):
        function = ir.FunctionType(self.wide, [self.wide])
        name = f"llvm.sqrt.v{self.lanes.count}f64"
        return self.builder.call(self.lanes.function(name, self.wide, *function.args), [value])

    def partial(self, k, i):
        """Where the k-th partial sums of row i stand."""
        c = self.lanes.count
        return self.lanes.at(self.arrays["room"], self.builder.add(self.builder.mul(i, I64(c)), I64(k * c * c)))

    def line(self, k):
        """Where the k-th number of row 0 stands, of those that are known of all rows."""
        c = self.lanes.count
        return self.lanes.at(self.arrays["room"], I64((ROOM * c + k) * c))

    def know(self, k, value):
        self.lanes.store(value, self.line(k))

    def known(self, k, i):
        """The k-th number of row i, in every lane."""
        return self.lanes.spread(self.lanes.at(self.line(k), i))

    def statistic(self, k):
        """Where m, rest or r of the first row stands."""
        builder = self.builder
        return self.lanes.at(
            self.arrays["T"], builder.add(self.values["t"], builder.mul(self.values["apart"], I64(k)))
        )

    def of_all(self):
        return self.lanes.mask(self.values["rows"])

    def each_row(self, write):
        i, _, following = repeat(self.builder, self.values["rows"], "row")
        write(i)
        following([])

    def row(self, name, i):
        """Where row i begins in an array of rows."""
        begin = self.builder.add(self.values["x"], self.builder.mul(i, self.values["N"]))
        return self.lanes.at(self.arrays[name], begin)

    def blocks(self, first, last, write):
        """`write(place, masks)` for every block of the columns from first on to last: a mask or None for each vector."""
        builder, lanes = self.builder, self.lanes
        width = I64(BLOCK * lanes.count)
        whole = builder.sdiv(builder.sub(last, first), width)
        with builder.if_then(builder.icmp_signed(">", whole, I64(0))):
            q, _, following = repeat(builder, whole, "block")
            write(builder.add(first, builder.mul(q, width)), [None] * BLOCK)
            following([])
        place = builder.add(first, builder.mul(whole, width))
        rest = builder.sub(last, place)
        half = I64(BLOCK // 2 * lanes.count)

        def masked(vectors):
            write(place, [lanes.mask(builder.sub(rest, I64(v * lanes.count))) for v in range(vectors)])

        with builder.if_then(builder.icmp_signed(">", rest, half)):
            masked(BLOCK)
        few = builder.and_(builder.icmp_signed(">", rest, I64(0)), builder.icmp_signed("<=", rest, half))
        with builder.if_then(few):
            masked(BLOCK // 2)

    def loads(self, pointer, place, masks):
        """The vectors of a block."""
        lanes = self.lanes
        return [
            lanes.load(lanes.at(pointer, self.builder.add(place, I64(v * lanes.count))), mask)
            for v, mask in enumerate(masks)
        ]

    def stores(self, vectors, pointer, place, masks):
        lanes = self.lanes
        for v, (value, mask) in enumerate(zip(vectors, masks, strict=True)):
            lanes.store(value, lanes.at(pointer, self.builder.add(place, I64(v * lanes.count))), mask)

    def sums(self, width, terms):
        """Of each row `width` sums, a lane for each row; `terms(i, place, masks)` adds up those of a block."""
        builder, lanes, N = self.builder, self.lanes, self.values["N"]
        run = I64(RUN * BLOCK * lanes.count)
        runs = builder.sdiv(builder.add(N, builder.sub(run, I64(1))), run)
        q, carried, following = repeat(builder, runs, "run")
        before = carried([ir.Constant(self.wide, [DOUBLE(0.0)] * lanes.count)] * width, self.wide)

        def clear(i):
            for k in range(width):
                lanes.store(lanes.zero, self.partial(k, i))

        self.each_row(clear)
        first = builder.mul(q, run)
        end = builder.add(first, run)
        last = builder.select(builder.icmp_signed("<", end, N), end, N)

        def block(place, masks):
            ready = terms(place, masks)

            def add(i):
                for k, value in enumerate(ready(i)):
                    place = self.partial(k, i)
                    lanes.store(builder.fadd(lanes.load(place), value), place)

            self.each_row(add)

        self.blocks(first, last, block)
        after = []
        for k in range(width):
            rows = [lanes.load(self.partial(k, I64(i))) for i in range(lanes.count)]
            after.append(builder.fadd(before[k], self.lengthened(lane_sums(lanes, rows))))
        following(after)
        return after

    def added(self, vectors):
        """The sum of some vectors, in pairs."""
        while len(vectors) > 1:
            pairs = list(zip(vectors[::2], vectors[1::2], strict=False))
            vectors = [self.builder.fadd(a, b) for a, b in pairs] + vectors[2 * len(pairs) :]
        return vectors[0]


def plain_normalise_rows(X, x, N, rows, gamma, beta, eps, centred, T, t, apart, Y, room):
    for i in range(rows):
        a = x + i * N
        m = X.dtype.type(X[a : a + N].mean(dtype=float)) if centred else X.dtype.type(0)
        d = X[a : a + N] - m
        rest = d.mean(dtype=float) if centred else 0.0
        r = 1 / ((d * d).mean(dtype=float) - rest * rest + eps) ** 0.5
        T[t + i], T[t + apart + i], T[t + 2 * apart + i] = m, rest, r
        Y[a : a + N] = (d - rest) * r * gamma + beta


@generated(plain_normalise_rows)
def normalise_rows(typing_context, X, x, N, rows, gamma, beta, eps, centred, T, t, apart, Y, room):
    names = ("X", "x", "N", "rows", "gamma", "beta", "eps", "centred", "T", "t", "apart", "Y", "room")

    def generate(context, builder, signature, arguments):
        own = _Rows(context, builder, signature, arguments, names)
        _normalise(own)
        return context.get_dummy_value()

    return (
        types.void(
            X, PLACE, PLACE, PLACE, gamma, beta, types.float64, types.boolean, T, PLACE, PLACE, Y, room
        ),
        generate,
    )  # fmt: skip


def _normalise(own):
    builder, lanes = own.builder, own.lanes
    own.know(0, lanes.zero)
    with builder.if_then(own.values["centred"]):

        def of_numbers(place, masks):
            return lambda i: [own.added(own.loads(own.row("X", i), place, masks))]

        (total,) = own.sums(1, of_numbers)
        own.know(0, own.shortened(builder.fdiv(total, own.spread64(own.n))))

    def of_differences(place, masks):
        def terms(i):
            m, found = own.known(0, i), []
            for x, mask in zip(own.loads(own.row("X", i), place, masks), masks, strict=True):
                d = builder.fsub(x, m)
                found.append(d if mask is None else builder.select(mask, d, lanes.zero))
            squares = builder.fmul(found[0], found[0])
            for d in found[1:]:
                squares = lanes.multiply_add(d, d, squares)
            return [own.added(found), squares]

        return terms

    total, squares = own.sums(2, of_differences)
    n = own.spread64(own.n)
    zero = ir.Constant(own.wide, [DOUBLE(0.0)] * lanes.count)
    centred = lanes.broadcast(own.values["centred"], lanes.bits)
    rest = builder.select(centred, builder.fdiv(total, n), zero)
    variance = builder.fsub(builder.fdiv(squares, n), builder.fmul(rest, rest))
    one = ir.Constant(own.wide, [DOUBLE(1.0)] * lanes.count)
    r = builder.fdiv(one, own.root(builder.fadd(variance, own.spread64(own.values["eps"]))))
    mask, offset = own.of_all(), builder.fmul(builder.fsub(zero, rest), r)
    own.know(1, own.shortened(r))
    own.know(2, own.shortened(offset))
    for k, value in enumerate((lanes.load(own.line(0)), own.shortened(rest), own.shortened(r))):
        lanes.store(value, own.statistic(k), mask)

    def values(place, masks):
        gamma, beta = (own.loads(own.arrays[name], place, masks) for name in ("gamma", "beta"))

        def write(i):
            m, r, offset = (own.known(k, i) for k in range(3))
            made = []
            for x, g, b in zip(own.loads(own.row("X", i), place, masks), gamma, beta, strict=True):
                normal = lanes.multiply_add(builder.fsub(x, m), r, offset)
                made.append(lanes.multiply_add(normal, g, b))
            own.stores(made, own.row("Y", i), place, masks)

        own.each_row(write)

    own.blocks(I64(0), own.values["N"], values)


def plain_differentiate_rows(G, X, x, N, rows, gamma, centred, T, t, apart, Y, sums, room):
    for i in range(rows):
        a, (m, rest, r) = x + i * N, (T[t + k * apart + i] for k in range(3))
        g, normal = G[a : a + N].copy(), ((X[a : a + N] - m) - rest) * r
        h = g * gamma
        sums[:N] += g * normal
        sums[N : 2 * N] += g
        mean = h.mean(dtype=float) if centred else 0.0
        Y[a : a + N] = (h - mean - normal * (h * normal).mean(dtype=float)) * r


@generated(plain_differentiate_rows)
def differentiate_rows(typing_context, G, X, x, N, rows, gamma, centred, T, t, apart, Y, sums, room):
    """The gradients of γ and β stand in the first and the next N `sums`."""
    names = ("G", "X", "x", "N", "rows", "gamma", "centred", "T", "t", "apart", "Y", "sums", "room")

    def generate(context, builder, signature, arguments):
        own = _Rows(context, builder, signature, arguments, names)
        _differentiate(own)
        return context.get_dummy_value()

    return types.void(G, X, PLACE, PLACE, PLACE, gamma, types.boolean, T, PLACE, PLACE, Y, sums, room), generate


def _differentiate(own):
    builder, lanes, mask = own.builder, own.lanes, own.of_all()
    m, rest, r = (lanes.load(own.statistic(k), mask) for k in range(3))
    for k, value in enumerate((m, rest, r)):
        own.know(k, value)

    def of_products(place, masks):
        gamma = own.loads(own.arrays["gamma"], place, masks)

        def terms(i):
            m, rest = own.known(0, i), own.known(1, i)
            found, products = [], None
            xs, gs = (own.loads(own.row(name, i), place, masks) for name in ("X", "G"))
            for x, g, factor in zip(xs, gs, gamma, strict=True):
                h, d = builder.fmul(g, factor), builder.fsub(builder.fsub(x, m), rest)
                found.append(h)
                products = builder.fmul(h, d) if products is None else lanes.multiply_add(h, d, products)
            return [own.added(found), products]

        return terms

    total, products = own.sums(2, of_products)
    n, r = own.spread64(own.n), own.lengthened(r)
    zero = ir.Constant(own.wide, [DOUBLE(0.0)] * lanes.count)
    centred = lanes.broadcast(own.values["centred"], lanes.bits)
    mean = builder.select(centred, builder.fdiv(total, n), zero)
    inner = builder.fmul(builder.fdiv(products, n), builder.fmul(r, r))
    own.know(3, own.shortened(builder.fsub(zero, builder.fmul(mean, r))))
    own.know(4, own.shortened(builder.fsub(zero, builder.fmul(inner, r))))

    def gradients(place, masks):
        gamma = own.loads(own.arrays["gamma"], place, masks)
        second = builder.add(place, own.values["N"])
        begun = [own.loads(own.arrays["sums"], at, masks) for at in (place, second)]
        i, carried, following = repeat(builder, own.values["rows"], "row")
        sums = carried([*begun[0], *begun[1]], lanes.vector)
        m, rest, r, shift, slope = (own.known(k, i) for k in range(KNOWN))
        xs, gs = (own.loads(own.row(name, i), place, masks) for name in ("X", "G"))
        made, of_gamma, of_beta = [], [], []
        for v, (x, g) in enumerate(zip(xs, gs, strict=True)):
            d, scaled = builder.fsub(builder.fsub(x, m), rest), builder.fmul(g, r)
            made.append(lanes.multiply_add(scaled, gamma[v], lanes.multiply_add(d, slope, shift)))
            of_gamma.append(lanes.multiply_add(scaled, d, sums[v]))
            of_beta.append(builder.fadd(g, sums[len(masks) + v]))
        own.stores(made, own.row("Y", i), place, masks)
        following([*of_gamma, *of_beta])
        own.stores(of_gamma, own.arrays["sums"], place, masks)
        own.stores(of_beta, own.arrays["sums"], second, masks)

    own.blocks(I64(0), own.values["N"], gradients)
