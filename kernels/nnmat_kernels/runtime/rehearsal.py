"""Which kernels a program calls, found without compiling or running any.

While a rehearsal is on, a call of a kernel writes down what would have to be compiled, does nothing and returns None.
What callers remember of it is worthless, so a rehearsal takes a process of its own, which never runs a kernel after it.
"""

import contextlib
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple

from numba import types
from numba.core.dispatcher import Dispatcher

from .cache import KernelCache


class Task(NamedTuple):
    """A kernel to compile."""

    entry: str  # the name of its file in the cache
    module: str
    name: str
    signature: Any  # the Numba types of its arguments
    stage: int  # those of a lower one are needed first


def rehearse(stages: list[list[Callable[[], Any]]]) -> list[Task]:
    """The kernels that these functions call and the cache does not have, in the order of their calls, each once.

    The functions of a stage are needed before those of the next one. A function that needs what a kernel returns ends
    there, and what it would have called is not found.
    """
    found: dict[str, Task] = {}
    hollow = []
    usual, stage = Dispatcher.compile, 0

    def noted(dispatcher, signature):
        own = dispatcher._cache
        if not isinstance(own, KernelCache):  # not of this package
            return usual(dispatcher, signature)
        if types.none in signature:
            raise TypeError("what a kernel returns is not known in a rehearsal")
        path = own.entry_path(signature, dispatcher.targetctx.codegen())
        if not path.exists():
            found.setdefault(path.name, Task(path.name, own.module, own.name, signature, stage))
        dispatcher.overloads[signature] = _HOLLOW
        hollow.append((dispatcher, signature))
        return _nothing

    Dispatcher.compile = noted  # type: ignore[method-assign]
    try:
        for number, functions in enumerate(stages):
            stage = number
            for run in functions:
                with contextlib.suppress(Exception):  # of numbers that were not computed
                    run()
    finally:
        Dispatcher.compile = usual  # type: ignore[method-assign]
        for dispatcher, signature in hollow:
            dispatcher.overloads.pop(signature, None)
    return list(found.values())


def _nothing(*arguments) -> None:
    """What is called in place of a kernel."""


_HOLLOW: Any = SimpleNamespace(  # as much of a compiled function as `codegen.function_pointer` looks at
    library=SimpleNamespace(get_pointer_to_function=lambda name: 0), fndesc=SimpleNamespace(llvm_func_name="")
)
