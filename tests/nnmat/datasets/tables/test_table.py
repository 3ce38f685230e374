"""Tables as arrays: the same from every source, the same for later rows, errors that name column and row."""

import json

import numpy as np
import pytest

from nnmat.datasets import Table, table
from nnmat.errors import ConfigError, DataError, FileFormatError, ShapeError, StateError


def pets(n=60):
    rng = np.random.default_rng(0)
    return {
        "age": rng.integers(1, 20, n),
        "weight": rng.normal(9, 3, n).round(1),
        "town": rng.choice(["Rome", "Oslo", "Bonn"], n),
        "chip": rng.random(n) < 0.5,
        "species": rng.choice(["cat", "dog"], n),
    }


def as_csv(path, columns, sep=","):
    rows = zip(*columns.values(), strict=True)
    path.write_text("\n".join(sep.join(map(str, row)) for row in [list(columns), *rows]) + "\n")
    return path


def test_numbers_are_standardised_and_words_one_hot():
    d = pets()
    found = table(d, "species")
    assert found.features == ["age", "weight", "town=Bonn", "town=Oslo", "town=Rome", "chip"]
    assert found.columns == ["age", "weight", "town", "chip"]
    assert (found.task, found.labels, found.target) == ("classification", ("cat", "dog"), "species")
    assert (found.X.dtype, found.y.dtype, found.X.shape) == (np.float32, np.int64, (60, 6))
    np.testing.assert_allclose(found.X[:, 0], (d["age"] - d["age"].mean()) / d["age"].std(), atol=1e-6)
    assert np.array_equal(found.X[:, 4], d["town"] == "Rome")
    assert np.array_equal(found.y, d["species"] == "dog")
    assert np.array_equal(found.train.X, found.X)
    assert found.test is None
    raw = table(d, "species", standardise=False, dtype=np.float64)
    assert np.array_equal(raw.X[:, 1], d["weight"])


def test_columns_of_any_size_and_of_one_value():
    x = np.array([1.0, 2.0, 4.0, 8.0])
    expected = (x - x.mean()) / x.std()
    for size in (1e-300, 1e-20, 1.0, 1e300):
        found = table({"x": x * size, "c": [7.5] * 4, "z": [0] * 4, "y": x}, "y", dtype=np.float64)
        np.testing.assert_allclose(found.X[:, 0], expected, rtol=1e-12)
        assert not found.X[:, 1:].any()


def test_a_csv_file_gives_the_same(tmp_path):
    d = pets()
    expected = table(d, "species")
    for sep in (",", ";"):
        found = table(as_csv(tmp_path / "pets.csv", d, sep), "species", delimiter=sep)
        assert np.array_equal(found.X, expected.X)
        assert np.array_equal(found.y, expected.y)
        assert found.config()["columns"] == expected.config()["columns"]


def test_a_config_does_the_same_to_new_rows(tmp_path):
    d = pets()
    found = table(d, "species")
    again = Table.from_config(json.loads(json.dumps(found.config())))
    part = {name: values[:5] for name, values in reversed(d.items())}  # other order, fewer rows
    assert np.array_equal(again.transform(part), found.X[:5])
    assert np.array_equal(again.transform(as_csv(tmp_path / "new.csv", part)), found.X[:5])
    del part["species"]
    assert np.array_equal(again.transform({**part, "more": np.zeros(5)}), found.X[:5])
    data = again.dataset(d)
    assert np.array_equal(data.y, found.y)
    assert data.labels == ("cat", "dog")
    assert again.config() == found.config()
    with pytest.raises(StateError, match="made from a config"):
        _ = again.X


def test_what_a_model_says_is_decoded():
    found = table(pets(), "species")
    assert found.decode(np.array([[1.0, 2.0], [3.0, 0.0]])).tolist() == ["dog", "cat"]
    assert found.decode(np.array([[-1.0], [0.5]])).tolist() == ["cat", "dog"]
    assert found.decode(np.array([0, 1])).tolist() == ["cat", "dog"]
    with pytest.raises(ShapeError, match="from 0 to 1"):
        found.decode(np.array([2]))
    with pytest.raises(ShapeError, match=r"shape \(n, 2\)"):
        found.decode(np.zeros((3, 3)))
    with pytest.raises(DataError, match=r"finite outputs, got nan at index \(1, 0\)"):
        found.decode(np.array([[1.0, 2.0], [np.nan, 0.0]]))
    d = pets()
    numbers = table(d, "weight", standardise_target=True)
    assert numbers.y.shape == (60, 1)
    assert abs(numbers.y.mean()) < 1e-6
    np.testing.assert_allclose(numbers.decode(numbers.y), d["weight"], rtol=1e-5)
    np.testing.assert_allclose(numbers.dataset(d).y, numbers.y)
    plain = table(d, "weight")
    np.testing.assert_allclose(plain.y[:, 0], d["weight"], rtol=1e-6)


