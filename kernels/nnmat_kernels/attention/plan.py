"""The sizes of an attention and where its arrays lie, as a record that kernels take.

    queries  (B, Tq, columns)   head h of row (b, i) begins at q_first + (b Tq + i) q_row + h head_size
    keys     (B, Tk, columns)   likewise with k_first, k_row; values with v_first, v_row, value_size
    mask     (B or 1, heads or 1, Tq or 1, Tk)   strides 0 where it is 1

So a head is a stride, in packed arrays (queries, keys and values side by side) and in separate ones.
"""

import functools

import numpy as np

from ..runtime.target import NR_BYTES

QUERIES_AT_ONCE = 64  # queries of a block, fewer where there would be one block only
SCORES_BYTES = 524_288  # of a block of scores, at most, where that leaves enough queries for a tile
KEYS_AT_ONCE = 192  # keys of a block of the backward pass: whole tiles, and two blocks of scores fit the level-2 cache
FEWEST_TASKS = 16  # so many tasks of the forward pass at least, where there are blocks of queries enough

FIELDS = (
    "batch", "heads", "queries", "keys", "head_size", "value_size", "before", "q_first", "q_row", "k_first", "k_row",
    "v_first", "v_row", "mask_image", "mask_head", "mask_row", "rows", "blocks", "splits",
)  # fmt: skip
# Its fields are read as attributes, with the compiler or without it.
ATTENTION_PLAN = np.dtype((np.record, np.dtype([(name, np.int64) for name in FIELDS], align=True)))


def block_rows(queries: int, keys: int, itemsize: int) -> int:
    """Queries of a block: whole panels of the microkernel."""
    width = NR_BYTES // itemsize
    most = max(width, QUERIES_AT_ONCE // width * width)
    while most > width and (most * keys * itemsize > SCORES_BYTES or 2 * most > queries):
        most -= width
    return most


@functools.lru_cache(maxsize=64)
def plan_of(
    batch: int,
    heads: int,
    queries: int,
    keys: int,
    size: int,
    value_size: int,
    before: int,
    packed: bool,
    mask_shape: tuple[int, ...] | None,
    itemsize: int,
) -> np.ndarray:
    """An array of one record; `before` is the number of keys in front of the first query (`keys`: all are seen)."""
    plan = np.zeros(1, ATTENTION_PLAN)
    p = plan[0]
    columns = heads * size
    rows = (3 * columns,) * 3 if packed else (columns, columns, heads * value_size)
    firsts = (0, columns, 2 * columns) if packed else (0, 0, 0)
    p["batch"], p["heads"], p["queries"], p["keys"], p["before"] = batch, heads, queries, keys, before
    p["head_size"], p["value_size"] = size, value_size
    p["q_row"], p["k_row"], p["v_row"] = rows
    p["q_first"], p["k_first"], p["v_first"] = firsts
    if mask_shape is not None:
        images, own_heads, own_rows, _ = mask_shape
        p["mask_row"] = keys if own_rows > 1 else 0
        p["mask_head"] = own_rows * keys if own_heads > 1 else 0
        p["mask_image"] = own_heads * own_rows * keys if images > 1 else 0
    p["rows"] = block_rows(queries, keys, itemsize)
    p["blocks"] = -(-queries // p["rows"])
    p["splits"] = max(1, min(int(p["blocks"]), -(-FEWEST_TASKS // max(1, batch * heads))))
    return plan
