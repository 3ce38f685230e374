"""Text and options of any kind: a result or an error of the calculus, never a raw one of Python."""

import numpy as np
import pytest

from nnmat.calculus import (
    DomainError,
    DtypeError,
    NotDerivable,
    ParseError,
    ShapeError,
    UnverifiedError,
    derive,
    elementwise,
    evaluate,
    latex,
    parse,
)
from nnmat.calculus.command import main
from nnmat.errors import ConfigError

TYPED = (ParseError, ShapeError, DtypeError, NotDerivable, DomainError, UnverifiedError, ConfigError)
WORDS = """x y A B mu Sigma α Σ ß λ _ x1 1 2 0 0.5 1. .5 1e308 1e-308 1e400 + - * / @ ** .T ( ) , = sum( inv( norm2(
ones(
eye( dim( conv( kron( vec( reshape( floor( axis=1 axis=(1,2) axis=x stride=0 padding=-1 exp( log( diag( trace( solve(
conv_input( kron_left( Diag( det( ' ^ ² ᵀ ٣ ½ 𝔸 ∇ M M*N N-1"""
PIECES = [*WORDS.split(), " ", "\n", "\t", "\0", "\ud800", "\u200b"]
DEEP = ["(" * 5000 + "x", "-" * 5000 + "x", "x" + ".T" * 5000, "exp(" * 99 + "x" + ")" * 99, "x" + " ** 2" * 5000,
        "x" + " + x" * 5000, "x" + " @ x" * 3000, "9" * 5000, "x ** " + "9" * 5000, "sum(ones(" + "9" * 5000 + "))",
        "floor(" * 3000, "dim(" + "(" * 90 + "N" + " + 1)" * 90 + ")", "1e300 * 1e300 * x"]  # fmt: skip
ODD = [None, 3, 2.5, True, b"x", ["x"], {}, object, float("nan"), "", "x y", -1, 10**30, (1.5,), ("M", None), ([],)]


def tried(make):
    """Its result, or None if it raised an error of the calculus."""
    try:
        return make()
    except TYPED:
        return None


def random_text(rng):
    if rng.random() < 0.3:
        return "".join(map(chr, rng.integers(32, 0x2200, int(rng.integers(1, 9)))))
    return "".join(rng.choice(PIECES, int(rng.integers(1, 10))))


@pytest.mark.parametrize("seed", range(4))
def test_random_text(seed, capsys):
    rng = np.random.default_rng(seed)
    for _ in range(400):
        text = random_text(rng)
        e = tried(lambda text=text: parse(text))
        if e is not None:
            assert str(e)
            assert latex(e)
            tried(lambda e=e: derive(e, "x"))
        options = [str(rng.choice(["--shape", "--let"])), f"{rng.choice(['x', 'A', ''])}={random_text(rng)}"]
        try:
            assert main(["derive", random_text(rng), "--wrt", "x", *options]) in (0, 1, 2)
        except SystemExit as error:
            assert error.code == 2  # noqa: PT017 - argparse: a value that begins with a dash
    capsys.readouterr()


@pytest.mark.parametrize("text", DEEP, ids=[text[:12] for text in DEEP])
def test_deep_long_and_huge(text, capsys):
    e = tried(lambda: parse(text))
    if e is not None:
        tried(lambda: derive(e, "x"))
        assert tried(lambda: str(e)) != ""
    assert main(["derive", f"({text})", "--wrt", "x"]) in (0, 1, 2)
    capsys.readouterr()


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_options_of_other_types(odd):
    e = parse("x.T @ A @ x")
    tried(lambda: parse(odd))
    tried(lambda: parse("h", named=odd))
    tried(lambda: parse("h", named={"h": odd}))
    tried(lambda: parse("x.T @ x", x=odd))
    tried(lambda: derive(odd, "x"))
    tried(lambda: derive(e, odd))
    tried(lambda: derive(e, "x", G=odd))
    tried(lambda: derive(e, "x", symmetric=odd))
    tried(lambda: derive(e, "x").check(trials=odd if not isinstance(odd, int) or odd < 9 else 1))
    tried(lambda: evaluate(e, x=odd, A=odd))
    tried(lambda: evaluate(parse("dim(N) * x.T @ x"), x=[1.0], N=odd))
    tried(lambda: elementwise(odd, odd, odd))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: parse("h", named=3), "parse: expected named as expressions by name, got 3"),
        (lambda: parse("h", named={"h": 3}), "parse: expected named as expressions by name, got {'h': 3}"),
        (lambda: derive(parse("x.T @ x"), ["x"]), r"derive: expected wrt among x, got \['x'\]"),
        (lambda: derive(parse("sum(A)", A=(10**30, 2)), "A"), "No array has more than 1e\\+08 entries in a check"),
        (lambda: evaluate(parse("dim(N)"), N=10**400), "evaluate: expected N as a size below 2\\*\\*53"),
        (
            lambda: evaluate(parse("x.T @ x"), x=10**400),
            r"evaluate: expected x to hold real numbers, got dtype object\. Try np.asarray\(x, np.float64\)",
        ),
        (lambda: elementwise(3, abs, abs), "elementwise: expected a new name, got 3"),
    ],
)
def test_what_is_said(make, said):
    with pytest.raises(TYPED, match=said):
        make()


def test_a_product_of_numbers_that_no_float_holds_can_be_printed():
    assert str(parse("1e300 * 1e300 * x")).startswith("1000")
