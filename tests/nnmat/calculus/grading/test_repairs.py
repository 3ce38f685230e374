"""Repairs: each undoes one misuse, in every place."""

import pytest

from nnmat.calculus import matrix, parse, vector
from nnmat.calculus.grading.repairs import MISUSES, everywhere, factors, product, repairs
from nnmat.calculus.parsing.builder import build
from nnmat.calculus.parsing.grammar import tree_of

SYMBOLS = {name: matrix(name, "N", "N") for name in "ABC"} | {name: vector(name, "N") for name in "xy"}


@pytest.mark.parametrize(
    ("wrong", "misuse", "meant"),
    [
        ("A @ B", "transpose", "A.T @ B"),
        ("A.T @ B", "transpose", "A @ B"),
        ("A @ B @ x", "order", "B @ A @ x"),
        ("A @ B @ C", "order", "B @ C @ A"),
        ("A @ B", "hadamard", "A * B"),
        ("A + B", "sign", "A - B"),
        ("A @ x", "sign", "-A @ x"),
        ("A @ x * y", "parentheses", "A @ (x * y)"),
        ("A @ B + C", "parentheses", "A @ (B + C)"),
        ("A - B + C", "parentheses", "A - (B + C)"),
        ("A @ B.T", "parentheses", "(A @ B).T"),
        ("-x + y", "parentheses", "-(x + y)"),
        ("A / dim(N)", "factor", "A / dim(N) * dim(N)"),
        ("A @ x", "factor", "2 * A @ x"),
    ],
)
def test_what_is_repaired(wrong, misuse, meant):
    wanted = build(tree_of(meant), meant, {}, SYMBOLS)
    found = [(m, t) for m, t in repairs(tree_of(wrong), wrong, ["N"]) if m == misuse]
    texts = []
    for _, tree in found:
        try:
            texts.append(str(build(tree, wrong, {}, SYMBOLS)))
        except ValueError:
            continue
    same = {str(wanted), str(build(tree_of(f"dim(N) * ({wrong})"), "", {}, SYMBOLS))}
    assert same & set(texts), texts


def test_every_kind_has_words():
    kinds = {m for m, _ in repairs(tree_of("-A @ B * C + (x - y)"), "-A @ B * C + (x - y)", ["N"])}
    assert kinds == set(MISUSES)


def test_places():
    doubled = lambda t: [t] if t.kind == "name" else []  # noqa: E731
    assert len(list(everywhere(tree_of("A @ B + A"), doubled))) == 3
    assert [f.body for f in factors(tree_of("A @ B @ C"))] == ["A", "B", "C"]
    chain = product(factors(tree_of("A @ (B @ C)")))
    assert build(chain, "", {}, SYMBOLS) is parse("A @ B @ C", **{k: ("N", "N") for k in "ABC"})
