"""Signatures against what they are said of: values by NumPy, constructors, the parser, shapes found from use."""

import numpy as np
import pytest

from nnmat.calculus import ParseError, ShapeError, evaluate, matrix, parse
from nnmat.calculus.checking.sampling import draw
from nnmat.calculus.dimensions import dim
from nnmat.calculus.language.signatures import SIGNATURES, Signature
from nnmat.calculus.language.vocabulary import CONSTRUCTORS

SIZES = {"M": 2, "N": 3, "K": 4, "P": 5, "Q": 6}
RNG = np.random.default_rng(0)
# Arguments of a call that conforms: operands by shape, then dimensions.
OPERANDS = {
    "solve": [("N", "N"), ("N", "K")],
    "inner": [("M", "N"), ("M", "N")],
    "kron": [("M", "N"), ("K", "P")],
    "kron_left": [("M*K", "N*P"), ("K", "P")],
    "kron_right": [("M*K", "N*P"), ("M", "N")],
    "conv": [("P", "Q"), ("M", "N")],
    "conv_input": [("P - M + 1", "Q - N + 1"), ("M", "N")],
    "conv_kernel": [("P - M + 1", "Q - N + 1"), ("P", "Q")],
    "sylvester": [("M", "M"), ("N", "N"), ("M", "N")],
    "submatrix": [("P", "Q")],
    "padded": [("M", "N")],
    "hstack": [("M", "N"), ("M", "K")],
    "vstack": [("N", "M"), ("K", "M")],
    "block": [("M", "N"), ("M", "K"), ("P", "N"), ("P", "K")],
}
GIVEN = {
    "kron_left": "MN", "kron_right": "KP", "conv_input": "PQ", "conv_kernel": "MN", "reshape": "NM",
    "submatrix": "MNMN", "padded": "MNPQ",
}  # fmt: skip
ATTRIBUTE = {
    **dict.fromkeys(("cholesky", "logm", "logm_frechet", "sqrtm"), "positive_definite"),
    **dict.fromkeys(("eigenvalues", "eigenvectors"), "symmetric"),
}


def arguments(s: Signature):
    """Symbols and dimensions that conform to a signature."""
    default = [("N", "N" if s.square else 1 if s.columns else "M")] * s.operands
    shapes = OPERANDS.get(s.name, [("M", "N")] if s.name == "reshape" else default)
    product, minus = dim("M") * dim("K"), dim("P") - dim("M") + 1
    sizes = {"M*K": product, "N*P": dim("N") * dim("P"), "P - M + 1": minus, "Q - N + 1": dim("Q") - dim("N") + 1}
    had = {ATTRIBUTE[s.name]: True} if s.name in ATTRIBUTE else {}
    operands = [matrix(f"A{i}", *(sizes.get(d, d) for d in shape), **had) for i, shape in enumerate(shapes)]
    return operands, [dim(c) for c in GIVEN.get(s.name, "MN"[: s.sizes[1]])]


@pytest.mark.parametrize("name", SIGNATURES)
def test_the_rule_gives_the_shape_of_the_value(name):
    s = SIGNATURES[name]
    operands, sizes = arguments(s)
    e = CONSTRUCTORS[name](*operands, *sizes)
    values = {x.name: draw(x, SIZES, 0, RNG) for x in operands}
    shape = np.shape(evaluate(e, **values, **SIZES))
    assert shape == tuple(d.value(SIZES) for d in e.shape)[: len(shape)]
    if not s.options or s.sizes[1]:
        by_sizes = s.sizes[1] and not s.of_operands
        assert e.shape == s.shape(*(sizes if by_sizes else [x.shape for x in operands]))


@pytest.mark.parametrize("name", SIGNATURES)
def test_text_gives_what_the_constructor_gives(name):
    operands, sizes = arguments(SIGNATURES[name])
    written = ", ".join([*(x.name for x in operands), *map(str, sizes)])
    assert parse(f"{name}({written})", **{x.name: x for x in operands}) is CONSTRUCTORS[name](*operands, *sizes)


@pytest.mark.parametrize("name", SIGNATURES)
def test_as_many_arguments_as_it_takes(name):
    low, high = SIGNATURES[name].arity
    for many in (low - 1, high + 1):
        with pytest.raises(ParseError, match=f"expected {low}( or {high}| or more)? arguments? of {name}, got {many}"):
            parse(f"{name}({', '.join(['A'] * many)})")


def is_demanding(s: Signature):
    return s.square or s.columns or s.equal or s.beside is not None


@pytest.mark.parametrize("name", [s.name for s in SIGNATURES.values() if is_demanding(s)])
def test_an_operand_that_does_not_conform_is_refused_by_both(name):
    s = SIGNATURES[name]
    shapes = [("M", "N"), ("K", "P"), ("Q", "M"), ("P", "N")]
    operands = [matrix(f"A{i}", *shape) for i, shape in enumerate(shapes)][: s.operands]
    sizes = [dim("M")] * s.sizes[0]
    what = "a square matrix|a column|two columns|equal (shapes|rows|columns)"
    with pytest.raises(ShapeError, match=f"expected ({what})"):
        CONSTRUCTORS[name](*operands, *sizes)
    with pytest.raises(ParseError, match="expected (a square matrix|a column|shapes that fit)"):
        parse(f"{name}({', '.join([*(x.name for x in operands), *map(str, sizes)])})", **{x.name: x for x in operands})


@pytest.mark.parametrize("name", SIGNATURES)
def test_options_of_another_name_are_refused(name):
    operands, sizes = arguments(SIGNATURES[name])
    written = ", ".join([*(x.name for x in operands), *map(str, sizes)])
    with pytest.raises(ParseError, match=f"of {name}, got colour"):
        parse(f"{name}({written}, colour=1)", **{x.name: x for x in operands})


def test_options_reach_the_constructor():
    X, K = matrix("X", 9, 8), matrix("K", 2, 3)
    e = parse("conv(X, K, stride=(2, 1), padding=1, dilation=(1, 2))", X=X, K=K)
    assert e is CONSTRUCTORS["conv"](X, K, stride=(2, 1), padding=1, dilation=(1, 2))
    assert [str(d) for d in e.shape] == ["5", "6"]  # (9 + 2 - 2)/2 + 1, 8 + 2 - 4
    assert parse("sum(X, axis=0)", X=X).shape == (dim(1), dim(8))
    assert parse("sum(X, axis=1)", X=X).shape == (dim(9), dim(1))


def test_an_adjoint_is_of_an_operator_that_there_is():
    for s in SIGNATURES.values():
        if s.adjoint_of is not None:
            operator, place = s.adjoint_of
            assert place < SIGNATURES[operator].operands
            assert s.options == SIGNATURES[operator].options
