"""A busy machine: a process on each core that computes without end."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# It ends when its parent does, too.
PROGRAM = """
import os, sys
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {int(sys.argv[1])})
parent = os.getppid()
print("busy", flush=True)
while os.getppid() == parent:
    for _ in range(1_000_000):
        pass
"""


def cores() -> list[int]:
    """Those that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


@contextmanager
def busy_cores() -> Iterator[None]:
    """Meanwhile each core has a process that is never idle."""
    neighbours = [
        subprocess.Popen([sys.executable, "-c", PROGRAM, str(core)], stdout=subprocess.PIPE, text=True)
        for core in cores()
    ]
    try:
        for neighbour in neighbours:
            assert neighbour.stdout is not None
            neighbour.stdout.readline()  # it has begun
        yield
    finally:
        for neighbour in neighbours:
            neighbour.kill()
            neighbour.communicate()
