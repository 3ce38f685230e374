"""Calling a compiled function by its address, from a kernel or from Python.

A kernel that calls another one contains it, and Numba builds a parallel kernel in four layers, each of which is
optimised as a whole: the pieces of a convolution, called as usual, would be compiled five times, 8 s of a cold start.
Called by address they are compiled once. The address is an argument, so it never reaches the disk cache.

A call from Python first finds out the types of all arguments, which takes 0.2 us, half of a small kernel's launch.
Where they are known, the code for them can be called at once.
"""

import functools
from typing import Any

import numba
from numba import types

from ..runtime.config import settings
from ..runtime.launch import ParallelKernel
from .builder import generated


def address(function, *kinds) -> Any:
    """Where the code of a jit function without result lies, compiled for arguments of these Numba types.

    The function itself where Numba compiles nothing. It takes some microseconds: callers remember it.
    """
    if settings.DISABLE_JIT:
        return function
    function.compile(kinds)
    compiled = function.overloads[kinds]
    return compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)


def entry_point(function, *kinds) -> Any:
    """A jit function, serial or parallel, for arguments of these Numba types alone, to be called from Python.

    Neither the dimensions nor the strides of arrays are checked. The function itself where Numba compiles nothing.
    Finding it takes some microseconds: callers remember it.
    """
    if settings.DISABLE_JIT:
        return function
    if isinstance(function, ParallelKernel):
        function.open_door()
        return ParallelKernel(entry_point(function.dispatcher, *kinds))
    entry = function.compile(kinds)
    _compiled[id(entry)] = function.overloads.get(kinds)
    return entry


_compiled: dict[int, Any] = {}  # of every entry point, by its id: what Numba knows of the code


def compiled_launch(kernel, arguments: tuple) -> tuple[Any, tuple]:
    """What Numba knows of the code that a launch with these arguments runs, and all arguments that it takes."""
    while True:
        if isinstance(kernel, functools.partial):
            kernel, arguments = kernel.func, kernel.args + arguments
        elif isinstance(kernel, ParallelKernel):
            kernel = kernel.dispatcher
        elif id(kernel) in _compiled:
            return _compiled[id(kernel)], arguments
        else:
            kinds = tuple(numba.typeof(argument) for argument in arguments)
            kernel.compile(kinds)
            return kernel.overloads[kinds], arguments


def flat_of(dtype) -> Any:
    """The Numba type of a flat array."""
    return numba.from_dtype(dtype)[::1]


def matrix_of(dtype) -> Any:
    """The Numba type of a matrix."""
    return numba.from_dtype(dtype)[:, ::1]


def plain_call(place, arguments):
    place(*arguments)


@generated(plain_call)
def call(typing_context, place, arguments):
    """Calls the function at an `address` with a tuple of arguments, which must be of the types given there."""
    kinds = [types.unliteral(kind) for kind in arguments.types]

    def generate(context, builder, signature, values):
        place, arguments = values
        convention = context.call_conv
        pointer = builder.inttoptr(place, convention.get_function_type(types.none, kinds).as_pointer())
        parts = [builder.extract_value(arguments, i) for i in range(len(kinds))]
        status, _ = convention.call_function(builder, pointer, types.none, kinds, parts)
        with builder.if_then(status.is_error, likely=False):
            convention.return_status_propagate(builder, status)
        return context.get_dummy_value()

    return types.none(types.int64, types.Tuple(kinds)), generate
