"""Expressions, values, rendering: what a user of the language meets."""

import copy
import pickle

import numpy as np
import pytest

from nnmat.calculus import (
    ShapeError,
    derive,
    dim,
    elementwise,
    evaluate,
    gradient,
    hessian_product,
    inner,
    inv,
    latex,
    let,
    logdet,
    matrix,
    norm2,
    parse,
    scalar,
    sigmoid,
    simplify,
    sum,
    text,
    trace,
    vector,
)
from nnmat.calculus.language.elementwise import FUNCTIONS

RNG = np.random.default_rng(0)


def test_one_object_for_each_expression():
    a, b = parse("x.T @ A @ y"), parse("x.T @ A @ y")
    assert a is b
    assert copy.deepcopy(a) is a
    assert pickle.loads(pickle.dumps(a)) is a
    assert parse("A * B + C").digest == parse("C + B * A", C=("M", "N")).digest


def test_dimensions():
    n = dim("N")
    assert str((n + 2) * (n - 2)) == "N*N - 4"
    assert (n * 2 - n).value({"N": 7}) == 7
    assert str((n - 3).floor_divided(2) + 1) == "floor((N - 3)/2) + 1"
    assert (n - n).constant == 0
    assert vector("x", 2 * n - 1 + np.int64(3)).shape == vector("x", n * 2 + 2).shape
    assert str(-n + 1) == "-N + 1"


def test_a_dimension_is_a_scalar_on_either_side():
    n, x, S = dim("N"), vector("x", "N"), matrix("S", "D", "D", positive_definite=True)
    for f, form in [
        (n * logdet(S), "N log|S|"),
        (n - x.T @ x, "N - xᵀx"),
        (1 / n * sum(x), "sum(x)/N"),
        (sum(x) / (2 * n), "sum(x)/(2 N)"),
        (n / 2 + np.float32(0.5) * x, "N/2 + (1/2) x"),
        (n**2 * x, "N² x"),
    ]:
        assert str(f) == form
    assert str(derive(n * logdet(S), S).gradient) == "N S⁻¹"
    with pytest.raises(ShapeError, match="expression or a finite number beside N, got NoneType"):
        n * None


def test_a_greek_name_is_a_scalar_in_either_spelling():
    for name in ("alpha", "α", "λ2"):
        assert parse(f"{name} * x").args[0].is_scalar
    assert not parse("Σ @ x").args[0].is_scalar


def test_shapes_found_from_use():
    e = parse("x.T @ A @ sigmoid(inv(B) @ z + b) + alpha")
    shapes = {s.name: tuple(str(d) for d in s.shape) for s in e.free}
    assert shapes["A"] == (shapes["x"][0], shapes["b"][0])
    assert shapes["B"] == (shapes["z"][0], shapes["z"][0])
    assert shapes["alpha"] == ("1", "1")


def test_a_shape_that_follows_from_a_convolution():
    for source in ("inner(H, conv(X, K, stride=2))", "inner(conv(X, K, stride=2), H)"):
        shapes = {s.name: [str(d) for d in s.shape] for s in parse(source).free}
        rows = [shapes[name][0] for name in "XK"]
        assert shapes["H"][0] == f"floor(({rows[0]} - {rows[1]})/2) + 1"


def test_a_shape_that_follows_from_an_adjoint():
    for source, shape in [
        ("conv_input(H, K, P, Q, stride=2)", ["floor((P - M)/2) + 1", "floor((Q - N)/2) + 1"]),
        ("conv_kernel(H, X, 3, 2, padding=1)", ["M", "N + 1"]),
        ("kron_left(H, B, P, Q) @ x", ["M*P", "N*Q"]),
        ("x.T @ kron_right(H, B, P, Q)", ["M*P", "N*Q"]),
    ]:
        e = parse(source)
        assert [str(d) for d in next(s.shape for s in e.free if s.name == "H")] == shape
        assert parse(repr(e), **{s.name: s for s in e.free}) is e


