"""Plans: every value against the evaluator, what is stored and what is not, what has no kernel."""

import numpy as np
import pytest

from nnmat.calculus import derive, evaluate, matrix, parse
from nnmat.calculus.errors import NotDerivable
from nnmat.calculus.language.expr import dimensions
from nnmat.calculus.laws.simplifier import simplify
from nnmat.expressions.plan import Plan

SIZES = {"B": 4, "N": 3, "M": 5, "K": 6}
X, SQUARE = ("B", "N"), ("N", "N")
CASES = {
    "entries": ("X * sigmoid(X)", {"X": X}, ""),
    "affine": ("X @ W.T + ones(B) @ b.T", {"X": X, "W": ("M", "N"), "b": ("M",)}, ""),
    "two products": ("tanh(X @ W.T) @ V.T", {"X": X, "W": ("M", "N"), "V": ("K", "M")}, ""),
    "cross-entropy": ("-inner(Y, log_softmax_rows(X)) / dim(B)", {"X": X, "Y": X}, ""),
    "softmax": ("softmax_rows(X @ W.T)", {"X": X, "W": ("M", "N")}, ""),
    "squares": ("frobenius(X - Y)**2 / (2 * dim(B))", {"X": X, "Y": X}, ""),
    "a norm": ("frobenius(X)", {"X": X}, "norm"),
    "scalars": ("a * X + exp(a) * Y / b", {"X": X, "Y": X, "a": (), "b": ()}, ""),
    "sums": ("sum(X, axis=1) @ sum(Y, axis=0)", {"X": X, "Y": X}, ""),
    "an outer product": ("X + u @ v.T", {"X": X, "u": ("B",), "v": ("N",)}, ""),
    "a diagonal": ("X @ diagm(v)", {"X": X, "v": ("N",)}, "T"),
    "an inverse": ("X @ inv(A)", {"X": X, "A": SQUARE}, "inv"),
    "a determinant": ("logdet(A @ A.T + 2 * eye(N)) + sum(X)", {"X": X, "A": SQUARE}, "eye"),
    "rows that are mixed": ("X - ones(B) @ (ones(B).T @ X) / dim(B)", {"X": X}, ""),
    "a layer norm": (
        "(X - sum(X, axis=1) @ ones(N).T / dim(N)) / sqrt(sum((X - sum(X, axis=1) @ ones(N).T / dim(N))**2, axis=1)"
        " @ ones(N).T / dim(N) + 0.001)",
        {"X": X},
        "",
    ),
    "a gate": ("sigmoid(X @ W.T) * tanh(X @ V.T) + X @ U.T", {"X": X, **dict.fromkeys("WVU", ("M", "N"))}, ""),
    "powers": ("X**3 + (X**2 + 1)**0.5 + 1 / (X**2 + 1)**2", {"X": X}, ""),
    "functions": ("exp(X) + sin(X) * cos(X) + relu(X) + abs(X) + softplus(X) + gelu(X) + sqrt(X**2 + 1)", {"X": X}, ""),
}


def planned(text, shapes, dtype):
    """(plan, the expressions of each phase)."""
    f = parse(text, **shapes)
    G = None if f.is_scalar else matrix("G_", *f.shape)
    gradients = {name: derive(f, name, G=G, check=False).gradient for name in shapes}
    phases = [{"f": simplify(f.inline())}, gradients]
    return Plan(phases, SIZES, np.dtype(dtype)), phases


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients(name, dtype):
    text, shapes, _ = CASES[name]
    plan, phases = planned(text, shapes, dtype)
    rng = np.random.default_rng(1)
    arrays = {v: rng.standard_normal(plan.shape(v) or (1,)).astype(dtype) for v in plan.symbols.values()}
    given = {n: arrays[v].astype(np.float64) for n, v in plan.symbols.items()}
    for phase, expressions in enumerate(phases):
        found = plan.run(phase, arrays)
        for key, e in expressions.items():
            want = evaluate(e, **{s.name: given[s.name] for s in e.free}, **sizes_of(e, given))
            got = found[key]
            assert got.dtype == dtype
            scale = max(1.0, np.abs(want).max())
            np.testing.assert_allclose(
                np.ravel(got), np.ravel(want), atol=scale * (1e-12 if dtype == "float64" else 2e-5)
            )


def sizes_of(e, given):
    """The sizes that no array of the expression shows."""
    shown = {n for s in e.free for d in s.shape for n in d.names}
    return {n: SIZES[n] for n in dimensions(e) if n not in shown}


@pytest.mark.parametrize("name", CASES)
def test_what_has_no_kernel_is_named(name):
    text, shapes, by_hand = CASES[name]
    plan, _ = planned(text, shapes, "float64")
    assert bool(plan.by_hand()) == bool(by_hand)


def test_an_elementwise_expression_is_one_walk():
    plan, _ = planned("X * sigmoid(X) + 0.5 * tanh(X)", {"X": X}, "float64")
    stored = [v.op for v, _ in plan.steps[0]]
    assert stored[-1] == "add"
    assert len(stored) <= 3  # the two functions are there for the gradient, too
    assert len(plan.steps[1]) == 1


def test_what_is_too_long_for_one_walk_is_split():
    names = [f"A{i}" for i in range(20)]
    text = " + ".join(f"sin({n}) * X" for n in names)
    plan, _ = planned(text, {"X": X, **dict.fromkeys(names, X)}, "float64")
    assert len(plan.steps[0]) > 2
    rng = np.random.default_rng(2)
    arrays = {v: rng.standard_normal((4, 3)) for v in plan.symbols.values()}
    want = sum(np.sin(arrays[plan.symbols[n]]) for n in names) * arrays[plan.symbols["X"]]
    np.testing.assert_allclose(plan.run(0, arrays)["f"], want, atol=1e-12)


def test_what_has_no_form_is_refused():
    f = parse("X @ adjugate(A)", X=("B", "N"), A=("N", "N"))
    with pytest.raises(NotDerivable, match="no form of adj"):
        Plan([{"f": f}], SIZES, np.dtype("float64"))
