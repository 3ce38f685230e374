"""Figures against those of their definitions."""

import numpy as np
import pytest

from nnmat.command.learning.recipes import ImageRecipe
from nnmat.command.learning.scores import ClassScores, NumberScores, scores_of
from nnmat.errors import NonFiniteError


def test_a_classifier():
    recipe = ImageRecipe((2, 2), True, ("a", "b", "c"))
    said, y = np.array([0, 1, 1, 2, 0, 1]), np.array([0, 1, 2, 2, 1, 1])
    scores = scores_of(5.0 * np.eye(3)[said], y, recipe, guess=1)
    assert isinstance(scores, ClassScores)
    assert scores.accuracy == pytest.approx(4 / 6)
    assert scores.baseline == pytest.approx(3 / 6)
    assert scores.better
    assert scores.lines == ["accuracy 66.7 % (4 of 6 right)", "baseline 50.0 % (always 'b', the most frequent class)"]
    head, rows = scores.table()
    assert rows[1] == ["b", "3", "66.7 %", "66.7 %"]
    assert rows[2] == ["c", "2", "50.0 %", "100.0 %"]
    assert len(head) == 4
    P = np.exp(5.0 * np.eye(3)[said])
    P /= P.sum(axis=1, keepdims=True)
    assert scores.loss == pytest.approx(-np.log(P[np.arange(6), y]).mean())


def test_a_class_that_nobody_has_or_names():
    scores = ClassScores(np.array([[2, 0], [0, 0]]), 0.1, ("a", "b"), 0)
    assert scores.table()[1][1] == ["b", "0", "-", "-"]
    assert not scores.better


def test_outputs_that_are_not_finite_have_no_scores():
    recipe = ImageRecipe((2, 2), True, ("a", "b"))
    with pytest.raises(NonFiniteError, match="smaller --lr"):
        scores_of(np.array([[0.0, np.nan], [1.0, 2.0]]), np.array([0, 1]), recipe, guess=0)


def test_numbers():
    rng = np.random.default_rng(0)
    true, said = rng.normal(5, 2, 50), rng.normal(5, 2, 50)
    scores = NumberScores(true, said, 4.0)
    assert scores.rmse == pytest.approx(np.sqrt(((true - said) ** 2).mean()))
    assert scores.baseline == pytest.approx(np.sqrt(((true - 4) ** 2).mean()))
    assert scores.r2 == pytest.approx(1 - ((true - said) ** 2).sum() / ((true - true.mean()) ** 2).sum())
    assert NumberScores(np.ones(3), np.ones(3), 0.0).r2 is None
    assert scores.table()[1][2][1] == f"{np.abs(true - said).max():.4g}"
