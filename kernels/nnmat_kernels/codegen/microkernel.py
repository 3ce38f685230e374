"""The register tile: a block of a matrix product whose sums all stay in vector registers.

              b      b + lanes                 rows x (2 vectors) of C: the accumulators
            +------+------+
       k    |      |      |   one row of B: 2 loads      for each k:
            +------+------+                                  load 2 vectors of B
    a  +-+  +------+------+                                  for each row: one number of A into all lanes,
       | |  |      |      |                                      2 fused multiply-adds
   rows|k|  |  C   |  C   |
       | |  |      |      |                              6 x 2 on AVX2: 12 multiply-adds for 8 loads, 15 registers
       +-+  +------+------+

The tile computes, for its rows i and its columns j < n,

    C[c_i + j]  =  f( (C[c_i + j] if keep else 0)  +  Σ_t Σ_p A[a_i + t tap_a + p step_a] B[b + t tap_b + p step_b + j]
                      + bias[at + j] )                                         t < taps, p < k

where A, B, C and bias are flat arrays and a_i, c_i the places where its rows begin: `row_places` lists them for a
matrix, and a convolution may list others. So A may be transposed or not, and the sum may run over several pieces (the
rows of a convolution kernel). A sum that is cut and continued with `keep` has the same bits as an uncut one.

* Edges. There is no scalar code. A narrow tile masks the last vector of C and of the bias; B must have the whole width
  (`pack` gives it that), because masked loads in the inner loop cost 20 % on Zen 3. Where rows of A and C are missing,
  the last one stands in for them: it is computed more than once, and stored with the same value.
* A tile fetches the lines of C `ahead` of its own into the cache, so that the next tile need not wait for them.

`listed_places` gives the places where the rows of a tile begin in any order: pixels of an image, across its rows and
from image to image, or the numbers of a window. So one microkernel serves every stride, dilation and size of image.
"""

import numpy as np
from llvmlite import ir
from numba import types

from ..runtime.target import MR, VECTOR_BYTES
from .builder import I64, PLACE, RELU, Lanes, are_literals, choose, data_pointer, generated, relu_lanes, repeat

MR_SINGLE = 12 if MR >= 6 else 8  # rows of a tile one vector wide: enough accumulators to keep the units busy


def plain_row_places(count, first, step, present):
    return tuple(first + min(i, present - 1) * step for i in range(count))


@generated(plain_row_places)
def row_places(typing_context, count, first, step, present):
    """first + i step for i < count as a tuple; rows from `present` on are the last one that is present."""
    if not are_literals(count):
        return None
    rows = count.literal_value

    def generate(context, builder, signature, arguments):
        _, first, step, present = arguments
        last = builder.sub(present, I64(1))
        places = []
        for i in range(rows):
            row = builder.select(builder.icmp_signed("<", I64(i), last), I64(i), last)
            places.append(builder.add(first, builder.mul(row, step)))
        return context.make_tuple(builder, signature.return_type, places)

    return types.UniTuple(PLACE, rows)(count, PLACE, PLACE, PLACE), generate


def plain_listed_places(count, table, first, present, offset):
    return tuple(int(table[first + min(i, present - 1)] + offset) for i in range(count))


@generated(plain_listed_places)
def listed_places(typing_context, count, table, first, present, offset):
    """table[first + i] + offset for i < count as a tuple; rows from `present` on are the last one that is present."""
    if not are_literals(count):
        return None
    rows = count.literal_value

    def generate(context, builder, signature, arguments):
        _, table, first, present, offset = arguments
        table = data_pointer(context, builder, signature.args[1], table)
        last = builder.sub(present, I64(1))
        places = []
        for i in range(rows):
            row = builder.select(builder.icmp_signed("<", I64(i), last), I64(i), last)
            pointer = builder.gep(table, [builder.add(first, row)], source_etype=I64)
            places.append(builder.add(offset, builder.load(pointer, typ=I64, align=8)))
        return context.make_tuple(builder, signature.return_type, places)

    return types.UniTuple(PLACE, rows)(count, table, PLACE, PLACE, PLACE), generate


