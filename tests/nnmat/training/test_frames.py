"""`fit`, `evaluate` and `predict` with data frames and tables."""

import numpy as np
import pytest

from nnmat import SGD, Linear, Sequential, SoftmaxCrossEntropy, Trainer, datasets
from nnmat.errors import DataError, DtypeError
from tests.extras import needs

pytestmark = needs("pandas", "polars")
pd, pl = pytest.importorskip("pandas"), pytest.importorskip("polars")
frames = pytest.mark.parametrize("Frame", [pd.DataFrame, pl.DataFrame])


def trainer(features=2):
    model = Sequential([Linear(features, 3)], input_shape=(features,), seed=0)
    return Trainer(model, SoftmaxCrossEntropy(), SGD(model, lr=0.1), metrics=["accuracy"])


@frames
def test_frames_are_arrays(Frame):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((40, 2)), rng.integers(0, 3, 40)
    frame = Frame({"X": X[:, 0], "y": X[:, 1], "class": y})  # names that a data set has too
    made, expected = trainer(), trainer()
    columns = frame[["X", "y"]]
    made.fit((columns, frame["class"]), 2, progress=False, validation=(columns, frame["class"]))
    expected.fit((X, y), 2, progress=False)
    assert np.array_equal(made.model.flat_parameters, expected.model.flat_parameters)
    assert made.evaluate((columns, frame["class"])) == expected.evaluate((X, y))
    assert np.array_equal(made.predict(columns), expected.predict(X))
    weighted = Frame({"w": np.ones(40)})["w"]
    made.fit((columns, frame["class"], weighted), 1, progress=False)


@frames
def test_a_frame_with_words_becomes_a_table(Frame):
    rng = np.random.default_rng(0)
    town = rng.choice(["a", "b"], 60)
    frame = Frame({"x": rng.standard_normal(60), "town": town, "kind": np.where(town == "a", "u", "v")})
    with pytest.raises(DataError, match=r"datasets.table\(frame, target='...'\), and fit\(table.train\)"):
        trainer().fit(frame, 1, progress=False)
    with pytest.raises(DataError, match="words in column 'town'"):
        trainer().fit((frame[["x", "town"]], np.zeros(60, int)), 1, progress=False)
    with pytest.raises(DtypeError, match="np.unique"):
        trainer(1).fit((frame[["x"]], frame["kind"]), 1, progress=False)
    table = datasets.table(frame, "kind", test=0.2)
    made = trainer(3)
    made.fit(table, 20, progress=False)
    assert made.evaluate(table.test)["accuracy"] == 1
    found = table.decode(made.predict(table.transform(frame))[:, :2])
    assert found.tolist() == frame["kind"].to_numpy().tolist()


def test_a_gap_is_named():
    frame = pd.DataFrame({"a": pd.array([1, None], dtype="Int64"), "b": [0.5, 1]})
    with pytest.raises(DataError, match=r"X holds nan at index \(1, 0\)"):
        trainer().fit((frame, [0, 1]), 1, progress=False)
