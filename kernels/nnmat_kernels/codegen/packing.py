"""Panels of a matrix product's operands, in the order in which the microkernel reads them."""

from numba import types

from ..runtime.target import MR, VECTOR_BYTES
from .builder import I64, PLACE, Lanes, are_literals, data_pointer, generated, repeat


def _width(vectors, S):
    lanes = VECTOR_BYTES // S.itemsize
    return (vectors or -(-MR // lanes)) * lanes


def _transposed(lanes, rows):
    """The columns of `lanes.count` vectors: first within groups of 16 bytes, in the shuffles that every processor has,
    then whole groups change places."""
    count, group = lanes.count, 16 // lanes.size
    step = 1
    while step < group:  # of two vectors a and b, `step` numbers of each in turn: a0 b0 a1 b1, and a2 b2 a3 b3
        orders = []
        for half in (0, group // 2):
            places = [g + half + s for g in range(0, count, group) for s in range(0, group // 2, step)]
            orders.append([source + q + e for q in places for source in (0, count) for e in range(step)])
        pairs = [(q + e, q + e + step) for q in range(0, count, 2 * step) for e in range(step)]
        rows = [lanes.shuffle(rows[a], rows[b], order) for a, b in pairs for order in orders]
        step *= 2
    while step < count:  # the two other blocks of each 2 x 2 blocks of `step` numbers change places
        upper = [count + e - step if e & step else e for e in range(count)]
        lower = [count + e if e & step else e + step for e in range(count)]
        result = list(rows)
        for a in range(count):
            if not a & step:
                result[a] = lanes.shuffle(rows[a], rows[a + step], upper)
                result[a + step] = lanes.shuffle(rows[a], rows[a + step], lower)
        rows = result
        step *= 2
    return rows


def plain_pack_transposed(vectors, S, s, B, b, row_b, n, k):
    width = _width(vectors, S)
    for p in range(k):
        for j in range(width):
            S[s + p * width + j] = B[b + min(j, n - 1) * row_b + p]


@generated(plain_pack_transposed)
def pack_transposed(typing_context, vectors, S, s, B, b, row_b, n, k):
    """S[s + p width + j] = B[b + j row_b + p] for p < k, in blocks turned round in registers.

    The width is that of `vectors`, or if that is 0 of as many vectors as hold the rows of a tile. Columns from n on
    repeat column n - 1. S has room for a k that is rounded up to whole vectors.
    """
    if not are_literals(vectors):
        return None

    def generate(context, builder, signature, arguments):
        _, S, s, B, b, row_b, n, k = arguments
        lanes = Lanes(context, builder, signature.args[1].dtype)
        number = vectors.literal_value or -(-MR // lanes.count)
        width, last = number * lanes.count, builder.sub(n, I64(1))
        S = lanes.at(data_pointer(context, builder, signature.args[1], S), s)
        B = lanes.at(data_pointer(context, builder, signature.args[3], B), b)
        rows = []
        for j in range(width):
            row = builder.select(builder.icmp_signed("<", I64(j), last), I64(j), last)
            rows.append(lanes.at(B, builder.mul(row, row_b)))

        def turn(p, mask):
            for v in range(0, width, lanes.count):
                loaded = [lanes.load(lanes.at(row, p), mask) for row in rows[v : v + lanes.count]]
                for e, value in enumerate(_transposed(lanes, loaded)):
                    place = builder.add(builder.mul(p, I64(width)), I64(e * width + v))
                    lanes.store(value, lanes.at(S, place))

        whole = builder.sdiv(k, I64(lanes.count))
        with builder.if_then(builder.icmp_signed(">", whole, I64(0))):
            q, _, following = repeat(builder, whole, "pack")
            turn(builder.mul(q, I64(lanes.count)), None)
            following([])
        done = builder.mul(whole, I64(lanes.count))
        with builder.if_then(builder.icmp_signed("<", done, k)):
            turn(done, lanes.mask(builder.sub(k, done)))
        return context.get_dummy_value()

    return types.void(vectors, S, PLACE, B, PLACE, PLACE, PLACE, PLACE), generate


def plain_pack(vectors, S, s, B, b, row_b, n, k):
    width = _width(vectors, S)
    for p in range(k):
        S[s + p * width : s + (p + 1) * width] = 0
        m = min(n, width)
        S[s + p * width : s + p * width + m] = B[b + p * row_b : b + p * row_b + m]


@generated(plain_pack)
def pack(typing_context, vectors, S, s, B, b, row_b, n, k):
    """S[s + p width + j] = B[b + p row_b + j] for p < k, of the same width; columns from n on are 0."""
    if not are_literals(vectors):
        return None

    def generate(context, builder, signature, arguments):
        _, S, s, B, b, row_b, n, k = arguments
        lanes = Lanes(context, builder, signature.args[1].dtype)
        number = vectors.literal_value or -(-MR // lanes.count)
        width = number * lanes.count
        S = lanes.at(data_pointer(context, builder, signature.args[1], S), s)
        B = lanes.at(data_pointer(context, builder, signature.args[3], B), b)

        def copy(masks):
            p, _, following = repeat(builder, k, "pack")
            source, target = lanes.at(B, builder.mul(p, row_b)), lanes.at(S, builder.mul(p, I64(width)))
            for v, mask in enumerate(masks):
                place = I64(v * lanes.count)
                lanes.store(lanes.load(lanes.at(source, place), mask), lanes.at(target, place))
            following([])

        some, narrow = builder.icmp_signed(">", k, I64(0)), builder.icmp_signed("<", n, I64(width))
        with builder.if_then(builder.and_(some, narrow)):
            copy([lanes.mask(builder.sub(n, I64(v * lanes.count))) for v in range(number)])
        with builder.if_then(builder.and_(some, builder.not_(narrow))):
            copy([None] * number)
        return context.get_dummy_value()

    return types.void(vectors, S, PLACE, B, PLACE, PLACE, PLACE, PLACE), generate
