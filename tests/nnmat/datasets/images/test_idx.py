"""The IDX reader and writer."""

import gzip
import struct

import numpy as np
import pytest

from nnmat.datasets import read_idx, write_idx
from nnmat.datasets.images.idx import view_idx
from nnmat.errors import DtypeError, FileFormatError, ShapeError

TYPES = ["uint8", "int8", "int16", "int32", "float32", "float64"]


@pytest.mark.parametrize("suffix", [".idx", ".idx.gz"])
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("shape", [(3,), (2, 3, 4), (0, 5), (1,)])
def test_what_is_written_is_read(tmp_path, suffix, dtype, shape):
    array = (100 * np.random.default_rng(0).standard_normal(shape)).astype(dtype)
    path = tmp_path / f"a{suffix}"
    write_idx(path, array)
    back = read_idx(path)
    assert back.dtype == np.dtype(dtype)
    assert back.dtype.isnative
    assert back.shape == shape
    assert np.array_equal(back, array)
    assert back.flags.writeable
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_the_bytes_are_those_of_the_format(tmp_path):
    write_idx(tmp_path / "a", np.array([[1, -2, 3]], np.int16))
    assert (tmp_path / "a").read_bytes() == bytes([0, 0, 11, 2, 0, 0, 0, 1, 0, 0, 0, 3, 0, 1, 255, 254, 0, 3])


def test_big_endian_and_strided_arrays_are_written_alike(tmp_path):
    array = np.arange(12, dtype=np.int32).reshape(3, 4)
    write_idx(tmp_path / "a.gz", array)
    write_idx(tmp_path / "b.gz", np.asfortranarray(array.astype(">i4")))
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()


def test_compression_is_told_by_content_not_by_name(tmp_path):
    write_idx(tmp_path / "a.gz", np.arange(3, dtype=np.uint8))
    (tmp_path / "packed").write_bytes((tmp_path / "a.gz").read_bytes())
    (tmp_path / "plain.gz").write_bytes(gzip.decompress((tmp_path / "a.gz").read_bytes()))
    assert list(read_idx(tmp_path / "packed")) == list(read_idx(tmp_path / "plain.gz")) == [0, 1, 2]


GOOD = bytes([0, 0, 8, 2]) + struct.pack(">II", 2, 3) + bytes(range(6))
PACKED = gzip.compress(GOOD, mtime=0)  # cases are named by what they hold, in all processes alike


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "two zero bytes.*got an empty file"),
        (GOOD[:3], "two zero bytes.*got 00 00 08"),
        (b"\x89PNG" + GOOD, "two zero bytes.*got 89 50 4e 47"),
        (b"\x00\x00\x0a\x01" + GOOD[4:], "element type among .* in byte 2.*got 10"),
        (b"\x00\x00\x08\x00" + GOOD[4:], "1 to 32 axes in byte 3.*got 0"),
        (b"\x00\x00\x08\xff" + GOOD[4:], "1 to 32 axes in byte 3.*got 255"),
        (GOOD[:9], "header of 12 bytes for 2 axes.*got 9 bytes.*truncated"),
        (GOOD[:-1], r"expected 6 bytes of elements for shape \(2, 3\).*got 5.*truncated"),
        (GOOD + b"\x00", r"expected 6 bytes of elements.*got 7.*longer than its header"),
        (b"\x00\x00\x08\x01\xff\xff\xff\xff" + b"\x00", r"expected 4294967295 bytes.*got 1"),
        (PACKED[:-9], "whole gzip file.*truncated or damaged.*Fetch it again"),
        (PACKED[:-4] + b"\x00\x00\x00\x00", "whole gzip file.*truncated or damaged"),
        (
            PACKED[:12] + b"\xff\xff" + PACKED[14:],
            "whole gzip file.*truncated or damaged",
        ),
        (gzip.compress(GOOD[:-2], mtime=0), "expected 6 bytes of elements.*got 4"),
    ],
)
def test_a_damaged_file_is_named_with_the_rule_it_breaks(tmp_path, content, text):
    path = tmp_path / "digits.idx"
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match=text) as caught:
        read_idx(path)
    assert str(path) in str(caught.value)


def test_every_truncation_of_a_file_is_noticed(tmp_path):
    path = tmp_path / "a"
    for whole in (GOOD, PACKED):
        for length in range(len(whole)):
            path.write_bytes(whole[:length])
            with pytest.raises(FileFormatError):
                read_idx(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"expected a file at .*nothing\.idx, found none"):
        read_idx(tmp_path / "nothing.idx")
    with pytest.raises(FileFormatError, match="got a folder"):
        read_idx(tmp_path)


@pytest.mark.parametrize("dtype", ["int64", "uint16", "bool", "complex128", "float16"])
def test_types_that_the_format_lacks_are_refused(tmp_path, dtype):
    with pytest.raises(DtypeError, match=f"expected an array of uint8.*got {dtype}"):
        write_idx(tmp_path / "a", np.zeros(3, dtype))
    assert list(tmp_path.iterdir()) == []


def test_a_scalar_is_refused_and_no_file_is_left(tmp_path):
    with pytest.raises(ShapeError, match=r"expected 1 to 32 axes.*got shape \(\)"):
        write_idx(tmp_path / "a", np.float32(1))
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a"
    write_idx(path, np.arange(3, dtype=np.uint8))

    def full(*arguments):
        raise OSError("no space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="no space left"):
        write_idx(path, np.arange(9, dtype=np.uint8))
    assert list(read_idx(path)) == [0, 1, 2]
    assert [file.name for file in tmp_path.iterdir()] == ["a"]


def test_a_view_shares_the_bytes_and_a_read_array_is_one_s_own(tmp_path):
    write_idx(tmp_path / "a", np.arange(6, dtype=np.int32).reshape(2, 3))
    view, array = view_idx(tmp_path / "a"), read_idx(tmp_path / "a")
    np.testing.assert_array_equal(view, array)
    assert not view.flags.writeable
    assert array.flags.writeable
    assert array.dtype.isnative
