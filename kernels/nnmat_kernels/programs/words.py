"""Reading and writing memory by its address, and calling code there: what the runner of programs is made of."""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_WORD, _STATUS, _BYTE = ir.IntType(64), ir.IntType(32), ir.IntType(8)


def _load(typing_context, place):
    def generate(context, builder, signature, arguments):
        return builder.load(builder.inttoptr(arguments[0], _WORD.as_pointer()))

    return types.int64(types.int64), generate


def _store(typing_context, place, word):
    def generate(context, builder, signature, arguments):
        builder.store(arguments[1], builder.inttoptr(arguments[0], _WORD.as_pointer()))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), generate


def _copy(typing_context, target, source, size):
    def generate(context, builder, signature, arguments):
        target, source = (builder.inttoptr(place, _BYTE.as_pointer()) for place in arguments[:2])
        cgutils.raw_memcpy(builder, target, source, arguments[2], 1)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), generate


def _call_block(typing_context, block):
    def generate(context, builder, signature, arguments):
        code = builder.load(builder.inttoptr(arguments[0], _WORD.as_pointer()))
        adapter = builder.inttoptr(code, ir.FunctionType(_STATUS, [_WORD]).as_pointer())
        return builder.sext(builder.call(adapter, [arguments[0]]), _WORD)

    return types.int64(types.int64), generate


def _ticks(typing_context):
    def generate(context, builder, signature, arguments):
        counter = cgutils.get_or_insert_function(builder.module, ir.FunctionType(_WORD, []), "llvm.readcyclecounter")
        return builder.call(counter, [])

    return types.int64(), generate


# As Numba calls them, the types of arguments aside.
load: Any = intrinsic(_load)  # the word at an address
store: Any = intrinsic(_store)  # (address, word)
copy: Any = intrinsic(_copy)  # (to, from, bytes)
ticks: Any = intrinsic(_ticks)  # of the processor's clock, which goes at a constant rate
call_block: Any = intrinsic(_call_block)  # the status of the launch in the block at an address: 0, or it has raised
