"""The reader of records: the code that is printed, read once more and by itself."""

import pytest

from nnmat.calculus.errors import ParseError
from nnmat.calculus.verifying.reader import read


def shown(t):
    inside = " ".join(map(shown, t.parts))
    word = t.kind if t.data is None else str(t.data)
    return f"({word} {inside})" if t.parts else word


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a + b - c", "(- (+ a b) c)"),
        ("A @ B.T @ x", "(@ (@ A (T B)) x)"),
        ("-x * y", "(* (neg x) y)"),
        ("-x ** 2", "(neg (** x 2))"),
        ("a / 2 * b", "(* (/ a 2) b)"),
        ("inner(A, d(B))", "(inner A (d B))"),
        ("grad(h) * (1 - y)", "(* (grad h) (- 1 y))"),
        ("lambda * x", "(* lambda x)"),
        ("2e-05", "1/50000"),
        ("A.T.T", "(T (T A))"),
    ],
)
def test_precedence(text, tree):
    assert shown(read(text)) == tree


def test_lines_and_options():
    tree = read("K = A @ x\nK + conv(X, Y, stride=(2, 1), padding=1)")
    assert tree.data == ("K",)
    call = tree.parts[1].parts[1]
    assert [word for word, _ in call.options] == ["stride", "padding"]
    assert call.options[0][1].kind == "pair"


@pytest.mark.parametrize("text", ["", "a +", "(a", "a b", "f(a", "a ? b", "K == a\nK", "a,b", "1 + ,", None])
def test_what_is_no_text(text):
    with pytest.raises(ParseError):
        read(text)


def test_very_deep_texts_are_refused():
    with pytest.raises(ParseError, match="inside one another"):
        read("(" * 500 + "x" + ")" * 500)


def test_equal_trees():
    assert read("a + b * c").equals(read("a+b*c"))
    assert not read("a + b").equals(read("b + a"))
    assert not read("conv(X, K, stride=2)").equals(read("conv(X, K, stride=1)"))
    assert {t.data for t in read("f(a) + b").every() if t.kind == "name"} == {"a", "b"}
