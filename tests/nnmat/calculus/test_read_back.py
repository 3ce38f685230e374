"""What is printed in the text of the language is read back to the same expression: over all results of other tests.

Of a derivation that is `to_python()`, and the code (`repr`) of the function, of the gradient and of every gradient in
the chain. Formulas are no text of the language, `Aᵀx`; where one happens to be, `p - y`, it has to say the same.
"""

import os
import re
from fractions import Fraction

import numpy as np
import pytest

from nnmat.calculus import (
    DomainError,
    NotDerivable,
    ParseError,
    ShapeError,
    derive,
    dim,
    exp,
    eye,
    hessian,
    jacobian,
    matrix,
    norm2,
    ones,
    parse,
    scalar,
    simplify,
    vector,
    zeros,
)
from nnmat.calculus.command import commands
from nnmat.calculus.language.elementwise import FUNCTIONS
from nnmat.calculus.language.expr import add, divide, matmul, mul, negative, number, power, transpose
from nnmat.calculus.language.vocabulary import known_functions
from nnmat.calculus.parsing.parser import parse_all
from tests.nnmat.calculus import worked_examples as examples
from tests.nnmat.calculus.generator import samples
from tests.nnmat.calculus.test_sizes import FUNCTIONS as LARGE
from tests.nnmat.calculus.test_texts_without_shapes import CASES as WITHOUT_SHAPES
from tests.nnmat.calculus.test_worked_examples import CASES, derived
from tests.outside.matrix_cookbook import ROWS
from tests.outside.test_matrix_cookbook import results, symbols

