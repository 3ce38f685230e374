"""Lists of operations: registers that are used again, and what is refused."""

from fractions import Fraction

import numpy as np
import pytest

from nnmat.calculus.compiling.values import Graph
from nnmat.calculus.dimensions import dim
from nnmat.calculus.errors import NotDerivable
from nnmat.expressions.walks import Full, Walk
from nnmat_kernels.expressions.walk import MOST_ARRAYS, MOST_REGISTERS, WALKED

SHAPE = (dim("M"), dim("N"))


def walk_of(v):
    return Walk(v, lambda x: x.op == "sym", lambda x: float(x.data) if x.op == "num" else None, np.dtype("float64"))


def test_a_quotient_and_a_difference_are_one_operation_each():
    g = Graph()
    X, Y = (g.make("sym", (), name, SHAPE) for name in "XY")
    below = g.elementwise("pow", (Y,), Fraction(-1))
    walk = walk_of(g.add([g.mul([X, below]), g.mul([g.number(-1), Y])]))
    assert [WALKED[line[0]] for line in walk.coded] == ["load", "load", "divide", "subtract", "store"]


def test_registers_are_used_again():
    g = Graph()
    v = g.make("sym", (), "X", SHAPE)
    for _ in range(3 * MOST_REGISTERS):
        v = g.elementwise("fn", (v,), "sin")
    walk = walk_of(v)
    assert walk.coded[:, 1].max() < 3
    X = np.full((2, 3), 0.5)
    want = X.copy()
    for _ in range(3 * MOST_REGISTERS):
        want = np.sin(want)
    np.testing.assert_allclose(walk.run({walk.arrays[0]: X}, (2, 3)), want, rtol=1e-12)


def test_too_many_arrays():
    g = Graph()
    with pytest.raises(Full):
        walk_of(g.add([g.make("sym", (), f"A{i}", SHAPE) for i in range(MOST_ARRAYS + 1)]))


def test_a_function_without_a_kernel_is_named():
    g = Graph()
    with pytest.raises(NotDerivable, match="no kernel of the function cube"):
        walk_of(g.elementwise("fn", (g.make("sym", (), "X", SHAPE),), "cube"))
