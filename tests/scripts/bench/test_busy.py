"""Neighbours that are never idle: there meanwhile, and gone afterwards."""

import os
import subprocess
import sys
import time

import pytest

from bench import busy


def children() -> int:
    """The computing time of the neighbours that have ended, in clock ticks."""
    found = os.times()
    return round(100 * (found.children_user + found.children_system))


def test_there_is_a_neighbour_on_each_core():
    assert busy.cores()
    for seconds in (1, 2, 4, 8, 16):  # where others work too it takes longer
        before = children()
        with busy.busy_cores():
            time.sleep(seconds)
        if children() - before > 20 * len(busy.cores()):  # of the 100 ticks that each core has in a second
            return
    pytest.fail(f"{children() - before} ticks in {seconds} seconds on {len(busy.cores())} cores")


def test_an_error_leaves_no_neighbour_behind(monkeypatch):
    started, popen = [], subprocess.Popen

    def noted(*words, **how):
        started.append(popen(*words, **how))
        return started[-1]

    monkeypatch.setattr(busy.subprocess, "Popen", noted)
    with pytest.raises(ZeroDivisionError), busy.busy_cores():
        len(started) / sum(neighbour.poll() is not None for neighbour in started)  # none has ended
    assert len(started) == len(busy.cores())
    assert all(neighbour.poll() is not None for neighbour in started)


def test_a_neighbour_ends_with_its_parent():
    program = (
        "import subprocess, sys\n"
        f"words = [sys.executable, '-c', {busy.PROGRAM!r}, '{busy.cores()[0]}']\n"
        "child = subprocess.Popen(words, stdout=subprocess.PIPE)\n"
        "child.stdout.readline(); print(child.pid)"
    )
    pid = int(subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout)
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    os.kill(pid, 9)
    pytest.fail("it goes on without its parent")
