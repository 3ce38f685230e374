"""Outputs of one head: a block of queries at a time meets all keys that it sees.

    Sᵀ = K (a Q)ᵀ + Mᵀ       (keys, queries)        a = 1/√d
    Eᵀ = exp(Sᵀ - top)       ℓ = top + log Σ exp(s - top)
    O = diag(1/ΣE) E V

Only the scores of one block are in memory, and only ℓ is kept of them.
"""

import numpy as np
from numba import prange

from ..codegen.function_pointer import call
from ..elementwise.dropout import seed_of
from ..products.panels import pack_columns, pack_rows
from ..runtime.config import ONE, ZERO, jit, parallel_jit
from ..runtime.scratch import scratch
from ..runtime.target import NR_BYTES
from .scores import drop, exponentials, hide


@jit
def forward_task(q, k, v, mask, key_mask, stream, below, kept, scale, plan, o, lse, multiply, task):
    """Some blocks of queries of one head; `multiply` is the address of `times_panels`."""
    p = plan[0]
    pair, split = task // p.splits, task % p.splits
    image, head = pair // p.heads, pair % p.heads
    at_q = p.q_first + image * p.queries * p.q_row + head * p.head_size
    at_k = p.k_first + image * p.keys * p.k_row + head * p.head_size
    at_v = p.v_first + image * p.keys * p.v_row + head * p.value_size
    row_o = p.heads * p.value_size
    first, last = split * p.blocks // p.splits, (split + 1) * p.blocks // p.splits
    n = max(0, min(p.keys, min(last * p.rows, p.queries) + p.before))
    width = np.int64(NR_BYTES) // q.itemsize
    values = scratch(max(1, (p.value_size + width - 1) // width * width * n), q)
    own, S = scratch((p.head_size + width) * p.rows, q), scratch(max(1, n * p.rows), q)
    ends, inverse = np.empty(p.rows, q.dtype), np.empty(p.rows, q.dtype)
    seed = seed_of(stream)
    pack_rows(values, v, at_v, p.v_row, p.value_size, n)
    for block in range(first, last):
        i0 = block * p.rows
        m = min(p.rows, p.queries - i0)
        ld = (m + width - 1) // width * width
        seen = max(0, min(p.keys, i0 + m + p.before))
        pack_columns(own, q, at_q + i0 * p.q_row, p.q_row, m, p.head_size, scale)
        call(
            multiply, (k, at_k, p.k_row, ONE, own, ZERO, p.head_size * width, S, ZERO, ld, seen, ld, p.head_size, ZERO)
        )
        at_mask = image * p.mask_image + head * p.mask_head
        from_j = 0 if mask.size + key_mask.size > 0 else max(0, min(seen, i0 + p.before))
        hide(
            S[from_j * ld :], ld, m, from_j, seen - from_j, i0, p.before, mask, at_mask, p.mask_row, key_mask,
            image * p.keys,
        )  # fmt: skip
        exponentials(S, ld, seen, ends[:ld], inverse[:ld])
        if below >= 0:
            drop(S, ld, seen, ZERO, seed, (pair * p.queries + i0) * p.keys, p.keys, below, kept)
        at_o = (image * p.queries + i0) * row_o + head * p.value_size
        call(multiply, (S, ZERO, ONE, ld, values, ZERO, width * n, o, at_o, row_o, m, p.value_size, seen, ZERO))
        for i in range(m):
            out = o[at_o + i * row_o : at_o + i * row_o + p.value_size]
            for c in range(out.size):
                out[c] *= inverse[i]
            lse[pair * p.queries + i0 + i] = ends[i]


@parallel_jit
def forward_parallel(piece, q, k, v, mask, key_mask, stream, below, kept, scale, plan, o, lse, multiply):
    p = plan[0]
    for t in prange(p.batch * p.heads * p.splits):
        call(piece, (q, k, v, mask, key_mask, stream, below, kept, scale, plan, o, lse, multiply, np.int64(t)))
