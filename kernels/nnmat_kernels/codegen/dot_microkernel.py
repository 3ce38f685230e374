"""A tile of dot products, for A Bᵀ with few columns.

      A  a_i  [ vector | vector | ... ]   2 rows         for each vector along the inner index:
                                                             load 2 + 5 vectors, 10 fused multiply-adds
      B  b_j  [ vector | vector | ... ]   5 rows         then each of the 10 accumulators is summed over its lanes

The register tile computes 16 columns where 10 are wanted, of a B that must first be turned round. Here both operands
are read along their rows, and 10 columns are two tiles. An element of C is the sum of one partial sum per lane.
"""

import numpy as np
from llvmlite import ir
from numba import types

from .builder import I64, PLACE, RELU, Lanes, are_literals, choose, data_pointer, generated, relu_lanes, repeat


def _lane_sums(lanes, values):
    """One vector whose lane q is the sum over the lanes of values[q]; at most as many values as lanes."""
    builder, count, group = lanes.builder, lanes.count, 16 // lanes.size
    values = values + [lanes.zero] * (count - len(values))
    unit = 1
    while len(values) > 1:  # neighbours: the even units of both plus the odd ones; first within groups of 16 bytes
        span = group if unit < group else count
        size = unit if unit == group else 1
        orders = []
        for odd in (0, size):
            starts = [g + s for g in range(0, count, span) for s in (0, count)]
            orders.append([s + e + q for s in starts for e in range(odd, span, 2 * size) for q in range(size)])
        halves = [
            [lanes.shuffle(a, b, order) for order in orders] for a, b in zip(values[::2], values[1::2], strict=True)
        ]
        values = [builder.fadd(*half) for half in halves]
        unit = min(2 * unit, group)
    return values[0]


def plain_dot_microkernel(columns, a_rows, c_rows, b_rows, n, k, A, B, C, keep, bias, at, f):
    rows = []  # all of them before one is stored, for the last row may be there twice
    for a, c in zip(a_rows, c_rows, strict=True):
        row = np.array([np.dot(A[a : a + k], B[b : b + k]) for b in b_rows[:n]], C.dtype)
        if keep:
            row += C[c : c + n]
        if at >= 0:
            row += bias[at : at + n]
        rows.append(np.where(row <= 0, 0, row) if f else row)
    for c, row in zip(c_rows, rows, strict=True):
        C[c : c + n] = row


@generated(plain_dot_microkernel)
def dot_microkernel(typing_context, columns, a_rows, c_rows, b_rows, n, k, A, B, C, keep, bias, at, f):
    """C[c_i + j] = f((C[c_i + j] if keep else 0) + Σ_p A[a_i + p] B[b_j + p] + bias[at + j]).

    The inner index runs along the vectors, so B needs no packing; j < n <= `columns` (a literal, and the length of
    b_rows), at most the lanes of a vector.
    """
    if not are_literals(columns):
        return None

    def generate(context, builder, signature, arguments):
        _, a_rows, c_rows, b_rows, n, k, A, B, C, keep, bias, at, f = arguments
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
            sums = added(carried([lanes.zero] * (high * wide), lanes.vector), builder.mul(q, I64(lanes.count)), None)
            builder.asm(ir.FunctionType(ir.VoidType(), []), "", "~{memory}", [], True)
            following(sums)
            return sums

        blocks = builder.sdiv(k, I64(lanes.count))
        done = builder.mul(blocks, I64(lanes.count))
        some = builder.icmp_signed(">", blocks, I64(0))
        sums = choose(builder, some, lanes.vector, [lanes.zero] * (high * wide), whole)
        rest = lanes.mask(builder.sub(k, done))
        sums = choose(builder, builder.icmp_signed("<", done, k), lanes.vector, sums, lambda: added(sums, done, rest))
        rows = [_lane_sums(lanes, sums[i * wide : (i + 1) * wide]) for i in range(high)]
        mask = lanes.mask(n)
        rows = choose(
            builder,
            builder.icmp_signed("!=", keep, I64(0)),
            lanes.vector,
            rows,
            lambda: [builder.fadd(lanes.load(c, mask), row) for c, row in zip(C, rows, strict=True)],
        )
        rows = choose(
            builder,
            builder.icmp_signed(">=", at, I64(0)),
            lanes.vector,
            rows,
            lambda: [builder.fadd(row, lanes.load(lanes.at(bias, at), mask)) for row in rows],
        )
        rows = choose(
            builder, builder.icmp_signed("==", f, I64(RELU)), lanes.vector, rows, lambda: relu_lanes(lanes, rows)
        )
        for c, row in zip(C, rows, strict=True):
            lanes.store(row, c, mask)
        return context.get_dummy_value()

    return types.void(
        columns, a_rows, c_rows, b_rows, PLACE, PLACE, A, B, C, PLACE, bias, PLACE, PLACE
    ), generate  # fmt: skip
