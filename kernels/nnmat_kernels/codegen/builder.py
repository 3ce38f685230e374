"""What the code generators of this room share: registers of numbers, loops and choices in LLVM's instructions.

A generator is an intrinsic of Numba: a function that gets the types of its arguments and returns a signature with a
function that writes the code. `generated` makes one, with a twin in plain Python for when nothing is compiled.

* The empty assembler statement in an inner loop (`Lanes.barrier`), which "may change memory", keeps LLVM from unrolling
  it and spilling the accumulators.
* Addresses are formed from the arrays' data pointers by `gep` alone, for LLVM may miscompile pointers made of integers.

Nothing here sees Numba's bounds checks; tests lay the operands into larger arrays of NaN instead.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ..runtime.config import settings
from ..runtime.target import FUSED, VECTOR_BYTES

NONE, RELU, SIGMOID, TANH = 0, 1, 2, 3  # activations of results, as kernels know them
ACTIVATIONS = {None: NONE, "relu": RELU, "sigmoid": SIGMOID, "tanh": TANH}

I1, I32, I64 = ir.IntType(1), ir.IntType(32), ir.IntType(64)
POINTER = ir.PointerType()
PLACE = types.int64  # Numba's type of an index into a flat array


class Lanes:
    """What the code generators need to know of a dtype: its register, and the operations on it."""

    def __init__(self, context, builder, dtype):
        self.builder = builder
        self.element = context.get_value_type(dtype)
        self.size = dtype.bitwidth // 8
        self.count = VECTOR_BYTES // self.size
        self.vector = ir.VectorType(self.element, self.count)
        self.bits = ir.VectorType(I1, self.count)
        self.name = f"v{self.count}f{dtype.bitwidth}"
        self.zero = self.constant(0.0)

    def constant(self, value):
        return ir.Constant(self.vector, [self.element(value)] * self.count)

    def function(self, name, result, *arguments):
        return cgutils.get_or_insert_function(self.builder.module, ir.FunctionType(result, arguments), name)

    def at(self, pointer, place):
        return self.builder.gep(pointer, [place], source_etype=self.element)

    def mask(self, n):
        """True in the lanes below n."""
        own = ir.Constant(ir.VectorType(I64, self.count), [I64(lane) for lane in range(self.count)])
        return self.builder.icmp_signed("<", own, self.broadcast(n, ir.VectorType(I64, self.count)))

    def load(self, pointer, mask=None):
        if mask is None:
            return self.builder.load(pointer, typ=self.vector, align=self.size)
        load = self.function(f"llvm.masked.load.{self.name}.p0", self.vector, POINTER, I32, self.bits, self.vector)
        return self.builder.call(load, [pointer, I32(self.size), mask, self.zero])

    def store(self, value, pointer, mask=None):
        if mask is None:
            self.builder.store(value, pointer, align=self.size)
            return
        store = self.function(f"llvm.masked.store.{self.name}.p0", ir.VoidType(), self.vector, POINTER, I32, self.bits)
        self.builder.call(store, [value, pointer, I32(self.size), mask])

    def fetch(self, pointer, places, to_write):
        """The lines at `places` are wanted: at once, to be written to (level 1), or soon, to be read (level 2)."""
        prefetch = self.function("llvm.prefetch.p0", ir.VoidType(), POINTER, I32, I32, I32)
        for place in places:
            how = [I32(1), I32(3), I32(1)] if to_write else [I32(0), I32(2), I32(1)]
            self.builder.call(prefetch, [self.at(pointer, place), *how])

    def broadcast(self, value, vector):
        undefined = ir.Constant(vector, ir.Undefined)
        first = self.builder.insert_element(undefined, value, I32(0))
        lanes = ir.Constant(ir.VectorType(I32, self.count), [I32(0)] * self.count)
        return self.builder.shuffle_vector(first, undefined, lanes)

    def spread(self, pointer):
        """The number at `pointer` in every lane."""
        return self.broadcast(self.builder.load(pointer, typ=self.element, align=self.size), self.vector)

    def multiply_add(self, x, y, z):
        if not FUSED:
            return self.builder.fadd(self.builder.fmul(x, y), z)
        fma = self.function(f"llvm.fma.{self.name}", self.vector, self.vector, self.vector, self.vector)
        return self.builder.call(fma, [x, y, z])

    def barrier(self):
        """An empty assembler statement that may change memory: see the module's docstring."""
        self.builder.asm(ir.FunctionType(ir.VoidType(), []), "", "~{memory}", [], True)

    def shuffle(self, x, y, lanes):
        return self.builder.shuffle_vector(x, y, ir.Constant(ir.VectorType(I32, self.count), [I32(i) for i in lanes]))


def data_pointer(context, builder, array_type, array):
    """The opaque pointer to an array's first element."""
    data = context.make_array(array_type)(context, builder, array).data
    # What builder.bitcast would do, if it did not take Numba's typed pointer for the same thing.
    pointer = ir.instructions.CastInstr(builder.block, "bitcast", data, POINTER)
    builder._insert(pointer)
    return pointer


