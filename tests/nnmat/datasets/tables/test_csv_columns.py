"""Columns of CSV files: headers, gaps, flags, an index, errors with lines."""

import numpy as np
import pytest

from nnmat.datasets.tables.csv_columns import csv_columns
from nnmat.errors import ConfigError, DataError, FileFormatError


def read(tmp_path, text, known=(), **options):
    path = tmp_path / "data.csv"
    path.write_text(text)
    return csv_columns("f", path, known, **options)


def test_numbers_words_and_flags(tmp_path):
    found = read(tmp_path, 'a,b,c,d\n1,x y,True,"1,5"\n2.5,"z, ü",false,2\n', ("a",))
    assert (found.rows, found.names) == (2, ["a", "b", "c", "d"])
    assert found.get("a").numbers.tolist() == [1, 2.5]
    assert found.get("b").words.tolist() == ["x y", "z, ü"]
    assert found.get("c").numbers.tolist() == [1, 0]
    assert found.get("a", "words").words.tolist() == ["1", "2.5"]
    assert found.where(1) == "line 3 of data.csv"
    with pytest.raises(DataError, match="column 'd', as in 1 of its rows, got '1,5' in line 2"):
        found.get("d")


def test_gaps(tmp_path):
    found = read(tmp_path, "a,b\n1,x\n,\nNA,nan\nnan,NA\n", ("a",), missing_values=("NA",))
    assert found.rows == 3  # a line of empty cells is none
    np.testing.assert_array_equal(found.get("a").numbers, [1, np.nan, np.nan])
    assert found.get("b").words.tolist() == ["x", None, None]


def test_headers_and_indices(tmp_path):
    assert read(tmp_path, "1,x\n2,y\n", header=False).names == ["0", "1"]
    assert read(tmp_path, "u,v\np,q\n", ("v",)).rows == 1  # a name that is known makes a header of words
    assert read(tmp_path, ",a,b\n0,1,x\n1,2,y\n", ("a",)).names == ["a", "b"]
    assert read(tmp_path, "a;b\n1,5;x\n", ("a",), delimiter=";", decimal=",").get("a").numbers.tolist() == [1.5]
    with pytest.raises(FileFormatError, match=r"f: cannot tell whether line 1"):
        read(tmp_path, "0,1,2\n5.5,6.5,1\n")


def test_numbers_as_names_of_columns_are_no_header_of_their_own(tmp_path):
    for known in (("2",), ("0", "1", "2")):  # as columns without names are called
        found = read(tmp_path, "5,2,a\n0,1,b\n7,8,a\n9,3,b\n", known)
        assert (found.rows, found.names) == (4, ["0", "1", "2"])
        assert read(tmp_path, "0,1,2\n5,2,a\n0,1,b\n", known).rows == 2  # as pandas writes them
    assert read(tmp_path, "0,0,a\n1,2,b\n2,4,a\n", ("0", "1", "2")).names == ["0", "1", "2"]
    found = read(tmp_path, "2019,2020,y\n1,2,3\n", ("2020",))
    assert (found.rows, found.names) == (1, ["2019", "2020", "y"])


@pytest.mark.parametrize(
    ("text", "options", "error", "message"),
    [
        ("", {}, FileFormatError, "at least one row"),
        ("a,b\n", {}, FileFormatError, "none below the header"),
        ("a,b\n1,2,3\n", {}, FileFormatError, "expected 2 columns in line 2 .* got 3"),
        ("a;b\n1;2\n", {}, FileFormatError, "divided by ',' .* got one with ';' in all rows. Pass delimiter=';'"),
        ("a,b\n1,2\n", {"delimiter": ";"}, FileFormatError, "Pass delimiter=','"),
        ("a,a\n1,2\n", {}, FileFormatError, "got 'a' more than once"),
        ('a,b\n1,"2\n', {}, FileFormatError, "f: expected .* to be a CSV text file"),
        ("a,b\n1,2\n", {"delimiter": "1"}, ConfigError, "f: expected delimiter"),
        ("a,b\n1,2\n", {"encoding": "klingon"}, ConfigError, "f: expected encoding"),
    ],
)
def test_files_that_are_none(tmp_path, text, options, error, message):
    with pytest.raises(error, match=message):
        read(tmp_path, text, ("a",), **options)
    with pytest.raises(FileNotFoundError):
        csv_columns("f", tmp_path / "nothing.csv", ())
