"""One window of max pooling in vector registers: all channels side by side, without branches on the data.

    x  (h, w)   | c0 ... c7 | c8 ... c15 |    for each vector of channels, for each (h, w) of the window:
       (h, w+1) | c0 ... c7 | c8 ... c15 |        better  = x > y, or x is NaN, and y is not
                      |                           y, place = x, here   in the lanes where it is better
    y, place    | c0 ... c7 | c8 ... c15 |

A loop over the channels in Numba would fall to scalar code below 32 of them (1.4 ns per element, and 7.8 with
branches). The last vector of channels overlaps the one before. Fewer channels than lanes are masked, or where the next
windows overwrite what lies beyond, taken for a whole vector: masked stores cost 10 times as much on Zen 3. Arrays are
flat, and the arguments are places in them: Numba's bounds checks see nothing of it, tests lay the operands into guards.
"""

import numpy as np
from llvmlite import ir
from numba import types

from .builder import I32, I64, PLACE, Lanes, are_literals, data_pointer, generated, repeat

MASKED, SQUARE = 1, 2


class _Channels:
    """The vectors of channels: opens the loop over them, and makes vectors of places beside those of numbers."""

    def __init__(self, context, builder, dtype, channels, masked):
        self.builder, self.lanes, self.masked = builder, Lanes(context, builder, dtype), masked
        self.count = I64(self.lanes.count)
        self.places = ir.VectorType(I32, self.lanes.count)
        self.last = builder.sub(channels, self.count)
        self.mask = self.lanes.mask(channels) if masked else None
        self.vectors = (
            I64(1) if masked else builder.sdiv(builder.add(self.last, I64(2 * self.lanes.count - 1)), self.count)
        )

    def first(self, v):
        """The first channel of vector v."""
        c = self.builder.mul(v, self.count)
        if self.masked:
            return c
        return self.builder.select(self.builder.icmp_signed("<", c, self.last), c, self.last)

    def spread(self, place):
        return self.lanes.broadcast(self.builder.trunc(place, I32), self.places)

    def at(self, pointer, place):
        return self.builder.gep(pointer, [place], source_etype=I32)

    def load_places(self, pointer):
        if self.mask is None:
            return self.builder.load(pointer, typ=self.places, align=4)
        name = f"llvm.masked.load.v{self.lanes.count}i32.p0"
        load = self.lanes.function(name, self.places, ir.PointerType(), I32, self.lanes.bits, self.places)
        return self.builder.call(load, [pointer, I32(4), self.mask, ir.Constant(self.places, None)])

    def store_places(self, value, pointer):
        if self.mask is None:
            self.builder.store(value, pointer, align=4)
            return
        name = f"llvm.masked.store.v{self.lanes.count}i32.p0"
        store = self.lanes.function(name, ir.VoidType(), self.places, ir.PointerType(), I32, self.lanes.bits)
        self.builder.call(store, [value, pointer, I32(4), self.mask])


def _square(builder, lanes, pointer, row, column, here, width):
    """The four places of a 2 x 2 window: (pointer, index)."""
    below = lanes.at(pointer, row)
    for line, first in ((pointer, here), (below, builder.add(here, width))):
        yield line, first
        yield lanes.at(line, column), builder.add(first, I64(1))


def plain_max_window(form, X, x, H, W, row, column, floor, Y, places, y, here, width, C):
    """The same without the compiler."""
    best, place = np.full(C, floor), np.full(C, here, np.int32)
    for h in range(H):
        for w in range(W):
            new = X[x + h * row + w * column :][:C]
            better = ~(new <= best) & (best == best)
            best, place = np.where(better, new, best), np.where(better, np.int32(here + h * width + w), place)
    Y[y : y + C], places[y : y + C] = best, place


