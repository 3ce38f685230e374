"""Networks of one's own."""

import numpy as np
import pytest

import nnmat
from tests.extras import needs

pytestmark = needs("sklearn")

from sklearn.base import clone  # noqa: E402
from sklearn.model_selection import GridSearchCV  # noqa: E402

from nnmat.sklearn import NetClassifier, NetRegressor  # noqa: E402

X = np.random.default_rng(0).standard_normal((50, 4))


def network(features, outputs, hidden=6):
    wide = nnmat.Residual(nnmat.Sequential([nnmat.Linear(hidden, hidden), nnmat.Tanh()]))
    return nnmat.Sequential([nnmat.Linear(features, hidden), wide, nnmat.Linear(hidden, outputs)])


@pytest.mark.parametrize(
    ("kind", "y"), [(NetClassifier, X[:, 0] > 0), (NetRegressor, 3 * X[:, 0]), (NetRegressor, X[:, :2])]
)
def test_a_function_builds_the_model(kind, y):
    estimator = kind(network, max_iter=40, learning_rate=0.02, random_state=0).fit(X, y)
    assert estimator.score(X, y) > 0.9
    assert clone(estimator).model is network
    again = kind(network, max_iter=40, learning_rate=0.02, random_state=0).fit(X, y)
    assert np.array_equal(again.predict(X), estimator.predict(X))


def test_its_options_are_searched():
    grid = {"model_options": [{"hidden": 2}, {"hidden": 4}]}
    search = GridSearchCV(NetClassifier(network, max_iter=2), grid, cv=2).fit(X, X[:, 0] > 0)
    assert search.best_params_["model_options"]["hidden"] in (2, 4)


def test_without_a_function_it_is_linear():
    layers = NetClassifier(max_iter=1).fit(X, X[:, 0] > 0).model_.layers
    assert [type(layer) for layer in layers] == [nnmat.Linear]
