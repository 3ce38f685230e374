"""A derivation as text and as LaTeX."""

from nnmat.calculus import derive, matrix, norm2, vector


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
