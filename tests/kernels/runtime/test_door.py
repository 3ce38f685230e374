"""The door for arrays: what is taken, as what, and how refusals read."""

import fractions

import numpy as np
import pytest

from nnmat_kernels.errors import DtypeError, ShapeError
from nnmat_kernels.runtime import door

A = np.arange(6.0).reshape(2, 3)
MASKED = np.ma.masked_equal(A, 4)


class Units(np.ndarray):
    """A class derived from NumPy's."""


class Frame:
    """As much of a data frame as NumPy asks for."""

    def __init__(self, A):
        self.A = A

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.A, dtype)

    def to_numpy(self, dtype=None):
        return np.asarray(self.A, dtype)


class Sparse:
    """As much of a sparse matrix as tells that it is one."""

    nnz, shape = 3, (2, 3)

    def toarray(self):
        return A


class Tensor(Frame):
    """A tensor that has a gradient: NumPy cannot have its numbers."""

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("Can't call numpy() on Tensor that requires grad.")

    def detach(self):
        return self


TAKEN = {
    "an array": A,
    "a list": A.tolist(),
    "a tuple of lists": tuple(A.tolist()),
    "a list of arrays": list(A),
    "rows with nothing masked": [np.ma.masked_array(row) for row in A],
    "nothing masked": np.ma.masked_array(A),
    "a mask of False": np.ma.masked_array(A, mask=np.zeros_like(A, bool)),
    "a derived class": A.view(Units),
    "a data frame": Frame(A),
    "other byte order": A.astype(">f8"),
    "small floats": A.astype(np.float16),
    "long floats": A.astype(np.longdouble),
    "integers": A.astype(np.int8),
}


@pytest.mark.parametrize("kind", TAKEN)
def test_what_is_taken(kind):
    found = door.real_array("f", "X", TAKEN[kind])
    assert type(found) is np.ndarray
    np.testing.assert_array_equal(found, A)


def test_arrays_are_not_copied(tmp_path):
    assert door.array("f", "X", A) is A
    assert door.plain("f", "X", A) is A
    mapped = np.memmap(tmp_path / "x", np.float64, "w+", shape=(2, 3))
    for given in (mapped, A.view(Units), np.ma.masked_array(A, copy=False)):
        for take in (door.array, door.plain):
            found = take("f", "X", given)
            assert type(found) is np.ndarray
            assert np.shares_memory(found, given)


