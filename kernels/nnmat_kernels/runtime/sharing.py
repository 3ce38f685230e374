"""Compiling by several processes: helpers that fill the disk cache with what this program will need.

A program that knows its next work describes it (`expected`). At the first kernel that the cache does not have, a helper
starts, a new Python with nothing of the caller's in it, which goes through the described work without running a kernel
(`rehearsal`) and names what is missing. From then on each process compiles one kernel at a time: helpers the heaviest
that is left, this program what it comes to; while that is with a helper, it compiles another one. No two compile the
same function, nor two kernels that contain the same one.

    this program   to a helper:    the work, described; then one name of an entry after the other
    a helper       to the program: the missing kernels; then each name when it is compiled

A helper that fails or is killed costs time only: the program compiles what it has not got. Helpers are not started in
forked children, nor in children of `multiprocessing`, on one core, or without a cache that can be written to; the
environment variable NNMAT_COMPILE_PROCESSES says how many processes may compile, this one included (1: no helpers).
"""

import base64
import contextlib
import functools
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from .cache import KernelCache, writable
from .compiling import clock, line, nobody_knows
from .config import kernels, settings
from .launch import ParallelKernel
from .rehearsal import Task, rehearse

MOST_PROCESSES = 8  # this one included: there are not more than some 30 kernels to a step
TASKS_EACH = 3  # so many for each further helper: its start takes half a second
COMMAND = "-P", "-m", "nnmat", "compile-for-another"
Description = Callable[[], Any]  # gives what `serve` is called with, or None


class Helpers:
    """The helpers of one piece of work, and who compiles what."""

    def __init__(self, describe: Description):
        self._describe = describe
        self._started = False
        self._processes: list[subprocess.Popen] = []
        self._threads: list[threading.Thread] = []
        self._changed = threading.Condition()
        self._left: dict[str, Task] = {}  # kernels that nobody has begun
        self._away: dict[str, Task] = {}  # those with helpers
        self._here: dict[str, set] = {}  # what this process compiles now, by entries, with the functions they contain
        self._wanted: set[str] = set()
        self._done: set[str] = set()
        self._present: set = set()  # functions that have been compiled by now
        self._closed = False

    def provide(self, cache: KernelCache, entry: str) -> bool:
        """Called for a kernel that the cache lacks: whether it does not any more, thanks to a helper."""
        if clock.depth:  # a part of a kernel that this process compiles
            return False
        self._start()
        clock.begin()
        try:
            return self._wait_for(cache, entry)
        finally:
            clock.end()

    def _wait_for(self, cache: KernelCache, entry: str) -> bool:
        own = contained(kernels[cache.module, cache.name])
        while True:
            with self._changed:
                if entry in self._done:
                    return True
                if self._closed or not (entry in self._away or self._is_taken(own, self._away.values())):
                    self._left.pop(entry, None)
                    self._here[entry] = own
                    return False
                other = self._heaviest(here=True)
                if other is None:
                    self._changed.wait(1.0)
                    continue
                self._here[other.entry] = contained(_kernel(other))
            _kernel(other).compile(other.signature)

    def compiled(self, cache: KernelCache, entry: str) -> None:
        """Called for a kernel that this process has compiled."""
        with self._changed:
            self._here.pop(entry, None)
            self._done.add(entry)
            self._present.add((cache.module, cache.name))
            self._changed.notify_all()

    def close(self) -> None:
        """Send the helpers home."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for process in self._processes:
            process.kill()
        for thread in self._threads:  # each ends with its helper, and closes its pipes
            thread.join()

    def _start(self) -> None:
        """The first helper, once, if it can be of use."""
        if self._started:
            return
        self._started = True
        if processes() > 1 and can_start() and writable():
            with contextlib.suppress(Exception):  # of arguments that are wrong: the caller will say so, and better
                described = self._describe()
                if described is not None:
                    line.count = self._count
                    self._add(described)

    def _add(self, described: Any) -> None:
        """One more helper; only the first one gets a description, and looks for what is missing."""
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            "NUMBA_NUM_THREADS": "1",
        }
        try:
            process = subprocess.Popen(
                [sys.executable, *COMMAND],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
                start_new_session=True,  # Ctrl-C is for this process
            )
        except OSError:
            return
        self._processes.append(process)
        thread = threading.Thread(target=self._serve, args=(process, described), name="nnmat helper", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _serve(self, process: Any, described: Any) -> None:
        """Speak with one helper, in a thread, until there is nothing left for it."""
        task = None
        with contextlib.suppress(OSError, ValueError, EOFError, pickle.UnpicklingError):  # the helper is gone
            _send(process.stdin, described)
            self._take(_received(process.stdout))
            while (task := self._next()) is not None:
                _send(process.stdin, task)
                _received(process.stdout)
                self._finished(task)
        with self._changed:
            if task is not None:
                self._away.pop(task.entry, None)
            self._changed.notify_all()
        for stream in (process.stdin, process.stdout):  # which ends it
            with contextlib.suppress(OSError):
                stream.close()
        process.wait()

    def _finished(self, task: Task) -> None:
        with self._changed:
            self._present |= contained(_kernel(task))
            self._done.add(task.entry)
            del self._away[task.entry]
            self._changed.notify_all()

    def _take(self, found: list[Task]) -> None:
        """What the first helper has found out; others may be worth their start now."""
        if not all(isinstance(task, Task) for task in found):
            raise ValueError("this is no helper")
        found = [task for task in found if (task.module, task.name) in kernels]
        with self._changed:
            for task in found:
                if task.entry not in self._here and task.entry not in self._done:
                    self._left[task.entry] = task
            self._wanted |= {task.entry for task in found} | set(self._here)
            more = 0 if not found else min(processes() - 2, len(self._left) // TASKS_EACH - 1)
            self._changed.notify_all()
        for _ in range(more):
            self._add(None)

    def _next(self) -> Task | None:
        """The next kernel for a helper, or None: there will be no other one."""
        with self._changed:
            while not self._closed:
                if task := self._heaviest(here=False):
                    self._away[task.entry] = task
                    return task
                if not self._left:
                    return None
                self._changed.wait(1.0)
            return None

    def _heaviest(self, here: bool) -> Task | None:
        """Of the kernels that are needed first the heaviest that has nothing in common with those in work; taken."""
        free = [
            task
            for task in self._left.values()
            if not self._is_taken(contained(_kernel(task)), self._away.values())
            and not any((self._shared(own) & contained(_kernel(task))) for own in self._here.values())
            and not (here and _is_parallel(task) and not ParallelKernel.ready())
        ]
        if not free:
            return None
        chosen = min(free, key=lambda task: (task.stage, -weight(_kernel(task))))
        return self._left.pop(chosen.entry)

    def _is_taken(self, functions: set, tasks) -> bool:
        """Whether one of these functions is being compiled as a part of one of these kernels."""
        return any(self._shared(contained(_kernel(task))) & functions for task in tasks)

    def _shared(self, functions: set) -> set:
        return functions - self._present

    def _count(self) -> tuple[int, int]:
        return len(self._done & self._wanted), len(self._wanted)


@contextlib.contextmanager
def expected(describe: Description) -> Iterator[None]:
    """Inside, helpers may compile what the work needs that `describe()` stands for.

    It is called at the first kernel that is not in the cache: None if there is nothing to say. Inside another
    `expected` that one goes on.
    """
    if KernelCache.helpers is not None or settings.DISABLE_JIT:
        yield
        return
    KernelCache.helpers = helpers = Helpers(describe)
    try:
        yield
    finally:
        if KernelCache.helpers is helpers:  # not so in a forked child
            KernelCache.helpers = None
            line.count = nobody_knows
            helpers.close()


def serve(work: Callable[[Any], list[list[Callable[[], Any]]]]) -> None:
    """What a helper does: `work` makes functions of a description, in stages (`rehearse`). Ends with its input."""
    answers, sys.stdout = sys.stdout.buffer, sys.stderr  # nothing but answers goes to the program
    described = _received(sys.stdin.buffer)
    ParallelKernel.open_door()
    _send(answers, rehearse([] if described is None else work(described)))
    while True:
        try:
            task = _received(sys.stdin.buffer)
        except EOFError:
            return
        with contextlib.suppress(Exception):  # the program will meet it too, and say so
            _kernel(task).compile(task.signature)
        _send(answers, task.entry)


def processes() -> int:
    """How many processes may compile at a time: one for each core that this process may use."""
    chosen = os.environ.get("NNMAT_COMPILE_PROCESSES", "")
    if chosen.isascii() and chosen.isdigit():
        return int(chosen)
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    return min(cores, settings.NUMBA_NUM_THREADS, MOST_PROCESSES)


def can_start() -> bool:
    """Whether this process may start a Python of its own: it is none's child, and its program is Python."""
    python = Path(sys.executable or "").name.lower()
    alone = not ParallelKernel.forked() and multiprocessing.parent_process() is None
    return alone and python.startswith(("python", "pypy")) and not getattr(sys, "frozen", False)


