"""CSV files: headers, numbers, encodings, missing values, labels in words; nothing lost, nothing invented."""

import codecs
import copy
import pickle
import re
import tracemalloc

import numpy as np
import pytest

import nnmat
from nnmat.datasets import Dataset, load_csv
from nnmat.errors import ConfigError, DtypeError, FileFormatError


def load(tmp_path, text: str | bytes, **options):
    path = tmp_path / "data.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_csv(path, **options)


# ---- the header -----------------------------------------------------------------------------------------------------

UNDECIDED = {
    "names of pandas": "0,1,2\n5.5,6.5,1\n",
    "two of them": "0,1\n5.5,1\n2.5,0\n",
    "arange": "0,1,2\n3,4,5\n",
    "a damaged first sample": "1.5,2.x,3\n1,2,3\n",
    "a damaged first sample of counts": "0,1,O\n3,4,5\n",
    "numbers and a name": "7,x,3\n1,2,3\n",
    "whole numbers above, a word above words": "0,1,kind\n5.5,2,cat\n3,4,dog\n",
    "names of pandas above labels y and n": "0,1,y\n5.5,2,n\n3,4,y\n",
    "a label that comes once": "3,1,cat\n5,2,dog\n3,4,dog\n",
    "a first name left out": ",0,1\n5,2,1\n7,3,0\n",
    "one row of counts": "0,1,2\n",
}


@pytest.mark.parametrize("case", UNDECIDED)
def test_a_first_row_that_can_be_read_in_two_ways_is_a_question(tmp_path, case):
    with pytest.raises(FileFormatError, match=r"cannot tell whether line 1 of .*header=True .*header=False"):
        load(tmp_path, UNDECIDED[case])


@pytest.mark.parametrize("case", ["names of pandas", "two of them", "arange"])
def test_what_is_declared_is_believed(tmp_path, case):
    rows = UNDECIDED[case].count("\n")
    assert len(load(tmp_path, UNDECIDED[case], header=True)) == rows - 1
    assert len(load(tmp_path, UNDECIDED[case], header=False)) == rows


HEADERS = {  # text, options: samples
    "names": ("a,b,y\n1.5,2,0\n3,4,1\n", {}, 2),
    "names over a word": ("a,b,kind\n1.5,2,cat\n3,4,dog\n", {"labels": True}, 2),
    "a name NA": ("NA,Mg,y\n1.5,2,0\n", {}, 1),
    "names of pandas and one more": ("0,1,2,label\n.5,1,2,1\n3,4,5,0\n", {}, 2),
    "pixels": ("label," + ",".join(map(str, range(1, 10))) + "\n" + ",".join("7" * 10) + "\n", {"label_column": 0}, 1),
    "index and names of pandas": (",0,1\n0,2.5,1\n1,3.5,0\n", {}, 2),
    "no header": ("1.5,2,0\n3,4,1\n", {}, 2),
    "a label in words": ("5.1,3.5,setosa\n4.9,3,setosa\n6,2,virginica\n", {"labels": True}, 3),
    "a label in words that comes once": ("5.1,3.5,setosa\n6,2,virginica\n", {"labels": True}, 2),
    "whole numbers, a label again": ("5,3,cat\n4,3,dog\n6,2,cat\n", {"labels": True}, 3),
    "NA in the first sample": ("1.5,NA,0\n3,4,1\n", {"missing": "NA"}, 2),
    "? in the first sample": ("?,2,0\n3,4,1\n", {"missing": ["?"]}, 2),
    "an empty cell in the first sample": (",2.5,0\n3,4,1\n", {"missing": [""]}, 2),
    "-999 and a word of one's own": ("gone,2.5,0\n-999,4,1\n", {"missing": ["gone", "-999"]}, 2),
    "nothing but gaps": ("NA,NA,0\n3,4,1\n", {"missing": "NA"}, 2),
    "nan and inf are numbers": ("nan,inf,0\n3,4,1\n", {}, 2),
    "named by label_column": ("0,1,2\n5.5,6.5,1\n", {"label_column": "2"}, 1),
    "blank lines above": ("\n\na,y\n\n1,2\n,,\n", {}, 1),
}


@pytest.mark.parametrize("case", HEADERS)
def test_no_sample_is_lost_or_invented(tmp_path, case):
    text, options, samples = HEADERS[case]
    assert len(load(tmp_path, text, **options)) == samples


