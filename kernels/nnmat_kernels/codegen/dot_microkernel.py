"""A tile of dot products, for A Bᵀ with few columns.

      A  a_i  [ vector | vector | ... ]   2 rows         for each vector along the inner index:
                                                             load 2 + 5 vectors, 10 fused multiply-adds
      B  b_j  [ vector | vector | ... ]   5 rows         then each of the 10 accumulators is summed over its lanes

The microkernel computes 16 columns where 10 are wanted, of a B that must first be transposed. Here both operands are
read along their rows, and 10 columns are two tiles. An element of C is the sum of one partial sum per lane.
"""

import numpy as np
from numba import types

from .builder import (
    I64,
    PLACE,
    Lanes,
    are_literals,
    biased_and_activated,
    choose,
    data_pointer,
    generated,
    lane_sums,
    plain_tile,
    repeat,
)


def plain_dot_microkernel(columns, a_rows, c_rows, b_rows, n, k, A, B, C, keep, bias, bias_at, f):
    def add_products(row, a):
        row += np.array([np.dot(A[a : a + k], B[b : b + k]) for b in b_rows[:n]], C.dtype)

    plain_tile(a_rows, c_rows, n, C, keep, bias, bias_at, f, add_products)


@generated(plain_dot_microkernel)
def dot_microkernel(typing_context, columns, a_rows, c_rows, b_rows, n, k, A, B, C, keep, bias, bias_at, f):
    """C[c_i + j] = f((C[c_i + j] if keep else 0) + Σ_p A[a_i + p] B[b_j + p] + bias[bias_at + j]).

    The inner index runs along the vectors, so B needs no packing; j < n <= `columns` (a literal, and the length of
    b_rows), at most the lanes of a vector.
    """
    if not are_literals(columns):
        return None

    def generate(context, builder, signature, arguments):
        _, a_rows, c_rows, b_rows, n, k, A, B, C, keep, bias, bias_at, f = arguments
        kinds = signature.args
        lanes = Lanes(context, builder, kinds[8].dtype)
        high, wide = kinds[1].count, kinds[3].count
        if wide > lanes.count:  # a dtype for which no caller chooses this tile
            return context.get_dummy_value()
        A, B = data_pointer(context, builder, kinds[6], A), data_pointer(context, builder, kinds[7], B)
        C, bias = data_pointer(context, builder, kinds[8], C), data_pointer(context, builder, kinds[10], bias)
        A = [lanes.at(A, builder.extract_value(a_rows, i)) for i in range(high)]
        B = [lanes.at(B, builder.extract_value(b_rows, j)) for j in range(wide)]
        C = [lanes.at(C, builder.extract_value(c_rows, i)) for i in range(high)]

        def added(sums, p, mask):
            left = [lanes.load(lanes.at(row, p), mask) for row in A]
            right = [lanes.load(lanes.at(row, p), mask) for row in B]
            return [lanes.multiply_add(left[q // wide], right[q % wide], value) for q, value in enumerate(sums)]

        def whole():
            q, carried, following = repeat(builder, blocks, "dots")
            sums = added(carried(zeros, lanes.vector), builder.mul(q, I64(lanes.count)), None)
            lanes.barrier()
            following(sums)
            return sums

        zeros = [lanes.zero] * (high * wide)
        blocks = builder.sdiv(k, I64(lanes.count))
        done = builder.mul(blocks, I64(lanes.count))
        sums = choose(builder, builder.icmp_signed(">", blocks, I64(0)), lanes.vector, zeros, whole)
        rest = lanes.mask(builder.sub(k, done))
        sums = choose(builder, builder.icmp_signed("<", done, k), lanes.vector, sums, lambda: added(sums, done, rest))
        rows = [lane_sums(lanes, sums[i * wide : (i + 1) * wide]) for i in range(high)]
        mask = lanes.mask(n)
        rows = choose(
            builder,
            builder.icmp_signed("!=", keep, I64(0)),
            lanes.vector,
            rows,
            lambda: [builder.fadd(lanes.load(c, mask), row) for c, row in zip(C, rows, strict=True)],
        )
        rows = biased_and_activated(
            lanes, rows, bias_at, f, lambda at: [lanes.load(lanes.at(bias, at), mask) for _ in rows]
        )
        for c, row in zip(C, rows, strict=True):
            lanes.store(row, c, mask)
        return context.get_dummy_value()

    return types.void(
        columns, a_rows, c_rows, b_rows, PLACE, PLACE, A, B, C, PLACE, bias, PLACE, PLACE
    ), generate  # fmt: skip
