"""Entries, slices and blocks: values by NumPy's indices, and what is refused."""

import numpy as np
import pytest

from nnmat.calculus import ParseError, ShapeError, derive, dim, evaluate, matrix, parse, vector
from nnmat.calculus.language.blocks import block, embed, entries, hstack, offsets, padded, slice_of, submatrix, vstack

A, B, x, y = matrix("A", "M", "N"), matrix("B", "M", "K"), vector("x", "N"), vector("y", "M")
RNG = np.random.default_rng(0)
VALUES = {
    "A": RNG.standard_normal((3, 4)), "B": RNG.standard_normal((3, 2)), "x": RNG.standard_normal(4),
    "y": RNG.standard_normal(3),
}  # fmt: skip


@pytest.mark.parametrize("key", [(0, 1), (-1, 2), (slice(0, 2), 3), (slice(None), slice(1, None)), (slice(1, -1), 0)])
def test_places_as_in_numpy(key):
    wanted = VALUES["A"][tuple(k if isinstance(k, slice) else slice(k, k + 1 or None) for k in key)]
    assert np.array_equal(np.reshape(evaluate(A[key], A=VALUES["A"]), wanted.shape), wanted)
    assert entries(A, key) is A[key]


def test_one_place():
    """Of a column an entry, of a row too, of a matrix a row (1, n)."""
    assert evaluate(x[1], x=VALUES["x"]) == VALUES["x"][1]
    assert evaluate(x.T[-1], x=VALUES["x"]) == VALUES["x"][-1]
    assert np.array_equal(evaluate(A[2], A=VALUES["A"]), VALUES["A"][2:3])
    assert np.array_equal(evaluate(x[1:], x=VALUES["x"]), VALUES["x"][1:])
    assert evaluate(x["i"], x=VALUES["x"], i=0) == VALUES["x"][0]
    assert A[:, :] is A


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: matrix("C", 3, 3)[3, 0], r"expected places inside C of shape \(3, 3\), got 3 to 4, exclusive"),
        (lambda: matrix("C", 3, 3)[-4, 0], "expected places inside C"),
        (lambda: matrix("C", 3, 3)[2:2, 0], "got 2 to 2"),
        (lambda: A[0, 1, 2], "expected one or two places, got 3"),
        (lambda: A[::2, 0], "expected neighbours, got a step of 2"),
        (lambda: A[1.5, 0], "expected places as numbers, names or slices, got 1.5"),
        (lambda: A[True, 0], "got True"),
        (lambda: hstack(A), "hstack: expected two matrices or more, got 1"),
        (lambda: hstack(A, x), r"hstack: expected equal rows, got A of shape \(M, N\) and x of shape \(N\)"),
        (lambda: vstack(A, B), "vstack: expected equal columns"),
        (lambda: padded(matrix("C", 3, 3), 1, 0, 3, 3), r"padded: expected a block that fits into \(3, 3\)"),
        (lambda: submatrix(matrix("C", 3, 3), 1, 1, 3, 1), "expected places inside C"),
    ],
)
def test_what_is_refused(make, text):
    with pytest.raises(ShapeError, match=text):
        make()


def test_a_place_outside_is_refused_when_its_number_is_known():
    with pytest.raises(ShapeError, match=r"evaluate: expected places inside a matrix \(4, 1\), got \(1, 1\) from"):
        evaluate(x["i"], x=VALUES["x"], i=4)


def test_blocks_and_what_is_put_into_zeros():
    a, b, v = VALUES["A"], VALUES["B"], VALUES["y"]
    assert np.array_equal(evaluate(hstack(A, y, B), A=a, B=b, y=v), np.hstack([a, v[:, None], b]))
    assert np.array_equal(evaluate(vstack(A, x.T), A=a, x=VALUES["x"]), np.vstack([a, VALUES["x"]]))
    four = block(A, B, x.T, matrix("C", 1, "K"))
    assert evaluate(four, A=a, B=b, x=VALUES["x"], C=b[:1]).shape == (4, 6)
    assert np.array_equal(evaluate(padded(B, 1, 2, 5, 4), B=b), np.pad(b, ((1, 1), (2, 0))))
    assert offsets(hstack(A, y, B)) == [(dim(0), dim(0)), (dim(0), dim("N")), (dim(0), dim("N") + 1)]
    assert submatrix(A, 0, 1, "M", 2) is A[:, 1:3]
    assert slice_of(A, (dim(0), dim(0)), A.shape) is embed(A, (dim(0), dim(0)), A.shape) is A


@pytest.mark.parametrize(
    ("text", "shape"),
    [("A[0, 1]", "()"), ("A[:2, 1:]", "(2, N - 1)"), ("A[i, :]", "(1, N)"), ("x[i]", "()"), ("A[1:M, -1]", "(M - 1)")],
)
def test_text(text, shape):
    from nnmat.calculus.dimensions import show

    e = parse(text, A=("M", "N"), x="N")
    assert show(e.shape) == shape
    assert parse(repr(e), A=("M", "N"), x="N") is e


def test_text_that_says_no_place():
    for text, said in [
        ("A[0, 1", r"expected '\]' for the '\[' in column 2"),
        ("A[x.T]", "expected a dimension"),
        ("(2 * 3)[0]", "expected a matrix or a column before"),
        ("A[0, 1, 2]", r"expected '\]'"),
    ]:
        with pytest.raises(ParseError, match=said):
            parse(text, A=("M", "N"))


def test_gradients_by_entries():
    d = derive(parse("A[0, 1] * A[1, 0] + x[2]**2", A=(3, 3), x=(3,)), "A")
    value = RNG.standard_normal((3, 3))
    wanted = np.zeros((3, 3))
    wanted[0, 1], wanted[1, 0] = value[1, 0], value[0, 1]
    assert np.array_equal(evaluate(d.gradient, A=value), wanted)
    assert d.check() < 1e-7


def test_places_by_whole_numbers_of_numpy():
    A = matrix("A", "M", "N")
    assert A[np.int64(1), np.uint8(0)] is A[1, 0]
    with pytest.raises(ShapeError, match="expected places as numbers"):
        A[np.bool_(True)]