@pytest.mark.parametrize("mark", ["NA", "?", "", "N/A", "null", "-"])
@pytest.mark.parametrize("line", [1, 2, 3])
def test_a_value_that_is_missing_is_named_with_the_remedy(tmp_path, mark, line):
    rows = [["1.5", "2", "0"], ["3", "4", "1"], ["5", "6", "1"]]
    rows[line - 1][1] = mark
    text = "\n".join(map(",".join, rows))
    message = rf"number in line {line}, column 2 .*missing=\({re.escape(repr(mark))},\)"
    with pytest.raises(FileFormatError, match=message):
        load(tmp_path, text)
    data = load(tmp_path, text, missing=[mark])
    assert np.isnan(data.X[line - 1, 1])
    assert np.isfinite(data.X).sum() == 5
    assert "1 missing values are NaN" in repr(data)


# ---- an index -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", [",a,y\n0,2.5,1\n1,3.5,0\n", '"","a","y"\n"1",2.5,1\n"2",3.5,0\n', "Unnamed: 0,a,y\n0,2.5,1\n1,3.5,0\n"]
)
def test_an_index_is_no_feature(tmp_path, text):
    data = load(tmp_path, text)
    assert data.X.tolist() == [[2.5], [3.5]]
    assert "column 1 is an index, left out" in repr(data)
    kept = load(tmp_path, text, index=False)
    assert kept.X.shape == (2, 2)


@pytest.mark.parametrize("column", [("5", "3"), ("0", "2"), ("1", "1"), ("0.5", "1.5"), ("x", "y")])
def test_a_column_without_a_name_that_counts_nothing_is_a_question(tmp_path, column):
    text = ",a,y\n{},2.5,1\n{},3.5,0\n".format(*column)
    with pytest.raises(FileFormatError, match="column 1 .*has no name.*index=True .*index=False"):
        load(tmp_path, text)
    assert load(tmp_path, text, index=True).X.tolist() == [[2.5], [3.5]]


def test_a_label_without_a_name_is_no_index(tmp_path):
    assert load(tmp_path, ",a,b\n0,2.5,1\n1,3.5,0\n", label_column=0).y.tolist() == [0, 1]


# ---- numbers --------------------------------------------------------------------------------------------------------

NO_NUMBERS = [
    "100_1",
    "1_0.5",
    "١٢",
    "1e5_0",
    "0x10",
    "1d5",
    "1,5",
    "1 5",
    "--1",
    "1e",
    "e5",
    "1.2.3",
    "½",
    "(1)",
    "1%",
    "1.5j",
    "in",
    "TRUE",
]


@pytest.mark.parametrize("cell", NO_NUMBERS)
@pytest.mark.parametrize("column", [0, 1])
def test_what_numpy_does_not_read_is_no_number(tmp_path, cell, column):
    row = ["2.5", "3"]
    row[column] = cell
    with pytest.raises(FileFormatError, match=rf"number in line 2, column {column + 1} of .*got '"):
        load(tmp_path, "1.5;1\n" + ";".join(row) + "\n", delimiter=";")
    with pytest.raises(FileFormatError, match=rf"number in line 2, column {column + 1} of .*got '"):
        load(tmp_path, "1.5;1\n" + ";".join(f'"{c}"' for c in row) + "\n", delimiter=";", label_dtype=float)


@pytest.mark.parametrize(
    "cell",
    [
        "1",
        "+1",
        "-1.",
        ".5",
        "1e3",
        "1E-3",
        "-1.5e+2",
        "nan",
        "inf",
        "-inf",
        "Infinity",
        "NaN",
        "0.1",
        "123456789.123456789",
        "2.2250738585072011e-308",
        "1e-400",
        "1.7976931348623157e308",
    ],
)
@pytest.mark.parametrize("quoted", [False, True])
def test_numbers_are_those_of_numpys_reader(tmp_path, cell, quoted):
    text = '"{}",1\n2,0\n' if quoted else " {} ,1\n2,0\n"
    data = load(tmp_path, text.format(cell), dtype=np.float64, header=False)
    expected = np.loadtxt([cell])
    assert np.array_equal(data.X[0, 0], expected, equal_nan=True)


