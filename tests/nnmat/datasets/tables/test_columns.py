"""Columns of frames: the same from pandas, polars and dicts."""

import decimal

import numpy as np
import pytest

from nnmat.datasets import table
from nnmat.datasets.tables.columns import columns_of, text_of
from nnmat.datasets.tables.frames import is_frame
from nnmat.errors import DataError
from tests.extras import needs

pytestmark = needs("pandas", "polars")
pd, pl = pytest.importorskip("pandas"), pytest.importorskip("polars")
FRAMES = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "dict": lambda d: d}
frames = pytest.mark.parametrize("kind", FRAMES)


@frames
def test_numbers_and_words_and_gaps(kind):
    frame = FRAMES[kind](
        {"i": [1, 2, None], "f": [0.5, None, 2.5], "b": [True, False, True], "w": ["u", None, "v"], "n": [None] * 3}
    )
    found = columns_of("f", frame)
    assert (found.rows, found.names) == (3, ["i", "f", "b", "w", "n"])
    np.testing.assert_array_equal(found.get("i").numbers, [1, 2, np.nan])
    np.testing.assert_array_equal(found.get("f").numbers, [0.5, np.nan, 2.5])
    np.testing.assert_array_equal(found.get("b").numbers, [1, 0, 1])
    assert found.get("w").words.tolist() == ["u", None, "v"]
    assert found.get("w").missing.tolist() == [False, True, False]
    assert found.get("n").missing.all()
    assert found.get("i", "words").words.tolist() == ["1", "2", None]
    assert is_frame(frame) == (kind != "dict")


def test_types_of_frames():
    frame = pd.DataFrame({"w": ["u", "v", None]})
    kinds = {
        "category": pd.Categorical(["u", "v", None]),
        "string": pd.array(["u", "v", None], dtype="string"),
        "object": pd.Series(["u", "v", np.nan], dtype=object),
    }
    for kind, values in kinds.items():
        assert columns_of("f", frame.assign(w=values)).get("w").words.tolist() == ["u", "v", None], kind
    numbers = {
        "Int64": pd.array([1, None], dtype="Int64"),
        "Float32": pd.array([1, None], dtype="Float32"),
        "boolean": pd.array([True, None], dtype="boolean"),
        "objects": pd.Series([1, None], dtype=object),
        "decimals": pd.Series([decimal.Decimal(1), None], dtype=object),
    }
    for kind, values in numbers.items():
        found = columns_of("f", pd.DataFrame({"x": values})).get("x", False)
        np.testing.assert_array_equal(found.numbers, [1, np.nan], err_msg=kind)
    whole = columns_of("f", pd.DataFrame({"x": pd.Categorical([3, 1, 3])})).get("x", False)
    assert whole.words.tolist() == ["3", "1", "3"]
    enums = pl.DataFrame({"x": ["u", None]}, schema={"x": pl.Categorical})
    assert columns_of("f", enums).get("x").words.tolist() == ["u", None]
    assert [text_of(x) for x in (1, 1.0, "1", 1.5, True, np.int8(1))] == ["1", "1", "1", "1.5", "True", "1"]


def test_frames_that_are_refused():
    twice = pd.DataFrame([[1, 2]], columns=["a", "a"])
    with pytest.raises(DataError, match="got 'a' more than once"):
        columns_of("f", twice)
    with pytest.raises(DataError, match=r"frame.collect\(\)"):
        columns_of("f", pl.LazyFrame({"a": [1]}))
    dates = pd.DataFrame({"a": pd.to_datetime(["2020-01-01"])})
    with pytest.raises(DataError, match="column 'a', got dates"):
        columns_of("f", dates).get("a")
    days = pl.DataFrame({"a": pd.to_datetime(["2020-01-01"]).date.tolist()})
    with pytest.raises(DataError, match="column 'a', got date"):
        columns_of("f", days).get("a")


@frames
def test_a_table_is_the_same_from_every_frame(kind):
    rows = {"x": [1, 2, 3, 4], "w": ["a", "b", "a", "c"], "y": ["p", "q", "q", "p"]}
    found, expected = table(FRAMES[kind](rows), "y"), table(rows, "y")
    assert np.array_equal(found.X, expected.X)
    assert np.array_equal(found.transform(FRAMES[kind](rows)), expected.X)
    assert found.config() == expected.config()
