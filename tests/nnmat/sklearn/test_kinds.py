"""Classifiers and regressors: probabilities, decisions, weights of classes, several targets."""

import numpy as np
import pytest

import nnmat
from tests.extras import needs

pytestmark = needs("sklearn")

from nnmat.sklearn import MLPClassifier, MLPRegressor, NetClassifier  # noqa: E402

rng = np.random.default_rng(1)
X = rng.standard_normal((80, 3))
OPTIONS = {"hidden_layer_sizes": (8,), "learning_rate": 0.03, "max_iter": 25, "random_state": 0}


def test_probabilities_and_decisions_of_two_classes():
    fitted = MLPClassifier(**OPTIONS).fit(X, X[:, 0] > 0)
    P, d = fitted.predict_proba(X), fitted.decision_function(X)
    assert d.shape == (80,)
    np.testing.assert_allclose(P.sum(axis=1), 1.0)
    np.testing.assert_allclose(P[:, 1], 1 / (1 + np.exp(-d)))
    np.testing.assert_allclose(fitted.predict_log_proba(X), np.log(P))
    assert np.array_equal(fitted.predict(X), d > 0)


def test_several_labels():
    Y = (X[:, :2] > 0).astype(int)
    fitted = MLPClassifier(**OPTIONS).fit(X, Y)
    assert fitted.score(X, Y) > 0.8
    assert np.array_equal(fitted.predict(X), fitted.predict_proba(X) > 0.5)
    assert isinstance(fitted.trainer_.loss, nnmat.SigmoidBinaryCrossEntropy)


def test_several_classes_of_a_sample():
    Y = np.stack([np.where(X[:, 0] > 0, "red", "blue"), np.digitize(X[:, 1], [-0.5, 0.5]).astype(str)], axis=1)
    fitted = MLPClassifier(**OPTIONS | {"max_iter": 60}).fit(X, Y)
    assert [list(c) for c in fitted.classes_] == [["blue", "red"], ["0", "1", "2"]]
    assert (fitted.predict(X) == Y).mean() > 0.85
    assert [P.shape for P in fitted.predict_proba(X)] == [(80, 2), (80, 3)]
    assert all(np.allclose(P.sum(axis=1), 1) for P in fitted.predict_proba(X))
    assert len(fitted.predict_log_proba(X)) == 2


def test_several_numbers():
    Y = np.stack([1000 + 100 * X[:, 0], X[:, 1] - 5], axis=1)
    fitted = MLPRegressor(**OPTIONS | {"max_iter": 80}).fit(X, Y)
    assert fitted.score(X, Y) > 0.9
    assert fitted.predict(X).shape == (80, 2)
    assert fitted.partial_fit(X, Y).n_iter_ == fitted.n_iter_


def test_rare_classes_weigh_more():
    y = np.r_[np.zeros(70, int), np.ones(10, int)]
    plain, balanced, given = (
        NetClassifier(class_weight=w, max_iter=40, learning_rate=0.02, random_state=0)
        .fit(X, y)
        .predict_proba(X)[:, 1]
        .mean()
        for w in (None, "balanced", {0: 1.0, 1: 7.0})
    )
    assert plain < 0.3
    assert balanced > 0.4
    assert given > 0.4
    with pytest.raises(nnmat.ConfigError, match="class_weight as a dict for partial_fit, got 'balanced'"):
        NetClassifier(class_weight="balanced").partial_fit(X, y)


