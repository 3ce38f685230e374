"""A launch as words: what kernels get through a block is what they get from Python."""

import os

import numpy as np
import pytest

from nnmat_kernels.codegen.function_pointer import entry_point
from nnmat_kernels.programs.block import Block
from nnmat_kernels.programs.words import call_block
from nnmat_kernels.runtime.config import jit

pytestmark = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled")


@jit
def run_block(place):
    return call_block(place)


@jit
def everything(A, b, flag, i, u, x, y, out):
    out[0], out[1], out[2], out[3], out[4] = A[1, 2], b.size, flag, i, u
    out[5], out[6], out[7] = x, y, A.shape[0] * 10 + A.shape[1]
    return 2.5 * x


@jit
def pair(A):
    return A[0] / 2, A.size


@jit
def whether(A, i):
    return A[i] > 0


def run(block):
    assert run_block(block.words.ctypes.data) == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arguments_of_all_kinds_arrive(dtype):
    A, b, out = np.arange(12, dtype=dtype).reshape(3, 4), np.zeros(5, np.int32), np.zeros(8)
    arguments = A, b, True, -7, np.uint64(2**63 + 5), 0.1, np.float32(0.3), out
    result = everything(*arguments)
    expected, out[:] = out.copy(), 0
    block = Block(everything, arguments)
    run(block)
    assert out.tobytes() == expected.tobytes()
    assert block.words.view(np.float64)[block.result] == result


def test_a_tuple_takes_the_words_of_its_parts():
    @jit
    def in_order(a, parts, b, out):
        out[0], out[1], out[2], out[3] = a, parts[0], parts[1], b

    out = np.zeros(4)
    run(Block(in_order, (1, (2, 3.5), 4, out)))
    assert out.tolist() == [1, 2, 3.5, 4]


def test_a_block_reads_its_arrays_anew_and_takes_other_addresses():
    A, out = np.ones((3, 4)), np.zeros(8)
    block = Block(everything, (A, A[0], False, 1, np.uint64(1), 1.0, np.float32(1), out))
    A[1, 2] = 5.0
    run(block)
    assert out[0] == 5.0
    B = np.full((3, 4), 9.0)
    block.words[block.places[0][0] + Block.DATA] = B.ctypes.data
    run(block)
    assert out[0] == 9.0


def test_results_of_several_parts():
    block = Block(pair, (np.array([3.0, 1.0]),))
    run(block)
    assert block.words.view(np.float64)[block.result] == 1.5
    assert block.words[block.result + 1] == 2
    for value in (1.0, -1.0):
        block = Block(whether, (np.array([0.0, value]), 1))
        run(block)
        assert block.words[block.result] & 1 == (value > 0)


def test_entry_points_are_known():
    from numba import float64

    entry = entry_point(pair, float64[::1])
    block = Block(entry, (np.array([8.0]),))
    run(block)
    assert block.words.view(np.float64)[block.result] == 4.0
    assert block.name == "pair"


def test_an_argument_without_words_is_refused():
    @jit
    def sized(A, z):
        return A.size + z.real

    with pytest.raises(TypeError, match="argument"):
        Block(sized, (np.zeros(3), 1j))