def test_the_task():
    d = pets()
    assert table({**d, "y": np.arange(60) % 3}, "y").labels == ("0", "1", "2")
    assert table({**d, "y": np.arange(60) % 3}, "y", task="regression").labels is None
    assert table({**d, "y": np.arange(60)}, "y").task == "regression"
    assert table({**d, "y": np.arange(60)}, "y", task="classification").labels[:3] == ("0", "1", "2")
    assert table({**d, "y": np.arange(60) % 12}, "y").labels[-2:] == ("10", "11")  # in the order of numbers
    flags = table(d, "chip")
    assert flags.labels == ("False", "True")
    assert np.array_equal(flags.y, d["chip"])
    again = Table.from_config(flags.config())
    assert np.array_equal(again.dataset({**d, "chip": d["chip"].astype(int)}).y, flags.y)
    with pytest.raises(DataError, match="one of the classes 'False', 'True' in column 'chip', got '2' in row 0"):
        again.dataset({**d, "chip": np.full(60, 2)})
    assert table(d, -1).target == "species"


def test_rows_for_testing_are_not_looked_at():
    d = pets(100)
    found = table(d, "species", test=0.25, seed=1)
    assert (len(found.train), len(found.test)) == (75, 25)
    np.testing.assert_allclose(found.X[:, :2].mean(axis=0), 0, atol=1e-6)
    assert abs(found.test.X[:, 0].mean()) > 1e-4
    share = [np.mean(part.y) for part in (found.train, found.test)]
    assert abs(share[0] - share[1]) < 0.05
    other = table({**d, "species": np.where(d["species"] == "cat", "a", "b")}, "species", test=0.25, seed=1)
    assert np.array_equal(other.test.X, found.test.X)
    with pytest.raises(DataError, match="at least two samples of each class"):
        table({**d, "species": ["a"] + ["b"] * 99}, "species", test=0.25)


GAPS = {"a": [1.0, None, 3.0, 5.0, 5.0, 6.0], "b": ["u", "v", None, "u", "v", "v"], "y": [0.5, 1, 2, 3, 4, 5.5]}


def test_missing_values_are_refused_or_filled():
    with pytest.raises(DataError, match=r"value in column 'a', got none in row 1. Leave.*fill='median'"):
        table(GAPS, "y")
    for rule, value in (("mean", 4.0), ("median", 5.0), ("most_frequent", 5.0)):
        found = table(GAPS, "y", fill=rule, standardise=False)
        assert found.X[1, 0] == value
        assert found.X[2, 1:].tolist() == [0, 1]  # v
    found = table(GAPS, "y", fill={"a": -1, "b": "u"}, standardise=False)
    assert (found.X[1, 0], found.X[2, 1]) == (-1, 1)
    again = Table.from_config(found.config())
    assert again.transform({"a": [None], "b": [None]}).tolist() == [[-1, 1, 0]]
    with pytest.raises(DataError, match="column 'b'"):
        table(GAPS, "y", fill={"a": "mean"})
    with pytest.raises(DataError, match=r"target's column 'a'.*row 1"):
        table(GAPS, "a", fill="mean")
    with pytest.raises(ConfigError, match="fill for column 'b'"):
        table(GAPS, "y", fill={"a": 0, "b": "w"})
    with pytest.raises(ConfigError, match="fill for column 'a'"):
        table(GAPS, "y", fill={"a": "w", "b": "u"})
    with pytest.raises(ConfigError, match="expected fill as"):
        table(GAPS, "y", fill="zero")


