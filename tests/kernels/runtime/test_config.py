"""Threads: the number, its limits, and threading layers that are not safe for concurrent launches."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import nnmat_kernels as k

KERNELS = Path(__file__).resolve().parents[3] / "kernels"


def test_the_number_of_threads():
    before = k.get_num_threads()
    try:
        for n in range(1, k.max_num_threads() + 1):
            k.set_num_threads(n)
            assert k.get_num_threads() == n
    finally:
        k.set_num_threads(before)


@pytest.mark.parametrize("n", [0, -1, 1.5, "2", None, True, 10**6])
def test_numbers_that_are_none(n):
    with pytest.raises(ValueError, match="expected an integer from 1 to"):
        k.set_num_threads(n)


ENVIRONMENT = """
import zlib, numpy as np, nnmat_kernels as k
A = np.random.default_rng(0).standard_normal((256, 256)).astype(np.float32)
print(k.max_num_threads(), k.get_num_threads(), zlib.crc32(k.matmul(A, A)), zlib.crc32(k.tanh(A)))
try:
    k.set_num_threads(k.max_num_threads() + 1)
except ValueError as error:
    print(error)
"""


@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is launched")
def test_the_environment_sets_the_number_of_threads():
    """Any number, more than there are cores included; with the same bits."""
    bits = set()
    for n in ("1", "2", "3"):
        environment = os.environ | {"PYTHONPATH": str(KERNELS), "NUMBA_NUM_THREADS": n}
        done = subprocess.run([sys.executable, "-c", ENVIRONMENT], env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        numbers, message = done.stdout.splitlines()
        assert numbers.split()[:2] == [n, n]
        assert f"expected an integer from 1 to {n}, got {int(n) + 1}" in message
        assert "NUMBA_NUM_THREADS" in message
        bits.add(tuple(numbers.split()[2:]))
    assert len(bits) == 1


TWO_THREADS = """
import threading, warnings
warnings.simplefilter("ignore", RuntimeWarning)
import numpy as np, nnmat_kernels as k
A = np.random.default_rng(0).standard_normal((256, 256)).astype(np.float32)
expected = k.matmul(A, A)
wrong = []
def work():
    for _ in range(100):
        if not np.array_equal(k.matmul(A, A), expected):
            wrong.append(1)
threads = [threading.Thread(target=work) for _ in range(3)]
[t.start() for t in threads]
[t.join() for t in threads]
import numba
print(numba.threading_layer(), len(wrong))
"""


@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is launched")
@pytest.mark.parametrize("layer", ["default", "omp", "tbb", "workqueue"])
def test_python_threads_may_launch_at_the_same_time(layer):
    environment = os.environ | {"PYTHONPATH": str(KERNELS), "NUMBA_THREADING_LAYER": layer}
    done = subprocess.run([sys.executable, "-c", TWO_THREADS], env=environment, capture_output=True, text=True)
    if layer in ("omp", "tbb") and "No threading layer" in done.stderr:
        pytest.skip(f"the library of the layer {layer} is not installed")
    assert done.returncode == 0, done.stderr  # workqueue ends the process when two launches meet
    name, wrong = done.stdout.split()
    assert wrong == "0"
    assert layer in ("default", name)


def test_a_part_that_sums_is_copied_into_its_callers():
    """As a function it would have two versions with other bits: test_softmax.py runs both."""
    from nnmat_kernels.reductions.sums import row_sums_serial

    assert k.runtime.config.settings.DISABLE_JIT or row_sums_serial.targetoptions["forceinline"]
