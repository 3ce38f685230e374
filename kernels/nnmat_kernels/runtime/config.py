"""Every Numba option of the project, in one place: the decorators `jit` and `parallel_jit`, and the thread settings.

* `fastmath` names the flags that let LLVM vectorise sums and use fused multiply-adds. `nnan` and `ninf` are not among
  them, because a training library must see its NaNs.
* `exact_jit` names none of them: what it compiles is computed as written, so that every element of an array has the
  same bits, wherever it stands. It asks for fused multiply-adds by name (`vector_math.fma`).
* `error_model="numpy"` lets divisions vectorise (a division by zero gives inf or NaN, as in NumPy).
* `parallel` switches on `prange` and nothing else: array expressions would become launches of their own.

**Determinism.** A parallel kernel splits its work into chunks whose number depends on the shapes only, never on the
number of threads, and never uses a `prange` reduction: partial results go to an array with one slot per chunk, which
is folded in order. So the bits of a result do not depend on the number of threads. (The blocks of `matmul` do follow
it, for no cut of C changes a bit there.)
"""

from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba import types

from .cache import PACKAGE, KernelCache
from .launch import ParallelKernel

kernels: dict[tuple[str, str], Any] = {}  # what the disk cache knows, by module and name: Numba's dispatchers
settings: Any = numba.config  # Numba makes its attributes at import, unseen by type checkers

FASTMATH = {"reassoc", "contract", "nsz", "arcp"}
EXACT: Any = {
    "fastmath": False,
    "error_model": "numpy",
}  # for `overload` too; without it a callee takes its caller's flags
PARALLEL: Any = {
    "prange": True,
    "numpy": False,
    "setitem": False,
    "reduction": False,
    "inplace_binop": False,
    "comprehension": False,
    "stencil": False,
    "fusion": False,
}

# For kernel bodies: a literal 0, 1 or -1 has a type of its own, for which a callee would be compiled once more.
ZERO, ONE, NOWHERE = np.int64(0), np.int64(1), np.int64(-1)

# The number of threads, for the bodies of parallel kernels. Numba's own `get_num_threads` puts an address into the code
# there, which keeps it out of the disk cache: every process would compile the kernel again.
threads_inside: Any = (
    numba.get_num_threads if settings.DISABLE_JIT else types.ExternalFunction("get_num_threads", types.intp())
)


def jit(function):
    """Compile a serial kernel body (lazily, cached on disk, releasing the interpreter lock)."""
    dispatcher: Any = numba.njit(fastmath=FASTMATH, error_model="numpy", nogil=True)(function)
    _cache_on_disk(dispatcher, function)
    return dispatcher


def exact_jit(function):
    """Compile a serial kernel body in which no operation may be contracted or reordered."""
    dispatcher: Any = numba.njit(nogil=True, **EXACT)(function)
    _cache_on_disk(dispatcher, function)
    return dispatcher


def inlined_jit(function):
    """Part of a kernel body: it is never compiled alone, but copied into each kernel that calls it, and into its flags.

    So it costs no compilation of its own, and takes literal arguments, such as the size of a tile. References to the
    arrays that it takes are counted, 10 ns each: it is nothing for inner loops.
    """
    return numba.njit(fastmath=FASTMATH, error_model="numpy", nogil=True, inline="always")(function)


def part_jit(function):
    """What adds up numbers and is called by kernels: a serial body of a parallel one, or a part of it.

    LLVM copies it into each caller. As a function it would have two versions: one compiled alone, and one in the object
    of its caller, which was optimised once more. Which of them runs depends on what the process has compiled itself and
    what it has loaded from the disk cache; and since sums may be reordered, so would their bits.
    """
    dispatcher: Any = numba.njit(fastmath=FASTMATH, error_model="numpy", nogil=True, forceinline=True)(function)
    _cache_on_disk(dispatcher, function)
    return dispatcher


def parallel_jit(function):
    """Compile a kernel body that uses `prange`; it is called from Python only, never from another kernel."""
    dispatcher: Any = numba.njit(fastmath=FASTMATH, error_model="numpy", nogil=True, parallel=PARALLEL)(function)
    if settings.DISABLE_JIT:
        return dispatcher
    _cache_on_disk(dispatcher, function)
    return ParallelKernel(dispatcher)


def named_after(owner, suffix: str = ""):
    """Gives a function that a factory makes the module of `owner`, and its name with a suffix.

    The disk cache knows a kernel by its module and name, and all kernels of one factory would have the same. An edit of
    the factory changes their keys nevertheless, for the owner's module imports it.
    """

    def decorate(function):
        function.__module__, function.__qualname__ = owner.__module__, owner.__qualname__ + suffix
        function.__name__ = function.__qualname__
        return function

    return decorate


def _cache_on_disk(dispatcher, function) -> None:
    # Only functions of this package: the keys of the cache are made of its files. One that a factory makes belongs to
    # the module that it is named after.
    own = Path(function.__code__.co_filename).resolve().is_relative_to(PACKAGE)
    if own and function.__module__.startswith(f"{PACKAGE.name}.") and not settings.DISABLE_JIT:
        dispatcher._cache = KernelCache(function)
        kernels[dispatcher._cache.module, dispatcher._cache.name] = dispatcher


def set_num_threads(n: int) -> None:
    """Use `n` threads in parallel kernels started from this Python thread (1 <= n <= `max_num_threads()`).

    Results do not depend on it, only their speed.
    """
    if isinstance(n, bool) or not isinstance(n, int) or not 1 <= n <= max_num_threads():
        raise ValueError(
            f"set_num_threads: expected an integer from 1 to {max_num_threads()}, got {n!r}. "
            "The upper limit is the number of cores, or the environment variable NUMBA_NUM_THREADS."
        )
    numba.set_num_threads(n)


def get_num_threads() -> int:
    """The number of threads that parallel kernels started from this Python thread use."""
    return numba.get_num_threads()


def max_num_threads() -> int:
    """The largest number of threads: the cores of this machine, or the environment variable NUMBA_NUM_THREADS."""
    return settings.NUMBA_NUM_THREADS
