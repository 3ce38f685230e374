"""Shared by all tests."""

import os

import numpy as np
import pytest

os.environ.setdefault("NNMAT_QUIET", "1")  # programs whose stderr is read are not to speak of compiling
if "PYTEST_XDIST_WORKER" in os.environ:
    # Several test processes share the cores: threads that spin while they wait for work would hold up the others.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ.setdefault("NNMAT_COMPILE_PROCESSES", "1")  # the other processes compile too


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20231)
