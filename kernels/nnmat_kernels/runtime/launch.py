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
import functools
import inspect
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
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


def launch(kernel, *arguments):
    """Start a compiled kernel: every driver does it here, so that a tape sees all of them."""
    result = kernel(*arguments)
    if _tapes and (tape := _tapes.get(threading.get_ident())) is not None:
        tape.launches.append((kernel, arguments, result))
    if _recorders and (found := recorder()) is not None and not found.busy:
        found.refused = found.refused or "a kernel is started outside an operation"
    return result


class Operation:
    """One call of a driver: what it was given, by name, and what came back.

    `writes` names the arguments that are arrays to write to. Where such a one is None the driver makes the array, and
    returns it; `made` has these arrays by name.
    """

    def __init__(self, driver: Any, arguments: dict[str, Any], result: Any, place: str = ""):
        self.driver, self.arguments, self.result = driver, arguments, result
        self.place = place  # of what asked for it: the name of a layer, a loss, an optimizer
        names = [name for name in driver.writes if arguments[name] is None]
        parts = result if type(result) is tuple else (result,)
        self.made = dict(zip(names, [A for A in parts if isinstance(A, np.ndarray)], strict=False))

    @property
    def name(self) -> str:
        """That of the driver."""
        return self.driver.__name__.removesuffix("_unchecked")


class Recorder:
    """Notes the operations of one Python thread, beside doing them; those inside an operation are a part of it."""

    def __init__(self):
        self.operations: list[Operation] = []
        self.refused = ""  # why the operations are not all that was done
        self.parts: list[Any] = []  # layers, losses, optimizers that have asked for operations
        self.place = ""
        self.busy = False  # whether an operation is in progress

    def note(self, driver, arguments: tuple, named: dict[str, Any]):
        """Do an operation, and note it if it is no part of another."""
        if self.busy:
            return driver.function(*arguments, **named)
        self.busy = True
        try:
            result = driver.function(*arguments, **named)
        finally:
            self.busy = False
        given = {**driver.defaults, **dict(zip(driver.names, arguments, strict=False)), **named}
        self.operations.append(Operation(driver, {name: given[name] for name in driver.names}, result, self.place))
        return result

    def on_behalf_of(self, part, work: Callable, arguments: tuple):
        """Let a part of the step do its work: its operations bear its name."""
        before, self.place = self.place, getattr(part, "who", type(part).__name__)
        self.parts.append(part)
        try:
            return work(*arguments)
        finally:
            self.place = before

    def learning_rate(self, optimizer) -> float:
        """That of the step which an optimizer is about to make."""
        return optimizer.lr

    def __enter__(self):
        self._before = _recorders.get(threading.get_ident())
        _recorders[threading.get_ident()] = self
        return self

    def __exit__(self, *exception):
        if self._before is None:
            del _recorders[threading.get_ident()]
        else:
            _recorders[threading.get_ident()] = self._before


_recorders: dict[int, Recorder] = {}  # by thread


def recorder() -> Recorder | None:
    """That of this Python thread, if what it does is being recorded."""
    return _recorders.get(threading.get_ident()) if _recorders else None


def part_of_a_step(part, work: Callable, *arguments):
    """`work(*arguments)`, which a layer, a loss or an optimizer does; a recorder learns whose work it is."""
    if _recorders and (found := recorder()) is not None:
        return found.on_behalf_of(part, work, arguments)
    return work(*arguments)


def unrecordable(reason: str) -> None:
    """Say that what comes is computed in Python, which a recorder does not see."""
    if (found := recorder()) is not None:
        found.refused = found.refused or reason


@contextlib.contextmanager
def unrecorded():
    """The calling thread's recorder sees nothing meanwhile."""
    found = _recorders.pop(threading.get_ident(), None)
    try:
        yield
    finally:
        if found is not None:
            _recorders[threading.get_ident()] = found


def operation(*writes: str, refuses: bool = False) -> Callable[[Callable], Any]:
    """Make a function a driver that a recorder sees; `writes` names the arguments that are arrays to write to.

    `refuses`: its kernel may refuse what stands in the arrays, such as a label; the driver raises then.
    """

    def decorate(function: Callable) -> Any:
        parameters = inspect.signature(function).parameters

        @functools.wraps(function)
        def driver(*arguments, **named):
            if _recorders and (found := _recorders.get(threading.get_ident())) is not None:
                return found.note(driver, arguments, named)
            return function(*arguments, **named)

        driver.function, driver.writes, driver.names = function, writes, tuple(parameters)  # type: ignore[attr-defined]
        driver.refuses = refuses  # type: ignore[attr-defined]
        driver.defaults = {  # type: ignore[attr-defined]
            name: p.default for name, p in parameters.items() if p.default is not inspect.Parameter.empty
        }
        return driver

    return decorate


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
