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

from nnmat_kernels.runtime.door import array as as_plain
from nnmat_kernels.runtime.door import dtype_remedy

from ...errors import DtypeError, FileFormatError, ShapeError
from ...formats.atomic import atomic_write
from ...formats.paths import as_path, existing_file

TYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
CODES = {np.dtype(name).newbyteorder("="): code for code, name in TYPES.items()}
MAX_AXES = 32
MAX_BYTES = 2**62


def read_idx(path: str | bytes | os.PathLike) -> np.ndarray:
    """The array in an IDX file, plain or gzip-compressed (told apart by content, not by name).

    Takes memory for what the header says and no more, however much a compressed file holds. Raises `FileFormatError`
    for a file that is not IDX, has an unknown element type, or is shorter or longer than its header says, and
    `FileNotFoundError` for a missing one; the message names the file, the rule and what was found.
    """
    array = view_idx(path)
    return array.astype(array.dtype.newbyteorder("="))


def view_idx(path: str | bytes | os.PathLike) -> np.ndarray:
    """The same as a read-only view of the file's bytes: without a copy, which costs time where memory is new."""
    path = existing_file("read_idx", path)
    with open(path, "rb") as file:
        packed = file.peek(2)[:2] == b"\x1f\x8b"
        source = Unpacking(file.read(), f"read_idx: expected {path}") if packed else file
        try:
            shape, dtype = _header(source, path)
        except FileFormatError:
            if packed:
                source.read(1 << 20)  # raises if it is the compressed file that is damaged
            raise
        expected = math.prod(shape) * dtype.itemsize
        # A plain file is at hand in its full length; of a compressed one no more is unpacked than shows it too long.
        content = source.read(expected + 1 if packed else -1)
    found = len(content)
    if expected != found:
        kind = "truncated: fetch it again" if found < expected else "longer than its header says"
        more = "or more" if packed and found > expected else ""
        raise FileFormatError(
            f"read_idx: expected {expected} bytes of elements for shape {shape} in {path}, got {found} {more}".rstrip()
            + f". The file is {kind}."
        )
    return np.frombuffer(content, dtype).reshape(shape)


def _header(source, path: Path) -> tuple[tuple[int, ...], np.dtype]:
    """The shape and the element type that the header says."""
    start = source.read(4)
    if len(start) < 4 or start[0] or start[1]:
        raise FileFormatError(
            f"read_idx: expected {path} to begin with two zero bytes, an element type and a number of axes, "
            f"got {start.hex(' ') or 'an empty file'}. Is it an IDX file?"
        )
    code, axes = start[2], start[3]
    if code not in TYPES:
        raise FileFormatError(
            f"read_idx: expected an element type among {sorted(TYPES)} in byte 2 of {path}, got {code}."
        )
    if not 1 <= axes <= MAX_AXES:
        raise FileFormatError(f"read_idx: expected 1 to {MAX_AXES} axes in byte 3 of {path}, got {axes}.")
    sizes = source.read(4 * axes)
    if len(sizes) < 4 * axes:
        raise FileFormatError(
            f"read_idx: expected a header of {4 + 4 * axes} bytes for {axes} axes in {path}, "
            f"got {4 + len(sizes)} bytes. The file is truncated: fetch it again."
        )
    shape, dtype = struct.unpack(f">{axes}I", sizes), np.dtype(TYPES[code])
    if math.prod(size for size in shape if size) * dtype.itemsize > MAX_BYTES:  # also where another size is 0
        raise FileFormatError(
            f"read_idx: expected sizes of an array that can be addressed in the header of {path}, got shape {shape}. "
            "The file is damaged: fetch it again."
        )
    return shape, dtype


class Unpacking:
    """The content of gzip-compressed bytes, unpacked as far as it is read; `who` begins the message of an error."""

    def __init__(self, packed: bytes, who: str):
        self.rest, self.who = packed, who
        self.stream = zlib.decompressobj(wbits=31)

    def read(self, size: int) -> bytes:
        """The next bytes: `size` of them, or fewer at the end. Raises FileFormatError for a damaged file."""
        parts: list[bytes] = []
        wanted = size
        while wanted > 0:
            if self.stream.eof:  # another gzip file may follow, or zeros that fill a block
                self.rest = self.stream.unused_data.lstrip(b"\0")
                if not self.rest:
                    break
                self.stream = zlib.decompressobj(wbits=31)
            try:
                part = self.stream.decompress(self.rest, wanted)
            except zlib.error as error:
                raise self._damaged(error) from error
            self.rest = self.stream.unconsumed_tail
            if not part and not self.stream.eof:
                raise self._damaged("it ends too early")
            parts.append(part)
            wanted -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _damaged(self, reason) -> FileFormatError:
        return FileFormatError(
            f"{self.who} to be a whole gzip file, got a truncated or damaged one ({reason}). Fetch it again."
        )


def write_idx(path: str | bytes | os.PathLike, array: np.ndarray) -> None:
    """Write an array as an IDX file, gzip-compressed if the name ends in `.gz`; the file appears in full or not at all.

    Takes uint8, int8, int16, int32, float32 and float64 (`DtypeError` otherwise) with 1 to 32 axes (`ShapeError`).
    Equal arrays give equal bytes.
    """
    path = as_path("write_idx", path)
    array = as_plain("write_idx", "array", array)
    code = CODES.get(array.dtype.newbyteorder("="))
    if code is None:
        allowed = ", ".join(str(dtype) for dtype in CODES)
        raise DtypeError(
            f"write_idx: expected an array of {allowed}, got {array.dtype}. "
            f"The format has no such type. {dtype_remedy('array', array.dtype, 'int32')}"
        )
    if not 1 <= array.ndim <= MAX_AXES or any(size >= 2**32 for size in array.shape):
        raise ShapeError(
            f"write_idx: expected 1 to {MAX_AXES} axes with sizes below 2**32, got shape {array.shape}. "
            "Try .reshape(-1)."
        )
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    content = header + array.astype(TYPES[code]).tobytes()
    if path.suffix == ".gz":
        content = gzip.compress(content, mtime=0)  # no time stamp: the same array gives the same file
    with atomic_write(path, len(content)) as file:
        file.write(content)
