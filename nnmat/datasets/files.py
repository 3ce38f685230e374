"""Data sets from `.npz` files."""

import os

from ..errors import FileFormatError
from ..formats.archive import read_arrays
from ..formats.paths import existing_file
from .dataset import Dataset


def load_npz(path: str | bytes | os.PathLike, X: str = "X", y: str = "y") -> Dataset:
    """The arrays called `X` and `y` in an `.npz` file (as `numpy.savez` writes it) as a data set.

    Raises `FileFormatError` for a file that is no whole npz file, lacks an array or holds Python objects;
    `FileNotFoundError` for a missing file; `DataError` for unequal lengths. Every entry that is taken is read to its
    end and its checksum compared.
    """
    path = existing_file("load_npz", path)
    try:
        names, found = read_arrays(path, {X, y})
    except FileFormatError as error:
        raise FileFormatError(
            f"load_npz: expected {path} to be a whole .npz file of numeric arrays, but {error}. "
            "Write it with numpy.savez(path, X=X, y=y)."
        ) from error
    if len(found) < len({X, y}):
        raise FileFormatError(
            f"load_npz: expected arrays {X!r} and {y!r} in {path}, found {', '.join(names) or 'none'}. "
            "Name the arrays to take with X= and y=."
        )
    return Dataset(found[X], found[y])
