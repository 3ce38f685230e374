"""IDX files whose headers or compressed contents claim too much, and MNIST in unusual places."""

import gzip
import os
import struct
import subprocess
import sys
import tracemalloc
import zlib

import numpy as np
import pytest

from nnmat.datasets import read_idx, write_idx
from nnmat.errors import ConfigError, FileFormatError, ShapeError

MEGA = 1 << 20


def idx(code, *sizes, elements=b""):
    return bytes([0, 0, code, len(sizes)]) + struct.pack(f">{len(sizes)}I", *sizes) + elements


def zeros(count: int, head: bytes = b"") -> bytes:
    """A gzip file of `head` and so many zeros, made without holding them."""
    packer = zlib.compressobj(9, wbits=31)
    parts = [packer.compress(head)]
    block = bytes(16 * MEGA)
    parts += [packer.compress(block[: min(len(block), count - i)]) for i in range(0, count, len(block))]
    return b"".join([*parts, packer.flush()])


TOP = 2**32 - 1
DAMAGED = {
    "0 x 2^32": idx(8, 0, TOP, TOP),
    "0 x 2^32, doubles": idx(14, 0, TOP, TOP),
    "0 at the end": idx(8, TOP, TOP, TOP, 0),
    "32 axes": idx(14, *[TOP] * 32),
    "a product beyond 2^63": idx(8, TOP, TOP),
    "a product that wraps to 0": idx(8, 2**16, 2**16, 2**16, 2**16),
    "a product that wraps to 6": idx(8, 2**31, 2**31, 4, 6, elements=bytes(6)),
    "2^40 elements that are not there": idx(8, 2**20, 2**20, elements=bytes(9)),
    "2^43 bytes of doubles": idx(14, 2**20, 2**20, elements=bytes(9)),
}


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize("case", DAMAGED)
def test_sizes_that_cannot_be_are_a_damaged_file(tmp_path, case, pack):
    path = tmp_path / "a.idx"
    path.write_bytes(pack(DAMAGED[case]))
    tracemalloc.start()
    with pytest.raises(FileFormatError, match="a.idx.*damaged|a.idx.*truncated"):
        read_idx(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MEGA


@pytest.mark.parametrize("sizes", [(0,), (0, TOP), (3, 0, 2), (0, 2**31, 2)])
def test_an_array_without_elements_is_read(tmp_path, sizes):
    path = tmp_path / "a.idx"
    path.write_bytes(idx(8, *sizes))
    assert read_idx(path).shape == sizes


BOMBS = {
    "more than the header says": lambda: zeros(100 * MEGA, idx(8, 10)),
    "a header of no IDX file": lambda: zeros(100 * MEGA, b"\1\2\3\4"),
    "zeros only": lambda: zeros(100 * MEGA),
    "in a second gzip file": lambda: gzip.compress(idx(8, 10)) + zeros(100 * MEGA),
    "in two hundred gzip files": lambda: gzip.compress(idx(8, 10)) + 200 * gzip.compress(bytes(MEGA)),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_small_file_takes_little_memory(tmp_path, bomb):
    path = tmp_path / "a.idx.gz"
    path.write_bytes(BOMBS[bomb]())
    size = path.stat().st_size
    tracemalloc.start()
    with pytest.raises(FileFormatError):
        read_idx(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * size + 4 * MEGA


def test_members_and_padding_of_gzip_files_are_read(tmp_path):
    whole = idx(8, 6, elements=bytes(range(6)))
    path = tmp_path / "a"
    for content in (
        gzip.compress(whole[:3]) + gzip.compress(whole[3:9]) + gzip.compress(b"") + gzip.compress(whole[9:]),
        gzip.compress(whole) + bytes(512),
        gzip.compress(whole, mtime=3),
    ):
        path.write_bytes(content)
        assert list(read_idx(path)) == list(range(6))
    for rest in (b"x", gzip.compress(b"x"), bytes(3) + b"\1"):
        path.write_bytes(gzip.compress(whole) + rest)
        with pytest.raises(FileFormatError):
            read_idx(path)


@pytest.mark.parametrize("dtype", ["u1", "i2", "f4"])
def test_every_flipped_byte_of_a_gzip_file_is_noticed_or_harmless(tmp_path, dtype):
    path, array = tmp_path / "a.gz", np.arange(12).reshape(3, 4).astype(dtype)
    write_idx(path, array)
    whole = path.read_bytes()
    for at in range(len(whole)):
        for flip in (1, 0x80, 0xFF):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ flip]) + whole[at + 1 :])
            try:
                read = read_idx(path)
            except FileFormatError:
                continue
            assert read.dtype == array.dtype
            assert np.array_equal(read, array)


@pytest.mark.parametrize("path", [None, 3, "a\0b", b"a\0b", ""])
@pytest.mark.parametrize("call", [read_idx, lambda path: write_idx(path, np.zeros(2, np.uint8))])
def test_what_is_no_path_is_refused(path, call):
    with pytest.raises(ConfigError, match="_idx: expected a path"):
        call(path)


@pytest.mark.parametrize("rows", [[[1], [2, 3]], [[], [1]], [np.zeros(2), np.zeros(3)]])
def test_rows_of_unequal_lengths_are_no_array(tmp_path, rows):
    with pytest.raises(ShapeError, match="write_idx: expected array to be an array, got rows of unequal lengths"):
        write_idx(tmp_path / "a", rows)
    assert not list(tmp_path.iterdir())


HOMELESS = """
import os, pwd
def unknown(uid):
    raise KeyError(uid)
pwd.getpwuid = unknown
{more}
from nnmat.datasets import mnist
train, test = mnist(mirrors=(), progress=False)
print(len(train), len(test))
"""


def homeless(tmp_path, more="", **environment):
    keep = {key: value for key, value in os.environ.items() if key not in ("HOME", "XDG_CACHE_HOME", "NNMAT_DATA")}
    keep |= {"NUMBA_CACHE_DIR": str(tmp_path / "numba")} | environment
    command = [sys.executable, "-c", HOMELESS.format(more=more)]
    return subprocess.run(command, env=keep, capture_output=True, text=True, check=False, cwd=os.getcwd())


def test_the_embedded_digits_are_found_without_a_home_and_a_known_user(tmp_path):
    done = homeless(tmp_path)
    assert done.stdout.split() == ["60000", "10000"], done.stderr


def test_without_a_home_and_without_files_the_remedy_is_named(tmp_path):
    hide = "import sys; from pathlib import Path; import nnmat.datasets; "
    hide += f"sys.modules['nnmat.datasets.images.mnist'].EMBEDDED = Path({str(tmp_path)!r})"
    done = homeless(tmp_path, hide)
    assert "DataError" in done.stderr
    assert "no home folder to download to: set NNMAT_DATA" in done.stderr


def test_a_tilde_in_nnmat_data_without_a_home_is_a_typed_error(tmp_path):
    done = homeless(tmp_path, NNMAT_DATA="~/data")
    assert (
        "DataError: mnist: expected NNMAT_DATA as a folder, got '~/data', and this user has no home folder"
        in done.stderr
    )
