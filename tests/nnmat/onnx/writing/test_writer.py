"""Names, constants, parameters, and arrays in two orders of axes."""

import numpy as np
import pytest

from nnmat.parameters import Parameter
from tests.extras import needs

pytestmark = needs("onnx")

from nnmat.onnx.writing.writer import Value, Writer  # noqa: E402


@pytest.fixture
def writer():
    return Writer("test", np.dtype(np.float32))


def test_names_are_unique(writer):
    assert [writer.node("Relu", "X") for _ in range(3)] == ["Relu", "Relu_1", "Relu_2"]
    assert writer.node("Split", "X", outputs=2, num_outputs=2) == ["Split", "Split:1"]


def test_equal_constants_are_one(writer):
    assert writer.constant(2.0) == writer.constant(np.float64(2.0))
    assert writer.constant(2.0) != writer.constant(np.array([2.0]))
    assert writer.numbers(2) != writer.constant(np.array([2.0]))
    assert len(writer.nodes) == 3


def test_an_array_is_turned_once(writer):
    X = Value(writer, (5, 6, 3), "X")
    assert not X.is_first()
    assert X.first() == X.first()
    (node,) = writer.nodes
    assert list(node.attribute[0].ints) == [0, 3, 1, 2]
    Y = Value(writer, (5, 6, 3), first="Y")
    assert Y.is_first()
    Y.last()
    assert list(writer.nodes[-1].attribute[0].ints) == [0, 2, 3, 1]
    assert X.there() == "X"
    assert X.like("Z").last() == "Z"


def test_rows_have_one_order(writer):
    X = Value(writer, (5,), "X")
    assert X.first() == X.last() == "X"
    assert not writer.nodes


def test_a_parameter_in_two_orders_stands_there_twice(writer):
    p = Parameter("weight")
    p.declare((2, 3), lambda rng, shape: np.zeros(shape))
    from nnmat.parameters import Store

    store = Store(6, np.dtype(np.float32))
    store.values[...] = np.arange(6)
    p.bind(store, 0)
    names = [writer.parameter(p), writer.parameter(p, np.transpose, np.transpose), writer.parameter(p)]
    assert names == ["weight", "weight:again", "weight"]
    for name in names:
        assert np.array_equal(writer.stored[name].back(writer.arrays[name]), p.value)
