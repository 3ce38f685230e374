"""What the page asks, answered as data."""

import pytest

from nnmat.calculus.serving.answers import LONGEST, derived, graded


def test_a_derivation_with_quantities_and_shapes():
    found = derived(
        {"expression": "x.T @ A @ y", "wrt": "B", "let": "h = inv(B) @ z + b\n\ny = sigmoid(h)", "shape": "A=N,M\nx=N"}
    )
    assert set(found) == {"html"}
    assert "LAW-5" in found["html"]
    assert "steps checked" in found["html"]


def test_a_symmetric_variable_by_its_entries():
    asked = {"expression": "logdet(S)", "wrt": "S", "shape": "S=D,D,positive_definite", "symmetric": "entries"}
    assert "SYM-2" in derived(asked)["html"]


def test_all_symbols():
    """Not only the first of them."""
    found = derived({"expression": "x.T @ A @ x", "wrt": "all"})["html"]
    assert found.count('<article class="derivation">') == found.count("steps checked") == 2


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"expression": "x.T @ ) A", "wrt": "A"}, "column 7"),
        ({"expression": "x.T @ x", "wrt": "z"}, "expected wrt among x, got 'z'"),
        ({"expression": "", "wrt": "z"}, "expected a function, got nothing"),
        ({"expression": "x.T @ x"}, "expected the variable to derive by, got nothing"),
        ({"expression": "x.T @ x", "wrt": "x", "shape": "x"}, "nnmat serve: expected shapes as NAME=VALUE"),
        (
            {"expression": "x.T @ x", "wrt": "x", "let": "y = x\ny = x"},
            "expected quantities as NAME=VALUE, each name once",
        ),
        ({"expression": "x.T @ x", "wrt": "x", "shape": "x=N,1,red"}, "nnmat serve: expected shapes x=M,N or x=N"),
        ({"expression": "x.T @ x", "wrt": "x", "shape": "y=N"}, "expected shapes and quantities of names"),
        (
            {"expression": "x.T @ x", "wrt": "x", "shape": "x=N", "let": "x=2 * y"},
            "in quantities or in shapes, got b",
        ),
        ({"expression": "2", "wrt": "all"}, "nnmat serve: expected a symbol to differentiate by, got none"),
        ({"expression": "x.T @ x", "wrt": "x", "symmetric": "both"}, "expected symmetric as one of"),
        ({"expression": "x.T @ x", "wrt": "x", "upstream": "G"}, "expected the fields"),
        ({"expression": "x" * (LONGEST + 1), "wrt": "x"}, "at most 20,000 signs"),
        ({"expression": 3, "wrt": "x"}, "expected an object of texts"),
        (["x.T @ x"], "expected an object of texts"),
        (None, "expected an object of texts"),
    ],
)
def test_what_is_wrong_is_said(asked, said):
    found = derived(asked)
    assert said in found["error"]
    assert "html" not in found


def test_names_whose_shape_is_open_are_asked_for():
    assert derived({"expression": "a * b", "wrt": "a"})["asks"] == ["a", "b"]
    assert derived({"expression": "x.T * A * x", "wrt": "A"})["asks"] == ["x", "A"]
    assert derived({"expression": "(x - mu).T @ (x - mu)", "wrt": "x"})["asks"] == ["mu"]
    assert derived({"expression": "w.T @ x + b", "wrt": "w", "shape": "b=1"}).get("asks") is None
    several = {
        "(x - mu).T @ (x - nu)": ["mu", "nu"],
        "trace(A * B) + trace(C * D)": ["A", "B", "C", "D"],
        "a * b + c * d": ["a", "b", "c", "d"],
        "x.T @ x + 1)": [],
    }
    for expression, names in several.items():
        assert derived({"expression": expression, "wrt": "a" if "a" in names else "x"})["asks"] == names
    assert derived({"expression": "x.T @ x", "wrt": "z"})["asks"] == []


LEAST_SQUARES = {"expression": "norm2(X @ w - t)**2", "wrt": "w"}


def test_lines_are_graded():
    found = graded({**LEAST_SQUARES, "lines": "df = 2 * (X @ w - t).T @ X @ dw\ngradient = 2 * X.T @ (X @ w - t)"})
    assert found["right"] is True
    wrong = graded({**LEAST_SQUARES, "lines": "df = 2 * (X @ w - t).T @ X @ dw\ngradient = 2 * X @ (X @ w - t)"})
    assert (wrong["right"], wrong["line"]) == (False, 2)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (LEAST_SQUARES, "expected lines to check"),
        ({**LEAST_SQUARES, "lines": "  "}, "expected lines to check"),
        ({**LEAST_SQUARES, "lines": "x" * (LONGEST + 1)}, "at most 20,000 signs in lines"),
        ({"lines": "df = dw"}, "expected a function, got nothing"),
        ([], "expected lines to check"),
    ],
)
def test_what_cannot_be_graded_is_said(asked, said):
    assert said in graded(asked if isinstance(asked, list) else dict(asked))["error"]
