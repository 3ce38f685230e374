"""The IDX format of the MNIST files: a big-endian header (type, number of axes, sizes) and the elements.

```
byte 0, 1   zero
byte 2      element type: 8 uint8, 9 int8, 11 int16, 12 int32, 13 float32, 14 float64
byte 3      number of axes d
4 d bytes   the sizes, each a big-endian uint32
the rest    the elements, big-endian, last axis fastest
```
"""

import gzip
import math
import os
import struct
import zlib
from pathlib import Path

import numpy as np

from ..errors import DtypeError, FileFormatError, ShapeError
from ..formats.atomic import atomic_write

TYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
CODES = {np.dtype(name).newbyteorder("="): code for code, name in TYPES.items()}
MAX_AXES = 32


def read_idx(path: str | os.PathLike) -> np.ndarray:
    """The array in an IDX file, plain or gzip-compressed (told apart by content, not by name).

    Raises `FileFormatError` for a file that is not IDX, has an unknown element type, or is shorter or longer than its
    header says, and `FileNotFoundError` for a missing one; the message names the file, the rule and what was found.
    """
    array = view_idx(path)
    return array.astype(array.dtype.newbyteorder("="))


def view_idx(path: str | os.PathLike) -> np.ndarray:
    """The same as a read-only view of the file's bytes: without a copy, which costs time where memory is new."""
    content = read_bytes(path, "read_idx")
    if len(content) < 4 or content[0] or content[1]:
        raise FileFormatError(
            f"read_idx: expected {path} to begin with two zero bytes, an element type and a number of axes, "
            f"got {content[:4].hex(' ') or 'an empty file'}. Is it an IDX file?"
        )
    code, axes = content[2], content[3]
    if code not in TYPES:
        raise FileFormatError(
            f"read_idx: expected an element type among {sorted(TYPES)} in byte 2 of {path}, got {code}."
        )
    if not 1 <= axes <= MAX_AXES:
        raise FileFormatError(f"read_idx: expected 1 to {MAX_AXES} axes in byte 3 of {path}, got {axes}.")
    start = 4 + 4 * axes
    if len(content) < start:
        raise FileFormatError(
            f"read_idx: expected a header of {start} bytes for {axes} axes in {path}, "
            f"got {len(content)} bytes. The file is truncated: fetch it again."
        )
    shape = struct.unpack(f">{axes}I", content[4:start])
    dtype = np.dtype(TYPES[code])
    expected, found = math.prod(shape) * dtype.itemsize, len(content) - start
    if expected != found:
        kind = "truncated: fetch it again" if found < expected else "longer than its header says"
        raise FileFormatError(
            f"read_idx: expected {expected} bytes of elements for shape {shape} in {path}, got {found}. "
            f"The file is {kind}."
        )
    return np.frombuffer(content, dtype, offset=start).reshape(shape)


def read_bytes(path: str | os.PathLike, who: str) -> bytes:
    """The content of a file, unpacked if it is gzip-compressed."""
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{who}: expected a file at {path}, found none. Check the path.")
    if path.is_dir():
        raise FileFormatError(f"{who}: expected a file at {path}, got a folder.")
    raw = path.read_bytes()
    if raw[:2] != b"\x1f\x8b":
        return raw
    try:
        return gzip.decompress(raw)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise FileFormatError(
            f"{who}: expected {path} to be a whole gzip file, got a truncated or damaged one ({error}). Fetch it again."
        ) from error


def write_idx(path: str | os.PathLike, array: np.ndarray) -> None:
    """Write an array as an IDX file, gzip-compressed if the name ends in `.gz`; the file appears in full or not at all.

    Takes uint8, int8, int16, int32, float32 and float64 (`DtypeError` otherwise) with 1 to 32 axes (`ShapeError`).
    Equal arrays give equal bytes.
    """
    array = np.asarray(array)
    code = CODES.get(array.dtype.newbyteorder("="))
    if code is None:
        allowed = ", ".join(str(dtype) for dtype in CODES)
        raise DtypeError(
            f"write_idx: expected an array of {allowed}, got {array.dtype}. "
            "The format has no such type: try .astype(np.int32)."
        )
    if not 1 <= array.ndim <= MAX_AXES or any(size >= 2**32 for size in array.shape):
        raise ShapeError(
            f"write_idx: expected 1 to {MAX_AXES} axes with sizes below 2**32, got shape {array.shape}. "
            "Try .reshape(-1)."
        )
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    content = header + array.astype(TYPES[code]).tobytes()
    if str(path).endswith(".gz"):
        content = gzip.compress(content, mtime=0)  # no time stamp: the same array gives the same file
    with atomic_write(path) as file:
        file.write(content)
