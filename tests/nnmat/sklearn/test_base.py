"""What all estimators share: fit, partial_fit, warm start, early stopping, weights, copies, searches."""

import pickle

import numpy as np
import pytest

import nnmat
from tests.extras import needs

pytestmark = needs("sklearn", "pandas")

from sklearn.base import clone  # noqa: E402
from sklearn.exceptions import NotFittedError  # noqa: E402
from sklearn.model_selection import GridSearchCV, cross_val_score  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402

from nnmat.sklearn import MLPClassifier, MLPRegressor, NetClassifier  # noqa: E402

rng = np.random.default_rng(0)
X = rng.standard_normal((60, 4))
y = np.where(X[:, 0] + X[:, 1] > 0, "yes", "no")
SMALL = {"hidden_layer_sizes": (8,), "learning_rate": 0.02, "max_iter": 12, "random_state": 0}


def small(**options):
    return MLPClassifier(**SMALL | options)


def parameters(estimator):
    return estimator.model_.flat_parameters.copy()


def test_it_learns_and_says_what_it_did():
    fitted = small(max_iter=30).fit(X, y)
    assert fitted.score(X, y) > 0.9
    assert list(fitted.classes_) == ["no", "yes"]
    assert fitted.n_iter_ == len(fitted.loss_curve_) == len(fitted.history_["loss"])
    assert fitted.loss_ == fitted.loss_curve_[-1] < fitted.loss_curve_[0]
    assert isinstance(fitted.model_, nnmat.Sequential)
    assert (fitted.n_features_in_, fitted.n_outputs_) == (4, 2)


def test_a_random_state_gives_the_same_bits():
    first, again, other = (parameters(small(random_state=seed).fit(X, y)) for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_it_is_not_fitted_before():
    with pytest.raises(NotFittedError):
        small().predict(X)
    with pytest.raises(NotFittedError):
        small().predict_proba(X)


def test_a_copy_is_new_and_a_pickle_is_fitted():
    fitted = small(dropout=0.1, optimizer_options={"betas": (0.8, 0.9)}).fit(X, y)
    copied = clone(fitted)
    assert copied.get_params() == fitted.get_params()
    assert not hasattr(copied, "model_")
    loaded = pickle.loads(pickle.dumps(fitted))
    assert np.array_equal(loaded.predict_proba(X), fitted.predict_proba(X))
    for estimator in (fitted, loaded):  # both go on, with the state of the optimizer
        estimator.partial_fit(X, y)
    assert np.array_equal(parameters(loaded), parameters(fitted))


def test_partial_fit_is_one_epoch_more():
    estimator = small()
    estimator.partial_fit(X[:30], y[:30], classes=["no", "yes", "perhaps"])
    before = parameters(estimator)
    estimator.partial_fit(X[30:], y[30:])
    assert estimator.n_iter_ == 2
    assert estimator.trainer_.optimizer.steps == 2
    assert not np.array_equal(before, parameters(estimator))
    assert estimator.predict_proba(X).shape == (60, 3)
    with pytest.raises(nnmat.DataError, match=r"y has the class 'never', which is none of"):
        estimator.partial_fit(X[:2], ["never", "no"])


def test_a_warm_start_goes_on():
    estimator = small(warm_start=True, max_iter=2).fit(X, y)
    model, before = estimator.model_, parameters(estimator)
    estimator.fit(X, y)
    assert estimator.model_ is model
    assert estimator.n_iter_ == 4
    assert not np.array_equal(before, parameters(estimator))
    assert small(max_iter=2).fit(X, y).fit(X, y).n_iter_ == 2


def test_weights_count_like_repetitions():
    weight = rng.integers(0, 3, 20)
    repeated = small().fit(X[:20].repeat(weight, axis=0), y[:20].repeat(weight))
    weighted = small().fit(X[:20], y[:20], sample_weight=weight)
    np.testing.assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), rtol=1e-6)


def test_a_class_that_weighs_nothing_is_still_one():
    three = np.where(X[:, 2] > 1, "perhaps", y)
    fitted = small().fit(X, three, sample_weight=three != "perhaps")
    assert list(fitted.classes_) == ["no", "perhaps", "yes"]
    assert "perhaps" not in fitted.predict(X)


