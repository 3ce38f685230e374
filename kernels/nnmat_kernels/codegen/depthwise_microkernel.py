"""What convolutions need beside `tile`: places from a table, and a tile whose both operands are vectors of channels.

`listed_places` gives the places where the rows of a tile begin, in any order: pixels of an image, across its rows and
from image to image, or the numbers of a window. So one tile serves every stride, dilation and size of image.

`channel_tile` is the tile of a depthwise convolution, of some vectors of channels, without a sum over channels:

    C[c_i + j]  =  f( (C[c_i + j] if keep else 0)
                      + Σ_t Σ_p A[a_i + t tap_a + p step_a + j] B[b + t tap_b + p step_b + j] + bias[at + j] )

for j < n, and for more such tiles to the right of it. A is read at the full width, B only for j < n. Both operands
change from step to step, and each row needs a place in A and one in C: with 6 rows of 2 vectors they fit the registers
for addresses, which 12 rows of one vector do not.

The rules of `tile` hold: flat arrays, nothing is checked, the sums stay in registers.
"""

from llvmlite import ir
from numba import types

from ..runtime.target import ROWS
from . import plain_tile
from .microkernel import (
    RELU,
    Lanes,
    _choose,
    _data,
    _generated,
    _i64,
    _literal,
    _place,
    _relu,
    _repeat,
)

HIGH = 12 if ROWS >= 6 else 8  # rows of a tile one vector wide: enough accumulators to keep the units busy
PAIRS = HIGH // 2  # of one two vectors wide


@_generated(plain_tile.listed_places)
def listed_places(typing_context, count, table, first, present, offset):
    """table[first + i] + offset for i < count as a tuple; rows from `present` on are the last one that is present."""
    if not _literal(count):
        return None
    rows = count.literal_value

    def generate(context, builder, signature, arguments):
        _, table, first, present, offset = arguments
        table = _data(context, builder, signature.args[1], table)
        last = builder.sub(present, _i64(1))
        places = []
        for i in range(rows):
            row = builder.select(builder.icmp_signed("<", _i64(i), last), _i64(i), last)
            pointer = builder.gep(table, [builder.add(first, row)], source_etype=_i64)
            places.append(builder.add(offset, builder.load(pointer, typ=_i64, align=8)))
        return context.make_tuple(builder, signature.return_type, places)

    return types.UniTuple(_place, rows)(count, table, _place, _place, _place), generate


@_generated(plain_tile.channel_tile)
def channel_tile(
    typing_context, vectors, masked, a_rows, c_rows, many, n, taps, k,
    A, tap_a, step_a, B, b, tap_b, step_b, C, keep, bias, at, f,
):  # fmt: skip
    """The tile of the module's docstring, `vectors` wide, and `many` - 1 more to the right of it (at least 1 in all).

    Without `masked` (a literal like `vectors`), n is taken to be the whole width; with it there must be one tile only.
    """
    if not _literal(vectors, masked):
        return None
    width, rows, is_masked = vectors.literal_value, a_rows.count, bool(masked.literal_value)

    def generate(context, builder, signature, arguments):
        _, _, a_rows, c_rows, many, n, taps, k, A, tap_a, step_a, B, b, tap_b, step_b, C, keep, bias, at, f = arguments
        kinds = signature.args
        lanes = Lanes(context, builder, kinds[15].dtype)
        A, B = _data(context, builder, kinds[8], A), _data(context, builder, kinds[11], B)
        C, bias = _data(context, builder, kinds[15], C), _data(context, builder, kinds[17], bias)
        mask = lanes.mask(builder.sub(n, _i64((width - 1) * lanes.count))) if is_masked else None
        masks, columns = [None] * (width - 1) + [mask], [_i64(j * lanes.count) for j in range(width)]
        A = [lanes.at(A, builder.extract_value(a_rows, i)) for i in range(rows)]
        C = [lanes.at(C, builder.extract_value(c_rows, i)) for i in range(rows)]
        v, _, next_vector = _repeat(builder, many, "vector")
        first = builder.mul(v, _i64(width * lanes.count))
        B = lanes.at(B, builder.add(b, first))
        own_c = [lanes.at(row, first) for row in C]

        def vectors_at(pointer, masks):
            return [lanes.load(lanes.at(pointer, j), m) for j, m in zip(columns, masks, strict=True)]

        begun = _choose(
            builder,
            builder.icmp_signed("!=", keep, _i64(0)),
            lanes.vector,
            [lanes.zero] * (rows * width),
            lambda: [value for row in own_c for value in vectors_at(row, masks)],
        )

        def products():
            t, carried, next_tap = _repeat(builder, taps, "tap")
            outer = carried(begun, lanes.vector)
            own_a, own_b = builder.add(first, builder.mul(t, tap_a)), lanes.at(B, builder.mul(t, tap_b))
            p, carried, next_p = _repeat(builder, k, "inner")
            sums = carried(outer, lanes.vector)
            right = vectors_at(lanes.at(own_b, builder.mul(p, step_b)), masks)
            place = builder.add(own_a, builder.mul(p, step_a))
            for i, row in enumerate(A):
                for j, left in enumerate(vectors_at(lanes.at(row, place), [None] * width)):
                    q = i * width + j
                    sums[q] = lanes.multiply_add(left, right[j], sums[q])
            builder.asm(ir.FunctionType(ir.VoidType(), []), "", "~{memory}", [], True)
            next_p(sums)
            next_tap(sums)
            return sums

        some = builder.and_(builder.icmp_signed(">", taps, _i64(0)), builder.icmp_signed(">", k, _i64(0)))
        sums = _choose(builder, some, lanes.vector, begun, products)

        def with_bias():
            terms = vectors_at(lanes.at(bias, builder.add(at, first)), masks)
            return [builder.fadd(value, terms[q % width]) for q, value in enumerate(sums)]

        sums = _choose(builder, builder.icmp_signed(">=", at, _i64(0)), lanes.vector, sums, with_bias)
        relu = builder.icmp_signed("==", f, _i64(RELU))
        sums = _choose(builder, relu, lanes.vector, sums, lambda: _relu(lanes, sums))
        for q, value in enumerate(sums):
            lanes.store(value, lanes.at(own_c[q // width], columns[q % width]), masks[q % width])
        next_vector([])
        return context.get_dummy_value()

    return types.void(
        vectors, masked, a_rows, c_rows, _place, _place, _place, _place, A, _place, _place, B, _place, _place, _place,
        C, _place, bias, _place, _place,
    ), generate  # fmt: skip
