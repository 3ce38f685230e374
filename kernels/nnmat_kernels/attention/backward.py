"""Gradients of one head. The weights are computed again from the scores and the logarithms ℓ of their sums:

    P = exp(a Q Kᵀ + M - ℓ 1ᵀ)          ρ = rowsum(G ⊙ O)
    gV = Pᵀ G                           gS = a P ⊙ (G Vᵀ - ρ 1ᵀ)
    gQ = gS K                           gK = gSᵀ Q

With dropout on the weights, P ⊙ D/(1 - rate) stands for P in gV, and (G Vᵀ) ⊙ D/(1 - rate) for G Vᵀ in gS.
A block of queries meets the keys that it sees, a block of them at a time; gK and gV are added up in place, in the order
of the blocks. One thread does a whole head.
"""

import numpy as np
from numba import prange

from ..codegen.function_pointer import call
from ..elementwise.dropout import seed_of
from ..products.panels import pack_columns, pack_rows
from ..runtime.config import ONE, ZERO, jit, parallel_jit, part_jit
from ..runtime.scratch import scratch
from ..runtime.target import NR_BYTES
from .plan import KEYS_AT_ONCE
from .scores import ROWS_OF_SCORES, differentiate, hide, repeated


@jit
def _clear(A, a, row, columns, rows):
    for i in range(rows):
        part = A[a + i * row : a + i * row + columns]
        for c in range(part.size):
            part[c] = 0


@part_jit
def _inner(g, o):
    total = g.dtype.type(0)
    for c in range(g.size):
        total += g[c] * o[c]
    return total


@jit
def backward_task(g, q, k, v, o, lse, mask, key_mask, stream, below, kept, scale, plan, gq, gk, gv, multiply, task):
    """All gradients of one head; `multiply` is the address of `times_panels`."""
    p = plan[0]
    image, head = task // p.heads, task % p.heads
    at_q = p.q_first + image * p.queries * p.q_row + head * p.head_size
    at_k = p.k_first + image * p.keys * p.k_row + head * p.head_size
    at_v = p.v_first + image * p.keys * p.v_row + head * p.value_size
    row_o, width = p.heads * p.value_size, np.int64(NR_BYTES // q.itemsize)
    _clear(gk, at_k, p.k_row, p.head_size, p.keys)
    _clear(gv, at_v, p.v_row, p.value_size, p.keys)
    deep_panel = p.value_size * width
    high, deep = (p.head_size + width - 1) // width * width, (p.value_size + width - 1) // width * width
    n = max(0, min(p.keys, p.queries + p.before))
    all_keys = scratch(max(1, high * n), q)
    queries, turned = scratch(high * p.rows, q), scratch((p.head_size + width) * p.rows, q)
    upstream, turned_g = scratch(deep * p.rows, q), scratch((p.value_size + width) * p.rows, q)
    S, G = scratch(KEYS_AT_ONCE * p.rows, q), scratch(KEYS_AT_ONCE * p.rows, q)
    ends, inner = np.zeros(p.rows, q.dtype), np.zeros(p.rows, q.dtype)
    seed, one = seed_of(stream), q.dtype.type(1)
    at_mask = image * p.mask_image + head * p.mask_head
    pack_rows(all_keys, k, at_k, p.k_row, p.head_size, n)
    for i0 in range(0, p.queries, p.rows):
        m = min(p.rows, p.queries - i0)
        ld = (m + width - 1) // width * width
        own_q, own_o = at_q + i0 * p.q_row, (image * p.queries + i0) * row_o + head * p.value_size
        pack_columns(turned, q, own_q, p.q_row, m, p.head_size, scale)
        pack_columns(turned_g, g, own_o, row_o, m, p.value_size, one)
        pack_rows(queries, q, own_q, p.q_row, p.head_size, m)
        pack_rows(upstream, g, own_o, row_o, p.value_size, m)
        for i in range(m):
            a = own_o + i * row_o
            inner[i] = _inner(g[a : a + p.value_size], o[a : a + p.value_size])
            ends[i] = lse[task * p.queries + i0 + i]
        at_once = max(1, ROWS_OF_SCORES // ld)
        all_ends, all_inner = repeated(ends[:ld], at_once), repeated(inner[:ld], at_once)
        seen = max(0, min(p.keys, i0 + m + p.before))
        if seen == 0:
            _clear(gq, own_q, p.q_row, p.head_size, m)
        for j0 in range(0, seen, KEYS_AT_ONCE):
            c = min(KEYS_AT_ONCE, seen - j0)
            own_k, own_v = at_k + j0 * p.k_row, at_v + j0 * p.v_row
            call(
                multiply,
                (k, own_k, p.k_row, ONE, turned, ZERO, p.head_size * width, S, ZERO, ld, c, ld, p.head_size, ZERO),
            )
            call(multiply, (v, own_v, p.v_row, ONE, turned_g, ZERO, deep_panel, G, ZERO, ld, c, ld, p.value_size, ZERO))
            if mask.size + key_mask.size > 0 or j0 + c > i0 + p.before:
                hide(S, ld, m, j0, c, i0, p.before, mask, at_mask, p.mask_row, key_mask, image * p.keys)
            differentiate(
                S, G, ld, c, all_ends, all_inner, scale, j0, seed, (task * p.queries + i0) * p.keys, p.keys, below,
                kept, below >= 0,
            )  # fmt: skip
            call(multiply, (S, ZERO, ld, ONE, upstream, ZERO, width * m, gv, own_v, p.v_row, c, p.value_size, m, ONE))
            call(multiply, (G, ZERO, ld, ONE, queries, ZERO, width * m, gk, own_k, p.k_row, c, p.head_size, m, ONE))
            keep = ONE if j0 > 0 else ZERO
            first = j0 * width
            call(multiply, (G, ZERO, ONE, ld, all_keys, first, width * n, gq, own_q, p.q_row, m, p.head_size, c, keep))


@parallel_jit
def backward_parallel(
    piece, g, q, k, v, o, lse, mask, key_mask, stream, below, kept, scale, plan, gq, gk, gv, multiply
):
    p = plan[0]
    for t in prange(p.batch * p.heads):
        call(
            piece,
            (g, q, k, v, o, lse, mask, key_mask, stream, below, kept, scale, plan, gq, gk, gv, multiply, np.int64(t)),
        )
