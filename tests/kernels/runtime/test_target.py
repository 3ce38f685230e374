"""The registers that the code is made for: for the machine at hand without asking LLVM, and the same as LLVM says."""

import os
import subprocess
import sys

import pytest

from nnmat_kernels.runtime import target

chosen = any(os.environ.get(name) is not None for name in ("NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES"))


@pytest.mark.skipif(chosen, reason="the target is not this machine")
def test_the_features_of_this_machine_say_what_llvm_says():
    found = (target.VECTOR_BYTES, target.FUSED, target.MR, target.MR_SMALL)
    assert found == target._host() == target._shape(target._assembly())


@pytest.mark.parametrize(
    ("features", "shape"),
    [
        ("+avx,+avx2,+fma,+avx512f,+avx512dq", (64, True, 12, 4)),
        ("+avx,+avx2,+fma,-avx512f", (32, True, 6, 4)),
        ("+avx,-fma", (16, False, 4, 2)),
        ("", (16, False, 4, 2)),
    ],
)
def test_shapes_by_features(features, shape, monkeypatch):
    monkeypatch.setattr(target, "get_host_cpu_features", lambda: features)
    assert target._host() == shape


@pytest.mark.parametrize(("name", "first"), [("haswell", "32 True 6 4"), ("generic", "16 False 4 2")])
def test_another_target_is_asked_for(name, first):
    program = "from nnmat_kernels.runtime.target import *; print(VECTOR_BYTES, FUSED, MR, MR_SMALL)"
    environment = os.environ | {"NUMBA_CPU_NAME": name, "NUMBA_CPU_FEATURES": "", "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == first
