"""An expression with its gradients: what it may hold, its plans, and its text."""

import pickle
import subprocess
import sys

import numpy as np
import pytest

from nnmat.calculus import parse
from nnmat.calculus.errors import ParseError
from nnmat.errors import ConfigError
from nnmat.expressions.derived import PLANS, Derived, text_of


def made(text="X @ W.T", shapes=None, sizes=None):
    shapes = {"X": ("B", "N"), "W": ("M", "N")} if shapes is None else shapes
    return Derived("it", text, shapes, shapes, sizes or {})


def test_gradients_by_every_symbol():
    d = made()
    assert str(d.derivations["W"].gradient) == "GᵀX"
    assert str(d.derivations["X"].gradient) == "GW"
    assert d.missing(["B", "N"]) == ["M"]
    with pytest.raises(ConfigError, match=r"no.* for M. Give sizes=\{'M': 10\}"):
        d.check_sizes(("B", "N"))


def test_the_upstream_gradient_has_a_name_of_its_own():
    d = made("X @ G.T", {"X": ("B", "N"), "G": ("M", "N")})
    assert d.upstream == "G_"
    assert str(d.derivations["G"].gradient) == "G_ᵀ X"


def test_what_is_wrong_is_said():
    with pytest.raises(ConfigError, match="expected an expression of X, W, got V in it"):
        made("X @ W.T @ V")
    with pytest.raises(ParseError, match="column 5"):
        made("X @ )")
    with pytest.raises(ConfigError, match="expected the expression as text, got 3"):
        made(3)
    with pytest.raises(ConfigError, match="sizes"):
        made(sizes={"M": -1})


def test_plans_are_kept_and_not_too_many():
    d = made(sizes={"M": 2})
    first = d.plan(3, np.dtype("float64"), (("W", "X"),), N=4)
    assert d.plan(3, np.dtype("float64"), (("W", "X"),), N=4) is first
    for batch in range(4, 5 + PLANS):
        d.plan(batch, np.dtype("float64"), (("W", "X"),), N=4)
    assert len(d._plans) == PLANS
    assert d.plan(3, np.dtype("float64"), (("W", "X"),), N=4) is not first


def test_a_copy_is_derived_again():
    d = pickle.loads(pickle.dumps(made(sizes={"M": 2})))
    assert str(d.derivations["X"].gradient) == "GW"
    assert d.sizes == {"M": 2}


def test_the_text_of_an_expression_is_read_back():
    f = parse("X * sigmoid(X @ W.T @ W) + exp(X @ W.T @ W)", X=("B", "N"), W=("M", "N"))
    text = text_of("it", f, {})
    assert parse(text, X=("B", "N"), W=("M", "N")).inline().digest == f.digest
    assert text_of("it", "X + 1", {}) == "X + 1"
    with pytest.raises(ConfigError, match="expected an expression or its text, got 3"):
        text_of("it", 3, {})


def test_who_has_no_expression_does_not_load_the_calculus():
    look = "import nnmat, sys; print([m for m in sys.modules if m.startswith('nnmat.calculus')])"
    assert subprocess.run([sys.executable, "-c", look], capture_output=True, text=True).stdout == "[]\n"
