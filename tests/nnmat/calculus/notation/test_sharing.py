"""What is repeated gets a name, if that saves signs, and no name that is taken."""

from nnmat.calculus import latex, parse
from nnmat.calculus.notation.sharing import fresh


def test_a_long_part_is_named_once():
    assert (
        str(parse("exp(A @ (B @ x + y) - A @ (y + z)) * sin(exp(A @ (B @ x + y) - A @ (y + z)))"))
        == "u ⊙ sin(u)\n    with u = exp(A(Bx + y) - A(y + z))"
    )
    assert str(parse("exp(x) * sin(exp(x))")) == "exp(x) ⊙ sin(exp(x))"
    assert r"\text{with}\ u = \exp" in latex(
        parse("exp(A @ (B @ x + y) - A @ (y + z)) * sin(exp(A @ (B @ x + y) - A @ (y + z)))")
    )


def test_names_that_are_taken_are_left_out():
    used = {"K"}
    assert [fresh("matrix", used) for _ in range(9)] == ["L", "P", "Q", "R", "S", "T", "Z", "K1", "K2"]