@pytest.mark.parametrize(
    ("weight", "message"),
    [([-1.0] * 60, "at least 0, got -1.0"), ([0.0] * 60, "at least one non-zero|above 0 for some samples")],
)
def test_wrong_weights(weight, message):
    with pytest.raises(ValueError, match=message):
        small().fit(X, y, sample_weight=weight)


def test_it_stops_when_nothing_is_gained():
    estimator = small(max_iter=50, tol=10.0, n_iter_no_change=3).fit(X, y)
    assert estimator.n_iter_ == 4
    assert small(tol=10.0, n_iter_no_change=None).fit(X, y).n_iter_ == 12


@pytest.mark.parametrize("scoring", [None, "accuracy", "roc_auc", lambda e, X, y: e.score(X, y)])
def test_early_stopping_ends_with_the_best(scoring):
    estimator = small(max_iter=40, early_stopping=True, validation_fraction=0.3, scoring=scoring)
    estimator.set_params(n_iter_no_change=3, tol=0.0).fit(X, y)
    found = estimator.validation_curve_
    assert len(found) == estimator.n_iter_
    best = np.argmin(found) if scoring is None else np.argmax(found)
    assert estimator.n_iter_ in (40, best + 4)
    assert min(found) < max(found)


def test_a_frame_comes_back_as_a_frame():
    import pandas as pd

    frame = pd.DataFrame(X, columns=list("abcd"), index=range(100, 160))
    estimator = small(frames_out=True, early_stopping=True, scoring="accuracy").fit(frame, pd.Series(y, name="answer"))
    assert list(estimator.feature_names_in_) == list("abcd")
    predicted, shares = estimator.predict(frame), estimator.predict_proba(frame)
    assert predicted.name == "answer"
    assert list(predicted.index) == list(frame.index)
    assert list(shares.columns) == ["no", "yes"]
    assert isinstance(small().fit(frame, y).predict(frame), np.ndarray)
    targets = pd.DataFrame(X[:, :2], columns=["u", "v"])
    regression = MLPRegressor(4, max_iter=2, frames_out=True).fit(frame, targets)
    assert list(regression.predict(frame).columns) == ["u", "v"]


def test_it_sits_in_a_pipeline_and_in_a_grid_search():
    pipeline = make_pipeline(StandardScaler(), small())
    grid = {"mlpclassifier__dropout": [0.0, 0.3], "mlpclassifier__hidden_layer_sizes": [(4,), (4, 4)]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(X, y)
    assert search.best_params_.keys() == grid.keys()
    assert search.score(X, y) > 0.6


@pytest.mark.once
def test_other_processes_fit_it():
    assert cross_val_score(small(max_iter=20), X, y, cv=2, n_jobs=2).mean() > 0.6


def test_verbose_shows_lines(capsys):
    small(max_iter=2, verbose="lines").fit(X, y)
    assert "epoch 2/2: loss" in capsys.readouterr().err
    small(max_iter=2).fit(X, y)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("given", "found"), [(X, "float64"), (X.astype(np.float32), "float32")])
def test_few_samples_keep_their_dtype(given, found):
    assert small(max_iter=1).fit(given, y).model_.dtype == found
    many = np.tile(given, (20, 1))
    assert small(max_iter=1).fit(many, np.tile(y, 20)).model_.dtype == "float32"
    assert small(max_iter=1, dtype=np.float64).fit(given, y).model_.dtype == "float64"