def test_fills_and_scales_are_those_of_the_rows_for_training():
    rows = {"a": [1.0, 1.0, 9.0, None], "b": ["u", "u", "v", None], "y": [1.5, 2.5, 90.5, 3.5]}
    rows = {name: [*values[:3] * 5, *values[3:]] for name, values in rows.items()}
    found = table(rows, "y", test=3, seed=4, fill="mean", standardise=False, standardise_target=True)
    there = [i for i in range(15) if i not in found.test_rows]
    a, y = np.array(rows["a"][:15])[there], np.array(rows["y"])[np.setdiff1d(range(16), found.test_rows)]
    assert abs(a.mean() - np.mean(rows["a"][:15])) > 0.1
    gap = {"a": [None], "b": [None]}
    np.testing.assert_allclose(found.transform(gap)[0, 0], a.mean(), rtol=1e-6)
    np.testing.assert_allclose(found.decode(np.zeros((1, 1))), [y.mean()], rtol=1e-6)
    few = {"b": ["u"] * 3 + ["v"] * 4 + [None], "y": [*np.linspace(0.5, 9, 8)]}
    for seed in range(20):
        found = table(few, "y", test=4, seed=seed, fill="most_frequent")
        kept = [few["b"][i] for i in range(7) if i not in found.test_rows]
        if kept.count("u") > kept.count("v"):
            assert found.transform({"b": [None]}).tolist() == [[1, 0]]
            return
    raise AssertionError("no seed keeps more u than v")


def test_targets_beyond_the_range_of_float32():
    rows = {"a": [1, 2], "y": [1.5, 1e300]}
    with pytest.raises(DataError, match="y in row 1 is beyond the range of float32"):
        table(rows, "y")
    assert np.isfinite(table(rows, "y", standardise_target=True).y).all()
    assert table(rows, "y", dtype=np.float64).y[1, 0] == 1e300
    with pytest.raises(DataError, match="y in row 0 is beyond"):
        table({"a": [1, 2], "y": [1.5, 2]}, "y").dataset({"a": [1], "y": [-1e300]})


def test_what_is_masked_is_missing():
    numbers, words = np.ma.masked_equal([1, 2, 9], 9), np.ma.masked_equal(["u", "v", "?"], "?")
    found = table({"a": numbers, "w": words, "y": [0.5, 1.5, 2.5]}, "y", fill={"a": 4, "w": "u"}, standardise=False)
    assert found.features == ["a", "w=u", "w=v"]
    assert found.X.tolist() == [[1, 1, 0], [2, 0, 1], [4, 1, 0]]


def test_missing_values_of_files(tmp_path):
    path = tmp_path / "gaps.csv"
    path.write_text("a,b,y\n1,u,0.5\nNA,v,1.5\n3,?,2.5\n,u,3.5\n-,v,4.5\n")
    with pytest.raises(DataError, match=r"numbers in column 'a', as in 2 of its rows, got '-' in line 6 of gaps.csv"):
        table(path, "y", fill="mean")
    found = table(path, "y", fill="mean", standardise=False, missing_values=("NA", "?", "-"))
    assert found.X[:, 0].tolist() == [1, 2, 3, 2, 2]


NEW = {"age": [3], "weight": [2.0], "town": ["Rome"], "chip": [True], "species": ["cat"]}
WRONG = {
    "a missing column": (
        {k: v for k, v in NEW.items() if k != "town"},
        "a column 'town' in a dict, found age",
    ),
    "a word in a column of numbers": ({**NEW, "age": ["old"]}, "numbers in column 'age', got 'old' in row 0"),
    "numbers in a column of words": ({**NEW, "age": [[1]]}, "one entry for each row in column 'age'"),
    "a category that was not there": ({**NEW, "town": ["Graz"]}, "one of 'Bonn', 'Oslo', 'Rome' in column 'town', got"),
    "a gap": ({**NEW, "age": [None]}, "a value in column 'age', got none in row 0"),
    "an infinity": ({**NEW, "age": [np.inf]}, "finite numbers in column 'age', got inf in row 0"),
    "beyond float32": ({**NEW, "weight": [1e300]}, "weight in row 0 is beyond the range of float32"),
    "unequal lengths": ({**NEW, "age": [1, 2]}, "columns of equal lengths"),
    "no table": ([1, 2], "pandas or polars frame, a dict of columns, or the path of a CSV file, got list"),
}


@pytest.mark.parametrize("case", WRONG)
def test_new_rows_that_do_not_fit(case):
    rows, text = WRONG[case]
    with pytest.raises(DataError, match=text):
        table(pets(), "species").transform(rows)


