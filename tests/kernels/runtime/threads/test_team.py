"""The team of threads: every piece is done once, whoever does it; it sleeps when idle and ends with the interpreter."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nnmat_kernels.runtime.threads.team import Team

KERNELS = Path(__file__).resolve().parents[4] / "kernels"
pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(not Team.can_run(), reason="no team can run on this system"),
    pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled"),
]

WORK = """
import hashlib, os, threading, time
import numpy as np
import nnmat_kernels as k

A = np.random.default_rng(0).standard_normal((512, 512)).astype(np.float32)

def work():
    images = A.reshape(16, 32, 32, 16)
    parts = [k.matmul(A, A), k.conv2d(images, A[:8, :400].reshape(8, 5, 5, 16).copy()), k.relu(A), k.column_sums(A)]
    return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()

def team():
    return [t for t in threading.enumerate() if t.name.startswith("nnmat kernels")]
"""
PROGRAMS = {
    "the same bits with any number of threads, more than cores too": """
        found = set()
        for n in (1, 2, 5, 3):
            k.set_num_threads(n)
            found |= {work() for _ in range(5)}
        assert len(found) == 1 and len(team()) == 4
    """,
    "every piece is done once, in 30,000 launches": """
        x, y = A.reshape(-1), np.zeros(A.size, np.float32)
        for i in range(10_000):
            k.set_num_threads(2 + i % 4)
            k.sgd_update(y, x, lr=-1.0)  # y += x: a piece that is missing, or done twice, is seen
            if i % 3 == 0:
                assert k.sum_of_squares(x[: 70_000 + i]) > 0
        exact = np.zeros_like(x)
        for _ in range(10_000):
            exact += x
        assert (y == exact).all()
    """,
    "callers at the same time": """
        expected, found = work(), []

        def call():
            for _ in range(40):
                found.append(work())

        callers = [threading.Thread(target=call) for _ in range(4)]
        [c.start() for c in callers], [c.join() for c in callers]
        assert len(found) == 160 and set(found) == {expected}
    """,
    "idle threads sleep": """
        work()
        time.sleep(0.05)
        before = time.process_time()
        time.sleep(0.5)
        assert time.process_time() - before < 0.05
    """,
    "kernels run on the team, and what a user compiles on Numba's pool": """
        import numba

        @numba.njit(parallel=True)
        def total(x):
            s = 0
            for i in numba.prange(x.size):
                s += x[i]
            return s

        k.set_num_threads(2)
        assert total(np.ones(10)) == 10  # compiled before the first kernel
        work()
        worker = team()[0]
        before = time.clock_gettime(time.pthread_getcpuclockid(worker.ident))
        for _ in range(30):
            k.matmul(A, A)
        assert time.clock_gettime(time.pthread_getcpuclockid(worker.ident)) - before > 0.005

        @numba.njit(parallel=True)
        def numbers(n):
            found = np.zeros(n, np.int64)
            for i in numba.prange(n):
                found[i] = numba.get_thread_id()
            return found

        x = np.ones(1_000_000, np.int64)
        assert all(total(x) == x.size for _ in range(20))
        assert set(numbers(1000).tolist()) == {0, 1}
    """,
    "with one thread there is no other": """
        before = len(os.listdir("/proc/self/task"))
        k.set_num_threads(1)
        expected = work()
        assert not team() and len(os.listdir("/proc/self/task")) == before
        k.set_num_threads(2)
        assert work() == expected and len(team()) == 4
    """,
    "the caller does the pieces of threads that sleep": """
        expected = work()
        for t in team():  # threads that may run only where another process keeps the core
            os.sched_setaffinity(t.native_id, {max(os.sched_getaffinity(0))})
            os.sched_setscheduler(t.native_id, os.SCHED_IDLE, os.sched_param(0))
        for _ in range(20):
            assert work() == expected
    """,
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_team(name):
    lines = PROGRAMS[name].split("\n")
    program = WORK + "\n".join(line[8:] for line in lines) + "\nprint('done')\n"
    environment = {**os.environ, "PYTHONPATH": str(KERNELS), "NUMBA_NUM_THREADS": "5", "OPENBLAS_NUM_THREADS": "1"}
    started = time.monotonic()
    result = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=120
    )
    assert result.stdout == "done\n", result.stderr
    assert result.returncode == 0
    assert result.stderr == ""
    assert time.monotonic() - started < 90