EACH = max(int(os.environ.get("NNMAT_RANDOM", "40")) // 20, 1)


def read(written, e):
    """What the text says, over the symbols of `e`."""
    return parse(written, **{s.name: s for s in e.free})


def same(written, e):
    """The text says `e`."""
    found = read(written, e)
    assert found is e, f"{written:.300} is read as {found!r:.300}"


def check_formula(e):
    """A formula that is text of the language over the same names, and has the same shape, means the same."""
    try:
        said = read(str(e), e)
    except (ParseError, ShapeError, DomainError):
        return
    if said.free <= e.free and said.shape == e.shape:
        assert simplify(said).digest == simplify(e).digest, f"{e} is read as {said!r}"


def check(d):
    """All code of a derivation; how many texts there were."""
    found = [d.function, d.gradient, *(link.closed for link in d.chain)]
    same(d.to_python(), d.gradient.inline())
    for e in (e.inline() for e in found):
        same(repr(e), e)
        check_formula(e)
    return 1 + len(found)


def said(count, of):
    print(f"read back: {count} texts of {of}")


def test_worked_examples():
    count = sum(check(derived(getattr(examples, name)(), wrt)) for name, wrt, _ in CASES)
    count += sum(check(derive(f, wrt)) for f, wrt in examples.sympy_failures().values())
    count += sum(check(derive(examples.deep(depth), "W1")) for depth in (2, 4, 8))
    said(count, "the worked examples")


def test_rows_of_the_cookbook():
    count = 0
    for row in ROWS:
        for e in (x.inline() for x in results(row)):
            same(repr(e), e)
            check_formula(e)
            count += 1
    said(count, "the Matrix Cookbook")


def test_jacobians():
    """Of the Cookbook's matrix-valued functions and of its gradients: the Hessians."""
    count = 0
    for row in ROWS:
        known = symbols(row)
        f = parse(row.f, {name: parse(body, **known) for name, body in row.lets if name in row.f}, **known)
        try:
            J = (hessian if f.is_scalar else jacobian)(f, known[row.wrt])
            matrices = [J.along(known[f"d{row.wrt}"]).inline(), J.matrix.inline()]
        except NotDerivable:
            continue
        for e in matrices:
            same(repr(e), e)
        count += 2
    assert count >= 150
    said(count, "Jacobians and Hessians")


def test_texts_without_shapes():
    count = 0
    for case in WITHOUT_SHAPES:
        if case.f is not None:
            count += check(derive(parse(case.answer or case.text, **case.declared), case.wrt))
    said(count, "the texts without shapes")


def test_large_functions():
    count = 0
    for arguments in LARGE.values():
        options = commands()[0].parse_args(["derive", *arguments])
        lets = [tuple(let.split("=", 1)) for let in options.let]
        f = parse_all([*lets, ("", options.expression)], **dict(shape.split("=") for shape in options.shape))[""]
        d = derive(f, options.wrt, check=False)
        same(d.to_python(), d.gradient.inline())
        same(repr(d.gradient.inline()), d.gradient.inline())
        count += 2
    said(count, "the large functions")


def test_random_expressions():
    """`NNMAT_RANDOM` / 20 of every operator in every place."""
    count = 0
    for e, G, wrt in samples(EACH, seed=17):
        try:
            count += check(derive(e, wrt, G, check=False))
        except NotDerivable:
            continue
    said(count, "random expressions")


# ---- every function of the language -------------------------------------------------------------------------------

SHAPES = {
    **{"A": ("N", "N"), "B": ("N", "N"), "X": ("M", "N"), "Y": ("M", "N"), "Z": ("K", "N"), "W": (5, 5), "F": (2, 2)},
    **{"x": "N", "y": "N", "g": "N", "a": ()},
    "S": matrix("S", "N", "N", symmetric=True),
    "P": matrix("P", "N", "N", positive_definite=True),
}
TEXTS = [
    *(("inner(B, inv(A))", "A"), ("inner(B, solve(A, B))", "A"), ("det(A) * logdet(A)", "A"), ("tr(adjugate(P))", "P")),
    *(("trace(kron(A, B))", "A"), ("sum(outer(x, y))", "x"), ("sum(vec(A) * vec(B))", "A"), ("frobenius(A)", "A")),
    *(("sum(reshape(X, N, M) ** 2)", "X"), ("sum(tril(A) * diagm(diag(A)))", "A"), ("sum(Diag(x) @ B)", "x")),
    *(("sum(conv(W, F, stride=(1, 2), padding=1) ** 2)", "F"), ("sum(conv_input(F, F, 3, 3) ** 2)", "F")),
    *(("sum(conv_kernel(F, W, 4, 4) ** 2)", "W"), ("sum(kron_left(kron(A, X), X, N, N) ** 2)", "X")),
    *(("sum(kron_right(kron(A, X), A, M, N) ** 2)", "A"), ("y.T @ softmax(x) + logsumexp(x)", "x")),
    *(("y.T @ log_softmax(x)", "x"), ("sum(softmax_rows(X) * Y)", "X"), ("sum(log_softmax_rows(X) * Y)", "X")),
    *(("sum(logsumexp_rows(X) ** 2)", "X"), ("sum(X + zeros(M, N) * dim(N) - ones(M, N)) + trace(A @ eye(N))", "X")),
    *(("trace(B @ power(A, 3))", "A"), ("trace(B @ power(A, k))", "A"), ("trace(B @ power_frechet(A, B, k))", "A")),
    *(("trace(B @ expm(A))", "A"), ("trace(B @ logm(P))", "P"), ("trace(B @ sqrtm(P))", "P")),
    *(("trace(B @ expm_frechet(A, B))", "A"), ("trace(B @ logm_frechet(P, B))", "B"), ("nuclear(X)", "X")),
    *(("spectral(X)", "X"), ("sum(singular_values(X) ** 3)", "X"), ("sum(right_singular(X) * B)", "X")),
    *(("g.T @ eigenvalues(S)", "S"), ("x.T @ eigenvectors(S) @ y", "S"), ("trace(B @ gaps(x))", "x")),
    *(("trace(pinv(X) @ Y)", "X"), ("trace(pinv_full(X) @ Y)", "X"), ("sum(cholesky(P) * B)", "P")),
    *(("sum(polar(X) * Y)", "Y"), ("sum(dyad(X) * Y)", "Y"), ("trace(sylvester(A, B, S) @ P)", "A")),
    *(("max(X) + max(x)", "X"), ("sum(max(X, axis=1) ** 2)", "X"), ("sum(max(X, axis=0) ** 2)", "X"), ("min(x)", "x")),
    *(("sum(X * at_max(Y))", "X"), ("sum(X * at_max_rows(Y))", "X"), ("sum(greater(X, Y) * Y)", "Y"), ("var(x)", "x")),
    *(("sum(maximum(X, Y))", "X"), ("sum(minimum(X, a))", "X"), ("sum(where(X - 1, X ** 2, Y))", "X")),
    *(("mean(x) * sum(mean(X, axis=0) ** 2)", "X"), ("sum(var(X, axis=1) ** 2)", "X"), ("norm1(x)", "x")),
    *(("dot(x, y) * norm2(x)", "x"), ("sum(norm2_rows(X))", "X"), ("sum(inner_rows(X, Y) ** 2)", "X")),
    *(("sum(submatrix(X, 1, 1, 2, 2) ** 2)", "X"), ("sum(padded(A, 1, 2, K, 7) ** 2)", "A")),
    *(("sum(sin(hstack(X, Y)))", "X"), ("sum(sin(vstack(X, Z)))", "Z"), ("logdet(block(A, B, S, P))", "A")),
    *(
        ("vec(Y.T).T @ commutation(M, N) @ vec(X)", "X"),
        ("X[0, 1] ** 3", "X"),
        ("sum(X[0:2, :] ** 3)", "X"),
        ("x[i] ** 2", "x"),
        ("sum(sin(X[:, j]))", "X"),
    ),
    *(("sum(transpose(X) @ X)", "X"), ("sum(x ** a)", "a"), ("sum(a ** x)", "x"), ("sum(x ** y)", "y")),
    *((f"sum({name}(x))", "x") for name in FUNCTIONS if name in known_functions() and not name.startswith("polygamma")),
]


KNOWN = known_functions()  # before other tests add functions of their own


@pytest.mark.parametrize(("text", "wrt"), TEXTS)
def test_a_function_of_the_language(text, wrt):
    assert check(derive(parse(text, **SHAPES), wrt, check=False)) >= 4


def test_every_function_is_in_a_text():
    words = {word for text, _ in TEXTS for word in re.findall(r"\w+", text)}
    assert {name for name in KNOWN if not name.startswith("polygamma")} <= words


# ---- as it was written: numbers, signs, powers, products of all kinds ------------------------------------------------

NUMBERS = (0, 1, 2, -1, -2, 10**20, 0.5, -0.25, 0.1, 1e-7, -3e200, Fraction(-2, 3), 1e-300, 5e-324, 1.7e308, 2.5)
EXPONENTS = (2, 3, -1, -2, 0.5, -0.5, Fraction(1, 3), 0, 1, 1e-7, -1e20, 1e-300)
A, B, x, y, a = matrix("A", "N", "N"), matrix("B", "N", "N"), vector("x", "N"), vector("y", "N"), scalar("a")
LEAVES = {
    "scalar": (a, norm2(x), dim("N") * a, *map(number, NUMBERS)),
    "column": (x, y, ones("N")),
    "matrix": (A, B, eye("N"), ones("N", "N"), zeros("N", "N")),
}


class Written:
    """Random expressions that nothing simplifies."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def pick(self, choices):
        return choices[int(self.rng.integers(len(choices)))]

    def gen(self, kind, depth):
        if depth <= 0 or self.rng.random() < 0.1:
            return self.pick(LEAVES[kind])
        way = int(self.rng.integers(9))
        part, other = self.gen(kind, depth - 1), self.gen(self.pick((kind, "scalar")), depth - 1)
        if way == 0:
            return add(part, other, self.gen(kind, depth - 1))
        if way == 1:
            return mul(other, part)
        if way == 2:
            return negative(part)
        if way == 3:
            return power(part, self.pick(EXPONENTS))
        if way == 4:
            return part if other.op == "num" and not other.data else divide(part, other)
        if way == 5:
            return part - other
        if way == 6:
            return self.product(kind, depth)
        if way == 7:
            return transpose(part) if kind == "matrix" else transpose(transpose(part))
        return exp(part)

    def product(self, kind, depth):
        if kind == "scalar":
            return matmul(transpose(self.gen("column", depth - 1)), self.gen("column", depth - 1))
        return matmul(self.gen("matrix", depth - 1), self.gen(kind, depth - 1))


def test_what_is_written():
    written, count = Written(0), 0
    while count < 1000:
        try:
            e = written.gen(written.pick(tuple(LEAVES)), int(written.rng.integers(1, 6)))
        except DomainError:
            continue
        same(repr(e), e)
        count += 1
    said(count, "expressions as they were written")


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (5e-324, "5e-324 * x"),
        (-3e200, "-3e+200 * x"),
        (Fraction(17 * 10**308, 30), "170000000/3/1e-300 * x"),
        (Fraction(-1, 3 * 10**310), "-1/30000000000/1e300 * x"),
        (123456789012345678, "123456789012345678 * x"),
    ],
)
def test_numbers_at_the_ends_of_float64(value, code):
    e = number(value) * x
    assert repr(e) == code
    same(code, e)


def test_a_quotient_of_numbers_that_is_kept():
    e = mul(number(1), power(number(2), -1), x)
    assert repr(e) == "1 * 2 ** -1 * x"
    same(repr(e), e)


def test_any_name_may_be_a_symbol():
    for name in ("text", "sum", "inv", "gradient", "lambda", "ϵ", "K", "e1", "T"):
        check(derive(norm2(matrix(name, "K", "K") @ vector("x", "K")) ** 3, "x", check=False))