@functools.cache
def contained(kernel) -> set[tuple[str, str]]:
    """The functions, by module and name, that the code of a kernel contains: itself, and what it calls by name."""
    return {key for key in _reached(kernel) if key in kernels}


@functools.cache
def weight(kernel) -> int:
    """How much there is to compile, roughly: the length of the kernel and of all that it contains."""
    return sum(len(function.__code__.co_code) for function in _reached(kernel).values())


def _reached(kernel) -> dict[tuple[str, str], Any]:
    found: dict[tuple[str, str], Any] = {}
    pending = [kernel]
    while pending:
        function = getattr(pending.pop(), "py_func", None)
        if function is None or (key := (function.__module__.partition(".")[2], function.__qualname__)) in found:
            continue
        found[key] = function
        cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
        pending += [function.__globals__.get(name) for name in function.__code__.co_names]
        pending += [cell.cell_contents for cell in cells.values()]
    return found


def _kernel(task: Task) -> Any:
    return kernels[task.module, task.name]


def _is_parallel(task: Task) -> bool:
    return bool(_kernel(task).targetoptions.get("parallel"))


def _send(stream, message: Any) -> None:
    stream.write(base64.b64encode(pickle.dumps(message)) + b"\n")
    stream.flush()


def _received(stream) -> Any:
    found = stream.readline()
    if not found.endswith(b"\n"):
        raise EOFError
    return pickle.loads(base64.b64decode(found))


def _in_child() -> None:
    KernelCache.helpers = None


if hasattr(os, "register_at_fork"):  # not on Windows, where nothing is forked
    os.register_at_fork(after_in_child=_in_child)
