"""Orders of products: the cheapest by all splits, parts that are needed anyway for nothing, solves and inverses."""

import itertools

import numpy as np
import pytest

from nnmat.calculus import inv, matrix, trace, vector
from nnmat.calculus.compiling.lowering import Lowering
from nnmat.calculus.compiling.ordering import Ordering, Split, reachable


def ops(sizes, *expressions):
    low = Lowering()
    outputs = [low.value(e) for e in expressions]
    ordering = Ordering(low.graph, outputs, sizes)
    return [v.op for v in reachable([ordering.expand(v) for v in outputs])]


def cheapest(d):
    """The fewest flops of a chain of matrices, over all ways to put parentheses."""
    if len(d) == 2:
        return 0
    return min(cheapest(d[: k + 1]) + cheapest(d[k:]) + 2 * d[0] * d[k] * d[-1] for k in range(1, len(d) - 1))


@pytest.mark.parametrize("seed", range(5))
def test_the_order_is_the_cheapest(seed):
    d = np.random.default_rng(seed).integers(2, 60, 6).tolist()
    low = Lowering()
    factors = [matrix(f"A{i}", f"D{i}", f"D{i + 1}") for i in range(5)]
    chain = low.value(factors[0] @ factors[1] @ factors[2] @ factors[3] @ factors[4])
    sizes = {f"D{i}": n for i, n in enumerate(d)}
    assert Split(Ordering(low.graph, [chain], sizes), chain.args, chain).best == cheapest(d)


def test_what_is_needed_anyway_costs_nothing():
    A, x, y = matrix("A", "M", "N"), vector("x", "M"), vector("y", "N")
    sizes = {"M": 20, "N": 30}
    assert ops(sizes, x.T @ A @ y, A @ y).count("product") == 2
    assert ops(sizes, x.T @ A @ y, A.T @ x).count("product") == 2
    assert ops(sizes, x.T @ A @ y, A @ y, A.T @ x).count("product") == 3


def test_solves_and_inverses():
    B, x = matrix("B", "N", "N"), vector("x", "N")
    large, small = {"N": 64}, {"N": 4}
    assert ops(large, inv(B) @ x).count("solve") == 1
    assert "inv" not in ops(large, inv(B) @ x, inv(B).T @ x)
    assert "solve" not in ops(small, inv(B) @ x, inv(B).T @ x)  # one inverse serves both
    assert "solve" not in ops(large, inv(B) @ x, inv(B))
    assert "inv" in ops(large, inv(B) @ inv(matrix("C", "N", "N")))


def test_traces_are_inner_products():
    A, B = matrix("A", "M", "N"), matrix("B", "N", "M")
    assert "product" not in ops({"M": 9, "N": 5}, trace(A @ B))
    three = ops({"M": 9, "N": 5, "K": 2}, trace(A @ matrix("C", "N", "K") @ matrix("D", "K", "M")))
    assert three.count("product") == 1
    assert three.count("dot") == 1


def test_very_long_chains_are_taken_from_the_left():
    factors = itertools.repeat(matrix("A", "N", "N"), 99)
    product = next(factors)
    for a in factors:
        product = product @ a
    assert ops({"N": 3}, product).count("product") == 98
