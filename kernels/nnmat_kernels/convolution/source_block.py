"""The part of a source that the windows of a block see, copied into a scratch array with its padding.

So the inner loops know no edges: a window's row is one run of kw C numbers (dilation 1), wherever it lies.

      image    +---------+        scratch   0 0 0 0 0 0
               |  block  |  ----------->    0 x x x x 0
               +---------+                  0 x x x x 0
"""

from ..runtime.config import inlined_jit


@inlined_jit
def fill(S, s, pixel_s, X, x, pixel_x, channels, H, W, top, left, rows, columns):
    """A part of an image, `rows` x `columns` pixels of `channels` from (top, left) on; 0 outside the image.

    Pixels lie `pixel_s` numbers apart in the scratch and `pixel_x` in the image; what is between stays as it is.
    """
    zero = S.dtype.type(0)
    before, inside = min(max(-left, 0), columns), min(max(W - left, 0), columns)
    for r in range(rows):
        y, q = top + r, s + r * columns * pixel_s
        first, last = (before, inside) if 0 <= y < H and before < inside else (columns, columns)
        for i in range(first + columns - last):
            c = i if i < first else i + last - first
            part = S[q + c * pixel_s : q + c * pixel_s + channels]
            for e in range(channels):
                part[e] = zero
        source = x + (y * W + left) * pixel_x
        if pixel_s == channels and pixel_x == channels:
            count = (last - first) * channels
            part = S[q + first * channels : q + last * channels]
            values = X[source + first * channels : source + last * channels]
            for e in range(count):
                part[e] = values[e]
        elif channels == 1:
            for c in range(first, last):
                S[q + c * pixel_s] = X[source + c * pixel_x]
        else:
            for c in range(first, last):
                part = S[q + c * pixel_s : q + c * pixel_s + channels]
                values = X[source + c * pixel_x : source + c * pixel_x + channels]
                for e in range(channels):
                    part[e] = values[e]


@inlined_jit
def fill_seen(S, s, pixel_s, X, x, pixel_x, channels, W, top, rows, columns, row_skip, column_skip):
    """Some pixels of an image, row_skip rows and column_skip columns apart; all of them lie in it."""
    for r in range(rows):
        q, y = s + r * columns * pixel_s, x + (top + r) * row_skip * W * pixel_x
        for c in range(columns):
            at = y + c * column_skip * pixel_x
            part = S[q + c * pixel_s : q + c * pixel_s + channels]
            values = X[at : at + channels]
            for e in range(channels):
                part[e] = values[e]


@inlined_jit
def fill_block(S, pixel_s, X, pixel_x, channels, p, image, images, row, group):
    """What the windows of a block see of one group: `images` from `image` on, of each the target rows from `row` on.

    p is a record of a plan. Its numbers of a pixel are given besides: where they are the same, there is less code.
    """
    size = p.source_height * p.source_width * pixel_x
    for n in range(images):
        s, x = n * p.scratch_rows * p.scratch_columns * pixel_s, (image + n) * size + group * channels
        top = row * p.row_stride + p.first_row
        if p.row_skip > 1 or p.column_skip > 1:
            rows = min(p.scratch_rows, (p.source_height + p.row_skip - 1) // p.row_skip - top)
            fill_seen(
                S, s, pixel_s, X, x, pixel_x, channels, p.source_width, top, rows, p.scratch_columns,
                p.row_skip, p.column_skip,
            )  # fmt: skip
        else:
            fill(
                S, s, pixel_s, X, x, pixel_x, channels, p.source_height, p.source_width,
                top, p.first_column, p.scratch_rows, p.scratch_columns,
            )  # fmt: skip


@inlined_jit
def finite(x):
    """Whether all numbers are: 0 times any other one is NaN."""
    total = x.dtype.type(0)
    for i in range(x.size):
        total += x[i] * x.dtype.type(0)
    return total == 0
