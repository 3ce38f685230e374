"""Checks of arrays: what is taken as it is, what is copied, what is refused and with which words."""

import numpy as np
import pytest

from nnmat_kernels.errors import DtypeError, ShapeError
from nnmat_kernels.runtime import arrays
from tests.kernels.guards import awkward_layouts

A = np.arange(12.0).reshape(3, 4)


def test_canonical_arrays_are_taken_as_they_are_and_others_copied():
    for dtype in (np.float32, np.float64):
        X = A.astype(dtype)
        assert arrays.as_array("f", "X", X) is X
        for layout, Y in awkward_layouts(X).items():
            Z = arrays.as_array("f", "X", Y)
            assert Z is not Y, layout
            assert Z.flags.carray
            np.testing.assert_array_equal(Z, X)
    swapped = A.astype(">f8")
    assert arrays.canonical(swapped).dtype == np.float64
    np.testing.assert_array_equal(arrays.canonical(swapped), A)


@pytest.mark.parametrize(
    ("X", "ndim", "error", "text"),
    [
        (A.tolist(), None, DtypeError, r"expected X to be a NumPy array, got list\. Try np\.asarray\(X\)"),
        (
            np.ma.masked_less(A, 3),
            None,
            DtypeError,
            r"expected X .* without a mask, got MaskedArray with 3 of 12 entries",
        ),
        (A.astype(int), None, DtypeError, r"expected X of dtype float32 or float64, got int64\. Try X\.astype"),
        (A, 1, ShapeError, r"expected X with 1 dimensions, got shape \(3, 4\)"),
    ],
)
def test_what_is_no_array_of_floats_is_refused(X, ndim, error, text):
    with pytest.raises(error, match=f"^f: {text}"):
        arrays.as_array("f", "X", X, ndim)


def test_only_plain_arrays_are_plain(tmp_path):
    assert arrays.is_plain(A)
    assert arrays.is_plain(np.memmap(tmp_path / "x", np.float32, "w+", shape=(2,)))
    assert not arrays.is_plain(np.ma.masked_array(A))
    assert not arrays.is_plain([1.0])


def test_usual_cases():
    B, out = A.copy(), np.empty((3, 4))
    assert arrays.are_canonical(2, A, B, out)
    assert not arrays.are_canonical(1, A, B, out)
    assert not arrays.are_canonical(2, A, B.astype(np.float32), out)
    assert not arrays.are_canonical(2, A.T, B, out)
    assert arrays.same_layout(out, B)
    assert not arrays.same_layout(out[:2], B[:2])  # views may overlap
    assert not arrays.same_layout(None, B)
    assert arrays.disjoint(A, B, out)
    assert not arrays.disjoint(B, B, B)
    assert not arrays.disjoint(out[:2], B, out[1:])
    assert arrays.disjoint(out[:1], B, out[1:])


def test_one_dtype():
    assert arrays.same_dtype("f", A=A, B=None, C=A) == np.float64
    with pytest.raises(DtypeError, match="^f: expected arrays of one dtype, got A float64, B float32"):
        arrays.same_dtype("f", A=A, B=A.astype(np.float32))


def test_out():
    new = arrays.checked_out("f", None, (2,), np.dtype(np.float32))
    assert (new.shape, new.dtype) == ((2,), np.float32)
    out = np.empty((3, 4))
    assert arrays.checked_out("f", out, (3, 4), out.dtype, A) is out
    for given, error, text in [
        ([1.0], DtypeError, "expected out to be a NumPy array, got list"),
        (out[:2], ShapeError, r"expected out of shape \(3, 4\), got \(2, 4\)"),
        (out.astype(np.float32), DtypeError, "expected out of dtype float64, got float32"),
        (np.asfortranarray(out), ShapeError, "expected out to be aligned, writable and C-contiguous"),
        (A, ValueError, "out shares memory with an input"),
    ]:
        with pytest.raises(error, match=f"^f: {text}"):
            arrays.checked_out("f", given, (3, 4), np.dtype(np.float64), A)


def test_elementwise_arrays_may_be_their_own_output():
    X, G = A.copy(), A.copy()
    (x, g), out = arrays.elementwise_arrays("f", X, X=X, G=G)
    assert (x is X, g is G, out is X) == (True, True, True)
    flat = np.zeros(13)
    with pytest.raises(ValueError, match="shares memory"):
        arrays.elementwise_arrays("f", flat[1:], X=flat[:-1])
    with pytest.raises(ShapeError, match=r"^f: expected arrays of one shape, got X \(3, 4\), G \(2, 4\)"):
        arrays.elementwise_arrays("f", None, X=X, G=G[:2])


def test_drivers_return_what_they_made():
    A, B = np.zeros(1), np.ones(1)
    assert arrays.made((A, A), (B, B)) is None
    assert arrays.made((None, A), (B, B)) is A
    assert arrays.made((None, A), (B, B), (None, B)) == (A, B)
