"""NumPy archives (`.npz`, zip files of `.npy` entries), every entry read and verified to its last byte.

NumPy stops reading an entry where the entry's own header says, and zipfile compares its checksum only at an entry's
end, so that a damaged header gave scrambled arrays without a word. Here sizes are compared before memory is taken.
"""

import math
import os
import struct
import zipfile
from collections.abc import Iterable

import numpy as np

from ..errors import FileFormatError

CHUNK = 1 << 20  # bytes of an entry that are read at a time
DEFLATE = 1032  # bytes that one byte of deflate can stand for at most
SLACK = 1 << 20  # bytes that any archive may grow by, whatever its size

_NPY_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def read_arrays(
    path: str | os.PathLike, wanted: Iterable[str] | None = None, growth: int | None = None
) -> tuple[list[str], dict[str, np.ndarray]]:
    """The names of all arrays in an `.npz` file, and the arrays of the `wanted` names (None: all) that it has.

    `growth`: how many times larger than the file its unpacked content may be (None: as large as it says).
    Raises FileFormatError with the reason for a file that is damaged or of another kind, or holds Python objects;
    OSError if it cannot be read.
    """
    with open(path, "rb") as file:
        try:
            if file.read(6) == b"\x93NUMPY":
                return [], {}  # one array without a name
            with zipfile.ZipFile(file) as archive:
                entries = _entries(file, archive, growth)
                chosen = entries if wanted is None else [name for name in wanted if name in entries]
                return list(entries), {name: _array(archive, name, entries[name]) for name in chosen}
        except (FileFormatError, MemoryError):
            raise
        except Exception as error:  # whatever a damaged file makes zipfile or NumPy raise: it is the file's fault
            raise FileFormatError(f"it is damaged or of another kind ({type(error).__name__}: {error})") from error


def _entries(file, archive: zipfile.ZipFile, growth: int | None) -> dict[str, zipfile.ZipInfo]:
    """The entries by name, with the sizes and the number of them that the archive's directory claims checked."""
    infos = archive.infolist()
    entries = {info.filename.removesuffix(".npy"): info for info in infos}
    packed = file.seek(0, os.SEEK_END)
    file.seek(-22 - len(archive.comment), os.SEEK_END)  # the end record: zipfile does not look at its count
    signature, count = struct.unpack("<4s6xH10x", file.read(22))
    if signature != b"PK\5\6" or count not in (len(infos), 0xFFFF) or len(entries) != len(infos):
        raise FileFormatError(f"it is damaged: its directory has {len(entries)} of {count} entries")
    for name, info in entries.items():
        most = info.compress_size * (DEFLATE if info.compress_type == zipfile.ZIP_DEFLATED else 1)
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or info.compress_size > packed:
            raise FileFormatError(f"it is damaged or of another kind: entry {name!r} is packed in an unknown way")
        if info.file_size > most:
            raise FileFormatError(f"it is damaged: entry {name!r} cannot have the {info.file_size:,} bytes it claims")
    total = sum(info.file_size for info in infos)
    if growth is not None and total > growth * packed + SLACK:
        raise FileFormatError(
            f"it would grow from {packed:,} to {total:,} bytes in memory, more than {growth} times its size"
        )
    return entries


def _array(archive: zipfile.ZipFile, name: str, info: zipfile.ZipInfo) -> np.ndarray:
    """One entry, read to its end, where zipfile compares the checksum."""
    with archive.open(info) as entry:
        try:
            shape, fortran, dtype = _NPY_HEADERS[np.lib.format.read_magic(entry)](entry)
        except Exception as error:  # also a MemoryError of the parser for Python literals
            raise FileFormatError(
                f"it is damaged or of another kind (entry {name!r} is no array: {type(error).__name__}: {error})"
            ) from error
        if dtype.hasobject:
            raise FileFormatError(f"it is of Python objects, which are not loaded (entry {name!r})")
        expected, size = math.prod(shape) * dtype.itemsize, info.file_size - entry.tell()
        if expected != size:
            raise FileFormatError(
                f"it is damaged: entry {name!r} has {size:,} bytes of elements, its header says {dtype} {shape}"
            )
        content = np.empty(size, np.uint8)
        done = 0
        while chunk := entry.read(CHUNK):
            content[done : done + len(chunk)] = np.frombuffer(chunk, np.uint8)
            done += len(chunk)
        if done != size:
            raise FileFormatError(f"it is damaged: entry {name!r} ends after {done:,} of {size:,} bytes")
    return content.view(dtype).reshape(shape, order="F" if fortran else "C")
