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
* The empty assembler statement in the inner loop, which "may change memory", keeps LLVM from unrolling it and spilling
  the accumulators.
* Addresses are formed from the arrays' data pointers by `gep` alone, for LLVM may miscompile pointers made of integers.

Nothing here sees Numba's bounds checks; tests lay the operands into larger arrays of NaN instead.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ..runtime.config import settings
from ..runtime.target import FUSED, ROWS, VECTOR_BYTES
from . import plain_tile

NONE, RELU, SIGMOID, TANH = 0, 1, 2, 3  # f, the activation

_i1, _i32, _i64 = ir.IntType(1), ir.IntType(32), ir.IntType(64)
_pointer = ir.PointerType()
_place = types.int64


class Lanes:
    """What the code generators need to know of a dtype: its register, and the operations on it."""

    def __init__(self, context, builder, dtype):
        self.builder = builder
        self.element = context.get_value_type(dtype)
        self.size = dtype.bitwidth // 8
        self.count = VECTOR_BYTES // self.size
        self.vector = ir.VectorType(self.element, self.count)
        self.bits = ir.VectorType(_i1, self.count)
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
        own = ir.Constant(ir.VectorType(_i64, self.count), [_i64(lane) for lane in range(self.count)])
        return self.builder.icmp_signed("<", own, self._spread(n, ir.VectorType(_i64, self.count)))

    def load(self, pointer, mask=None):
        if mask is None:
            return self.builder.load(pointer, typ=self.vector, align=self.size)
        load = self.function(f"llvm.masked.load.{self.name}.p0", self.vector, _pointer, _i32, self.bits, self.vector)
        return self.builder.call(load, [pointer, _i32(self.size), mask, self.zero])

    def store(self, value, pointer, mask=None):
        if mask is None:
            self.builder.store(value, pointer, align=self.size)
            return
        store = self.function(
            f"llvm.masked.store.{self.name}.p0", ir.VoidType(), self.vector, _pointer, _i32, self.bits
        )
        self.builder.call(store, [value, pointer, _i32(self.size), mask])

    def fetch(self, pointer, places, to_write):
        """The lines at `places` are wanted: at once, to be written to (level 1), or soon, to be read (level 2)."""
        prefetch = self.function("llvm.prefetch.p0", ir.VoidType(), _pointer, _i32, _i32, _i32)
        for place in places:
            how = [_i32(1), _i32(3), _i32(1)] if to_write else [_i32(0), _i32(2), _i32(1)]
            self.builder.call(prefetch, [self.at(pointer, place), *how])

    def _spread(self, value, vector):
        undefined = ir.Constant(vector, ir.Undefined)
        first = self.builder.insert_element(undefined, value, _i32(0))
        lanes = ir.Constant(ir.VectorType(_i32, self.count), [_i32(0)] * self.count)
        return self.builder.shuffle_vector(first, undefined, lanes)

    def spread(self, pointer):
        """The number at `pointer` in every lane."""
        return self._spread(self.builder.load(pointer, typ=self.element, align=self.size), self.vector)

    def multiply_add(self, x, y, z):
        if not FUSED:
            return self.builder.fadd(self.builder.fmul(x, y), z)
        fma = self.function(f"llvm.fma.{self.name}", self.vector, self.vector, self.vector, self.vector)
        return self.builder.call(fma, [x, y, z])

    def shuffle(self, x, y, lanes):
        return self.builder.shuffle_vector(x, y, ir.Constant(ir.VectorType(_i32, self.count), [_i32(i) for i in lanes]))


def _data(context, builder, array_type, array):
    """The opaque pointer to an array's first element."""
    data = context.make_array(array_type)(context, builder, array).data
    # What builder.bitcast would do, if it did not take Numba's typed pointer for the same thing.
    pointer = ir.instructions.CastInstr(builder.block, "bitcast", data, _pointer)
    builder._insert(pointer)
    return pointer


def _literal(*kinds):
    return all(isinstance(kind, types.IntegerLiteral) for kind in kinds)


def _repeat(builder, count, name):
    """Opens a loop that runs at least once: (its head, its index, a function that closes it and gives what follows)."""
    before = builder.block
    head, after = builder.append_basic_block(name), builder.append_basic_block(f"{name}.end")
    builder.branch(head)
    builder.position_at_end(head)
    index = builder.phi(_i64)
    index.add_incoming(_i64(0), before)
    sums = []

    def carried(values, kind):
        """Accumulators that begin with `values`."""
        for value in values:
            phi = builder.phi(kind)
            phi.add_incoming(value, before)
            sums.append(phi)
        return list(sums)

    def close(values):
        following = builder.add(index, _i64(1))
        index.add_incoming(following, builder.block)
        for phi, value in zip(sums, values, strict=True):
            phi.add_incoming(value, builder.block)
        builder.cbranch(builder.icmp_signed("<", following, count), head, after)
        builder.position_at_end(after)

    return index, carried, close


def _choose(builder, condition, kind, otherwise, make):
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


