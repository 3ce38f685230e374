"""When a kernel is being compiled: for how long, and a word to whoever waits.

Numba tells when it begins and ends to compile a function. From that come

    seconds()         what the calling thread has spent so, for those who measure time
    working_time()    a clock that stands still meanwhile
    a line on stderr  after half a second without a word: "Compiling kernels, once on this machine: 7 of 23, 4 s"

The line is rewritten on a terminal, gone when the kernels are there, and elsewhere written anew every ten seconds. No
word comes while `quiet` is entered, and none at all if the environment variable NNMAT_QUIET is set.
"""

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator

from numba.core import event

from .linking import linking

PATIENCE = 0.5  # seconds without a word
REDRAWN = 0.2  # seconds between two looks at the line
REPEATED = 10.0  # seconds between two lines where a line cannot be rewritten
PACKAGE_NAME = __name__.partition(".")[0]


def nobody_knows() -> tuple[int, int]:
    """How many of how many: no number is shown."""
    return 0, 0


class Line:
    """The line on stderr; a thread of its own writes it while kernels are compiled."""

    def __init__(self) -> None:
        self.count: Callable[[], tuple[int, int]] = nobody_knows  # the kernels done, and those wanted
        self.kept = True  # whether what is compiled can be kept
        self.muted = 0  # how many want no word
        self.lock = threading.Lock()  # held while something is written
        self._busy, self._began, self._ended = threading.Event(), 0.0, 0.0
        self._shown, self._written = "", 0.0
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """A kernel is being compiled from now on."""
        now = time.perf_counter()
        if now - self._ended > PATIENCE:  # others have not just kept the caller waiting
            self._began = self._written = now
        self._busy.set()
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._watch, name="nnmat compiling", daemon=True)
            self._thread.start()

    def end(self) -> None:
        """It is compiled; a line that could be rewritten is gone."""
        self._ended = time.perf_counter()
        self._busy.clear()
        with self.lock:
            self._erase()

    def forget(self) -> None:
        """In a forked child: nothing is compiled there, and the thread that wrote is not there."""
        self._busy, self._ended, self._shown, self._thread = threading.Event(), 0.0, "", None
        self.count, self.muted = nobody_knows, 0

    def text(self) -> str:
        """What the line says now."""
        done, wanted = self.count()
        said = "Compiling kernels, once on this machine" if self.kept else "Compiling kernels"
        number = f"{done} of {wanted}, " if wanted else ""
        return f"{said}: {number}{time.perf_counter() - self._began:.0f} s"

    def _watch(self) -> None:
        while self._busy.wait():
            with self.lock:
                if self._busy.is_set() and time.perf_counter() - self._began > PATIENCE:
                    self._draw()
            time.sleep(REDRAWN)

    def _draw(self) -> None:
        if self.muted or silenced() or sys.stderr is None:
            return
        now = time.perf_counter()
        with contextlib.suppress(OSError, ValueError):  # nobody reads it any more
            if sys.stderr.isatty():
                text = self.text()
                sys.stderr.write(f"\r{text.ljust(len(self._shown))}")
                self._shown = text
            elif self._written == self._began or now - self._written > REPEATED:
                sys.stderr.write(f"{self.text()}\n")
                self._written = now
            sys.stderr.flush()

    def _erase(self) -> None:
        if self._shown and sys.stderr is not None:
            with contextlib.suppress(OSError, ValueError):
                sys.stderr.write(f"\r{' ' * len(self._shown)}\r")
                sys.stderr.flush()
        self._shown = ""


class Clock(event.Listener):
    """How long kernels are compiled, and by which thread. Numba's lock of its compiler lets one do so at a time."""

    def __init__(self) -> None:
        self.depth = 0
        self._own = threading.local()
        self._started = 0.0

    @property
    def seconds(self) -> float:
        """Of the calling thread, so far."""
        return getattr(self._own, "seconds", 0.0)

    def begin(self) -> None:
        """A kernel is compiled, or waited for, from now on; within it others may be."""
        self.depth += 1
        if self.depth == 1:
            self._started = time.perf_counter()
            line.begin()

    def end(self) -> None:
        """That is over."""
        self.depth -= 1
        if self.depth == 0:
            self._own.seconds = self.seconds + time.perf_counter() - self._started
            line.end()

    def on_start(self, event) -> None:
        """Numba begins to compile a function."""
        if _is_kernel(event):
            linking.begin()
            self.begin()

    def on_end(self, event) -> None:
        """It has ended, or failed."""
        if _is_kernel(event):
            self.end()
            linking.end()


def _is_kernel(event) -> bool:
    """Whether a function is one of this package: a user's own functions are no concern of ours."""
    return f"{event.data['dispatcher'].py_func.__module__}.".startswith(f"{PACKAGE_NAME}.")


line = Line()
clock = Clock()
event.register("numba:compile", clock)


def seconds() -> float:
    """What the calling thread has spent compiling kernels, and waiting for other processes that did, in seconds."""
    return clock.seconds


def working_time() -> float:
    """`time.perf_counter()` of the calling thread, without the seconds in which kernels were compiled."""
    return time.perf_counter() - clock.seconds


def silenced() -> bool:
    """Whether the environment asks for no word: NNMAT_QUIET is set, and not to 0."""
    return os.environ.get("NNMAT_QUIET", "0") not in ("", "0")


@contextlib.contextmanager
def quiet(silent: bool = True) -> Iterator[None]:
    """No word about compiling inside, if `silent`."""
    line.muted += silent
    try:
        yield
    finally:
        line.muted -= silent


def before_fork() -> None:
    """A fork waits until nothing is being written: stderr's own lock would stay taken in the child.

    These three are called by `launch`, with the locks that a thread which compiles holds.
    """
    line.lock.acquire()


def after_fork() -> None:
    """In parent and child."""
    line.lock.release()


def forget_in_child() -> None:
    """Nothing is compiled there."""
    clock.depth = 0
    line.forget()
