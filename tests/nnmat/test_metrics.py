"""Metrics, and how their names are resolved."""

import functools

import numpy as np
import pytest

from nnmat import metrics
from nnmat.errors import ConfigError, DataError, DtypeError, LabelError, ShapeError

H = np.array([[3.0, 1, 2], [0, 5, 4], [1, 1, 0], [0, 0, 9]], np.float32)
Y = np.array([0, 2, 1, 2])


def test_accuracy():
    assert metrics.accuracy(H, Y) == 0.5  # of equal outputs the first one counts
    assert metrics.accuracy(H, np.eye(3)[Y]) == 0.5
    assert metrics.accuracy(H.reshape(2, 2, 3), Y.reshape(2, 2).astype(np.uint8)) == 0.5
    assert metrics.accuracy(H, np.array([0, -1, -1, 2]), ignore_index=-1) == 1.0
    assert metrics.accuracy(H[:0], Y[:0]) == 0.0
    assert metrics.accuracy(np.asfortranarray(H), Y) == metrics.accuracy(H, Y.astype(np.int32)) == 0.5


def test_top_k_accuracy():
    assert metrics.top_k_accuracy(H, Y, 1) == metrics.accuracy(H, Y)
    assert metrics.top_k_accuracy(H, Y, 2) == 1.0
    assert metrics.top_k(1)(H, Y) == 0.5
    assert metrics.top_k_accuracy(H, Y, 50) == 1.0


def test_top_k_against_sorting(rng):
    H, y = rng.integers(0, 6, (200, 9)).astype(float), rng.integers(0, 9, 200)  # with many ties
    order = np.argsort(-H, axis=1, kind="stable")
    for k in range(1, 10):
        expected = np.mean([label in row[:k] for label, row in zip(y, order, strict=True)])
        assert metrics.top_k_accuracy(H, y, k) == pytest.approx(expected)


def test_nan_is_never_right():
    bad = np.array([[np.nan, 1.0], [1.0, np.nan], [np.nan, np.nan]])
    for label in (0, 1):
        y = np.full(3, label)
        assert metrics.accuracy(bad, y) == 0.0
        assert metrics.top_k_accuracy(bad, y, 1) == 0.0
    assert metrics.binary_accuracy(bad[:, :1], np.array([0, 1, 1])) == pytest.approx(1 / 3)


def test_binary_accuracy():
    column = np.array([[-1.0], [2], [0], [3]])
    assert metrics.binary_accuracy(column, np.array([0, 1, 1, 0])) == 0.5
    assert metrics.binary_accuracy(column, np.array([[0], [1], [0], [1.0]])) == 1.0
    assert metrics.binary_accuracy(np.ones((2, 2)), np.array([[1, 0], [1, 1]])) == 0.75


def test_confusion_matrix():
    C = metrics.confusion_matrix(H, Y)
    assert C.tolist() == [[1, 0, 0], [1, 0, 0], [0, 1, 1]]
    assert np.trace(C) / C.sum() == metrics.accuracy(H, Y)
    assert metrics.confusion_matrix(H, np.array([0, -1, -1, -1]), ignore_index=-1).sum() == 1


def test_a_row_of_nan_has_no_place_in_a_confusion_matrix():
    bad = H.copy()
    bad[2, 1] = np.nan
    with pytest.raises(DataError, match=r"^confusion_matrix: expected H without NaN, got one in row 2"):
        metrics.confusion_matrix(bad, Y)
    with pytest.raises(DataError, match="row 2"):
        metrics.confusion_matrix(bad, np.array([-1, -1, 1, 2]), ignore_index=-1)
    assert metrics.confusion_matrix(bad, np.array([0, 2, -1, 2]), ignore_index=-1).sum() == 3


def test_accuracy_ignoring():
    metric = metrics.accuracy_ignoring(-1)
    assert metrics.resolve(metric) == ("accuracy", metric)
    assert metric(H, np.array([0, -1, -1, 1])) == (0.5, 2)
    assert metric(H, np.full(4, -1)) == (0.0, 0)
    assert metric(H, np.eye(3)[Y]) == (0.5, 4)
    assert metrics.accuracy_ignoring(0)(H, np.eye(3)[Y]) == metrics.accuracy_ignoring(0)(H, Y) == (1 / 3, 3)
    for index in (1.5, True, None):
        with pytest.raises(ConfigError, match="^accuracy_ignoring: expected index as an integer, got"):
            metrics.accuracy_ignoring(index)


def test_resolve():
    assert metrics.resolve("accuracy") == ("accuracy", metrics.accuracy)
    name, metric = metrics.resolve("top_2")
    assert name == "top_2"
    assert metric(H, Y) == 1.0
    assert metrics.resolve(metrics.top_k(3))[0] == "top_3"
    own = functools.partial(metrics.accuracy, ignore_index=-1)
    assert metrics.resolve(own) == ("partial", own)
    for unknown in ("acuracy", "top_0", "top_", 3):
        with pytest.raises(ConfigError, match=r"^metrics: expected one of 'accuracy', 'binary_accuracy', 'top_5'.*got"):
            metrics.resolve(unknown)


def test_errors():
    for call, kind, text in [
        (lambda: metrics.accuracy(H.tolist(), Y), DtypeError, r"^accuracy: expected H to be a NumPy array, got list"),
        (lambda: metrics.accuracy(H[0], Y), ShapeError, r"^accuracy: expected H of shape \(..., M\)"),
        (lambda: metrics.accuracy(H, Y[:3]), ShapeError, r"labels y of shape \(4,\).*got \(3,\)"),
        (lambda: metrics.accuracy(H, Y.astype(float)), DtypeError, r"labels y of an integer dtype, got float64"),
        (lambda: metrics.top_k(2)(H, Y + 1), LabelError, r"^top_2: expected labels from 0 to 2, got 3 in row 1"),
        (lambda: metrics.confusion_matrix(H, Y - 1), LabelError, r"^confusion_matrix: .*got -1 in row 0"),
        (lambda: metrics.accuracy(H, Y - 1), LabelError, r"got -1 in row 0.*metrics.accuracy_ignoring\(-1\)"),
        (lambda: metrics.accuracy(H, np.array([-1, 9, 0, 0]), -1), LabelError, r"got 9 in row 1"),
        (lambda: metrics.top_k(0), ConfigError, r"^top_k: expected k as an integer >= 1, got 0"),
        (lambda: metrics.binary_accuracy(H, Y), ShapeError, r"^binary_accuracy: .*For class labels use accuracy"),
    ]:
        with pytest.raises(kind, match=text):
            call()
