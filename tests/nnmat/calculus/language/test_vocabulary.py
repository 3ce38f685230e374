"""The functions that text can call, and those that a user adds."""

import numpy as np
import pytest

from nnmat.calculus import ParseError, ShapeError, derive, elementwise, evaluate, exp, latex, matrix, parse, sum, vector
from nnmat.calculus.language.elementwise import FUNCTIONS
from nnmat.calculus.language.signatures import SIGNATURES
from nnmat.calculus.language.vocabulary import CONSTRUCTORS, known_functions

x = vector("x", "M")


def test_a_function_of_the_user():
    cube = elementwise("the_cube", lambda x: x**3, lambda x: 3 * x**2)
    try:
        a, X = vector("a", "M"), matrix("X", "M", "N")
        d = derive(a.T @ cube(X @ vector("b", "N")), "X")
        assert d.check() < 1e-8
        assert parse("sum(the_cube(A))").free
        assert str(derive(sum(cube(X)), X).gradient) == "3 X ⊙ X"
        assert latex(cube(X)) == r"\operatorname{the\_cube}\left(X\right)"
    finally:
        del FUNCTIONS["the_cube"]


def test_a_function_of_the_user_that_works_in_place_changes_nothing_else():
    f = elementwise("doubled", lambda x: np.multiply(x, 2, out=x), lambda x: 2)
    try:
        array = np.array([1.0, 2.0])
        x = vector("x", "N")
        assert evaluate(f(x) + x, x=array).tolist() == [3, 6]
        assert array.tolist() == [1, 2]
    finally:
        del FUNCTIONS["doubled"]


def test_a_function_of_the_user_takes_no_options():
    f = elementwise("sum_up", np.sin, lambda v: v)
    with pytest.raises(ParseError, match="expected no options of sum_up, got axis"):
        parse("sum_up(A, axis=1)")
    del FUNCTIONS[f.name]


def test_a_function_of_the_user_that_is_not_elementwise():
    f = elementwise("added_up", np.sum, lambda v: 1 + 0 * v)
    with pytest.raises(ShapeError, match=r"added_up: expected values of the shape of its argument, \(4, 1\), got \(\)"):
        derive(sum(f(x)), "x")
    del FUNCTIONS["added_up"]


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: elementwise("exp", np.exp, exp), "elementwise: expected a new name, got 'exp'"),
        (lambda: elementwise("inv", np.exp, exp), "expected a new name, got 'inv': a function has it"),
        (lambda: elementwise("none", np.exp, 2), "expected value and derivative of none as functions"),
    ],
)
def test_what_is_refused(make, text):
    with pytest.raises(ShapeError, match=text):
        make()


def test_every_signature_has_its_constructor():
    assert set(CONSTRUCTORS) == set(SIGNATURES)
    assert known_functions() == sorted({*CONSTRUCTORS, *FUNCTIONS})
    assert not set(CONSTRUCTORS) & set(FUNCTIONS)


def test_a_new_function_is_known_by_its_name():
    f = elementwise("shifted", lambda x: x + 1, lambda x: 1 + 0 * x)
    try:
        assert "shifted" in known_functions()
        assert parse("shifted(v)", v="N") is f(vector("v", "N"))
        with pytest.raises(ShapeError, match="'shifted': a function has it. Try shifted2"):
            elementwise("shifted", lambda x: x, lambda x: 1)
    finally:
        del FUNCTIONS["shifted"]
    with pytest.raises(ParseError, match="expected a function, got 'shifted'"):
        parse("shifted(v)", v="N")
