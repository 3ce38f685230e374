"""What tests of machine code share: processors to compile for, and the inner loops of the code."""

import os
import re
from pathlib import Path

import pytest

KERNELS = Path(__file__).resolve().parents[2] / "kernels"
compiled = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="there is no machine code")
X86 = pytest.mark.skipif(not re.search("x86|amd64", os.uname().machine, re.IGNORECASE), reason="x86 code")
TARGETS = {
    "host": {},
    "haswell": {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": ""},
    "znver4": {"NUMBA_CPU_NAME": "znver4", "NUMBA_CPU_FEATURES": ""},
    "skylake-avx512": {"NUMBA_CPU_NAME": "skylake-avx512", "NUMBA_CPU_FEATURES": ""},
    "generic": {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""},
}
every_target = ["host", *(pytest.param(t, marks=pytest.mark.once) for t in TARGETS if t != "host")]


def inner_loops(code):
    """The basic blocks that hold a tile's empty assembler statement: the inner loops."""
    blocks = re.split(r"^\.LBB\S+:.*$", code, flags=re.MULTILINE)
    loops = []
    for block in blocks:
        if "#APP" in block:
            loops.append([line.strip() for line in block.splitlines() if re.match(r"\s+v?[a-z]", line)])
    return loops