@generated(plain_max_window)
def max_window(typing_context, form, X, x, H, W, row, column, floor, Y, places, y, here, width, C):
    """Y[y + c], places[y + c] = the maximum, and its place here + h width + w, of X[x + h row + w column + c].

    h < H, w < W, c < C; the maximum is at least `floor`, whose place is `here`. `form` is a literal: MASKED if the
    lanes beyond C must not be touched, + SQUARE if H = W = 2 (the usual window, unrolled: half the time).
    """
    if not are_literals(form):
        return None

    def generate(context, builder, signature, arguments):
        _, X, x, H, W, row, column, floor, Y, places, y, here, width, C = arguments
        kinds = signature.args
        channels = _Channels(context, builder, kinds[1].dtype, C, form.literal_value & MASKED)
        lanes = channels.lanes
        X = lanes.at(data_pointer(context, builder, kinds[1], X), x)
        Y = lanes.at(data_pointer(context, builder, kinds[8], Y), y)
        places = channels.at(data_pointer(context, builder, kinds[9], places), y)
        start = lanes.broadcast(floor, lanes.vector), channels.spread(here)

        v, _, next_vector = repeat(builder, channels.vectors, "channels")
        c = channels.first(v)
        own = lanes.at(X, c)

        def better_of(best, place, pointer, index):
            value = lanes.load(pointer, channels.mask)
            number = builder.fcmp_ordered("ord", best, best)
            better = builder.and_(builder.fcmp_unordered(">", value, best), number)
            return builder.select(better, value, best), builder.select(better, channels.spread(index), place)

        if form.literal_value & SQUARE:
            new, new_place = start
            for pointer, index in _square(builder, lanes, own, row, column, here, width):
                new, new_place = better_of(new, new_place, pointer, index)
        else:
            h, carried, next_h = repeat(builder, H, "rows")
            best = carried([start[0]], lanes.vector)[0]
            place = carried([start[1]], channels.places)[1]
            own_row = lanes.at(own, builder.mul(h, row))
            own_here = builder.add(here, builder.mul(h, width))
            w, carried, next_w = repeat(builder, W, "columns")
            best = carried([best], lanes.vector)[0]
            place = carried([place], channels.places)[1]
            pointer = lanes.at(own_row, builder.mul(w, column))
            new, new_place = better_of(best, place, pointer, builder.add(own_here, w))
            next_w([new, new_place])
            next_h([new, new_place])
        lanes.store(new, lanes.at(Y, c), channels.mask)
        channels.store_places(new_place, channels.at(places, c))
        next_vector([])
        return context.get_dummy_value()

    return types.void(
        form, X, PLACE, PLACE, PLACE, PLACE, PLACE, X.dtype, Y, places, PLACE, PLACE, PLACE, PLACE
    ), generate


def plain_spread_window(form, relu, G, Y, places, g, gX, x, H, W, row, column, here, width, C):
    """The same without the compiler."""
    own, place = G[g : g + C], places[g : g + C]
    if relu:
        own = np.where(Y[g : g + C] <= 0, own.dtype.type(0), own)
    for h in range(H):
        for w in range(W):
            gX[x + h * row + w * column :][:C] = np.where(place == here + h * width + w, own, own.dtype.type(0))


@generated(plain_spread_window)
def spread_window(typing_context, form, relu, G, Y, places, g, gX, x, H, W, row, column, here, width, C):
    """gX[x + h row + w column + c] = G[g + c] where places[g + c] is here + h width + w, else 0; h < H, w < W, c < C.

    With `relu` (a literal) 0 also where Y[g + c] <= 0.
    """
    if not are_literals(form, relu):
        return None

    def generate(context, builder, signature, arguments):
        _, _, G, Y, places, g, gX, x, H, W, row, column, here, width, C = arguments
        kinds = signature.args
        channels = _Channels(context, builder, kinds[2].dtype, C, form.literal_value & MASKED)
        lanes = channels.lanes
        G = lanes.at(data_pointer(context, builder, kinds[2], G), g)
        Y = lanes.at(data_pointer(context, builder, kinds[3], Y), g)
        places = channels.at(data_pointer(context, builder, kinds[4], places), g)
        gX = lanes.at(data_pointer(context, builder, kinds[6], gX), x)

        v, _, next_vector = repeat(builder, channels.vectors, "channels")
        c = channels.first(v)
        own, place = lanes.load(lanes.at(G, c), channels.mask), channels.load_places(channels.at(places, c))
        if relu.literal_value:
            output = lanes.load(lanes.at(Y, c), channels.mask)
            own = builder.select(builder.fcmp_ordered("<=", output, lanes.zero), lanes.zero, own)
        own_x = lanes.at(gX, c)

        def store(pointer, index):
            chosen = builder.icmp_signed("==", place, channels.spread(index))
            lanes.store(builder.select(chosen, own, lanes.zero), pointer, channels.mask)

        if form.literal_value & SQUARE:
            for pointer, index in _square(builder, lanes, own_x, row, column, here, width):
                store(pointer, index)
        else:
            h, _, next_h = repeat(builder, H, "rows")
            own_row = lanes.at(own_x, builder.mul(h, row))
            own_here = builder.add(here, builder.mul(h, width))
            w, _, next_w = repeat(builder, W, "columns")
            store(lanes.at(own_row, builder.mul(w, column)), builder.add(own_here, w))
            next_w([])
            next_h([])
        next_vector([])
        return context.get_dummy_value()

    return types.void(
        form, relu, G, Y, places, PLACE, gX, PLACE, PLACE, PLACE, PLACE, PLACE, PLACE, PLACE, PLACE
    ), generate