@pytest.mark.parametrize(("samples", "batch"), [(5, 5), (500, 32), (5000, 100), (65, 33), (100_000, 200), (33, 33)])
def test_batches(samples, batch):
    assert small()._batch(samples) == batch
    assert small(batch_size=7)._batch(samples) == min(7, samples)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_iter": 0}, "max_iter"),
        ({"activation": "rellu"}, "Did you mean 'relu'"),
        ({"activation": ["relu", "tanh"]}, "as one value, or as 1, one for each hidden layer, got 2"),
        ({"optimizer": "adm"}, "Did you mean 'adam'"),
        ({"optimizer_options": {"beta": 1}}, "Adam: expected arguments among those it has, got beta"),
        ({"schedule": "cos"}, "expected schedule as one of 'constant', 'cosine'"),
        ({"loss": "huge"}, "expected loss as one of"),
        ({"batch_size": 0}, "batch_size"),
        ({"n_iter_no_change": 0}, "n_iter_no_change"),
        ({"early_stopping": 1}, "early_stopping"),
        ({"standardize": "yes"}, "standardize"),
        ({"hidden_layer_sizes": (0,)}, "hidden_layer_sizes"),
        ({"dropout": 1.5}, "dropout"),
        ({"learning_rate": -1.0}, "MLPClassifier: expected learning_rate as a finite number >= 0"),
        ({"learning_rate": "adaptive"}, "learning_rate as a finite number >= 0, got 'adaptive'"),
        ({"optimizer_options": {"lr": 0.1}}, "no lr in optimizer_options. Write learning_rate=0.1"),
        ({"callbacks": nnmat.Callback()}, "callbacks as a list of Callback objects"),
        ({"frames_out": 1}, "frames_out"),
        ({"early_stopping": True, "scoring": ["accuracy", "f1"]}, "scoring as one name or function"),
        ({"early_stopping": True, "validation_fraction": 1.0}, "validation_fraction between 0 and 1"),
        ({"early_stopping": True, "validation_fraction": 0.0}, "validation_fraction between 0 and 1"),
    ],
)
def test_wrong_options_are_found_by_fit(options, message):
    with pytest.raises(nnmat.ConfigError, match=message):
        small(**options).fit(X, y)


def test_what_a_model_function_may_return():
    with pytest.raises(nnmat.ConfigError, match="expected model as a function"):
        NetClassifier(model=nnmat.Linear(4, 2)).fit(X, y)
    with pytest.raises(nnmat.ConfigError, match=r"to return a Layer, got 'no'"):
        NetClassifier(model=lambda features, outputs: "no").fit(X, y)
    built = nnmat.Sequential([nnmat.Linear(3, 2)], input_shape=3)
    with pytest.raises(nnmat.BuildError, match="to take rows of 4 numbers, got one of input_shape"):
        NetClassifier(model=lambda features, outputs: built).fit(X, y)
    built = nnmat.Sequential([nnmat.Linear(4, 2)], input_shape=4)
    assert NetClassifier(model=lambda features, outputs: built, max_iter=1).fit(X, y).model_ is built


def test_a_large_weight_decay_makes_parameters_small():
    norms = [np.linalg.norm(parameters(small(weight_decay=decay, max_iter=40).fit(X, y))) for decay in (0.0, 1.0)]
    assert norms[1] < 0.5 * norms[0]


@pytest.mark.parametrize(
    "make",
    [
        lambda model: nnmat.Adam(model, lr=0.5),
        lambda model, lr: nnmat.Adam(model, lr=lr),
        lambda model, weight_decay: nnmat.SGD(model, lr=0.1, weight_decay=weight_decay),
        lambda model, **options: nnmat.Adam(model, **options),
    ],
)
def test_an_optimizer_is_made_by_a_function_of_the_model(make):
    assert isinstance(small(optimizer=make).fit(X, y).trainer_.optimizer, nnmat.Optimizer)


def test_what_is_held_out_says_nothing_of_the_scale():
    seen = []
    estimator = small(early_stopping=True, scoring=lambda e, X, y: seen.append(X) or 0.0, standardize=True).fit(X, y)
    held = {tuple(row) for row in seen[0]}
    rest = np.array([row for row in X if tuple(row) not in held])
    assert 0 < len(held) == len(X) - len(rest)
    np.testing.assert_allclose(estimator._scaling.mean, rest.mean(axis=0))


def test_a_score_that_is_nan_is_told():
    with pytest.raises(nnmat.DataError, match="scoring gave nan"):
        small(early_stopping=True, scoring=lambda e, X, y: float("nan")).fit(X, y)


def test_columns_in_another_order_are_refused():
    import pandas as pd

    frame = pd.DataFrame(X, columns=list("abcd"))
    with pytest.raises(ValueError, match="same order"):
        small(max_iter=1).fit(frame, y).predict(frame[list("dcba")])


@pytest.mark.parametrize(
    "other", [np.asfortranarray, lambda A: A.astype(">f8"), lambda A: np.repeat(A, 2, axis=0)[::2]]
)
def test_the_order_of_bytes_does_not_matter(other):
    fitted = small(max_iter=3).fit(X, y)
    assert np.array_equal(parameters(small(max_iter=3).fit(other(X), y)), parameters(fitted))
    assert np.array_equal(fitted.predict_proba(other(X)), fitted.predict_proba(X))
