"""Scratch arrays: their size, their dtype, and where they begin; freed memory is kept."""

import os
import platform
import subprocess
import sys

import numpy as np
import pytest

from nnmat_kernels.runtime.config import jit
from nnmat_kernels.runtime.scratch import LINE_BYTES, OWN_CHOICES, keep_freed_memory, scratch


@jit
def room(count, like):
    return scratch(count, like)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("count", [0, 1, 7, 64, 1000])
def test_scratch_begins_at_a_cache_line(dtype, count):
    kept = []  # so that each is a new piece of memory
    for _ in range(20):
        S = room(count, np.empty(1, dtype))
        kept.append(S)
        assert S.shape == (count,)
        assert S.dtype == dtype
        assert count == 0 or S.ctypes.data % LINE_BYTES == 0
        S[:] = 1


FREED = """
import resource
import numpy as np
import nnmat_kernels

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(100):
        A = np.ones(700_000, np.float32)  # 2.8 MB, made anew each time
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults()
print(faults())
"""


def page_faults(**environment):
    """How often the system had to bring memory in, for arrays that were made and freed a hundred times."""
    own = {name: value for name, value in os.environ.items() if name not in OWN_CHOICES}
    command = [sys.executable, "-c", FREED]
    return int(subprocess.run(command, env=own | environment, capture_output=True, text=True, check=True).stdout)


def test_freed_memory_is_kept_for_the_next_arrays(monkeypatch):
    for name in OWN_CHOICES:
        monkeypatch.delenv(name, raising=False)
    glibc = platform.libc_ver()[0] == "glibc"
    assert keep_freed_memory() == glibc
    if glibc:
        assert 5 * page_faults() < page_faults(MALLOC_TRIM_THRESHOLD_="131072")
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "131072")
    assert not keep_freed_memory()
