"""How parallel kernels reach their threads: through a door in front of them, a few instructions of machine code.

Compiled kernels call, by name, the function of Numba's threading layer that runs their pieces. That name is bound to
the door of the `team`, or where none can run, of Numba's own pool:

    alone, or one thread      the caller runs all pieces, in order; no other thread is asked
    else                      the team, or the pool, runs them

`alone` is set in a forked child, for good: threads do not live on there, and what waits for them hangs, or ends the
process (libgomp). The pieces are the same either way, and so are the bits of the results.

A fork also waits until no other thread compiles or starts a kernel: a lock that is held at that moment by a thread that
the child does not have would never be given back there.
"""

import contextlib
import os
import threading
from typing import Any

import numba
from llvmlite import binding
from llvmlite.binding import ffi
from numba.core.compiler_lock import global_compiler_lock

from .threads.pool import Pool
from .threads.team import Team

settings: Any = numba.config


class ParallelKernel:
    """Calls a parallel kernel, one at a time where no other thread may."""

    _at_once = False  # whether kernels may be called without a look at anything: threads run, and need no turns
    _door: Team | Pool | None = None  # there before any kernel's code is linked, which looks for it by name
    _forked = False  # whether this process is a forked child

    def __init__(self, dispatcher):
        self.dispatcher = dispatcher

    @staticmethod
    def open_door() -> Team | Pool:
        """Make the door, before the code of any parallel kernel is compiled or loaded."""
        with _launch_lock:
            if ParallelKernel._door is None:
                numba.get_num_threads()  # Numba loads its threading layer and names the pool's function
                ParallelKernel._door = Team(settings.NUMBA_NUM_THREADS) if Team.can_run() else Pool()
                binding.add_symbol("numba_parallel_for", ParallelKernel._door.address)
                if ParallelKernel._forked:
                    ParallelKernel._door.close()
            return ParallelKernel._door

    @staticmethod
    def ready() -> bool:
        """Whether the door is there."""
        return ParallelKernel._door is not None

    @staticmethod
    def forked() -> bool:
        """Whether this process is a forked child of one that had imported this module."""
        return ParallelKernel._forked

    def __call__(self, *arguments):
        if ParallelKernel._at_once:
            return self.dispatcher(*arguments)
        with _launch_lock:
            door = self.open_door()
            if numba.get_num_threads() > 1 and not ParallelKernel._forked:
                ParallelKernel._at_once = door.begin()
            return self.dispatcher(*arguments)


class Tape:
    """Notes the kernels that one Python thread starts, beside running them."""

    def __init__(self):
        self.launches: list[tuple[Any, tuple, Any]] = []  # kernel, arguments, result

    def __enter__(self):
        _tapes.append((threading.get_ident(), self))
        return self

    def __exit__(self, *exception):
        _tapes.remove((threading.get_ident(), self))


_tapes: list[tuple[int, Tape]] = []  # of all threads


@contextlib.contextmanager
def unrecorded():
    """The calling thread's tapes see nothing meanwhile."""
    own = [entry for entry in _tapes if entry[0] == threading.get_ident()]
    for entry in own:
        _tapes.remove(entry)
    try:
        yield
    finally:
        _tapes.extend(own)


def launch(kernel, *arguments):
    """Start a compiled kernel: every driver does it here, so that a tape sees all of them."""
    result = kernel(*arguments)
    if _tapes:
        for thread, tape in _tapes:
            if thread == threading.get_ident():
                tape.launches.append((kernel, arguments, result))
    return result


_launch_lock = threading.RLock()


_llvm_lock = ffi.lib._lock  # an AttributeError here, at import, is better than locks that are never given back


def _before_fork() -> None:
    _launch_lock.acquire()
    global_compiler_lock.acquire()
    _llvm_lock.__enter__()


def _after_fork() -> None:
    _llvm_lock.__exit__(None, None, None)
    global_compiler_lock.release()
    _launch_lock.release()


def _in_child() -> None:
    ParallelKernel._forked = True
    if ParallelKernel._door is not None:
        ParallelKernel._door.close()
    _after_fork()


if hasattr(os, "register_at_fork"):  # not on Windows, where nothing is forked
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_in_child)
