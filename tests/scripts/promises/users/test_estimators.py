"""The rows about estimators, of small sizes."""

from types import SimpleNamespace

import numpy as np
import pytest

from tests.extras import needs

pytestmark = needs("sklearn")

from promises.users import estimators  # noqa: E402


@pytest.mark.parametrize(
    ("said", "holds"),
    [
        ("60 checks\n." * 5 + "5 passed in 40 s", True),
        ("5 passed in 40 s", False),
        ("60 checks\n." * 5 + "4 passed, 1 failed", False),
        ("", False),
    ],
)
def test_all_estimators_pass_all_checks(monkeypatch, said, holds):
    monkeypatch.setattr(estimators, "run", lambda command, **more: SimpleNamespace(stdout=said))
    row = estimators.checks()
    assert row.holds == holds
    assert ("300 in all" in row.value) == ("checks" in said)


@pytest.mark.once
def test_accuracy_of_one_set():
    row = estimators.accuracy(("iris",), seeds=1)
    assert row.holds
    assert row.value.startswith("iris bare 0.9")
    assert "; mean 0.9" in row.value


def test_a_score_below_is_seen(monkeypatch):
    monkeypatch.setattr(estimators, "scores", lambda name, seeds: {"bare": (0.9, 0.8), "scaled": (0.7, 0.71)})
    row = estimators.accuracy(("iris",))
    assert not row.holds
    assert "scaled 0.7000 (0.7100); mean 0.8000 (0.7550)" in row.value


def test_times_of_a_small_set(monkeypatch):
    X = np.random.default_rng(0).standard_normal((60, 3))
    monkeypatch.setattr(estimators, "sets_of_times", lambda: {"small": (X, X[:, 0] > 0, 2)})
    monkeypatch.setattr(estimators, "ROUNDS", 1)
    (row,) = estimators.fit()
    assert row.what == "estimators: time of fit, small"
    assert "times where X is float32" in row.value
    assert "scikit-learn, X float32, 1 thread" in row.value
    assert [len(data[0]) for data in (estimators.sets_of_times().values())] == [60]
