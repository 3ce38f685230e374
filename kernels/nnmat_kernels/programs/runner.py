"""The one compiled function that runs every program: it walks a list of blocks and calls each at its adapter."""

import numpy as np
from llvmlite import ir
from numba import types
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


FINITE, NEGATIVE = 1, 2  # what a word must be for the step to go on
_EXPONENT = 0x7FF0000000000000  # all ones in an infinite float64, or one that is not a number


@jit
def run(blocks, links, first_link, checks, inputs, wanted, results):
    """Runs the blocks once for every row of `inputs`; returns the steps done, and the check that stopped the last.

    blocks (E,): addresses. links (L, 2): words to copy before a block, source and target; those of block e are
    first_link[e] to first_link[e + 1]; a source below `inputs.shape[1]` is that column of the step's inputs.
    checks (C, 3): after which block, what, which word. wanted (R,): addresses of words, which go to results (steps, R).
    """
    columns = inputs.shape[1]
    for step in range(inputs.shape[0]):
        check = 0
        for e in range(blocks.size):
            for i in range(first_link[e], first_link[e + 1]):
                source = links[i, 0]
                _store(links[i, 1], inputs[step, source] if source < columns else _load(source))
            if _call(blocks[e]) != 0:
                return step, np.int64(-2)
            while check < checks.shape[0] and checks[check, 0] == e:
                word = _load(checks[check, 2])
                if checks[check, 1] == FINITE:
                    good = word & _EXPONENT != _EXPONENT
                else:
                    good = word < 0
                if not good:
                    for r in range(wanted.size):
                        results[step, r] = _load(wanted[r])
                    return step, np.int64(check)
                check += 1
        for r in range(wanted.size):
            results[step, r] = _load(wanted[r])
    return inputs.shape[0], np.int64(-1)
