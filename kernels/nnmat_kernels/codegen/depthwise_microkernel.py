"""A tile of a depthwise convolution whose sums all stay in vector registers: both operands are vectors of channels.

For its rows i and its channels j < n, and for more such tiles to the right of it, without a sum over channels:

    C[c_i + j]  =  f( (C[c_i + j] if keep else 0)
                      + Σ_t Σ_p A[a_i + t tap_a + p step_a + j] B[b + t tap_b + p step_b + j] + bias[bias_at + j] )

A is read at the full width, B only for j < n. Both operands change from step to step, and each row needs a place in A
and one in C: with 6 rows of 2 vectors they fit the registers for addresses, which 12 rows of one vector do not.

The rules of `microkernel` hold: flat arrays, nothing is checked, the sums stay in registers.
"""

from numba import types

from ..runtime.target import VECTOR_BYTES
from .builder import (
    I64,
    PLACE,
    Lanes,
    accumulated,
    are_literals,
    begun_with,
    biased_and_activated,
    columns_and_masks,
    data_pointer,
    generated,
    plain_tile,
    repeat,
)
from .microkernel import MR_SINGLE

MR_DEPTHWISE = MR_SINGLE // 2  # rows of a tile two vectors wide


def plain_depthwise_microkernel(
    vectors, masked, a_rows, c_rows, many, n, taps, k,
    A, tap_a, step_a, B, b, tap_b, step_b, C, keep, bias, bias_at, f,
):  # fmt: skip
    n = n if masked else many * vectors * (VECTOR_BYTES // C.itemsize)

    def add_products(row, a):
        for t in range(taps):
            for p in range(k):
                x, y = a + t * tap_a + p * step_a, b + t * tap_b + p * step_b
                row += A[x : x + n] * B[y : y + n]

    plain_tile(a_rows, c_rows, n, C, keep, bias, bias_at, f, add_products)


@generated(plain_depthwise_microkernel)
def depthwise_microkernel(
    typing_context, vectors, masked, a_rows, c_rows, many, n, taps, k,
    A, tap_a, step_a, B, b, tap_b, step_b, C, keep, bias, bias_at, f,
):  # fmt: skip
    """The tile of the module's docstring, `vectors` wide, and `many` - 1 more to the right of it (at least 1 in all).

    Without `masked` (a literal like `vectors`), n is taken to be the whole width; with it there must be one tile only.
    """
    if not are_literals(vectors, masked):
        return None
    width, rows = vectors.literal_value, a_rows.count

    def generate(context, builder, signature, arguments):
        _, _, a_rows, c_rows, many, n, taps, k, A, tap_a, step_a, B, b, tap_b, step_b, C, *rest = arguments
        keep, bias, bias_at, f = rest
        kinds = signature.args
        lanes = Lanes(context, builder, kinds[15].dtype)
        A, B = data_pointer(context, builder, kinds[8], A), data_pointer(context, builder, kinds[11], B)
        C, bias = data_pointer(context, builder, kinds[15], C), data_pointer(context, builder, kinds[17], bias)
        columns, masks = columns_and_masks(lanes, width, n, masked.literal_value)
        A = [lanes.at(A, builder.extract_value(a_rows, i)) for i in range(rows)]
        C = [lanes.at(C, builder.extract_value(c_rows, i)) for i in range(rows)]
        v, _, next_tile = repeat(builder, many, "vector")
        first = builder.mul(v, I64(width * lanes.count))
        B = lanes.at(B, builder.add(b, first))
        own_c = [lanes.at(row, first) for row in C]

        def vectors_at(pointer, masks):
            return [lanes.load(lanes.at(pointer, j), m) for j, m in zip(columns, masks, strict=True)]

        def at_tap(t):
            own_a, own_b = builder.add(first, builder.mul(t, tap_a)), lanes.at(B, builder.mul(t, tap_b))

            def add_products(p, sums):
                right = vectors_at(lanes.at(own_b, builder.mul(p, step_b)), masks)
                place = builder.add(own_a, builder.mul(p, step_a))
                for i, row in enumerate(A):
                    for j, left in enumerate(vectors_at(lanes.at(row, place), [None] * width)):
                        q = i * width + j
                        sums[q] = lanes.multiply_add(left, right[j], sums[q])
                return sums

            return add_products

        def terms(at):
            return vectors_at(lanes.at(bias, builder.add(at, first)), masks) * rows

        kept = begun_with(lanes, keep, rows * width, lambda: [x for row in own_c for x in vectors_at(row, masks)])
        sums = accumulated(lanes, kept, taps, k, at_tap)
        for q, value in enumerate(biased_and_activated(lanes, sums, bias_at, f, terms)):
            lanes.store(value, lanes.at(own_c[q // width], columns[q % width]), masks[q % width])
        next_tile([])
        return context.get_dummy_value()

    return types.void(
        vectors, masked, a_rows, c_rows, PLACE, PLACE, PLACE, PLACE, A, PLACE, PLACE, B, PLACE, PLACE, PLACE,
        C, PLACE, bias, PLACE, PLACE,
    ), generate  # fmt: skip
