"""All of it in order: recorded operations become a program with the same bits."""

import os

import numpy as np
import pytest

from nnmat_kernels import unchecked as k
from nnmat_kernels.programs.compilation import compiled
from nnmat_kernels.runtime.launch import Recorder
from tests.kernels.programs.recordings import array

pytestmark = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled")


def step(X, W, y, state):
    H = k.tanh(k.matmul(X, W, False, True))
    value, G = k.softmax_cross_entropy(H, y)
    k.add(state, state, state)
    return value, G


def test_a_step_and_what_it_gives():
    X, W, y, state = array(6, 4), array(3, 4, seed=1), np.array([0, 1, 2, 0, 1, 2]), np.ones(2)
    with Recorder() as recorder:
        value, G = step(X, W, y, state)
    program = compiled(recorder.operations, {"X": X, "y": y}, {"value": value}, outputs=[G])
    assert state.tolist() == [2.0, 2.0]  # compiling leaves what is given as it was
    assert program.listing().rules == ["activation"]
    assert program.bytes > 0
    other = array(6, 4, seed=2)
    expected, G = step(other, W, y, np.ones(2))
    done, results = program.run(1, {"X": [other.ctypes.data], "y": [y.ctypes.data]})
    assert done == 1
    assert results.view(np.float64)[0, 0] == expected
    assert program.outputs[0].tobytes() == G.tobytes()
    assert state.tolist() == [4.0, 4.0]


def test_what_was_written_before_a_refusal_is_as_it_was():
    X, W, y, state = array(6, 4), array(3, 4, seed=1), np.array([0, 1, 2, 0, 1, 2]), np.ones(2)
    with Recorder() as recorder:
        k.add(state, state, state)
        value, _ = step(X, W, y, state)
    program = compiled(recorder.operations, {"X": X, "y": y}, {"value": value}, saved=None)
    state[:] = 1
    wrong = np.array([0, 1, 2, 0, 1, 3])
    done, _ = program.run(1, {"X": [X.ctypes.data], "y": [wrong.ctypes.data]})
    assert done == 0
    assert state.tolist() == [1.0, 1.0]


def test_a_number_of_pythons_is_refused():
    X = array(6, 4)
    with Recorder() as recorder:
        norm = k.sum_of_squares(X)
    with pytest.raises(ValueError, match="comes from no kernel"):
        compiled(recorder.operations, {"X": X}, {"value": norm * 2})
