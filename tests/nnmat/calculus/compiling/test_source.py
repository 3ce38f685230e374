"""The lines: what is used once stands inside, quantities keep their names, steps know their cost."""

import numpy as np

from nnmat.calculus import compile, inv, let, logdet, matrix, ones, scalar, sigmoid, softmax_rows, sum, trace, vector
from nnmat.calculus.compiling.compiled import Program
from nnmat.calculus.derivation.derive import derive

A, x, y = matrix("A", "M", "N"), vector("x", "M"), vector("y", "N")


def lines(f, *wrt):
    return compile(f, wrt).source.splitlines()


def test_named_quantities_keep_their_names():
    h = let("h", A @ y)
    text = "\n".join(lines(x.T @ sigmoid(h), "A", "y"))
    assert "    h = A @ y\n" in text
    assert "import nnmat" not in text


def test_elementwise_work_is_one_line_and_done_once():
    f = sum(sigmoid(A) * sigmoid(A) + A / 2)
    assert "\n".join(lines(f, "A")).count("sigmoid(A)") == 1


def test_biases_are_added_beside_every_row():
    text = "\n".join(lines(sum(softmax_rows(A + ones("M") @ y.T) * A), "A", "y"))
    assert "A + y" in text
    assert "np.ones" not in text


def test_signs_and_fractions():
    text = "\n".join(lines(-x.T @ x / 3 + scalar("s") / 2 - x.T @ A @ y, "x", "s"))
    value = compile(-x.T @ x / 3 + scalar("s") / 2 - x.T @ A @ y, "x")
    assert "--" not in text
    assert value(x=[3.0], A=[[2.0]], y=[1.0], s=4.0)[0] == -3 + 2 - 6


def test_steps_count_their_flops():
    f = x.T @ A @ y
    program = Program(f, {"x": derive(f, "x").gradient}, {"M": 10, "N": 20})
    product = next(s for s in program.steps if "@ y" in s.code)
    assert product.flops == 2 * 10 * 20
    assert tuple(map(str, product.shape)) == ("M",)
    assert program.plan.splitlines()[-1].startswith(f"{len(program.steps)} steps, ")


def test_an_inverse_that_stands_in_the_gradient():
    S = matrix("S", "N", "N", positive_definite=True)
    f = compile(logdet(S) + trace(inv(S) @ matrix("R", "N", "N", symmetric=True)), "S")
    assert f.source.count("np.linalg.inv") == 1
    assert "np.linalg.solve" not in f.source
    assert np.allclose(f(S=2 * np.eye(3), R=np.eye(3))[1]["S"], 0.25 * np.eye(3))
