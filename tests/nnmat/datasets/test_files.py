"""Data sets from `.npz` and CSV files."""

import numpy as np
import pytest

from nnmat.datasets import load_csv, load_npz
from nnmat.errors import ConfigError, DataError, DtypeError, FileFormatError


def test_npz_arrays_come_back(tmp_path):
    X, y = np.random.default_rng(0).standard_normal((4, 3)), np.arange(4)
    np.savez(tmp_path / "a.npz", X=X, y=y)
    np.savez_compressed(tmp_path / "b.npz", images=X, labels=y)
    for data in (load_npz(tmp_path / "a.npz"), load_npz(tmp_path / "b.npz", X="images", y="labels")):
        assert np.array_equal(data.X, X)
        assert np.array_equal(data.y, y)


def test_npz_files_that_cannot_be_used(tmp_path):
    path = tmp_path / "a.npz"
    with pytest.raises(FileNotFoundError, match=r"load_npz: expected a file at .*a\.npz, found none"):
        load_npz(path)
    with pytest.raises(FileFormatError, match="got a folder"):
        load_npz(tmp_path)
    np.savez(path, X=np.zeros(3), labels=np.zeros(3))
    with pytest.raises(FileFormatError, match=r"expected arrays 'X' and 'y' .* found X, labels"):
        load_npz(path)
    np.savez(path, X=np.zeros(3), y=np.zeros(2))
    with pytest.raises(DataError, match="as many targets as samples"):
        load_npz(path)
    np.savez(path, X=np.array([{}, {}], dtype=object), y=np.zeros(2))
    with pytest.raises(FileFormatError, match="Python objects, which are not loaded"):
        load_npz(path)
    np.save(tmp_path / "b.npy", np.zeros(3))
    with pytest.raises(FileFormatError, match=r"expected arrays 'X' and 'y' .* found none"):
        load_npz(tmp_path / "b.npy")


def test_every_truncation_of_an_npz_file_is_noticed(tmp_path):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, X=np.arange(5.0), y=np.arange(5))
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(FileFormatError, match=r"whole .npz file of numeric arrays"):
            load_npz(path)


def test_every_damaged_byte_of_npz_content_is_noticed_or_harmless(tmp_path):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, X=np.arange(5.0), y=np.arange(5))
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        try:
            data = load_npz(path)
        except FileFormatError:
            continue
        assert np.array_equal(data.X, np.arange(5.0))
        assert np.array_equal(data.y, np.arange(5))


def write(tmp_path, text: str):
    path = tmp_path / "data.csv"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("header", [None, True])
def test_a_csv_file_with_a_header(tmp_path, header):
    path = write(tmp_path, "width, height ,kind\n1.5,2,0\n\n-3e1,.25,7\n")
    data = load_csv(path, header=header)
    assert data.X.dtype == np.float32
    assert data.y.dtype == np.int64
    assert np.array_equal(data.X, [[1.5, 2], [-30, 0.25]])
    assert list(data.y) == [0, 7]
    by_name = load_csv(path, label_column="height", label_dtype=np.float64)
    assert np.array_equal(by_name.X, [[1.5, 0], [-30, 7]])
    assert list(by_name.y) == [2, 0.25]


def test_a_csv_file_without_a_header(tmp_path):
    path = write(tmp_path, "3;1;2\n4;5;6")
    data = load_csv(path, label_column=0, delimiter=";", dtype=np.float64)
    assert data.X.dtype == np.float64
    assert np.array_equal(data.X, [[1, 2], [5, 6]])
    assert list(data.y) == [3, 4]
    assert len(load_csv(path, header=True, delimiter=";")) == 1


def test_byte_order_mark_and_quotes_are_read(tmp_path):
    path = tmp_path / "data.csv"
    path.write_bytes(b'\xef\xbb\xbf"1","2"\r\n"3","4"\r\n')
    assert np.array_equal(load_csv(path).X, [[1], [3]])


def test_nan_is_data_not_an_error_of_the_file(tmp_path):
    assert np.isnan(load_csv(write(tmp_path, "nan,1\n")).X[0, 0])


@pytest.mark.parametrize(
    ("text", "options", "error", "message"),
    [
        ("a,b\n1,2\n3,x\n", {}, FileFormatError, r"number in line 3, column 2 \(b\) of .*data\.csv, got 'x'"),
        ("a,b\n1,2\n\n,3\n", {}, FileFormatError, r"number in line 4, column 1 \(a\).* got ''"),
        ("a,b\n1,2\n", {"header": False}, FileFormatError, "line 1, column 1 of .*got 'a'.*Pass header=True"),
        ("1,2\n3\n", {}, FileFormatError, "expected 2 columns in line 2 .*got 1"),
        ("1,2\n3,4,5\n", {}, FileFormatError, "expected 2 columns in line 2 .*got 3"),
        ("1,2\n3,4.5\n", {}, FileFormatError, "value of type int64 in line 2, column 2 .*got .*4.5"),
        ("1,nan\n", {}, FileFormatError, "value of type int64 in line 1, column 2 .*nan"),
        ("1,300\n", {"label_dtype": np.uint8}, FileFormatError, "value of type uint8 in line 1, column 2"),
        ("1,2,1e39,4\n", {"label_column": 1}, FileFormatError, "value of type float32 in line 1, column 3"),
        ("", {}, FileFormatError, "at least one row of numbers"),
        ("a,b\n", {}, FileFormatError, "at least one row of numbers"),
        ('1,"2\n', {}, FileFormatError, "CSV text file"),
        ("1,2\n", {"label_column": 2}, ConfigError, "number from -2 to 1, got 2"),
        ("1,2\n", {"label_column": True}, ConfigError, "label_column"),
        ("1,2\n", {"label_column": "kind"}, ConfigError, "one column called 'kind'.*found no header"),
        ("a,b\n1,2\n", {"label_column": "kind"}, ConfigError, "one column called 'kind'.*found the columns a, b"),
        ("1,2\n", {"delimiter": ""}, ConfigError, "delimiter to be one character"),
        ("1,2\n", {"dtype": np.int32}, DtypeError, "dtype to be a float type, got int32"),
        ("1,2\n", {"label_dtype": str}, DtypeError, "label_dtype to be an integer or float type"),
    ],
)
def test_csv_files_and_options_that_cannot_be_used(tmp_path, text, options, error, message):
    with pytest.raises(error, match=message):
        load_csv(write(tmp_path, text), **options)


def test_binary_and_missing_csv_files(tmp_path):
    path = tmp_path / "data.csv"
    with pytest.raises(FileNotFoundError, match="load_csv: expected a file at"):
        load_csv(path)
    with pytest.raises(FileFormatError, match="got a folder"):
        load_csv(tmp_path)
    path.write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(FileFormatError, match="CSV text file in UTF-8"):
        load_csv(path)
