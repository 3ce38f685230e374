"""Frames in and out."""

import numpy as np

from tests.extras import needs

pytestmark = needs("sklearn", "pandas")

import pandas as pd  # noqa: E402

from nnmat.sklearn.frames import framed, target_names  # noqa: E402


def test_names_of_targets():
    assert target_names(pd.Series([1], name="a")) == ["a"]
    assert target_names(pd.DataFrame({"a": [1], "b": [2]})) == ["a", "b"]
    assert target_names(np.ones(3)) is None


def test_values_get_the_index_of_the_frame():
    X = pd.DataFrame({"u": [1.0, 2.0]}, index=["i", "j"])
    series = framed(X, np.array([3, 4]), ["y"])
    assert series.to_dict() == {"i": 3, "j": 4}
    assert series.name == "y"
    assert framed(X, np.eye(2), ["a", "b"]).loc["j", "b"] == 1.0
    assert framed(X, np.array([3, 4]), None).name is None
    values = np.ones(2)
    assert framed(X.to_numpy(), values, ["y"]) is values