def test_the_transpose_of_a_number_reads_back():
    for source in ("1.T * x", "(5/2).T * x"):
        assert repr(parse(source)) == source
    assert parse("2. * x") is parse("2 * x")


def test_values_against_numpy():
    x, A, B = RNG.standard_normal(3), RNG.standard_normal((3, 2)), RNG.standard_normal((2, 2))
    z, b = RNG.standard_normal(2), RNG.standard_normal(2)
    f = parse("x.T @ A @ sigmoid(inv(B) @ z + b)")
    y = 1 / (1 + np.exp(-(np.linalg.solve(B, z) + b)))
    assert abs(evaluate(f, x=x, A=A, B=B, z=z, b=b) - x @ A @ y) < 1e-13
    g = evaluate(gradient(f, "A"), x=x, A=A, B=B, z=z, b=b)
    assert g.shape == (3, 2)
    assert np.allclose(g, np.outer(x, y))
    assert evaluate(gradient(f, "b"), x=x, A=A, B=B, z=z, b=b).shape == (2,)


@pytest.mark.parametrize(
    ("source", "plain", "tex"),
    [
        ("A * (B @ C)", "A ⊙ (BC)", r"A \odot \left(B C\right)"),
        ("(A * B) @ C", "(A ⊙ B)C", r"\left(A \odot B\right) C"),
        ("-(A + B) @ C", "-(A + B)C", r"-\left(A + B\right) C"),
        ("(A + B).T", "(A + B)ᵀ", r"\left(A + B\right)^{\top}"),
        ("inv(A).T", "A⁻ᵀ", r"A^{-\top}"),
        ("inv(A @ B)", "(AB)⁻¹", r"\left(A B\right)^{-1}"),
        ("x @ y.T", "x yᵀ", r"x y^{\top}"),
        ("A / 2 - B * 3", "A/2 - 3 B", r"\frac{A}{2} - 3 B"),
        ("(1 - A) * A", "(1 - A) ⊙ A", r"\left(1 - A\right) \odot A"),
        ("A / B", "A ⊘ B", r"A \oslash B"),
        ("A / B / det(C)", "(A ⊘ B)/|C|", r"\frac{A \oslash B}{\left|C\right|}"),
        ("1 / A / det(C)", "A^⊙(-1)/|C|", r"\frac{A^{\odot -1}}{\left|C\right|}"),
        ("3 / alpha / A", "(3/α) A^⊙(-1)", r"\left(\frac{3}{\alpha}\right) A^{\odot -1}"),
        ("-2 / A / B", "-2 A^⊙(-1) ⊘ B", r"-2 A^{\odot -1} \oslash B"),
        ("A - 2 * 0.5 * 1", "A - 1", "A - 1"),
        ("-1 * (1 * 1)", "-1", "-1"),
        ("frobenius(A) ** 2", "‖A‖²", r"\left\|A\right\|^{2}"),
        ("alpha * A", "α A", r"\alpha A"),
        ("W1 @ h12", "W1 h12", r"W_{1} h_{12}"),
        ("kron(A, B)", "A ⊗ B", r"A \otimes B"),
        ("trace(A @ B)", "Tr(AB)", r"\operatorname{Tr}\left(A B\right)"),
        ("sigmoid(A)", "σ(A)", r"\sigma\left(A\right)"),
        ("det(A)", "|A|", r"\left|A\right|"),
        ("conv(A, B)", "A ⋆ B", r"A \star B"),
        ("A ** 3", "A^⊙3", r"A^{\odot 3}"),
        ("A - (B - C)", "A - (B - C)", r"A - \left(B - C\right)"),
        ("ones(N) @ x.T", "1 xᵀ", r"1 x^{\top}"),
        ("A * B * C", "A ⊙ B ⊙ C", r"A \odot B \odot C"),
        ("A @ (B + C) @ D", "A(B + C)D", r"A \left(B + C\right) D"),
    ],
)
def test_parentheses_are_right(source, plain, tex):
    shapes = {n: ("N", "N") for n in "ABCD"} | {"x": ("N",), "y": ("N",), "W1": ("N", "N"), "h12": ("N",)}
    e = parse(source, **shapes)
    assert text(e) == plain == str(e)
    assert latex(e).replace("A/2", "A") == tex or latex(e) == tex
    assert e._repr_latex_() == f"${latex(e)}$"


