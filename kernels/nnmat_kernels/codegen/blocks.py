"""What the norms of rows and of columns share: the arguments of a pass, blocks of columns, and sums in float64.

The passes are called from `exact_jit` functions: in a `jit` one their sums may be reordered, as all of its code.
"""

from llvmlite import ir
from numba import types

from ..runtime.target import VECTOR_BYTES
from .builder import I64, Lanes, data_pointer, repeat

BLOCK = 4 if VECTOR_BYTES == 64 else 2  # vectors of a block
DOUBLE = ir.DoubleType()


class Blocks:
    """The arguments of a pass by name, arrays as pointers to their first element; and its loops over columns."""

    def __init__(self, context, builder, signature, arguments, names):
        self.lanes = Lanes(context, builder, signature.args[0].dtype)
        self.builder = builder
        self.values = dict(zip(names, arguments, strict=True))
        self.arrays = {
            name: data_pointer(context, builder, kind, value)
            for name, kind, value in zip(names, signature.args, arguments, strict=True)
            if isinstance(kind, types.Array)
        }
        self.wide = ir.VectorType(DOUBLE, self.lanes.count)

    def lengthened(self, vector):
        """A vector in float64, in as many lanes."""
        return vector if self.lanes.element == DOUBLE else self.builder.fpext(vector, self.wide)

    def shortened(self, vector):
        """A vector of float64 in the dtype of the rows."""
        return vector if self.lanes.element == DOUBLE else self.builder.fptrunc(vector, self.lanes.vector)

    def row(self, name, i):
        """Where row i begins in an array of rows."""
        begin = self.builder.add(self.values["x"], self.builder.mul(i, self.values["step"]))
        return self.lanes.at(self.arrays[name], begin)

    def some(self, count):
        """For a `with`: whether `count` is above 0."""
        return self.builder.if_then(self.builder.icmp_signed(">", count, I64(0)))

    def parts(self, first, last):
        """Of the columns from first on to last: how many whole blocks, and where the rest begins."""
        builder, width = self.builder, I64(BLOCK * self.lanes.count)
        whole = builder.sdiv(builder.sub(last, first), width)
        return whole, builder.add(first, builder.mul(whole, width))

    def rest(self, place, last, write):
        """`write(masks)` if there are columns from `place` on, fewer than a block."""
        builder, lanes = self.builder, self.lanes
        left, half = builder.sub(last, place), I64(BLOCK // 2 * lanes.count)

        def masks(vectors):
            return [lanes.mask(builder.sub(left, I64(v * lanes.count))) for v in range(vectors)]

        with builder.if_then(builder.icmp_signed(">", left, half)):
            write(masks(BLOCK))
        few = builder.and_(builder.icmp_signed(">", left, I64(0)), builder.icmp_signed("<=", left, half))
        with builder.if_then(few):
            write(masks(BLOCK // 2))

    def blocks(self, write):
        """`write(place, masks)` for every block of the n columns: a mask or None for each vector."""
        builder = self.builder
        whole, place = self.parts(I64(0), self.values["n"])
        with self.some(whole):
            q, _, following = repeat(builder, whole, "block")
            write(builder.mul(q, I64(BLOCK * self.lanes.count)), [None] * BLOCK)
            following([])
        self.rest(place, self.values["n"], lambda masks: write(place, masks))

    def batches(self, size, write):
        """`write(first, count)` for `size` rows after the other."""
        builder, rows = self.builder, self.values["rows"]
        times = builder.sdiv(builder.add(rows, builder.sub(size, I64(1))), size)
        q, _, following = repeat(builder, times, "batch")
        first = builder.mul(q, size)
        left = builder.sub(rows, first)
        write(first, builder.select(builder.icmp_signed("<", left, size), left, size))
        following([])

    def loads(self, pointer, place, masks):
        """The vectors of a block."""
        lanes = self.lanes
        return [
            lanes.load(lanes.at(pointer, self.builder.add(place, I64(v * lanes.count))), mask)
            for v, mask in enumerate(masks)
        ]

    def stores(self, vectors, pointer, place, masks):
        lanes = self.lanes
        for v, (value, mask) in enumerate(zip(vectors, masks, strict=True)):
            lanes.store(value, lanes.at(pointer, self.builder.add(place, I64(v * lanes.count))), mask)