def test_random_numbers_are_those_of_numpys_reader(tmp_path):
    rng = np.random.default_rng(0)
    A = rng.standard_normal((200, 4)) * 10.0 ** rng.integers(-300, 300, (200, 4))
    text = "\n".join(",".join(map(repr, row)) + ",1" for row in A.tolist())
    for more in ("", '"1","1","1","1","1"\n'):  # by NumPy's reader and row by row
        assert np.array_equal(load(tmp_path, more + text, dtype=np.float64).X[-200:], A)


@pytest.mark.parametrize(
    ("cell", "dtype"),
    [
        ("1e400", np.float64),
        ("-1e400", np.float64),
        ("1e39", np.float32),
        ("70000", np.float16),
        ("9" * 400, np.float64),
    ],
)
def test_a_number_beyond_the_type_is_no_infinity(tmp_path, cell, dtype):
    with pytest.raises(FileFormatError, match=f"value of type {np.dtype(dtype)} in line 2, column 1 .*got '{cell}'"):
        load(tmp_path, f"inf,1\n{cell},0\n", dtype=dtype)
    with pytest.raises(FileFormatError, match=f"value of type {np.dtype(dtype)} in line 2, column 2 .*got '{cell}'"):
        load(tmp_path, f"1,inf\n1,{cell}\n", label_dtype=dtype)


LABELS = {
    "9007199254740993": (np.int64, 9007199254740993),
    "9223372036854775807": (np.int64, 2**63 - 1),
    "-9223372036854775808": (np.int64, -(2**63)),
    "18446744073709551615": (np.uint64, 2**64 - 1),
    "9007199254740993.0": (np.int64, 9007199254740993),
    "3.0": (np.int64, 3),
    "1e3": (np.int16, 1000),
    "255": (np.uint8, 255),
    "-0": (np.uint8, 0),
    "9223372036854775808": (np.int64, None),
    "18446744073709551616": (np.uint64, None),
    "256": (np.uint8, None),
    "-1": (np.uint16, None),
    "2.5": (np.int64, None),
    "nan": (np.int64, None),
    "inf": (np.int64, None),
    "1e999999999": (np.int64, None),
    "1e-999999999": (np.int64, None),
}


@pytest.mark.parametrize("cell", LABELS)
def test_labels_of_integer_types_are_exact(tmp_path, cell):
    dtype, value = LABELS[cell]
    if value is None:
        with pytest.raises(FileFormatError, match=f"value of type {np.dtype(dtype)} in line 2, column 2"):
            load(tmp_path, f"1.5,1\n2.5,{cell}\n", label_dtype=dtype)
    else:
        y = load(tmp_path, f"1.5,1\n2.5,{cell}\n", label_dtype=dtype).y
        assert y.dtype == dtype
        assert int(y[1]) == value


# ---- encodings and other options ------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_byte_order_mark_says_the_encoding(tmp_path, encoding, end):
    text = end.join(["größe,y", "1.5,2", "3,4", ""])
    data = load(tmp_path, text.encode(encoding), label_column="y")
    assert data.X.tolist() == [[1.5], [3]]
    assert load(tmp_path, text.encode(encoding), label_column="größe", label_dtype=float).y.tolist() == [1.5, 3]


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "utf-16-le", "utf-16-be"])
def test_an_encoding_without_a_mark_must_be_declared(tmp_path, encoding):
    text = "größe,y\n1.5,2\n".encode(encoding)
    with pytest.raises(FileFormatError, match='CSV text file in (UTF-8|utf-8), got .*encoding="'):
        load(tmp_path, text)
    data = load(tmp_path, text, encoding=encoding)
    assert len(data) == 1
    assert f"encoding {encoding}" in data.origin


def test_a_mark_beside_a_declared_encoding_is_no_text(tmp_path):
    for content, encoding in (
        (codecs.BOM_UTF8 + b"1.5,2\n", "utf-8"),
        (codecs.BOM_UTF16_LE + "1.5,2\n".encode("utf-16-le"), "utf-16-le"),
    ):
        assert len(load(tmp_path, content, encoding=encoding)) == 1


@pytest.mark.parametrize(
    "content",
    [
        b"\x1f\x8b\x08\x00abc",
        b"PK\3\4\xff",
        b"\x89PNG\r\n\x1a\n",
        b"1,2\x00\n",
        bytes(9),
        b"\xff\xfea",
        b"\xef\xbb\xbf\xff",
    ],
)
def test_files_of_other_kinds(tmp_path, content):
    with pytest.raises(FileFormatError, match="CSV text file"):
        load(tmp_path, content)