@pytest.mark.parametrize(
    ("source", "plain", "tex"),
    [
        ("A / dim(M*N)", "A/(M N)", r"\frac{A}{M N}"),
        ("dim(2*N) ** 2 * A", "(2 N)² A", r"\left(2 N\right)^{2} A"),
        ("1/2 * A / dim(N)", "A/(2 N)", r"\frac{A}{2 N}"),
        ("3/4 * alpha / dim(N) * A", "(3 α/(4 N)) A", r"\left(\frac{3 \alpha}{4 N}\right) A"),
        ("A / dim(N + 1)", "A/(N + 1)", r"\frac{A}{N + 1}"),
        ("A / dim(floor((N - 3)/2))", "A/floor((N - 3)/2)", r"\frac{A}{\left\lfloor \frac{N - 3}{2} \right\rfloor}"),
        ("A / dim(N_in)", "A/N_in", r"\frac{A}{N_{in}}"),
        ("1e-20 * A", "(1e-20) A", r"\left(1 \times 10^{-20}\right) A"),
        ("2e9 * A", "2000000000 A", "2000000000 A"),
        ("2e19 * A", "2e+19 A", r"2 \times 10^{19} A"),
        ("-2.5e-9 * A", "-(2.5e-09) A", r"-\left(2.5 \times 10^{-9}\right) A"),
        ("10 / 3 * A", "(10/3) A", r"\left(\frac{10}{3}\right) A"),
    ],
)
def test_numbers_and_sizes_in_formulas(source, plain, tex):
    e = parse(source, A=("N", "N"))
    assert str(e) == plain
    assert latex(e) == tex


def test_a_matrix_of_one_entry_is_a_scalar():
    s = matrix("s", 1, 1)
    for source in (
        "s * eye(1) + inv(s) * s",
        "trace(s) + softmax(s) - tril(s) + diag(s)",
        "ones(1, 1) * s + adjugate(s)",
    ):
        assert str(simplify(parse(source, s=s))) == "s + 1"


def test_a_derivation_in_latex_and_in_full():
    f = norm2(matrix("X", "M", "N") @ vector("w", "N") - vector("y", "M")) ** 2
    d = derive(f, "w")
    assert d._repr_latex_().count(r"\begin{align*}") == d._repr_latex_().count(r"\end{align*}")
    assert r"\nabla_{w} f &= 2 X^{\top} \left(X w - y\right)" in d.to_latex()
    assert "DEF-6" in d.to_text(full=True)
    for step in d.steps:
        assert step.rule
        assert step.statement
        assert str(step)


def test_a_function_of_the_user():
    cube = elementwise("the_cube", lambda x: x**3, lambda x: 3 * x**2)
    try:
        a, X = vector("a", "M"), matrix("X", "M", "N")
        d = derive(a.T @ cube(X @ vector("b", "N")), "X")
        assert d.check() < 1e-8
        assert parse("sum(the_cube(A))").free
        assert str(derive(sum(cube(X)), X).gradient) == "3 X ⊙ X"
        assert latex(cube(X)) == r"\operatorname{the\_cube}\left(X\right)"
    finally:
        del FUNCTIONS["the_cube"]


def test_a_function_of_the_user_that_works_in_place_changes_nothing_else():
    f = elementwise("doubled", lambda x: np.multiply(x, 2, out=x), lambda x: 2)
    try:
        array = np.array([1.0, 2.0])
        x = vector("x", "N")
        assert evaluate(f(x) + x, x=array).tolist() == [3, 6]
        assert array.tolist() == [1, 2]
    finally:
        del FUNCTIONS["doubled"]


