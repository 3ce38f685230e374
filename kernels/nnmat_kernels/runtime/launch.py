"""How parallel kernels reach their threads: through a door in front of them, a few instructions of machine code.

Compiled kernels call, by name, the function of Numba's threading layer that runs their pieces. While a kernel of this
package is compiled or loaded, that name is bound to the door of the `team`, or where none can run, of Numba's own pool;
what users compile themselves keeps Numba's pool.

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
import time
from typing import Any

import numba
from llvmlite.binding import ffi
from numba.core.compiler_lock import global_compiler_lock

from .compiling import after_fork, before_fork, forget_in_child
from .linking import linking
from .threads.pool import Pool
from .threads.team import Team

settings: Any = numba.config


class ParallelKernel:
    """Calls a parallel kernel, one at a time where Numba's threading layer is not safe for concurrent launches."""

    _at_once = False  # whether kernels may be called without a look at anything: threads run, and need no turns
    _door: Team | Pool | None = None  # there before the code of any parallel kernel is linked
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
                linking.door = ParallelKernel._door.address
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
            if isinstance(door, Pool):
                return self.dispatcher(*arguments)
        return self.dispatcher(*arguments)


class Tape:
    """Notes the kernels that one Python thread starts, beside running them."""

    def __init__(self):
        self.launches: list[tuple[Any, tuple, Any]] = []  # kernel, arguments, result

    def __enter__(self):
        _tapes[threading.get_ident()] = self
        return self

    def __exit__(self, *exception):
        del _tapes[threading.get_ident()]


_tapes: dict[int, Tape] = {}  # by thread


@contextlib.contextmanager
def unrecorded():
    """The calling thread's tape sees nothing meanwhile."""
    tape = _tapes.pop(threading.get_ident(), None)
    try:
        yield
    finally:
        if tape is not None:
            _tapes[threading.get_ident()] = tape


def launch(kernel, *arguments):
    """Start a compiled kernel: every driver does it here, so that a tape sees all of them."""
    result = kernel(*arguments)
    if _tapes and (tape := _tapes.get(threading.get_ident())) is not None:
        tape.launches.append((kernel, arguments, result))
    return result


_launch_lock = threading.RLock()


_llvm_lock = ffi.lib._lock  # an AttributeError here, at import, is better than locks that are never given back


def _before_fork() -> None:
    # Threads take these two in either order, so none is waited for without end while the other is held.
    global_compiler_lock.acquire()
    while not _launch_lock.acquire(timeout=0.01):
        global_compiler_lock.release()
        time.sleep(0.001)
        global_compiler_lock.acquire()
    _llvm_lock.__enter__()
    before_fork()  # only now: whoever compiles needs that lock to come to an end


def _after_fork() -> None:
    after_fork()
    _llvm_lock.__exit__(None, None, None)
    global_compiler_lock.release()
    _launch_lock.release()


def _in_child() -> None:
    forget_in_child()
    ParallelKernel._forked = True
    if ParallelKernel._door is not None:
        ParallelKernel._door.close()
    _after_fork()


if hasattr(os, "register_at_fork"):  # not on Windows, where nothing is forked
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_in_child)
