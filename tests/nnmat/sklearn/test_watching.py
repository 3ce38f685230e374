"""Callbacks of nnmat and of scikit-learn."""

import numpy as np
import pytest

import nnmat
from tests.extras import needs

pytestmark = needs("sklearn")

from sklearn.base import clone  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402

from nnmat.sklearn import NetClassifier, NetRegressor  # noqa: E402
from nnmat.sklearn.watching import Scores, context_of  # noqa: E402

X = np.random.default_rng(0).standard_normal((40, 3))
y = (X[:, 0] > 0).astype(int)


class Recorder:
    """A callback as scikit-learn has them."""

    def __init__(self, stop_at=None):
        self.seen, self.losses, self.stop_at = [], [], stop_at

    def setup(self, estimator, context):
        self.seen.append(("setup", context.task_name, context.max_subtasks))

    def on_fit_task_begin(self, estimator, context):
        self.seen.append(("begin", context.task_name, context.task_id))

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, fitted_estimator=None):
        self.seen.append(("end", context.task_name, context.task_id))
        if context.task_name == "epoch":
            self.losses.append(fitted_estimator.score(X, y))
            assert fitted_estimator.model_ is not estimator.model_
        return context.task_id == self.stop_at and context.task_name == "epoch"

    def teardown(self, estimator, context):
        self.seen.append(("teardown", context.task_name, None))


class Seen(nnmat.Callback):
    def __init__(self):
        self.epochs = []

    def on_epoch_end(self, trainer, epoch, figures):
        self.epochs.append(epoch)
        trainer.stop = epoch == 3


def test_callbacks_of_nnmat():
    seen = Seen()
    fitted = NetRegressor(max_iter=9, callbacks=[seen]).fit(X, X[:, 1])
    assert seen.epochs == [1, 2, 3]
    assert fitted.n_iter_ == 3


def test_callbacks_of_scikit_learn():
    pytest.importorskip("sklearn.callback")
    recorder = Recorder()
    fitted = NetClassifier(max_iter=3, random_state=0).set_callbacks(recorder).fit(X, y)
    epochs = [(when, "epoch", i) for i in range(3) for when in ("begin", "end")]
    around = [("setup", "fit", 3), ("begin", "fit", 0)], [("end", "fit", 0), ("teardown", "fit", None)]
    assert recorder.seen == [*around[0], *epochs, *around[1]]
    assert recorder.losses[-1] == fitted.score(X, y)
    assert clone(fitted)._skl_callbacks == [recorder]


def test_a_callback_of_scikit_learn_stops():
    pytest.importorskip("sklearn.callback")
    recorder = Recorder(stop_at=1)
    fitted = NetClassifier(max_iter=9).set_callbacks(recorder).fit(X, y)
    assert fitted.n_iter_ == 2
    assert ("begin", "epoch", 2) not in recorder.seen


def test_callbacks_of_scikit_learn_reach_a_pipeline():
    pytest.importorskip("sklearn.callback")

    class Spreading(Recorder):
        max_propagation_depth = None

    recorder = Spreading()
    make_pipeline(StandardScaler(), NetClassifier(max_iter=2)).set_callbacks(recorder).fit(X, y)
    assert ("end", "epoch", 1) in recorder.seen


def test_scores_are_figures():
    scores, figures = Scores("me", lambda estimator, X, y: 0.5, X, y), {}
    scores.on_epoch_end(None, 1, figures)
    assert figures == {"score": 0.5}
    assert scores.found == [0.5]


def test_without_callbacks_of_scikit_learn():
    assert context_of(object(), X, y, None, 3) == (None, {})
