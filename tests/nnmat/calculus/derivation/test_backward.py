"""Backwards through a chain: one stage for each quantity, contributions added before they are passed on."""

import numpy as np

from nnmat.calculus import evaluate, exp, let, matrix, parse, sin, sum, vector
from nnmat.calculus.derivation.backward import Backward

A, x = matrix("A", "N", "N"), vector("x", "N")


def test_quantities_come_from_the_function_down():
    h = let("h", A @ x)
    d = Backward(sum(sin(h) * exp(h)), x).run()
    assert [stage.of for stage in d.stages] == ["f", "z2", "z1", "h"]
    assert [link.name for link in d.chain] == ["z2", "z1", "h", "x"]
    assert list(d.quantities) == ["h", "z1", "z2"]  # in the order of evaluation


def test_contributions_are_added_before_they_are_passed_on():
    h = let("h", A @ x)
    d = Backward(sum(sin(h)) + h.T @ h, x).run()
    links = {link.name: link for link in d.chain}
    assert str(links["h"].local) == "2 h + (∇_z f) ⊙ cos(h)"
    assert str(links["x"].local) == "Aᵀ(∇_h f)"
    assert [r.name for stage in d.stages for r in stage.readings].count("h") == 1


def test_closed_forms_hold_no_found_names_and_keep_given_ones():
    h = let("h", A @ x)
    d = Backward(sum(sin(h) * exp(x)), x).run()
    closed = d.chain[-1].closed
    assert "∇" not in str(closed)
    assert "z" not in str(closed)
    assert "h" in str(closed)
    assert d.gradient is closed


def test_the_gradient_of_a_chain_by_hand():
    f = parse("y.T @ tanh(W @ sin(A @ x))", A=("N", "N"), W=("M", "N"), x="N", y="M")
    d = Backward(f, x).run()
    rng = np.random.default_rng(0)
    at = {"A": rng.standard_normal((3, 3)), "W": rng.standard_normal((2, 3)), "x": rng.standard_normal(3)}
    at["y"] = rng.standard_normal(2)
    inside = at["W"] @ np.sin(at["A"] @ at["x"])
    back = at["W"].T @ (at["y"] * (1 - np.tanh(inside) ** 2))
    wanted = at["A"].T @ (back * np.cos(at["A"] @ at["x"]))
    assert np.allclose(evaluate(d.gradient, **at), wanted, rtol=1e-12)


def test_every_line_that_is_left_is_about_quantities():
    d = Backward(sum(sin(A @ x)), x).run()
    for stage in d.stages:
        last = stage.lines[-1].terms_after
        assert all(t.op == "inner" and t.args[1].op == "d" for t in last)
        assert all(t.args[1].args[0].op in ("ref", "sym") for t in last)