def are_literals(*kinds):
    return all(isinstance(kind, types.IntegerLiteral) for kind in kinds)


def repeat(builder, count, name):
    """Opens a loop that runs at least once: (its head, its index, a function that closes it and gives what follows)."""
    before = builder.block
    head, after = builder.append_basic_block(name), builder.append_basic_block(f"{name}.end")
    builder.branch(head)
    builder.position_at_end(head)
    index = builder.phi(I64)
    index.add_incoming(I64(0), before)
    sums = []

    def carried(values, kind):
        """Accumulators that begin with `values`."""
        for value in values:
            phi = builder.phi(kind)
            phi.add_incoming(value, before)
            sums.append(phi)
        return list(sums)

    def close(values):
        following = builder.add(index, I64(1))
        index.add_incoming(following, builder.block)
        for phi, value in zip(sums, values, strict=True):
            phi.add_incoming(value, builder.block)
        builder.cbranch(builder.icmp_signed("<", following, count), head, after)
        builder.position_at_end(after)

    return index, carried, close


def choose(builder, condition, kind, otherwise, make):
    """`make()` where `condition` holds, else `otherwise`: lists of values of one kind."""
    before = builder.block
    with builder.if_then(condition):
        made = make()
        inside = builder.block
    result = []
    for old, new in zip(otherwise, made, strict=True):
        phi = builder.phi(kind)
        phi.add_incoming(old, before)
        phi.add_incoming(new, inside)
        result.append(phi)
    return result


def lane_sums(lanes, values):
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


def relu_lanes(lanes, values):
    """x <= 0 ? 0 : x of each; this way round NaN stays."""
    below = [lanes.builder.fcmp_ordered("<=", x, lanes.zero) for x in values]
    return [lanes.builder.select(b, lanes.zero, x) for b, x in zip(below, values, strict=True)]


def columns_and_masks(lanes, width, n, is_masked):
    """Where each of `width` vectors of a row begins, and the mask of each: of the last one below column n, or none."""
    mask = lanes.mask(lanes.builder.sub(n, I64((width - 1) * lanes.count))) if is_masked else None
    return [I64(j * lanes.count) for j in range(width)], [None] * (width - 1) + [mask]


def begun_with(lanes, keep, count, load):
    """What `count` accumulators begin with: `load()` if `keep` is not 0, else zeros."""
    wanted = lanes.builder.icmp_signed("!=", keep, I64(0))
    return choose(lanes.builder, wanted, lanes.vector, [lanes.zero] * count, load)


def accumulated(lanes, begun, taps, k, at_tap):
    """`begun` with the products of all t < taps and p < k added.

    `at_tap(t)` writes what comes before the inner loop, and returns the function that writes its body: of p and the
    sums, it gives the sums.
    """
    builder = lanes.builder

    def loops():
        t, carried, next_tap = repeat(builder, taps, "tap")
        outer = carried(begun, lanes.vector)
        add_products = at_tap(t)
        p, carried, next_p = repeat(builder, k, "inner")
        sums = add_products(p, carried(outer, lanes.vector))
        lanes.barrier()
        next_p(sums)
        next_tap(sums)
        return sums

    some = builder.and_(builder.icmp_signed(">", taps, I64(0)), builder.icmp_signed(">", k, I64(0)))
    return choose(builder, some, lanes.vector, begun, loops)


def biased_and_activated(lanes, sums, bias_at, f, terms):
    """Each sum plus its term, if bias_at >= 0, and then its ReLU, if f says so; `terms(bias_at)` lists the terms."""
    builder = lanes.builder

    def biased():
        return [builder.fadd(value, term) for value, term in zip(sums, terms(bias_at), strict=True)]

    sums = choose(builder, builder.icmp_signed(">=", bias_at, I64(0)), lanes.vector, sums, biased)
    relu = builder.icmp_signed("==", f, I64(RELU))
    return choose(builder, relu, lanes.vector, sums, lambda: relu_lanes(lanes, sums))


def plain_tile(a_rows, c_rows, n, C, keep, bias, bias_at, f, add_products):
    """The plain twin of a tile: `add_products(row, a)` adds to a row of C the products with the row of A at a.

    All rows are computed before one is stored, for the last one may be there twice.
    """
    rows = []
    for a, c in zip(a_rows, c_rows, strict=True):
        row = C[c : c + n].copy() if keep else np.zeros(n, C.dtype)
        add_products(row, a)
        if bias_at >= 0:
            row += bias[bias_at : bias_at + n]
        rows.append(np.where(row <= 0, 0, row) if f else row)
    for c, row in zip(c_rows, rows, strict=True):
        C[c : c + n] = row


def generated(plain):
    """Makes an intrinsic of a function that generates its code; `plain` does the same where Numba compiles nothing."""

    def decorate(function) -> Any:
        return plain if settings.DISABLE_JIT else intrinsic(prefer_literal=True)(function)

    return decorate