def _relu(lanes, values):
    """x <= 0 ? 0 : x of each; this way round NaN stays."""
    below = [lanes.builder.fcmp_ordered("<=", x, lanes.zero) for x in values]
    return [lanes.builder.select(b, lanes.zero, x) for b, x in zip(below, values, strict=True)]


def _generated(plain):
    """Makes an intrinsic of a function that generates its code; `plain` does the same where Numba compiles nothing."""

    def decorate(function) -> Any:
        return plain if settings.DISABLE_JIT else intrinsic(prefer_literal=True)(function)

    return decorate


@_generated(plain_tile.row_places)
def row_places(typing_context, count, first, step, present):
    """first + i step for i < count as a tuple; rows from `present` on are the last one that is present."""
    if not _literal(count):
        return None
    rows = count.literal_value

    def generate(context, builder, signature, arguments):
        _, first, step, present = arguments
        last = builder.sub(present, _i64(1))
        places = []
        for i in range(rows):
            row = builder.select(builder.icmp_signed("<", _i64(i), last), _i64(i), last)
            places.append(builder.add(first, builder.mul(row, step)))
        return context.make_tuple(builder, signature.return_type, places)

    return types.UniTuple(_place, rows)(count, _place, _place, _place), generate


@_generated(plain_tile.tile)
def tile(
    typing_context, vectors, masked, a_rows, c_rows, n, taps, k,
    A, tap_a, step_a, B, b, tap_b, step_b, C, ahead, keep, bias, at, f,
):  # fmt: skip
    """The tile of the module's docstring, `vectors` wide; its last vector is masked if `masked` (both are literals).

    Without `masked`, n is taken to be the whole width. `at` < 0 means no bias. `ahead` is where the next tile's places
    in C lie, from this one's.
    """
    if not _literal(vectors, masked):
        return None
    width, rows, is_masked = vectors.literal_value, a_rows.count, bool(masked.literal_value)

    def generate(context, builder, signature, arguments):
        _, _, a_rows, c_rows, n, taps, k, A, tap_a, step_a, B, b, tap_b, step_b, C, ahead, keep, bias, at, f = arguments
        kinds = signature.args
        lanes = Lanes(context, builder, kinds[14].dtype)
        A, B = _data(context, builder, kinds[7], A), _data(context, builder, kinds[10], B)
        C, bias = _data(context, builder, kinds[14], C), _data(context, builder, kinds[17], bias)
        mask = lanes.mask(builder.sub(n, _i64((width - 1) * lanes.count))) if is_masked else None
        masks = [None] * (width - 1) + [mask]
        columns = [_i64(j * lanes.count) for j in range(width)]
        A = [lanes.at(A, builder.extract_value(a_rows, i)) for i in range(rows)]
        B = lanes.at(B, b)
        C = [lanes.at(C, builder.extract_value(c_rows, i)) for i in range(rows)]

        for row in C:
            lanes.fetch(row, [builder.add(j, ahead) for j in columns[:: 64 // VECTOR_BYTES]], True)

        def vectors_at(pointer):
            return [lanes.load(lanes.at(pointer, j), m) for j, m in zip(columns, masks, strict=True)]

        begun = _choose(
            builder,
            builder.icmp_signed("!=", keep, _i64(0)),
            lanes.vector,
            [lanes.zero] * (rows * width),
            lambda: [value for row in C for value in vectors_at(row)],
        )

        def products():
            t, carried, next_tap = _repeat(builder, taps, "tap")
            outer = carried(begun, lanes.vector)
            own_a, own_b = builder.mul(t, tap_a), lanes.at(B, builder.mul(t, tap_b))
            own_rows = [lanes.at(row, own_a) for row in A]
            p, carried, next_p = _repeat(builder, k, "inner")
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

        some = builder.and_(builder.icmp_signed(">", taps, _i64(0)), builder.icmp_signed(">", k, _i64(0)))
        sums = _choose(builder, some, lanes.vector, begun, products)

        def with_bias():
            terms = vectors_at(lanes.at(bias, at))
            return [builder.fadd(value, terms[q % width]) for q, value in enumerate(sums)]

        sums = _choose(builder, builder.icmp_signed(">=", at, _i64(0)), lanes.vector, sums, with_bias)
        relu = builder.icmp_signed("==", f, _i64(RELU))
        sums = _choose(builder, relu, lanes.vector, sums, lambda: _relu(lanes, sums))
        for q, value in enumerate(sums):
            lanes.store(value, lanes.at(C[q // width], columns[q % width]), masks[q % width])
        return context.get_dummy_value()

    return types.void(
        vectors, masked, a_rows, c_rows, _place, _place, _place,
        A, _place, _place, B, _place, _place, _place, C, _place, _place, bias, _place, _place,
    ), generate  # fmt: skip


@_generated(plain_tile.fetch)
def fetch(typing_context, lines, A, a):
    """Ask for so many cache lines (a literal) of A from a on, which may lie beyond its end."""
    if not _literal(lines):
        return None

    def generate(context, builder, signature, arguments):
        lanes = Lanes(context, builder, signature.args[1].dtype)
        A = lanes.at(_data(context, builder, signature.args[1], arguments[1]), arguments[2])
        lanes.fetch(A, [_i64(line * (64 // lanes.size)) for line in range(lines.literal_value)], False)
        return context.get_dummy_value()

    return types.void(lines, A, _place), generate


def _transposed(lanes, rows):
    """The columns of `lanes.count` vectors: first within groups of 16 bytes, in the shuffles that every processor has,
    then whole groups change places."""
    count, group = lanes.count, 16 // lanes.size
    step = 1
    while step < group:  # of two vectors a and b, `step` numbers of each in turn: a0 b0 a1 b1, and a2 b2 a3 b3
        orders = []
        for half in (0, group // 2):
            places = [g + half + s for g in range(0, count, group) for s in range(0, group // 2, step)]
            orders.append([source + q + e for q in places for source in (0, count) for e in range(step)])
        pairs = [(q + e, q + e + step) for q in range(0, count, 2 * step) for e in range(step)]
        rows = [lanes.shuffle(rows[a], rows[b], order) for a, b in pairs for order in orders]
        step *= 2
    while step < count:  # the two other blocks of each 2 x 2 blocks of `step` numbers change places
        upper = [count + e - step if e & step else e for e in range(count)]
        lower = [count + e if e & step else e + step for e in range(count)]
        result = list(rows)
        for a in range(count):
            if not a & step:
                result[a] = lanes.shuffle(rows[a], rows[a + step], upper)
                result[a + step] = lanes.shuffle(rows[a], rows[a + step], lower)
        rows = result
        step *= 2
    return rows


@_generated(plain_tile.pack_transposed)
def pack_transposed(typing_context, vectors, S, s, B, b, row_b, n, k):
    """S[s + p width + j] = B[b + j row_b + p] for p < k, in blocks turned round in registers.

    The width is that of `vectors`, or if that is 0 of as many vectors as hold the rows of a tile. Columns from n on
    repeat column n - 1. S has room for a k that is rounded up to whole vectors.
    """
    if not _literal(vectors):
        return None

    def generate(context, builder, signature, arguments):
        _, S, s, B, b, row_b, n, k = arguments
        lanes = Lanes(context, builder, signature.args[1].dtype)
        number = vectors.literal_value or -(-ROWS // lanes.count)
        width, last = number * lanes.count, builder.sub(n, _i64(1))
        S = lanes.at(_data(context, builder, signature.args[1], S), s)
        B = lanes.at(_data(context, builder, signature.args[3], B), b)
        rows = []
        for j in range(width):
            row = builder.select(builder.icmp_signed("<", _i64(j), last), _i64(j), last)
            rows.append(lanes.at(B, builder.mul(row, row_b)))

        def turn(p, mask):
            for v in range(0, width, lanes.count):
                loaded = [lanes.load(lanes.at(row, p), mask) for row in rows[v : v + lanes.count]]
                for e, value in enumerate(_transposed(lanes, loaded)):
                    place = builder.add(builder.mul(p, _i64(width)), _i64(e * width + v))
                    lanes.store(value, lanes.at(S, place))

        whole = builder.sdiv(k, _i64(lanes.count))
        with builder.if_then(builder.icmp_signed(">", whole, _i64(0))):
            q, _, following = _repeat(builder, whole, "pack")
            turn(builder.mul(q, _i64(lanes.count)), None)
            following([])
        done = builder.mul(whole, _i64(lanes.count))
        with builder.if_then(builder.icmp_signed("<", done, k)):
            turn(done, lanes.mask(builder.sub(k, done)))
        return context.get_dummy_value()

    return types.void(vectors, S, _place, B, _place, _place, _place, _place), generate


@_generated(plain_tile.pack)
def pack(typing_context, vectors, S, s, B, b, row_b, n, k):
    """S[s + p width + j] = B[b + p row_b + j] for p < k, of the same width; columns from n on are 0."""
    if not _literal(vectors):
        return None

    def generate(context, builder, signature, arguments):
        _, S, s, B, b, row_b, n, k = arguments
        lanes = Lanes(context, builder, signature.args[1].dtype)
        number = vectors.literal_value or -(-ROWS // lanes.count)
        width = number * lanes.count
        S = lanes.at(_data(context, builder, signature.args[1], S), s)
        B = lanes.at(_data(context, builder, signature.args[3], B), b)

        def copy(masks):
            p, _, following = _repeat(builder, k, "pack")
            source, target = lanes.at(B, builder.mul(p, row_b)), lanes.at(S, builder.mul(p, _i64(width)))
            for v, mask in enumerate(masks):
                place = _i64(v * lanes.count)
                lanes.store(lanes.load(lanes.at(source, place), mask), lanes.at(target, place))
            following([])

        some, narrow = builder.icmp_signed(">", k, _i64(0)), builder.icmp_signed("<", n, _i64(width))
        with builder.if_then(builder.and_(some, narrow)):
            copy([lanes.mask(builder.sub(n, _i64(v * lanes.count))) for v in range(number)])
        with builder.if_then(builder.and_(some, builder.not_(narrow))):
            copy([None] * number)
        return context.get_dummy_value()

    return types.void(vectors, S, _place, B, _place, _place, _place, _place), generate
