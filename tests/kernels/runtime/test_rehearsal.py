"""A rehearsal finds the kernels that are missing, compiles none, and leaves nothing behind."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

KERNELS = Path(__file__).resolve().parents[3] / "kernels"
pytestmark = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled")

PROGRAM = """
import numpy as np, nnmat_kernels as k
from nnmat_kernels.runtime.cache import KernelCache
from nnmat_kernels.runtime.config import kernels
from nnmat_kernels.runtime.rehearsal import rehearse

X, K = np.zeros((64, 28, 28, 1), np.float32), np.zeros((8, 5, 5, 1), np.float32)

def breaks_off():
    0.5 * k.sum_of_squares(X)  # a number is asked for
    k.tanh(X)

first = [lambda: k.relu(X[:1]), lambda: k.conv2d(X, K), breaks_off, lambda: k.relu(X[:1])]
tasks = rehearse([first, [lambda: k.gelu(X[:1])]])
print(*[f"{task.module}.{task.name}:{task.stage}" for task in tasks])
print(KernelCache.compiled, sum(len(kernel.overloads) for kernel in kernels.values()))
for task in tasks:
    kernels[task.module, task.name].compile(task.signature)
print(*[task.name for task in rehearse([first])])
"""


def run(folder):
    settings = os.environ | {"NUMBA_CACHE_DIR": str(folder), "PYTHONPATH": str(KERNELS)}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=settings, capture_output=True, text=True, check=True)
    return done.stdout.split("\n")


def test_a_rehearsal(tmp_path):
    found, nothing, again, _ = run(tmp_path)
    assert found.split() == [
        "elementwise.activations.relu_serial:0",
        "convolution.implicit_gemm.product_piece:0",
        "convolution.implicit_gemm.product_parallel:0",
        "reductions.sums._total_of_squares:0",
        "elementwise.gelu._gelu:1",
    ]
    assert nothing == "0 0"
    assert again == "tanh_serial", "now that there is a sum, the function goes on"
    assert run(tmp_path)[0] == "", "what is in the cache was found missing"
