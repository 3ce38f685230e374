"""The one compiled function that runs every program: it walks a list of blocks and calls each at its adapter."""

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ..runtime.config import jit


@intrinsic
def _load(typing_context, place):
    def generate(context, builder, signature, arguments):
        pointer = builder.inttoptr(arguments[0], ir.IntType(64).as_pointer())
        return builder.load(pointer)

    return types.int64(types.int64), generate


@intrinsic
def _store(typing_context, place, word):
    def generate(context, builder, signature, arguments):
        builder.store(arguments[1], builder.inttoptr(arguments[0], ir.IntType(64).as_pointer()))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), generate


@intrinsic
def _call(typing_context, block):
    def generate(context, builder, signature, arguments):
        kind = ir.FunctionType(ir.IntType(32), [ir.IntType(64)])
        code = builder.load(builder.inttoptr(arguments[0], ir.IntType(64).as_pointer()))
        status = builder.call(builder.inttoptr(code, kind.as_pointer()), [arguments[0]])
        return builder.sext(status, ir.IntType(64))

    return types.int64(types.int64), generate


@intrinsic
def _copy(typing_context, target, source, size):
    def generate(context, builder, signature, arguments):
        target, source, size = arguments
        byte = ir.IntType(8).as_pointer()
        cgutils.raw_memcpy(builder, builder.inttoptr(target, byte), builder.inttoptr(source, byte), size, 1)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), generate


FINITE, NEGATIVE, TRUE = 1, 2, 3  # what a word must be for the step to go on
FAILED, FINISHED = -2, -1  # in place of a check
_EXPONENT = 0x7FF0000000000000  # all ones in an infinite float64, or one that is not a number


@jit
def _holds(what, word):
    if what == FINITE:
        return word & _EXPONENT != _EXPONENT
    if what == NEGATIVE:
        return word < 0
    return word & 1 == 1


@jit
def run(blocks, links, first_link, checks, saved, inputs, wanted, results):
    """Runs the blocks once for every row of `inputs`; returns the steps done, and the check that stopped the next.

    blocks (E,): addresses. links (L, 2): words to copy before a block, source and target; those of block e are
    first_link[e] to first_link[e + 1]; a source below `inputs.shape[1]` is that column of the step's inputs.
    checks (C, 3): after which block, what, which word. saved (S, 3): memory that is copied before each step: from, to,
    bytes. wanted (R,): addresses of words, which go to results (steps, R).
    """
    columns = inputs.shape[1]
    for step in range(inputs.shape[0]):
        for i in range(saved.shape[0]):
            _copy(saved[i, 1], saved[i, 0], saved[i, 2])
        check = 0
        for e in range(blocks.size):
            for i in range(first_link[e], first_link[e + 1]):
                source = links[i, 0]
                _store(links[i, 1], inputs[step, source] if source < columns else _load(source))
            if _call(blocks[e]) != 0:
                return step, np.int64(FAILED)
            while check < checks.shape[0] and checks[check, 0] == e:
                if not _holds(checks[check, 1], _load(checks[check, 2])):
                    return step, np.int64(check)
                check += 1
        for r in range(wanted.size):
            results[step, r] = _load(wanted[r])
    return inputs.shape[0], np.int64(FINISHED)
