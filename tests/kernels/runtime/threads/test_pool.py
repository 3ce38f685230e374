"""Numba's own pool, where no team can run: the same bits, in forked children too; a slow layer is named once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import nnmat_kernels as k

KERNELS = Path(__file__).resolve().parents[4] / "kernels"
pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is launched"),
    pytest.mark.skipif(k.max_num_threads() == 1, reason="one thread"),
]
PROGRAM = """
import os
import numpy as np
import nnmat_kernels as k
from nnmat_kernels.runtime.threads.pool import Pool
from nnmat_kernels.runtime.launch import ParallelKernel
from nnmat_kernels.runtime.threads.team import Team

A = np.random.default_rng(0).standard_normal((256, 256))
with_team = os.environ["WITH_TEAM"] == "1"
if not with_team:
    Team.can_run = staticmethod(lambda: False)
products = [k.matmul(A, A) for _ in range(3)]
assert isinstance(ParallelKernel._door, Team if with_team else Pool)
if hasattr(os, "fork") and (child := os.fork()) == 0:
    os._exit(0 if np.array_equal(k.matmul(A, A), products[0]) else 1)
elif hasattr(os, "fork"):
    assert os.waitpid(child, 0)[1] == 0
k.set_num_threads(1)
products.append(k.matmul(A, A))
assert all(np.array_equal(products[0], product) for product in products)
print(hash(products[0].tobytes()))
"""


def run(layer, with_team):
    environment = {"PYTHONPATH": str(KERNELS), "NUMBA_THREADING_LAYER": layer, "WITH_TEAM": str(int(with_team))}
    environment = os.environ | environment | {"PYTHONHASHSEED": "0", "PYTHONWARNINGS": "ignore::DeprecationWarning"}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.parametrize("layer", ["default", "workqueue"])
def test_the_pool_has_the_bits_of_the_team(layer):
    pool, team = run(layer, False), run(layer, True)
    assert pool.stdout == team.stdout
    assert team.stderr == ""
    assert pool.stderr.count("'workqueue' threading layer") == (
        1 if layer == "workqueue" else pool.stderr.count("nnmat:")
    )
