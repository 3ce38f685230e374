import numpy as np

from nnmat_kernels import unchecked as k
from nnmat_kernels.programs.lowering import Lowered
from nnmat_kernels.programs.memory import ALIGNMENT, lay_out
from tests.kernels.programs.recordings import array, entries_of

SIZE = 1000


def chain(X, steps):
    for _ in range(steps):
        X = k.gelu(X)
    return X


def again(entries):
    """What the outputs are after the entries are done in their new places."""
    for A in entries.pinned:
        A[...] = np.nan
    Lowered(entries)
    return [A.tobytes() for A in entries.pinned]


def test_arrays_that_are_not_of_use_together_share_a_place():
    X = array(SIZE)
    entries = entries_of(lambda: chain(X, 10))
    expected = entries.pinned[0].tobytes()
    assert lay_out(entries) <= 2 * (4 * SIZE + ALIGNMENT)
    assert again(entries) == [expected]


def test_element_by_element_in_the_same_place():
    X = array(SIZE)
    entries = entries_of(lambda: k.tanh(k.sigmoid(k.relu(X))))
    expected = entries.pinned[0].tobytes()
    assert lay_out(entries) <= 4 * SIZE + ALIGNMENT
    assert again(entries) == [expected]
    assert entries.list[0].arguments["X"] is X  # of the caller: not written to


def test_what_is_read_later_keeps_its_place():
    X = array(SIZE)

    def work():
        A = k.sigmoid(X)
        B = k.tanh(A)
        C = k.gelu(B)
        return k.add(A, C), B

    entries = entries_of(work)
    expected = [A.tobytes() for A in entries.pinned]
    lay_out(entries)
    assert again(entries) == expected


def test_views_move_with_what_they_are_of():
    X = array(6, 8)

    def work():
        A = k.sigmoid(X)
        return k.relu(A[2:4]), k.tanh(A.reshape(8, 6))

    entries = entries_of(work)
    expected = [A.tobytes() for A in entries.pinned]
    lay_out(entries)
    assert again(entries) == expected
    assert entries.list[1].arguments["X"].shape == (2, 8)


def test_empty_arrays_have_places_too():
    entries = entries_of(lambda: k.relu(k.sigmoid(np.empty((0, 3), np.float32))))
    lay_out(entries)
    assert again(entries) == [b""]


def test_places_begin_at_cache_lines():
    entries = entries_of(lambda: (k.gelu(array(3)), k.gelu(array(5))))
    lay_out(entries)
    assert all(A.ctypes.data % ALIGNMENT == 0 for A in entries.pinned)
