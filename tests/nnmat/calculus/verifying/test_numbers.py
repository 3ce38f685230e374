"""The values of the judge, against those of `evaluate`: two programs that share nothing."""

import contextlib

import numpy as np
import pytest

from nnmat.calculus import DomainError, NotDerivable, ShapeError
from nnmat.calculus.checking.sampling import points
from nnmat.calculus.derivation.derive import derive
from nnmat.calculus.evaluation.evaluator import Evaluation
from nnmat.calculus.language.elementwise import FUNCTIONS as ELEMENTWISE
from nnmat.calculus.language.signatures import SIGNATURES
from nnmat.calculus.language.vocabulary import CONSTRUCTORS
from nnmat.calculus.verifying.numbers import FUNCTIONS, World
from nnmat.calculus.verifying.reader import read
from tests.nnmat.calculus.generator import OPERATORS, Generator

# Functions that build other operators, and those that no record can hold: to_json refuses them by name.
OTHERS = {
    "solve",
    "outer",
    "norm2",
    "vec",
    "Diag",
    "tr",
    "dot",
    "norm1",
    "norm2_rows",
    "inner_rows",
    "mean",
    "var",
    "min",
}
OTHERS |= {"block", "submatrix"}
UNKNOWN = {
    "expm",
    "logm",
    "sqrtm",
    "expm_frechet",
    "logm_frechet",
    "power_frechet",
    "sylvester",
    "eigenvectors",
    "gaps",
}
UNKNOWN |= {"right_singular", "polar", "dyad", "digamma", "trigamma", "polygamma2", "polygamma3"}


def test_every_function_of_the_language_is_known():
    places = ("nnmat", "numpy", "functools")  # other tests have functions of their own
    of_users = {n for n, f in ELEMENTWISE.items() if not getattr(f.value, "__module__", "numpy").startswith(places)}
    assert {*SIGNATURES, *ELEMENTWISE, *CONSTRUCTORS} - FUNCTIONS - of_users == OTHERS | UNKNOWN


@pytest.mark.parametrize("op", OPERATORS)
def test_values(op):
    found = 0
    for seed in range(4):
        f, G, v = Generator(4000 + seed).sample(op, "inside")
        expressions = [f]
        with contextlib.suppress(NotDerivable):
            expressions.append(derive(f, v, G=G, check=False).gradient)
        for e in expressions:
            for point in points(f if G is None else (G.T @ f), np.random.default_rng(seed), 4):
                here = Evaluation(point.arrays, point.sizes)
                try:
                    wanted = here.value(e)
                except DomainError:
                    continue
                if {t.data for t in read(repr(e)).every() if t.kind == "call"} & UNKNOWN:
                    continue
                world = World(point.sizes, {s.name: a for s, a in point.arrays.items()}, {}, {})
                got = world.value(read(repr(e)))
                assert got.shape == wanted.shape
                assert np.allclose(got, wanted, rtol=1e-9, atol=1e-12)
                found += 1
    assert found or op in UNKNOWN or op in ("lgamma", "power")


def world(**arrays):
    return World({"N": 2}, {k: np.array(a, float) for k, a in arrays.items()}, {"h": read("x + x")}, {})


def test_names_and_differentials():
    w = world(x=[[1.0], [2.0]])
    assert w.value(read("h")).tolist() == [[2.0], [4.0]]
    assert w.value(read("K = h + x\nK.T @ K")).tolist() == [[45.0]]
    along = w.along("x", np.array([[1.0], [0.0]]))
    assert along.value(read("d(x.T @ h)"))[0, 0] == pytest.approx(4.0)
    held = World({}, w.arrays, w.quantities, {}, {"h": np.ones((2, 1))}).along("h", np.ones((2, 1)))
    assert held.quotient(read("x.T @ h"))[0, 0] == pytest.approx(3.0)


@pytest.mark.parametrize(
    "text",
    ["y", "x @ x", "x + ones(3, 1)", "inv(x)", "f(x)", "inner(x, x.T)", "inner(x)", "ones(2)", "reshape(x, 3, 1)",
     "softmax(x.T)", "exp(x, stride=1)", "conv(x, x, size=2)", "grad(h)", "d(x)", "eye(K)", "diagm(x.T)"],
)  # fmt: skip
def test_what_does_not_fit(text):
    with pytest.raises(ShapeError):
        world(x=[[1.0], [2.0]]).value(read(text))


@pytest.mark.parametrize("text", ["log(-x)", "inv(x @ x.T * 0)", "(-x) ** (1/2)", "1 / (x - x)"])
def test_points_outside_the_domain(text):
    with pytest.raises(DomainError):
        world(x=[[1.0], [2.0]]).value(read(text))