def test_decimal_commas(tmp_path):
    data = load(tmp_path, "a;b;y\n1,5;-2,25e1;1\n,5;3;0\n", delimiter=";", decimal=",")
    assert data.X.tolist() == [[1.5, -22.5], [0.5, 3]]
    assert load(tmp_path, "1,5;2,5\n", delimiter=";", decimal=",", label_dtype=float).y.tolist() == [2.5]
    with pytest.raises(FileFormatError, match=r"got '1,5'. Pass decimal="):
        load(tmp_path, "a;b;y\n1,5;2,25;1\n", delimiter=";")
    with pytest.raises(FileFormatError, match=r"number in line 2, column 1 \(a\) .*got '1.000'"):
        load(tmp_path, "a;y\n1.000;2\n", delimiter=";", decimal=",")  # a thousand there, and not 1
    with pytest.raises(FileFormatError, match=r"one: '1;2'. .*Pass delimiter="):
        load(tmp_path, "1;2\n")


def test_missing_labels(tmp_path):
    for options in ({}, {"labels": True}, {"labels": ["0", "1"]}):
        with pytest.raises(FileFormatError, match="line 2, column 2"):
            load(tmp_path, "1.5,1\n2.5,?\n", missing="?", **options)
    y = load(tmp_path, "1.5,1\n2.5,?\n", missing="?", label_dtype=float).y
    assert np.isnan(y[1])
    with pytest.raises(FileFormatError, match="expected a label in line 2, column 2 .*remove the row"):
        load(tmp_path, "1.5,1\n2.5,\n")


# ---- labels in words ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("quote", ["", '"'])
def test_labels_in_words_become_classes_and_stay_with_the_data(tmp_path, quote):
    words = ["dog", "cat", "dog", "größe", "ape"]
    text = "a,kind\n" + "".join(f"{i}.5,{quote}{word}{quote}\n" for i, word in enumerate(words))
    data = load(tmp_path, text, labels=True)
    assert data.labels == ("ape", "cat", "dog", "größe")
    assert [data.labels[i] for i in data.y] == words
    assert data.y.dtype == np.int64
    for part in (
        data[1:],
        data[[4, 0]],
        data[data.y > 1],
        *data.split(2),
        copy.deepcopy(data),
        pickle.loads(pickle.dumps(data)),
    ):
        assert part.labels == data.labels
        assert part.origin == data.origin
    assert repr(data) == (
        "Dataset(X (5, 1) float32, y (5,) int64, 4 labels; data.csv: line 1 is the header, column 2 of 2 (kind) is the "
        "label)"
    )
    own = ["dog", "cat", "größe", "ape", "bee"]
    assert load(tmp_path, text, labels=own).y.tolist() == [own.index(word) for word in words]
    with pytest.raises(FileFormatError, match=r"number in line 2, column 2 \(kind\) .*got 'dog'. Pass labels=True"):
        load(tmp_path, text)
    with pytest.raises(FileFormatError, match=r"one of the labels cat, dog in line 5, column 2 \(kind\)"):
        load(tmp_path, text, labels=["cat", "dog"])


def test_numbers_as_labels_are_sorted_as_numbers(tmp_path):
    data = load(tmp_path, "1.5,10\n2.5,9\n3.5,-1\n", labels=True)
    assert data.labels == ("-1", "9", "10")
    assert data.y.tolist() == [2, 1, 0]


def test_a_type_too_small_for_the_classes(tmp_path):
    text = "".join(f"{i}.5,w{i}\n" for i in range(300))
    with pytest.raises(DtypeError, match="label_dtype to hold 300 classes, got uint8"):
        load(tmp_path, text, labels=True, label_dtype=np.uint8)
    assert load(tmp_path, text, labels=True, label_dtype=np.int16).y.max() == 299


def test_a_data_set_without_labels_says_nothing_of_them():
    assert Dataset(np.zeros((2, 1)), np.zeros(2)).labels is None
    assert repr(Dataset(np.zeros((2, 1)), np.zeros(2))) == "Dataset(X (2, 1) float64, y (2,) float64)"


