"""A derivation as JSON and back: the same record, the same pages."""

import json

import numpy as np
import pytest

from nnmat.calculus import Derivation, NotDerivable, derive, elementwise, let, matrix, sum, tanh, vector
from nnmat.calculus.records.exchange import parts_of
from tests.nnmat.calculus import worked_examples

NAMES = [
    "bilinear",
    "gaussian",
    "sigmoid_inverse",
    "softmax_regression_batch",
    "convolution",
    "layer_norm",
    "attention",
]


@pytest.mark.parametrize("name", NAMES)
def test_there_and_back(name):
    f = getattr(worked_examples, name)()
    G = None if f.is_scalar else matrix("G", *f.shape)
    for s in f.free:
        try:
            d = derive(f, s, G=G, check=False)
        except NotDerivable:
            continue
        again = Derivation.from_json(d.to_json())
        assert again.to_json() == d.to_json()
        assert str(again) == str(d)
        assert again.to_latex() == d.to_latex()
        assert again.to_numpy() == d.to_numpy()
        assert again.gradient.digest == d.gradient.digest


def test_what_was_read_can_be_checked():
    again = Derivation.from_json(derive(worked_examples.sigmoid_inverse(), "B").to_json())
    assert again.check(trials=1) < 1e-6


def test_the_fields():
    parts = parts_of(derive(worked_examples.bilinear(), "A").to_json())
    assert str(parts["gradient"]) == "x yᵀ"
    assert parts["wrt"].name == "A"
    assert [stage.of for stage in parts["stages"]] == ["f"]


def test_long_lines_name_what_they_repeat():
    x = vector("x", "N")
    for k in range(7):
        x = x + tanh(matrix(f"W{k}", "N", "N") @ x) * x
    text = derive(sum(x), "x", check=False).to_json()
    assert max(len(line) for line in text.splitlines()) < 200_000
    assert Derivation.from_json(text).to_json() == text


def test_a_quantity_that_does_not_depend_on_the_variable():
    y = let("y", tanh(vector("b", "N")))
    text = derive(sum(y * vector("x", "N")), "x").to_json()
    record = json.loads(text)
    assert record["quantities"] == [{"name": "y", "is": "tanh(b)", "listed": False, "found": False}]
    assert Derivation.from_json(text).to_json() == text


def test_what_no_record_can_hold():
    cube = elementwise("cube_of_records", lambda a: a**3, lambda a: 3 * a * a)
    with pytest.raises(NotDerivable, match="cannot hold cube_of_records"):
        derive(sum(cube(vector("x", "N"))), "x").to_json()
    assert np.isfinite(derive(sum(vector("x", "N")), "x").error)
