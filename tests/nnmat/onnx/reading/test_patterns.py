"""Nodes that are one layer together, and their likes that are not."""

import numpy as np
import pytest

from nnmat.onnx.operators.table import Node
from nnmat.onnx.reading.patterns import fused

W, B = np.ones((4, 3), np.float32), np.ones(3, np.float32)


def node(kind, *inputs, output="Y", **attributes):
    return Node(kind, inputs, (output,), attributes, 17)


def kinds(nodes, **arrays):
    return [(new.kind, new.inputs) for new in fused(nodes, arrays)[0]]


@pytest.mark.parametrize("inputs", [("A", "b"), ("b", "A")])
def test_a_product_with_its_bias(inputs):
    nodes = [node("MatMul", "X", "W", output="A"), node("Add", *inputs)]
    assert kinds(nodes, W=W, b=B)[1] == ("Gemm", ("X", "W", "b"))


def test_no_bias_of_a_product():
    product, add = node("MatMul", "X", "W", output="A"), node("Add", "A", "b")
    assert kinds([product, add], W=W, b=np.ones((1, 3)))[1][0] == "Add"  # of another shape
    assert kinds([product, add, node("Relu", "A", output="Z")], W=W, b=B)[1][0] == "Add"  # read twice
    assert kinds([product, node("Add", "A", "X")], W=W)[1][0] == "Add"  # of two computed arrays
    assert kinds([node("MatMul", "W", "X", output="A"), add], W=W, b=B)[1][0] == "Add"  # from the left


@pytest.mark.parametrize("turned", [False, True])
def test_gates(turned):
    def product(a, b):
        return node("Mul", b, a) if turned else node("Mul", a, b)

    assert kinds([node("Sigmoid", "X", output="S"), product("X", "S")])[1] == ("Swish", ("X",))
    nodes = [node("Softplus", "X", output="S"), node("Tanh", "S", output="T")]
    assert kinds([*nodes, product("X", "T")])[2] == ("Mish", ("X",))
    assert kinds([node("Sigmoid", "Z", output="S"), product("X", "S")])[1][0] == "Mul"
    assert kinds([node("Mul", "X", "X")])[0][0] == "Mul"


def group_norm(one=1.0, sizes=(0, 2, -1)):
    nodes = [
        node("Reshape", "X", "sizes", output="R"),
        node("InstanceNormalization", "R", "one", "zero", output="N", epsilon=1e-3),
        node("Shape", "X", output="S"),
        node("Reshape", "N", "S", output="A"),
        node("Mul", "A", "gain", output="M"),
        node("Add", "M", "shift"),
    ]
    arrays = {"sizes": np.array(sizes), "one": np.full(2, one), "zero": np.zeros(2)}
    return nodes, {**arrays, "gain": np.ones((4, 1, 1)), "shift": np.zeros((4, 1, 1))}


def test_what_torch_makes_of_group_norm():
    found, arrays = fused(*group_norm())
    last = found[-1]
    assert (last.kind, last.version, last.attributes) == ("GroupNormalization", 21, {"num_groups": 2, "epsilon": 1e-3})
    assert last.inputs[0] == "X"
    assert [arrays[name].shape for name in last.inputs[1:]] == [(4,), (4,)]
    for other in (group_norm(one=2.0), group_norm(sizes=(1, 2, -1)), group_norm(sizes=(0, 2, 3, -1))):
        assert fused(*other)[0][-1].kind == "Add"


def test_sizes_behind_those_of_the_batch():
    nodes = [
        node("Shape", "X", output="S", start=0, end=2),
        node("Concat", "S", "plane", output="sizes", axis=0),
        node("Resize", "X", "", "", "sizes"),
    ]
    found, _ = fused(nodes, {"plane": np.array([8, 8])})
    assert found[-1].inputs == ("X", "", "", "plane")
    assert found[-1].attributes == {"axes": [2, 3]}
    nodes[0] = node("Shape", "X", output="S")
    assert fused(nodes, {"plane": np.array([8, 8])})[0][-1].inputs[3] == "sizes"
