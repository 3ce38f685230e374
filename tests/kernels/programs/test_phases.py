"""Pieces of work by all threads, in a program."""

import os

import numpy as np
import pytest

from nnmat_kernels.programs.phases import Phase
from nnmat_kernels.programs.program import FloatSlot, Program
from nnmat_kernels.runtime.config import jit
from nnmat_kernels.runtime.launch import Tape, launch

pytestmark = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled")


@jit
def scaled(x, factor, y):
    for i in range(x.size):
        y[i] = factor * x[i]


@jit
def total(y):
    s = 0.0
    for i in range(y.size):
        s += y[i]
    return s


def step(x, y, z, pieces):
    """y = lr x and z = lr y, piece by piece; then the sum of z."""
    phase = []
    for rows in np.array_split(np.arange(x.size), pieces):
        part = slice(rows[0], rows[-1] + 1)
        with Tape() as tape:
            launch(scaled, x[part], FloatSlot("lr", 0.5), y[part])
            launch(scaled, y[part], FloatSlot("lr", 0.5), z[part])
        phase.append(tape.launches)
    with Tape() as tape:
        s = launch(total, z)
    return [Phase(phase), *tape.launches], s


@pytest.mark.parametrize("pieces", [1, 2, 7])
def test_pieces_take_inputs_and_slots(pieces):
    x, y, z = np.arange(21.0), np.zeros(21), np.zeros(21)
    launches, s = step(x, y, z, pieces)
    program = Program(launches, {"x": x}, {"s": s})
    others = [np.full(21, 2.0), np.full(21, 3.0)]
    done, results = program.run(2, {"x": [A.ctypes.data for A in others], "lr": [1.0, 2.0]})
    assert done == 2
    assert results.view(np.float64)[:, 0].tolist() == [42.0, 21 * 12.0]
    assert z.tolist() == [12.0] * 21


def test_steps_before_one_that_is_stopped_are_done_again():
    x, y, z = np.ones(4), np.zeros(4), np.zeros(4)
    launches, s = step(x, y, z, 2)
    program = Program(launches, {"x": x}, {"s": s}, finite=["s"], undone=[z])
    z[:] = 5
    bad = np.array([1.0, np.inf, 1.0, 1.0])
    inputs = [np.full(4, 2.0), bad, np.ones(4)]
    done, _ = program.run(3, {"x": [A.ctypes.data for A in inputs], "lr": [1.0, 1.0, 1.0]})
    assert done == 1
    assert z.tolist() == [2.0] * 4
    done, _ = program.run(1, {"x": [bad.ctypes.data], "lr": [1.0]})
    assert done == 0
    assert z.tolist() == [2.0] * 4