def test_a_gradient_of_a_gradient():
    X, w, y = matrix("X", "M", "N"), vector("w", "N"), vector("y", "M")
    first = derive(norm2(X @ w - y) ** 2, w)
    v = vector("v", "N")
    assert str(hessian_product(first.function, w, v).gradient) == "2 XᵀXv"
    assert str(derive(inner(first.gradient, v), X).gradient) == "2 ((Xw - y) vᵀ + X(v wᵀ))"
    deep = parse("a.T @ sigmoid(W @ sigmoid(V @ x))")
    product = hessian_product(deep, "V", matrix("U", *next(s.shape for s in deep.free if s.name == "V")))
    assert product.check() < 1e-7
    third = derive(inner(product.gradient, product.gradient), "x")
    assert third.error < 1e-4


def test_symmetric_arguments():
    S, A = matrix("S", "N", "N", symmetric=True), matrix("A", "N", "N")
    d = derive(trace(A @ S), S)
    assert (d.form, str(d.gradient)) == ("manifold", "(1/2) (Aᵀ + A)")
    e = derive(trace(A @ S), S, symmetric="entries")
    assert (e.form, str(e.gradient)) == ("entries", "tril(Aᵀ + A - Diag(diagonal(A)))")
    value = RNG.standard_normal((3, 3))
    wanted = np.tril(value.T + value - np.diag(np.diag(value)))
    assert np.allclose(evaluate(e.gradient, A=value), wanted)
    D = matrix("D", "N", "N", diagonal=True)
    assert derive(trace(A @ D), D).form == "diagonal"
    assert "on the symmetric matrices" in str(d)
    for form in ("manifold", "entries"):
        d2 = derive(inner(A, S @ S), S, symmetric=form)
        assert d2.chain[-1].closed is d2.gradient
    for shown, arrow in ((str(d), "∇_S f = Aᵀ\n   → "), (d.to_latex(), r"\nabla_{S} f &= A^{\top} \\" + "\n&\\to ")):
        assert arrow in shown  # G and (G + Gᵀ)/2 are not equal, and neither is df
    assert "∇_S f = (1/2) (Aᵀ + A)  SYM-1, SIM-17" in str(d)


def test_scalars_and_dimensions_in_formulas():
    t, A = scalar("t"), matrix("A", "M", "N")
    assert str(derive(sum(t + A), t).gradient) == "M N"
    assert derive(sum(t + A), t).check() < 1e-8
    assert str(derive(sum(t * A) / parse("dim(N)"), t).gradient) == "sum(A)/N"


def test_a_function_that_is_a_symbol_or_has_a_name():
    a, x = scalar("a"), vector("x", "N")
    for f, wrt, form, chain in [
        (a, "a", "1", ["a"]),
        (let("g", x.T @ x), "x", "2 x", ["g", "x"]),
        (let("g", let("h", sigmoid(a))), "a", "h (1 - h)", ["g", "h", "a"]),
    ]:
        d = derive(f, wrt)
        assert str(d.gradient) == form
        assert [link.name for link in d.chain] == chain
        assert d.check() < 1e-8


def test_names_stay_and_can_be_written_out():
    B, z = matrix("B", "N", "N"), vector("z", "N")
    h = let("h", inv(B) @ z)
    y = let("y", sigmoid(h))
    g = derive(sum(y), z).gradient
    assert str(g) == "B⁻ᵀ(y ⊙ (1 - y))"
    assert str(g.inline()) == "B⁻ᵀ(σ(B⁻¹z) ⊙ (1 - σ(B⁻¹z)))"
    assert str(g.inline(keep=["h"])) == "B⁻ᵀ(σ(h) ⊙ (1 - σ(h)))"


def test_simplify_is_stable():
    for source in ("A + A", "inv(A @ B).T", "(A * B) @ C - (A * B) @ D", "trace(A @ B) * C"):
        once = simplify(parse(source, **{n: ("N", "N") for n in "ABCD"}))
        assert simplify(once) is once
