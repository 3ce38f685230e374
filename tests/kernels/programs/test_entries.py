import numpy as np

from nnmat_kernels import unchecked as k
from tests.kernels.programs.recordings import array, entries_of


def test_made_and_given_arrays():
    X, out = array(5, 4), np.empty((5, 4), np.float32)
    entries = entries_of(lambda: k.relu(k.sigmoid(X).reshape(4, 5), out.reshape(4, 5)))
    first, second = entries.list
    assert first.made == {"out"}
    assert second.made == set()
    assert entries.root(X) is entries.root(out) is None
    made = first.arguments["out"]
    assert entries.root(second.arguments["X"]) is made
    assert entries.only_reader(made) is second
    assert entries.maker(second.arguments["X"]) == (first, "out")
    assert first.reads() == [X]
    assert [A.shape for A in second.written()] == [(4, 5)]


def test_what_is_wanted_after_the_step_has_no_only_reader():
    X = array(5, 4)

    def work():
        Y = k.sigmoid(X)
        k.relu(Y)
        return Y

    entries = entries_of(work)
    assert entries.only_reader(entries.list[0].arguments["out"]) is None


def test_arrays_in_lists_are_read():
    X, Y = array(5), array(6)
    entries = entries_of(lambda: k.norm([X, Y]) and None)
    assert [A is B for A, B in zip(entries.list[0].reads(), (X, Y), strict=True)] == [True, True]


def test_operations_inside_an_operation_are_a_part_of_it():
    entries = entries_of(lambda: k.norm([array(5), array(6)]) and None)
    assert [e.name for e in entries.list] == ["norm"]


def test_what_is_replaced_is_replaced_in_lists_too():
    X = array(5)

    def work():
        Y = k.sigmoid(X)
        Z = k.copy(Y)
        k.norm([Z, X])

    entries = entries_of(work)
    sigmoid, copy, norm = entries.list
    entries.replace(copy.arguments["out"], sigmoid.arguments["out"])
    assert entries.root(norm.reads()[0]) is sigmoid.arguments["out"]
    assert norm.reads()[1] is X
