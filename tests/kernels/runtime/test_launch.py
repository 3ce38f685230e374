"""Forked children run kernels alone, with the same bits; with one thread the pool is not asked either."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

KERNELS = Path(__file__).resolve().parents[3] / "kernels"
pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork"),
    pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled"),
]

# What every program below does: kernels of several rooms, above the sizes from which they are parallel.
WORK = """
import hashlib, os, sys, threading, time, warnings
import multiprocessing
import numpy as np
import nnmat_kernels as k
from nnmat_kernels.indexing.take_rows import take_rows

warnings.simplefilter("ignore")  # of Python, of a fork beside threads; of Numba's slow layer
A = np.random.default_rng(0).standard_normal((400, 400)).astype(np.float32)
fork = multiprocessing.get_context("fork")

def work(_=None):
    products, images = k.matmul(A, A), A.reshape(10, 40, 40, 10)
    pixels = k.conv2d(images, A[:8, :250].reshape(8, 5, 5, 10).copy())
    parts = [products, pixels, k.relu(A), take_rows(A, np.arange(399, -1, -1)), np.float64(k.sum_of_squares(A))]
    return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()

def threads():
    return len(os.listdir("/proc/self/task"))

def child_of(function, limit=60):
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, str(function()).encode())
        os._exit(0)
    end = time.monotonic() + limit
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if time.monotonic() > end:
            os.kill(child, 9)
            os.waitpid(child, 0)
            raise SystemExit("a child hangs")
        time.sleep(0.001)
    os.close(writing)
    with open(reading) as file:
        return file.read()
"""
PROGRAMS = {
    "pool": """
        expected = work()
        with fork.Pool(2) as pool:
            assert set(pool.map(work, range(6))) == {expected}
            assert work() == expected
    """,
    "process": """
        expected = work()
        for _ in range(3):
            assert child_of(work) == expected
    """,
    "nested": """
        expected = work()
        assert child_of(lambda: child_of(lambda: child_of(work))) == expected
    """,
    "one thread in the parent": """
        k.set_num_threads(1)
        expected = work()
        assert child_of(work) == expected
        assert child_of(lambda: (k.set_num_threads(k.max_num_threads()), work())[1]) == expected
    """,
    "no kernel before the fork": """
        first = child_of(work)  # compiles or loads everything itself
        assert first == work()
        assert child_of(threads) == "1"
    """,
    "a child starts no threads": """
        work()
        if os.environ["NUMBA_THREADING_LAYER"] != "workqueue":  # which starts them when it is asked for their number
            assert child_of(lambda: (work(), threads())[1]) == "1"
    """,
    "rows gathered by a worker": """
        expected = take_rows(A, np.arange(0, 400, 2)).tobytes()
        with fork.Pool(1) as pool:
            assert pool.apply(take_rows, (A, np.arange(0, 400, 2))).tobytes() == expected
    """,
    "while another thread works": """
        expected, stop = work(), threading.Event()
        busy = threading.Thread(target=lambda: [work() for _ in iter(stop.is_set, True)])
        busy.start()
        try:
            for _ in range({children}):
                assert child_of(work) == expected
        finally:
            stop.set()
            busy.join()
    """,
    "while another thread compiles": """
        def compile():
            for B in (A[None, :16, :16].copy(), A[None, :16, :16].astype(float)):
                k.batched_matmul(B, B)

        def active():
            return float(k.relu(A).sum())

        compiling = threading.Thread(target=compile)
        compiling.start()
        time.sleep(0.5)
        assert compiling.is_alive()
        found = {child_of(active) for _ in range(3)}
        compiling.join()
        assert found == {str(active())}
    """,
}


def run(program, tmp_path, layer, **extra):
    lines = [line[8:] for line in PROGRAMS[program].replace("{children}", "20").strip("\n").split("\n")]
    environment = os.environ | {"PYTHONPATH": str(KERNELS), "NUMBA_THREADING_LAYER": layer} | extra
    done = subprocess.run(
        [sys.executable, "-c", WORK + "\n".join(lines)], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("layer", ["omp", "workqueue"])
@pytest.mark.parametrize("program", PROGRAMS)
def test_kernels_in_forked_children(program, layer, tmp_path):
    fresh = {"NUMBA_CACHE_DIR": str(tmp_path)} if "compiles" in program else {}
    run(program, tmp_path, layer, **fresh)


def test_joblib(tmp_path):
    pytest.importorskip("joblib")
    program = """
expected = work()
from joblib import Parallel, delayed
assert set(Parallel(n_jobs=2, backend="multiprocessing")(delayed(work)() for _ in range(4))) == {expected}
"""
    environment = os.environ | {"PYTHONPATH": str(KERNELS), "JOBLIB_TEMP_FOLDER": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", WORK + program], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
