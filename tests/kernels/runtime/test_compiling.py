"""What is said while a kernel is compiled, and the seconds that are counted."""

import io
import os
import sys
import threading
import time
from types import SimpleNamespace

import pytest

from nnmat_kernels.runtime import compiling
from nnmat_kernels.runtime.compiling import Clock, Line, quiet, seconds, working_time


class Screen(io.StringIO):
    """What stands in for stderr."""

    def __init__(self, terminal):
        super().__init__()
        self.terminal = terminal

    def isatty(self):
        return self.terminal


@pytest.fixture
def screen(monkeypatch):
    def shown(terminal):
        monkeypatch.setattr(sys, "stderr", Screen(terminal))
        return sys.stderr

    monkeypatch.delenv("NNMAT_QUIET", raising=False)
    monkeypatch.setattr(compiling, "PATIENCE", 0.05)
    monkeypatch.setattr(compiling, "REDRAWN", 0.01)
    line = Line()
    monkeypatch.setattr(compiling, "line", line)
    return shown, line


def compile_for(line, duration):
    line.begin()
    time.sleep(duration)
    line.end()


def test_a_terminal_has_one_line_that_is_gone_afterwards(screen):
    shown, line = screen
    stderr = shown(terminal=True)
    line.count = lambda: (7, 23)
    compile_for(line, 0.3)
    text = stderr.getvalue()
    assert "\rCompiling kernels, once on this machine: 7 of 23, 0 s" in text
    assert "\n" not in text
    before, blank, after = text.rpartition(" " * len("Compiling kernels, once on this machine: 7 of 23, 0 s"))
    assert blank
    assert (before[-1], after) == ("\r", "\r")


def test_elsewhere_a_line_is_written_once_and_again_after_a_while(screen, monkeypatch):
    shown, line = screen
    stderr = shown(terminal=False)
    compile_for(line, 0.3)
    assert stderr.getvalue() == "Compiling kernels, once on this machine: 0 s\n"
    monkeypatch.setattr(compiling, "REPEATED", 0.05)
    line = Line()
    compile_for(line, 0.4)
    assert stderr.getvalue().count("\n") >= 3
    assert "\r" not in stderr.getvalue()


def test_what_is_short_is_silent(screen):
    shown, line = screen
    stderr = shown(terminal=True)
    for _ in range(3):
        compile_for(line, 0.0)
        time.sleep(0.1)
    assert stderr.getvalue() == ""


def test_many_short_ones_in_a_row_are_one_wait(screen):
    shown, line = screen
    stderr = shown(terminal=False)
    started = time.perf_counter()
    while time.perf_counter() - started < 0.4:
        compile_for(line, 0.02)
    assert stderr.getvalue() == "Compiling kernels, once on this machine: 0 s\n"


def test_where_nothing_is_kept_it_is_not_once(screen):
    shown, line = screen
    stderr = shown(terminal=False)
    line.kept = False
    compile_for(line, 0.2)
    assert stderr.getvalue() == "Compiling kernels: 0 s\n"


@pytest.mark.parametrize("way", ["environment", "quiet", "nobody", "closed"])
def test_no_word(screen, monkeypatch, way):
    shown, line = screen
    stderr = shown(terminal=True)
    if way == "environment":
        monkeypatch.setenv("NNMAT_QUIET", "1")
    if way == "nobody":
        monkeypatch.setattr(sys, "stderr", None)
    if way == "closed":
        stderr.close()
    with quiet(way == "quiet"):
        compile_for(line, 0.2)
    assert way == "closed" or stderr.getvalue() == ""
    assert line.muted == 0


@pytest.mark.parametrize(("value", "silent"), [("", False), ("0", False), ("1", True), ("yes", True)])
def test_the_variable(monkeypatch, value, silent):
    monkeypatch.setenv("NNMAT_QUIET", value)
    assert compiling.silenced() is silent


def event(module):
    return SimpleNamespace(data={"dispatcher": SimpleNamespace(py_func=SimpleNamespace(__module__=module))})


def test_the_clock_counts_the_outermost_kernel_of_this_package(screen):
    clock = Clock()
    clock.on_start(event("someone.else"))
    assert clock.depth == 0
    clock.on_start(event("nnmat_kernels.reductions.sums"))
    clock.on_start(event("nnmat_kernels.reductions.sums"))
    time.sleep(0.02)
    clock.on_end(event("nnmat_kernels.reductions.sums"))
    assert clock.seconds == 0.0
    clock.on_end(event("nnmat_kernels.reductions.sums"))
    assert 0.02 <= clock.seconds < 1.0
    found = []
    other = threading.Thread(target=lambda: found.append(clock.seconds))
    other.start()
    other.join()
    assert found == [0.0], "another thread has not waited"


def test_working_time_leaves_out_what_was_compiled(monkeypatch):
    before, now = working_time() + seconds(), time.perf_counter()
    assert before == pytest.approx(now, abs=1.0)
    compiling.clock.begin()
    time.sleep(0.05)
    first = working_time()
    compiling.clock.end()
    assert working_time() - first < 0.05


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing is forked here")
def test_a_forked_child_has_a_line_of_its_own(screen):
    screen[0](terminal=False)
    compile_for(compiling.line, 0.1)
    child = os.fork()
    if child == 0:
        try:
            free = compiling.clock.depth == 0 and compiling.line._thread is None
            compile_for(compiling.line, 0.1)
        finally:
            os._exit(0 if free and "Compiling" in sys.stderr.getvalue() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
