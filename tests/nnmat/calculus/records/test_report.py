"""A derivation as text and as LaTeX."""

from nnmat.calculus import derive, hessian_product, matrix, norm2, parse, vector
from nnmat.calculus.records.report import latex_report, report


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


def test_the_text_of_a_derivation_line_by_line():
    d = derive(parse("x.T @ A @ y"), "A")
    assert report(d).splitlines() == [
        "f = xᵀAy",
        "    A (M, N), x (M), y (N)",
        "    assumed, from their use: the shapes of A, x, y",
        "",
        "df = d(xᵀAy)",
        "   = xᵀ dA y         LAW-2",
        "   = Tr(xᵀ dA y)     TR-1",
        "   = Tr((x yᵀ)ᵀ dA)  TR-4b",
        "∇_A f = x yᵀ  DEF-6",
        "",
        "∇_A f = x yᵀ",
    ]
    assert report(d) == str(d) == d.to_text()
    assert latex_report(d) == d.to_latex()


def test_quantities_stand_under_the_function():
    text = report(derive(parse("sum(exp(A @ x))"), "A"))
    assert text.startswith("f = sum(z)\n    h = Ax\n    z = exp(h)\n    A (M, N), x (N)\n")
    assert text.endswith("∇_A f = exp(Ax) xᵀ")
    assert "∇_h f = (∇_z f) ⊙ z" in text


def test_in_full_every_rule_has_a_line_of_its_own():
    d = derive(parse("x.T @ S @ x", S=matrix("S", "N", "N", symmetric=True)), "x")
    short, full = report(d), report(d, full=True)
    rules = [s.rule for s in d.steps if s.kind == "gradient"]
    assert len(rules) >= 2
    assert f"DEF-6, {', '.join(dict.fromkeys(rules))}" in short
    assert [line.rpartition("  ")[2] for line in full.splitlines() if line.startswith("    = ")] == rules
    assert latex_report(d, full=True).count(r"\text{") > latex_report(d).count(r"\text{")


def test_what_was_assumed_stands_above_the_result():
    text = "x.T @ A @ phi + norm2(phi)"
    d = derive(parse(text, x="M"), "phi")
    assert str(d).splitlines()[1:3] == ["    A (M, N), φ (N), x (M)", "    assumed, from their use: the shapes of A, φ"]
    assert (
        r"& A\ (M, N),\ \phi\ (N),\ x\ (M) \\ & \text{assumed, from their use: the shapes of } A,\ \phi" in d.to_latex()
    )
    declared = derive(parse(text, x="M", A=("M", "N"), phi="N"), "phi")
    assert "assumed" not in str(declared) + declared.to_latex()
    assert "assumed" not in str(derive(norm2(vector("x", "M")), "x"))
    v = vector("v", "M")
    assert "the shapes of A, x" in str(hessian_product(parse("x.T @ A @ x"), "x", v))