# ---- what cannot be used --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"header": 0}, ConfigError, "header as True or False"),
        ({"header": "a"}, ConfigError, "header as True or False"),
        ({"index": 0}, ConfigError, "index as True or False"),
        ({"index": True, "label_column": 0}, ConfigError, "index column beside the label"),
        ({"encoding": "klingon"}, ConfigError, "name of a text encoding"),
        ({"encoding": "base64"}, ConfigError, "name of a text encoding"),
        ({"encoding": 8}, ConfigError, "encoding as the name"),
        ({"decimal": ";"}, ConfigError, "decimal to be"),
        ({"decimal": None}, ConfigError, "decimal to be"),
        ({"decimal": ","}, ConfigError, "delimiter and decimal to differ"),
        ({"delimiter": "e"}, ConfigError, "no part of numbers"),
        ({"delimiter": "\n"}, ConfigError, "no part of numbers"),
        ({"delimiter": '"'}, ConfigError, "no part of numbers"),
        ({"missing": 3}, ConfigError, "missing as a list of texts"),
        ({"missing": [3]}, ConfigError, "missing as a list of texts"),
        ({"missing": ["a", "a"]}, ConfigError, "missing as a list of texts"),
        ({"labels": "cat"}, ConfigError, "labels as a list of texts"),
        ({"labels": [1, 2]}, ConfigError, "labels as a list of texts"),
        ({"labels": None}, ConfigError, "labels as a list of texts"),
        ({"dtype": "no type"}, DtypeError, "dtype to be a float type"),
        ({"dtype": object()}, DtypeError, "dtype to be a float type"),
        ({"label_dtype": "no type"}, DtypeError, "label_dtype to be an integer or float type"),
    ],
)
def test_options_that_cannot_be_used(tmp_path, options, error, text):
    with pytest.raises(error, match=f"load_csv: .*{text}"):
        load(tmp_path, "1.5,2\n3.5,4\n", **options)


ROWS = {
    "too short": ("1.5,2,3\n4,5\n", "expected 3 columns in line 2 .*got 2"),
    "too long": ("1.5,2,3\n4,5,6,7\n", "expected 3 columns in line 2 .*got 4"),
    "an index without a head": ("a,y\n0,1.5,2\n", "expected 2 columns in line 2 .*got 3"),
    "an open quote": ('1.5,2\n"3,4\n', "CSV text file, got"),
    "text behind a quote": ('1.5,2\n"3"4,5\n', "CSV text file, got"),
    "one column": ("1\n2\n", "at least two columns"),
    "no column of numbers": (",y\n0,1\n", "a column of numbers beside label and index"),
    "a field without end": ("1.5,2\n" + "3" * 200_000 + ",4\n", "value of type|CSV text file"),
    "one empty feature": ('"a","y"\n"","2"\n', "number in line 2, column 1 .*got ''"),
    "an empty feature among others": ('"a","y"\n"1","2"\n"","2"\n', "number in line 3, column 1 .*got ''"),
    "a header twice": ("a,y\n1,2\na,y\n", "line 1|line 3"),
}


@pytest.mark.parametrize("case", ROWS)
def test_rows_that_cannot_be_used(tmp_path, case):
    text, message = ROWS[case]
    with pytest.raises(FileFormatError, match=message):
        load(tmp_path, text)


def test_random_damage_gives_the_same_data_or_a_typed_error(tmp_path):
    """Bytes exchanged, left out or doubled: the samples read are those of Python's own reader of rows, or an error."""
    rng = np.random.default_rng(0)
    whole = b"a,b,y\n1.5,-2,0\n3,4e1,1\n.5,7,1\n"
    read = 0
    for _ in range(1500):
        text = bytearray(whole)
        for at in rng.integers(0, len(text), rng.integers(1, 4)):
            text[at : at + 1] = rng.choice([b"", b",", b"\n", b'"', b"5", b"_", b"e", b" ", b"\xff", b"\0", b"."])
        try:
            data = load(tmp_path, bytes(text), dtype=np.float64, label_dtype=np.float64)
        except nnmat.FileFormatError:
            continue
        read += 1
        lines = [line.strip() for line in bytes(text).decode().replace('"', "").split("\n")]
        rows = [line.split(",") for line in lines if line.strip(", ")]
        values = [[float(cell) for cell in row] for row in rows[len(rows) - len(data) :]]
        assert np.array_equal(np.column_stack([data.X, data.y]), values), text
        assert len(rows) - len(data) <= 1
    assert read > 100


def test_memory_is_a_small_multiple_of_the_file(tmp_path):
    row = ",".join(["0.123456"] * 50) + ",1\n"
    path = tmp_path / "a.csv"
    path.write_text(row * 4000)
    tracemalloc.start()
    load_csv(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * path.stat().st_size