@pytest.mark.parametrize(
    ("loss", "has"),
    [
        ("sigmoid_binary_cross_entropy", True),
        ("log_loss", True),
        ("squared_error", False),
        (nnmat.SoftmaxCrossEntropy(label_smoothing=0.1), True),
        ("-inner(Y, log_softmax_rows(H)) / dim(B)", False),
        ("frobenius(H - Y)**2 / (2 * dim(B))", False),
    ],
)
def test_losses_of_classes(loss, has):
    y = np.digitize(X[:, 0], [-0.4, 0.4])
    fitted = MLPClassifier(**OPTIONS | {"max_iter": 60}, loss=loss).fit(X, y)
    assert fitted.score(X, y) > 0.75
    assert hasattr(fitted, "predict_proba") == has
    assert hasattr(MLPClassifier(loss=loss), "predict_log_proba") == has
    if has:
        np.testing.assert_allclose(fitted.predict_proba(X).sum(axis=1), 1.0)
    else:
        with pytest.raises(AttributeError, match="predict_proba"):
            fitted.predict_proba(X)


@pytest.mark.parametrize("loss", ["auto", "huber", "absolute_error", nnmat.SmoothL1(0.5)])
def test_losses_of_numbers(loss):
    y = 50 + 10 * X[:, 0]
    fitted = MLPRegressor(**OPTIONS | {"max_iter": 60}, loss=loss).fit(X, y)
    assert fitted.score(X, y) > 0.8
    assert abs(fitted.predict(X).mean() - 50) < 5


def test_counts_are_predicted_as_rates():
    y = np.exp(1 + 0.5 * X[:, 0]).round()
    fitted = MLPRegressor(**OPTIONS | {"max_iter": 60}, loss="poisson").fit(X, y)
    assert fitted.score(X, y) > 0.7
    assert (fitted.predict(X) > 0).all()


def test_an_expression_takes_no_weights():
    with pytest.raises(nnmat.ConfigError, match="expected no sample_weight"):
        MLPRegressor(loss="frobenius(H - Y)**2 / dim(B)", max_iter=1).fit(X, X[:, 0], sample_weight=np.arange(1, 81.0))


def test_a_column_of_targets_is_warned_of():
    from sklearn.exceptions import DataConversionWarning

    for estimator, y in ((NetClassifier(max_iter=1), X[:, :1] > 0), (MLPRegressor(2, max_iter=1), X[:, :1])):
        with pytest.warns(DataConversionWarning):
            estimator.fit(X, y)


def test_a_divergence_learns_probabilities():
    fitted = MLPClassifier(**OPTIONS | {"max_iter": 60}, loss="kl_divergence").fit(X, X[:, 0] > 0)
    assert fitted.loss_ >= 0
    np.testing.assert_allclose(np.exp(fitted.model_(X)), fitted.predict_proba(X))


def test_the_series_of_decisions_is_called_like_the_class_that_it_is_for():
    import pandas as pd

    frame = pd.DataFrame(X, columns=list("abc"))
    fitted = NetClassifier(max_iter=1, frames_out=True).fit(frame, np.where(X[:, 0] > 0, "yes", "no"))
    assert fitted.decision_function(frame).name == "yes"


@pytest.mark.parametrize("weights", [{0: 1, 1: -1, 2: 0}, {0: 1, 1: float("nan"), 2: 1}])
def test_weights_of_classes_are_at_least_0(weights):
    with pytest.raises(nnmat.ConfigError, match="class_weight of finite numbers, at least 0"):
        NetClassifier(class_weight=weights).fit(X, np.digitize(X[:, 0], [-0.5, 0.5]))


def test_the_first_partial_fit_is_told_classes_or_none():
    with pytest.raises(nnmat.ConfigError, match="expected classes as all classes that y will have, got none"):
        NetClassifier().partial_fit(X, X[:, 0] > 0, classes=[])


def test_numbers_of_many_samples_beside_a_large_mean():
    many = rng.standard_normal((1200, 3))  # more than 1000: in float32
    y = 1.7e9 + 10 * many[:, 0]
    assert MLPRegressor(**OPTIONS).fit(many, y).score(many, y) > 0.9


def test_a_flag_of_numpy_is_one():
    assert MLPRegressor(2, max_iter=1, standardize=np.False_).fit(X, X[:, 0])._targets.scaling is None