def plain_microkernel(
    vectors, masked, a_rows, c_rows, n, taps, k, A, tap_a, step_a, B, b, tap_b, step_b, C, ahead, keep, bias, at, f
):  # fmt: skip
    n = n if masked else vectors * (VECTOR_BYTES // C.itemsize)
    rows = []
    for a, c in zip(a_rows, c_rows, strict=True):
        row = C[c : c + n].copy() if keep else np.zeros(n, C.dtype)
        for t in range(taps):
            for p in range(k):
                q = b + t * tap_b + p * step_b
                row += A[a + t * tap_a + p * step_a] * B[q : q + n]
        if at >= 0:
            row += bias[at : at + n]
        rows.append(np.where(row <= 0, 0, row) if f else row)
    for c, row in zip(c_rows, rows, strict=True):
        C[c : c + n] = row


@generated(plain_microkernel)
def microkernel(
    typing_context, vectors, masked, a_rows, c_rows, n, taps, k,
    A, tap_a, step_a, B, b, tap_b, step_b, C, ahead, keep, bias, at, f,
):  # fmt: skip
    """The tile of the module's docstring, `vectors` wide; its last vector is masked if `masked` (both are literals).

    Without `masked`, n is taken to be the whole width. `at` < 0 means no bias. `ahead` is where the next tile's places
    in C lie, from this one's.
    """
    if not are_literals(vectors, masked):
        return None
    width, rows, is_masked = vectors.literal_value, a_rows.count, bool(masked.literal_value)

    def generate(context, builder, signature, arguments):
        _, _, a_rows, c_rows, n, taps, k, A, tap_a, step_a, B, b, tap_b, step_b, C, ahead, keep, bias, at, f = arguments
        kinds = signature.args
        lanes = Lanes(context, builder, kinds[14].dtype)
        A, B = data_pointer(context, builder, kinds[7], A), data_pointer(context, builder, kinds[10], B)
        C, bias = data_pointer(context, builder, kinds[14], C), data_pointer(context, builder, kinds[17], bias)
        mask = lanes.mask(builder.sub(n, I64((width - 1) * lanes.count))) if is_masked else None
        masks = [None] * (width - 1) + [mask]
        columns = [I64(j * lanes.count) for j in range(width)]
        A = [lanes.at(A, builder.extract_value(a_rows, i)) for i in range(rows)]
        B = lanes.at(B, b)
        C = [lanes.at(C, builder.extract_value(c_rows, i)) for i in range(rows)]

        for row in C:
            lanes.fetch(row, [builder.add(j, ahead) for j in columns[:: 64 // VECTOR_BYTES]], True)

        def vectors_at(pointer):
            return [lanes.load(lanes.at(pointer, j), m) for j, m in zip(columns, masks, strict=True)]

        begun = choose(
            builder,
            builder.icmp_signed("!=", keep, I64(0)),
            lanes.vector,
            [lanes.zero] * (rows * width),
            lambda: [value for row in C for value in vectors_at(row)],
        )

        def products():
            t, carried, next_tap = repeat(builder, taps, "tap")
            outer = carried(begun, lanes.vector)
            own_a, own_b = builder.mul(t, tap_a), lanes.at(B, builder.mul(t, tap_b))
            own_rows = [lanes.at(row, own_a) for row in A]
            p, carried, next_p = repeat(builder, k, "inner")
            sums = carried(outer, lanes.vector)
            row_b = [lanes.load(lanes.at(lanes.at(own_b, builder.mul(p, step_b)), j)) for j in columns]
            place = builder.mul(p, step_a)
            for i, row in enumerate(own_rows):
                number = lanes.spread(lanes.at(row, place))
                for j in range(width):
                    q = i * width + j
                    sums[q] = lanes.multiply_add(number, row_b[j], sums[q])
            builder.asm(ir.FunctionType(ir.VoidType(), []), "", "~{memory}", [], True)
            next_p(sums)
            next_tap(sums)
            return sums

        some = builder.and_(builder.icmp_signed(">", taps, I64(0)), builder.icmp_signed(">", k, I64(0)))
        sums = choose(builder, some, lanes.vector, begun, products)

        def with_bias():
            terms = vectors_at(lanes.at(bias, at))
            return [builder.fadd(value, terms[q % width]) for q, value in enumerate(sums)]

        sums = choose(builder, builder.icmp_signed(">=", at, I64(0)), lanes.vector, sums, with_bias)
        relu = builder.icmp_signed("==", f, I64(RELU))
        sums = choose(builder, relu, lanes.vector, sums, lambda: relu_lanes(lanes, sums))
        for q, value in enumerate(sums):
            lanes.store(value, lanes.at(C[q // width], columns[q % width]), masks[q % width])
        return context.get_dummy_value()

    return types.void(
        vectors, masked, a_rows, c_rows, PLACE, PLACE, PLACE,
        A, PLACE, PLACE, B, PLACE, PLACE, PLACE, C, PLACE, PLACE, bias, PLACE, PLACE,
    ), generate  # fmt: skip


def plain_fetch(lines, A, a):
    pass


@generated(plain_fetch)
def fetch(typing_context, lines, A, a):
    """Ask for so many cache lines (a literal) of A from a on, which may lie beyond its end."""
    if not are_literals(lines):
        return None

    def generate(context, builder, signature, arguments):
        lanes = Lanes(context, builder, signature.args[1].dtype)
        A = lanes.at(data_pointer(context, builder, signature.args[1], arguments[1]), arguments[2])
        lanes.fetch(A, [I64(line * (64 // lanes.size)) for line in range(lines.literal_value)], False)
        return context.get_dummy_value()

    return types.void(lines, A, PLACE), generate
