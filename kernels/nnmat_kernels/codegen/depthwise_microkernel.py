"""A block of a depthwise convolution whose sums all stay in vector registers: both operands are vectors of channels.

For its rows i and its channels j < n, and for more such tiles to the right of it, without a sum over channels:

    C[c_i + j]  =  f( (C[c_i + j] if keep else 0)
                      + Σ_t Σ_p A[a_i + t tap_a + p step_a + j] B[b + t tap_b + p step_b + j] + bias[at + j] )

A is read at the full width, B only for j < n. Both operands change from step to step, and each row needs a place in A
and one in C: with 6 rows of 2 vectors they fit the registers for addresses, which 12 rows of one vector do not.

The rules of `microkernel` hold: flat arrays, nothing is checked, the sums stay in registers.
"""

import numpy as np
from llvmlite import ir
from numba import types

from ..runtime.target import VECTOR_BYTES
from .builder import I64, PLACE, RELU, Lanes, are_literals, choose, data_pointer, generated, relu_lanes, repeat
from .microkernel import MR_SINGLE

MR_DEPTHWISE = MR_SINGLE // 2  # rows of a tile two vectors wide


def plain_depthwise_microkernel(
    vectors, masked, a_rows, c_rows, many, n, taps, k, A, tap_a, step_a, B, b, tap_b, step_b, C, keep, bias, at, f
):  # fmt: skip
    n = n if masked else many * vectors * (VECTOR_BYTES // C.itemsize)
    rows = []
    for a, c in zip(a_rows, c_rows, strict=True):
        row = C[c : c + n].copy() if keep else np.zeros(n, C.dtype)
        for t in range(taps):
            for p in range(k):
                x, y = a + t * tap_a + p * step_a, b + t * tap_b + p * step_b
                row += A[x : x + n] * B[y : y + n]
        if at >= 0:
            row += bias[at : at + n]
        rows.append(np.where(row <= 0, 0, row) if f else row)
    for c, row in zip(c_rows, rows, strict=True):
        C[c : c + n] = row


@generated(plain_depthwise_microkernel)
def depthwise_microkernel(
    typing_context, vectors, masked, a_rows, c_rows, many, n, taps, k,
    A, tap_a, step_a, B, b, tap_b, step_b, C, keep, bias, at, f,
):  # fmt: skip
    """The tile of the module's docstring, `vectors` wide, and `many` - 1 more to the right of it (at least 1 in all).

    Without `masked` (a literal like `vectors`), n is taken to be the whole width; with it there must be one tile only.
    """
    if not are_literals(vectors, masked):
        return None
    width, rows, is_masked = vectors.literal_value, a_rows.count, bool(masked.literal_value)

    def generate(context, builder, signature, arguments):
        _, _, a_rows, c_rows, many, n, taps, k, A, tap_a, step_a, B, b, tap_b, step_b, C, keep, bias, at, f = arguments
        kinds = signature.args
        lanes = Lanes(context, builder, kinds[15].dtype)
        A, B = data_pointer(context, builder, kinds[8], A), data_pointer(context, builder, kinds[11], B)
        C, bias = data_pointer(context, builder, kinds[15], C), data_pointer(context, builder, kinds[17], bias)
        mask = lanes.mask(builder.sub(n, I64((width - 1) * lanes.count))) if is_masked else None
        masks, columns = [None] * (width - 1) + [mask], [I64(j * lanes.count) for j in range(width)]
        A = [lanes.at(A, builder.extract_value(a_rows, i)) for i in range(rows)]
        C = [lanes.at(C, builder.extract_value(c_rows, i)) for i in range(rows)]
        v, _, next_vector = repeat(builder, many, "vector")
        first = builder.mul(v, I64(width * lanes.count))
        B = lanes.at(B, builder.add(b, first))
        own_c = [lanes.at(row, first) for row in C]

        def vectors_at(pointer, masks):
            return [lanes.load(lanes.at(pointer, j), m) for j, m in zip(columns, masks, strict=True)]

        begun = choose(
            builder,
            builder.icmp_signed("!=", keep, I64(0)),
            lanes.vector,
            [lanes.zero] * (rows * width),
            lambda: [value for row in own_c for value in vectors_at(row, masks)],
        )

        def products():
            t, carried, next_tap = repeat(builder, taps, "tap")
            outer = carried(begun, lanes.vector)
            own_a, own_b = builder.add(first, builder.mul(t, tap_a)), lanes.at(B, builder.mul(t, tap_b))
            p, carried, next_p = repeat(builder, k, "inner")
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

        some = builder.and_(builder.icmp_signed(">", taps, I64(0)), builder.icmp_signed(">", k, I64(0)))
        sums = choose(builder, some, lanes.vector, begun, products)

        def with_bias():
            terms = vectors_at(lanes.at(bias, builder.add(at, first)), masks)
            return [builder.fadd(value, terms[q % width]) for q, value in enumerate(sums)]

        sums = choose(builder, builder.icmp_signed(">=", at, I64(0)), lanes.vector, sums, with_bias)
        relu = builder.icmp_signed("==", f, I64(RELU))
        sums = choose(builder, relu, lanes.vector, sums, lambda: relu_lanes(lanes, sums))
        for q, value in enumerate(sums):
            lanes.store(value, lanes.at(own_c[q // width], columns[q % width]), masks[q % width])
        next_vector([])
        return context.get_dummy_value()

    return types.void(
        vectors, masked, a_rows, c_rows, PLACE, PLACE, PLACE, PLACE, A, PLACE, PLACE, B, PLACE, PLACE, PLACE,
        C, PLACE, bias, PLACE, PLACE,
    ), generate  # fmt: skip
