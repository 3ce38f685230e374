"""Shared by all tests."""

import os

import numpy as np
import pytest

if "PYTEST_XDIST_WORKER" in os.environ:
    # Several test processes share the cores: threads that spin while they wait for work would hold up the others.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20231)
