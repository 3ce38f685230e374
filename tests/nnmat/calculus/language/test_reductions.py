"""Means, variances, largest entries, and choices between two: values by NumPy."""

import numpy as np
import pytest

from nnmat.calculus import DomainError, ShapeError, derive, evaluate, matrix, parse, vector
from nnmat.calculus.language import reductions as r

A, B, x, y = matrix("A", "M", "N"), matrix("B", "M", "N"), vector("x", "N"), vector("y", "N")
RNG = np.random.default_rng(2)
a, b, v, w = RNG.standard_normal((3, 4)), RNG.standard_normal((3, 4)), RNG.standard_normal(4), RNG.standard_normal(4)


@pytest.mark.parametrize("axis", [None, 0, 1])
@pytest.mark.parametrize(("name", "make"), [("mean", r.mean), ("var", r.var), ("max", r.largest), ("min", r.smallest)])
def test_over_an_axis(name, make, axis):
    wanted = np.asarray(getattr(np, name)(a, axis=axis))
    found = np.asarray(evaluate(make(A, axis=axis), A=a))
    assert np.allclose(found.ravel(), wanted.ravel(), rtol=1e-13)
    assert found.shape == {None: (), 0: (1, 4), 1: (3,)}[axis]
    source = f"{name}(A)" if axis is None else f"{name}(A, axis={axis})"
    assert parse(source, A=A) is make(A, axis=axis)
    for wrong in (2, True, "1"):
        with pytest.raises(ShapeError, match=f"{name}: expected axis as 0, 1 or None"):
            make(A, axis=wrong)


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("norm1(x)", np.abs(v).sum()),
        ("dot(x, y)", v @ w),
        ("inner_rows(A, B)", (a * b).sum(axis=1)),
        ("norm2_rows(A)", np.linalg.norm(a, axis=1)),
        ("maximum(A, B)", np.maximum(a, b)),
        ("minimum(A, 0.1)", np.minimum(a, 0.1)),
        ("greater(A, B)", (a > b) * 1.0),
        ("where(A, B, 0)", np.where(a > 0, b, 0)),
        ("where(x - 0.1, 1, x)", np.where(v > 0.1, 1, v)),
        ("at_max(x)", (v == v.max()) * 1.0),
        ("at_max_rows(A)", (a == a.max(axis=1, keepdims=True)) * 1.0),
        ("maximum(A, x.T)", np.maximum(a, v)),
    ],
)
def test_values(source, wanted):
    e = parse(source, A=A, B=B, x=x, y=y)
    values = {"A": a, "B": b, "x": v, "y": w}
    assert np.allclose(evaluate(e, **{s.name: values[s.name] for s in e.free}), wanted, rtol=1e-13)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("max(x)", "max: expected one largest entry, where max has a gradient, got a tie in x of shape (N)."),
        ("min(x)", "min: expected one smallest entry, where min has a gradient, got a tie in x of shape (N)."),
        ("min(2 * x)", "min: expected one smallest entry, where min has a gradient, got a tie in 2 x of shape (N)."),
        ("sum(min(x @ x.T, axis=1))", "min: expected one smallest entry, where min has a gradient, got a tie in x xᵀ"),
        ("sum(maximum(x, 1))", "maximum: expected entries that differ, for a gradient, got a tie of x and 1."),
        ("sum(minimum(x, 1))", "minimum: expected entries that differ, for a gradient, got a tie of x and 1."),
    ],
)
def test_a_tie_is_named_as_it_was_written(text, said):
    gradient = derive(parse(text, x="N"), "x").gradient
    with pytest.raises(DomainError) as error:
        evaluate(gradient, x=np.ones(3))
    assert said in str(error.value)


def test_a_tie_has_a_value_and_no_gradient():
    tie = np.array([1.0, 2.0, 2.0])
    for f, other in ((r.largest(x), None), (r.smallest(-x), None), (r.maximum(x, y).T @ y, tie)):
        values = {"x": tie} if other is None else {"x": tie, "y": other}
        assert np.isfinite(evaluate(f, **values))
        with pytest.raises(DomainError, match="expected (one largest entry|entries that differ).* gradient, got a tie"):
            evaluate(derive(f, x).gradient, **values)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: r.norm1(A), r"norm1: expected a column, got A .* Try sum\(abs\(A\)\)"),
        (lambda: r.dot(A, B), r"dot: expected two columns of equal length, .* matrix product is A @ B"),
        (lambda: r.inner_rows(A, x), "inner_rows: expected equal shapes"),
        (lambda: r.maximum(A, x), "maximum: expected equal shapes"),
        (lambda: r.where(A, x, 0), "where: expected equal shapes"),
        (lambda: r.mean("A"), "mean: expected an expression"),
    ],
)
def test_what_is_refused(make, text):
    with pytest.raises(ShapeError, match=text):
        make()


def test_the_condition_of_a_choice_has_no_part_in_gradients():
    d = derive(parse("sum(where(x, x**2, 3 * x))", x=x), x)
    assert np.allclose(evaluate(d.gradient, x=v), np.where(v > 0, 2 * v, 3))
    assert d.check() < 1e-6
