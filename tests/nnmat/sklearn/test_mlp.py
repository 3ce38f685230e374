"""Fully connected networks."""

import numpy as np
import pytest

from tests.extras import needs

pytestmark = needs("sklearn")

from sklearn.datasets import load_diabetes, load_iris  # noqa: E402

from nnmat.sklearn import MLPClassifier, MLPRegressor  # noqa: E402


@pytest.mark.once
def test_defaults_are_good_on_irises():
    X, y = load_iris(return_X_y=True)
    fitted = MLPClassifier(random_state=0).fit(X[::2], y[::2])
    assert fitted.score(X[1::2], y[1::2]) > 0.93


@pytest.mark.once
def test_defaults_are_good_on_diabetes():
    X, y = load_diabetes(return_X_y=True)
    fitted = MLPRegressor(random_state=0).fit(X[::2], y[::2])
    assert fitted.score(X[1::2], y[1::2]) > 0.35


def test_hidden_layers_as_asked_for():
    X = np.random.default_rng(0).standard_normal((20, 3))
    options = {"activation": ["gelu", "tanh"], "dropout": [0.1, 0.0], "batch_norm": True, "max_iter": 2}
    for estimator, y in ((MLPClassifier, X[:, 0] > 0), (MLPRegressor, X[:, 0])):
        layers = estimator((6, 4), **options).fit(X, y).model_.layers
        kinds = " ".join(type(layer).__name__ for layer in layers)
        assert kinds == "Linear BatchNorm1d GELU Dropout Linear BatchNorm1d Tanh Linear"