def test_unknown_categories_may_be_zeros():
    found = table(pets(), "species", unknown="zeros")
    assert found.transform({**NEW, "town": ["Graz"]})[0, 2:5].tolist() == [0, 0, 0]
    with pytest.raises(DataError, match="one of the classes 'cat', 'dog' in column 'species', got 'cow' in row 0"):
        found.dataset({**NEW, "species": ["cow"]})


TABLES = {
    "mixed": ({"a": [1, "x", 3], "y": [1.5, 2, 3]}, {}, "got 'x' in row 1.*categories="),
    "one class": ({"a": [1, 2], "y": ["u", "u"]}, {}, "at least two classes in column 'y', got 'u' in all rows"),
    "no column": ({"a": [1, 2]}, {}, "expected a column 'y' for the target in a dict, found a"),
    "only the target": ({"y": ["u", "v"]}, {}, "a column beside the target"),
    "no rows": ({"a": [], "y": []}, {}, "at least one row"),
    "dates": ({"a": np.array(["2020-01-01"] * 2, "M8[D]"), "y": [1.5, 2]}, {}, "got dates"),
    "objects": ({"a": [{}, {}], "y": [1.5, 2]}, {}, "numbers or words in column 'a', got dict in row 0"),
    "names": ({"a": list(map(str, range(100))), "y": list(range(100))}, {"categories": ["a"]}, "name or a number of"),
    "only gaps": ({"a": [None, None], "y": [1.5, 2]}, {"fill": "mean"}, "all its entries are missing"),
    "ignored": ({"a": [1, 2], "y": [1.5, 2]}, {"ignore": ["b"]}, "a column 'b' of ignore="),
    "one number": ({"a": 1, "y": [1.5, 2]}, {}, "one entry for each row in column 'a', got 1"),
    "beyond floats": ({"a": [-(10**400), 2], "y": [1.5, 2]}, {}, "finite numbers in column 'a', got -inf in row 0"),
    "masked": ({"a": np.ma.masked_equal([1.5, 2], 2), "y": [1.5, 2]}, {}, "got none in row 1"),
    "filled": ({"a": [1, 2], "y": [1.5, 2]}, {"fill": {"b": "mean"}}, "a column 'b' of fill="),
}


@pytest.mark.parametrize("case", TABLES)
def test_tables_that_are_none(case):
    rows, options, text = TABLES[case]
    with pytest.raises(DataError, match=text):
        table(rows, "y", **options)


def test_options_that_are_none():
    d = pets()
    for options, text in (
        ({"task": "classify"}, "task"),
        ({"unknown": "ignore"}, "unknown"),
        ({"ignore": "age"}, "lists of names"),
        *(({"dtype": dtype}, "dtype") for dtype in (np.int64, np.float16, ">f4", "floats", None)),
        *(({name: None}, "lists of names") for name in ("ignore", "categories")),
        *(({"fill": fill}, "fill") for fill in ("avg", 0, np.zeros(2))),
        ({"missing_values": "NA"}, "missing_values as a list of texts"),
        ({"standardise": 1}, "standardise"),
        ({"test": 1.5}, "share"),
    ):
        with pytest.raises(ConfigError, match=text):
            table(d, "species", **options)
    with pytest.raises(ConfigError, match="from -5 to 4"):
        table(d, 5)
    right = table(d, "species").config()
    number = next(column for column in right["columns"] if column["kind"] == "numbers")
    wrong = [{}, {"format": "x"}, right | {"columns": [{"kind": "x"}]}, right | {"dtype": "object"}]
    for config in (*wrong, right | {"columns": [number | {"scale": "x"}]}):
        with pytest.raises(FileFormatError, match="Table.from_config"):
            Table.from_config(config)


def test_columns_of_numbers_as_words_and_columns_left_out():
    d = {"zip": [1, 2, 1, 3], "id": [5, 6, 7, 8], "y": [0.5, 1.5, 2.5, 3.5]}
    found = table(d, "y", categories=["zip"], ignore=["id"])
    assert found.features == ["zip=1", "zip=2", "zip=3"]
    assert found.transform({"zip": np.array([3.0])}).tolist() == [[0, 0, 1]]
    assert repr(found) == "Table(4 rows for training, 1 columns as 3 features; regression of 'y')"
