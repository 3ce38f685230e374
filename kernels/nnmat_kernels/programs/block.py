"""A launch as a block of words: where the kernel's code lies, its arguments, and room for its result.

      words   0         1 ...                                ...                  R
            | adapter | kernel | argument | argument |  ...  | result | result |  ...

An array takes the words of Numba's own form of it: two that are empty, the number of elements, the bytes of one, the
address of the data, the shape and the strides. The adapter, made once for all kernels that take and give words of the
same types, loads the arguments and calls the kernel.
"""

import functools
from typing import Any

import numpy as np
from llvmlite import binding
from numba import types
from numba.core.registry import cpu_target

from ..codegen.function_pointer import compiled_launch

KERNEL, FIRST_ARGUMENT = 1, 2  # places in a block
_RESULT_WORDS = 4


class Block:
    """A launch that can be repeated without Python; the arrays of its arguments are kept alive."""

    DATA = 4  # place of the address among the words of an array

    def __init__(self, kernel, arguments: tuple):
        compiled, arguments = compiled_launch(kernel, arguments)
        kinds = compiled.fndesc.argtypes
        self.name = compiled.fndesc.qualname.rpartition(".")[2]
        self.arguments = arguments
        self.places: list[tuple[int, Any]] = []  # of each argument: its first word
        words: list[int] = []
        for kind, argument in zip(kinds, arguments, strict=True):
            self.places.append((FIRST_ARGUMENT + len(words), argument))
            words += _words(kind, argument)
        self.result = FIRST_ARGUMENT + len(words)
        self.result_kind = compiled.fndesc.restype
        function = cpu_target.target_context.call_conv.get_function_type(self.result_kind, kinds)
        code = _adapter(tuple("ptr" if t.is_pointer else str(t) for t in function.args[2:]), self.result)
        place = compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)
        self.words = np.array([code, place, *words, *[0] * _RESULT_WORDS], np.int64)

    def place(self, word: int) -> int:
        """The address of a word."""
        return self.words.ctypes.data + 8 * word

    def result_place(self, part: int) -> int:
        """The address of the result, or of a part of it."""
        return self.place(self.result + part)


def _words(kind, argument) -> list[int]:
    if isinstance(kind, types.Array):
        A = argument
        return [0, 0, A.size, A.itemsize, A.ctypes.data, *A.shape, *A.strides]
    if isinstance(kind, types.Boolean):
        return [int(argument)]
    if isinstance(kind, types.Integer):
        return [int(np.asarray(argument, str(kind)).astype(np.int64))]
    if isinstance(kind, types.Float):
        word = np.zeros(1, np.int64)
        word.view(str(kind))[0] = argument
        return [int(word[0])]
    if isinstance(kind, types.BaseTuple):
        parts: Any = kind
        return [word for part, value in zip(parts, argument, strict=True) for word in _words(part, value)]
    raise TypeError(f"a kernel's argument of the Numba type {kind}")


@functools.cache
def _adapter(arguments: tuple[str, ...], result: int) -> int:
    """The address of a function of a block's address that makes the call, for arguments of these LLVM types."""
    lines, passed = [], ["ptr %result", "ptr %exception"]
    for i, kind in enumerate(arguments):
        lines.append(f"  %p{i} = getelementptr i64, ptr %block, i64 {FIRST_ARGUMENT + i}")
        lines.append(f"  %a{i} = load {kind}, ptr %p{i}")
        passed.append(f"{kind} %a{i}")
    code = f"""
define i32 @adapter(ptr %block) {{
  %exception = alloca ptr
  %kernel_place = getelementptr i64, ptr %block, i64 {KERNEL}
  %kernel = load ptr, ptr %kernel_place
  %result = getelementptr i64, ptr %block, i64 {result}
{chr(10).join(lines)}
  %status = call i32 %kernel({", ".join(passed)})
  ret i32 %status
}}
"""
    engine = binding.create_mcjit_compiler(
        binding.parse_assembly(code), binding.Target.from_default_triple().create_target_machine()
    )
    engine.finalize_object()
    _engines.append(engine)
    return engine.get_function_address("adapter")


_engines: list = []  # what they made is called by address: they stay