MASK = r"X[\[\]\d]* to be a NumPy array without a mask, got MaskedArray with 1 of \d entries masked, the "
REFUSED = {
    "masked": (MASKED, DtypeError, MASK + r".*\(1, 1\)\. .*X\.filled\(0\).*\.any\(axis=1\); X\[keep\]\.data"),
    "a masked vector": (MASKED[1], DtypeError, MASK + r".*\(1,\)\. .*~np\.ma\.getmaskarray\(X\); X\[keep\]"),
    "masked images": (MASKED.reshape(1, 2, 3), DtypeError, MASK + r".*\.any\(axis=\(1, 2\)\);"),
    "masked rows": (list(MASKED), DtypeError, MASK),
    "masked rows within": ([[1, 2], [MASKED[1]]], DtypeError, MASK),
    "a masked field": (
        np.ma.masked_array(np.zeros(2, "f8,f8"), [(False, True), (False, False)]),
        DtypeError,
        r"got MaskedArray with 1 of 2 entries masked, the first at index \(0,\)",
    ),
    "the masked entry": ([1.0, np.ma.masked], DtypeError, "got MaskedConstant with 1 of 1 entries"),
    "a matrix": (lambda: np.asmatrix(A), DtypeError, r"got matrix\. Try np\.asarray\(X\)\."),
    "a sparse matrix": (Sparse(), DtypeError, r"got a sparse Sparse\. Try X\.toarray\(\)\."),
    "sparse rows": ([Sparse(), Sparse()], DtypeError, r"X\[0\] to be .* got a sparse Sparse"),
    "a tensor": (Tensor(A), DtypeError, r"got Tensor\. Try X\.detach\(\)\.cpu\(\)\.numpy\(\)\."),
    "a list of tensors": ([Tensor(A)], DtypeError, r"X\[0\] to be .* got Tensor"),
    "rows of two lengths": ([[1, 2, 3], [4]], ShapeError, r"got rows of unequal lengths, such as 1 and 3\. Fill"),
    "rows of two depths": ([[1, 2], [[3], [4]]], ShapeError, r"got rows of unequal lengths\. Fill"),
    "nothing": (None, DtypeError, r"got NoneType\. Give an array\."),
    "a dict": ({"X": A}, DtypeError, r"got dict\. Give one of its arrays, X\[key\]\. The keys are 'X'\."),
    "a set": ({1, 2}, DtypeError, r"got set\. Try np\.array\(list\(X\)\)\."),
    "a generator": ((row for row in A), DtypeError, r"got generator\. Try np\.array\(list\(X\)\)\."),
    "a function": (A.copy, DtypeError, r"It is a function: try X\(\)\."),
    "an object": (object(), DtypeError, r"got object\. Try np\.asarray\(X\)\."),
    "None among numbers": (
        [1, None, 2],
        DtypeError,
        r"got dtype object with None at index \(1,\)\. Leave such rows out",
    ),
    "texts as objects": (np.array([[1, "x"]], object), DtypeError, r"with 'x' at index \(0, 1\)\. .*np\.unique\(X"),
    "fractions": ([fractions.Fraction(1, 3)], DtypeError, r"got dtype object\. Try np\.asarray\(X, np\.float64\)\."),
    "large integers": (10**40, DtypeError, r"got dtype object\. Try np\.asarray\(X, np\.float64\)\."),
    "arrays as objects": (np.array([A, None, A[0]], object)[[0, 2]], DtypeError, r"rows of equal length\? .*np\.stack"),
    "a frame with text": (Frame(np.array([["x"]], object)), DtypeError, r"with 'x' at index \(0, 0\)"),
    "texts": (
        ["1", "2"],
        DtypeError,
        r"got dtype <U1\. Numbers in texts: X\.astype\(np\.float32\)\. Names .*np\.unique",
    ),
    "bytes": ([b"1"], DtypeError, r"got dtype \|S1\. Numbers in texts"),
    "complex": ([1j], DtypeError, r"got dtype complex128\. Try X\.real, or both parts"),
    "dates": (np.array(["2020-01-01"], "M8[D]"), DtypeError, r"\(X - X\.min\(\)\) / np\.timedelta64\(1, 's'\)"),
    "times": (np.array([1], "m8[s]"), DtypeError, r"X / np\.timedelta64\(1, 's'\)"),
    "fields": (np.zeros(2, "f4,f4"), DtypeError, r"structured_to_unstructured\(X\)"),
}


@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_what_is_refused(kind):
    given, error, text = REFUSED[kind]
    given = given() if kind == "a matrix" else given  # NumPy warns of it
    with pytest.raises(error, match=rf"^f: expected .*{text}"):
        door.real_array("f", "X", given)


def test_plain_takes_arrays_only():
    for given, remedy in [
        (A.tolist(), r"got list\. Try np\.asarray\(X, dtype=np\.float32\)\."),
        (Frame(A), r"got Frame\. Try X\.to_numpy\(dtype=np\.float32\)\."),
        (MASKED, "without a mask"),
    ]:
        with pytest.raises(DtypeError, match=f"^f: expected X to be a NumPy array.*{remedy}"):
            door.plain("f", "X", given, "float32")


def test_a_list_that_holds_itself_ends():
    rows = [1.0]
    rows.append(rows)
    with pytest.raises((DtypeError, ShapeError), match="^f: expected X"):
        door.array("f", "X", rows)
