"""Frames of numbers as arrays."""

import numpy as np
import pytest

from nnmat.datasets import Dataset
from nnmat.datasets.tables.frames import is_frame, is_series, numbers_of
from nnmat.errors import DataError
from tests.extras import needs

pytestmark = needs("pandas", "polars")
pd, pl = pytest.importorskip("pandas"), pytest.importorskip("polars")


def test_frames_of_numbers_are_arrays():
    for make in (pd.DataFrame, pl.DataFrame):
        frame = make({"a": [1.5, 2.5], "b": [3, 4]})
        data = Dataset(frame, frame["b"])
        assert data.X.tolist() == [[1.5, 3], [2.5, 4]]
        assert data.y.tolist() == [3, 4]
        assert data.y.dtype == np.int64
        assert is_series(frame["b"])
        with pytest.raises(DataError, match=r"words in column 'w'.*datasets.table\(frame"):
            Dataset(make({"a": [1, 2], "w": ["u", "v"]}), [0, 1])
        with pytest.raises(DataError, match="got dates in column 'd'"):
            Dataset(make({"a": [1, 2], "d": np.array(["2020-01-01", "2020-01-02"], "M8[ns]")}), [0, 1])
        assert numbers_of("f", "X", make({"a": [1, 2]})).dtype == np.int64
    nullable = pd.DataFrame({"a": pd.array([1, 2], dtype="Int64"), "b": [0.5, 1.5]})
    assert Dataset(nullable, nullable["a"]).X.tolist() == [[1, 0.5], [2, 1.5]]
    assert Dataset(nullable, nullable["a"]).y.tolist() == [1, 2]
    gap = Dataset(pd.DataFrame({"a": pd.array([1, None], dtype="Int64")}), [0, 1])  # NaN, which fit refuses
    np.testing.assert_array_equal(gap.X, [[1], [np.nan]])
    assert numbers_of("f", "X", [1, 2]) == [1, 2]
    assert not is_frame({"a": [1]})
    assert numbers_of("f", "X", frame[[]]).size == 0
    with pytest.raises(DataError, match=r"X.collect\(\)"):
        numbers_of("f", "X", pl.LazyFrame({"a": [1]}))
    with pytest.raises(DataError, match="more than once"):
        numbers_of("f", "X", pd.DataFrame([[1, 2]], columns=["a", "a"]))
