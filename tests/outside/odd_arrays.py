"""What users hold in their hands in the place of a plain array."""

import numpy as np


class Units(np.ndarray):
    """A class derived from NumPy's."""


class Frame:
    """As much of a data frame as is asked for."""

    def __init__(self, A):
        self.A = np.array(A)

    def __array__(self, dtype=None, copy=None):
        return self.A if dtype is None else self.A.astype(dtype)

    def __len__(self):
        return len(self.A)

    def to_numpy(self, dtype=None):
        return self.__array__(dtype)


class Sparse:
    """As much of a sparse matrix as is asked for."""

    def __init__(self, A):
        self.A, self.shape, self.nnz = A, A.shape, np.count_nonzero(A)

    def __len__(self):
        raise TypeError("sparse array length is ambiguous; use getnnz()")

    def toarray(self):
        return self.A


class Tensor:
    """As much of a tensor that has a gradient as is asked for."""

    def __init__(self, A):
        self.A, self.shape = A, A.shape

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("Can't call numpy() on Tensor that requires grad.")

    def detach(self):
        return self


def read_only(A):
    """A copy that nobody may write to."""
    A = A.copy()
    A.flags.writeable = False
    return A


def with_mask(A):
    """One entry, the last, is masked."""
    A = np.ma.masked_array(A.copy(), np.zeros(A.shape, bool))
    A[(-1,) * A.ndim] = np.ma.masked
    return A


def of_objects(A):
    """The same as Python objects, the last of them None."""
    A = A.astype(object)
    A[(-1,) * A.ndim] = None
    return A


def ragged(A):
    """The same as lists, the last of which is too short."""
    rows = A.reshape(len(A), -1).tolist()
    return [*rows[:-1], rows[-1][:-1]] if len(rows) > 1 else [rows[0], []]


# As good as the array itself.
SAME = {
    "nothing masked": np.ma.masked_array,
    "a mask of False": lambda A: np.ma.masked_array(A, np.zeros(A.shape, bool)),
    "a derived class": lambda A: A.view(Units),
    "other byte order": lambda A: A.astype(A.dtype.newbyteorder()),
    "read only": read_only,
    "other memory order": lambda A: np.asfortranarray(A)[::1],
    "with gaps": lambda A: np.repeat(A, 2, axis=-1)[..., ::2],
}
# Arrays that are wrong everywhere, and what the error says.
WRONG = {
    "masked": (with_mask, r"without a mask, got MaskedArray with 1 of \d+ entries masked, .*\.filled\("),
    "a matrix": (lambda A: np.asmatrix(A.reshape(len(A), -1)), r"got matrix\. Try np\.asarray\("),
    "sparse": (Sparse, r"got a sparse Sparse\. Try .*\.toarray\(\)"),
    "a tensor": (Tensor, r"got Tensor\. Try .*\.detach\(\)\.cpu\(\)\.numpy\(\)"),
    "None among numbers": (of_objects, r"dtype .*object|got object"),
    "text": (lambda A: A.astype(str), r"got (dtype )?<U\d+\. .*np\.unique\("),
    "bytes": (lambda A: A.astype(bytes), r"got (dtype )?\|S\d+\. .*np\.unique\("),
    "complex": (lambda A: A + 1j, r"got (dtype )?complex128\. .*Try .*\.real"),
    "dates": (lambda A: A.astype("i8").astype("M8[s]"), r"got (dtype )?datetime64\[s\]\. .*timedelta64\(1, 's'\)"),
    "times": (lambda A: A.astype("i8").astype("m8[s]"), r"got (dtype )?timedelta64\[s\]\. .*timedelta64\(1, 's'\)"),
    "fields": (lambda A: A.astype([("a", "f4"), ("b", "f4")]), r"structured_to_unstructured\("),
    "None": (lambda A: None, r"got NoneType\. Give an array"),
    "a dict": (lambda A: {"a": A}, r"got dict\. Give one of its arrays|got a dict\. Give a list"),
    "a set": (lambda A: {1.0, 2.0}, r"got set\. Try np\.array\(list\("),
    "an iterator": (iter, r"got \w*iterator\. Try np\.array\(list\("),
    "a function": (lambda A: A.copy, r"It is a function"),
}
# Lists and their like: taken by the doors that take more than arrays.
LISTS = {
    "a list": (np.ndarray.tolist, r"got list\. Try np\.asarray\("),
    "a tuple": (tuple, r"got tuple\. Try np\.asarray\("),
    "a data frame": (Frame, r"got Frame\. Try .*\.to_numpy\("),
}
RAGGED = {
    "rows of two lengths": (ragged, "rows of unequal lengths"),
    "masked rows": (lambda A: list(with_mask(A)), "without a mask"),
    "sparse rows": (lambda A: [Sparse(A)], r"a sparse Sparse\. Try .*\.toarray\(\)"),
}
# The right numbers in a dtype that is cast without loss, or refused by name.
OTHER_DTYPES = {
    "float16": np.float16,
    "longdouble": np.longdouble,
    "int8": np.int8,
    "uint16": np.uint16,
    "bool": bool,
}
