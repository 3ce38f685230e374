"""Figures, outputs and probabilities, batch by batch."""

import numpy as np
import pytest

import nnmat
from nnmat import MeanSquaredError, SigmoidBinaryCrossEntropy, SoftmaxCrossEntropy, datasets
from nnmat.training.evaluation import GRACE, evaluate, predict, probabilities
from tests.nnmat.training.runs import blobs, make


def test_figures_do_not_depend_on_the_batches():
    trainer, data = make(), blobs(50)
    found = [
        evaluate("evaluate", trainer, datasets.ArrayBatches(data.X, data.y, size, shuffle=False), size, False)
        for size in (1, 7, 50, 64)
    ]
    assert all(figures == pytest.approx(found[0]) for figures in found)


def test_a_short_evaluation_is_finished_although_the_run_is_to_stop():
    trainer, data = make(), blobs(50)
    source = datasets.ArrayBatches(data.X, data.y, 10, shuffle=False)
    assert evaluate("validation", trainer, source, 10, False, lambda: True) is not None
    assert GRACE > 0


def test_outputs_are_those_of_the_model():
    trainer, X = make(), blobs(50).X
    for size in (1, 7, 50, 64):
        assert np.allclose(predict("predict", trainer.model, X, size, False), trainer.model.forward(X), atol=1e-6)
    assert predict("predict", trainer.model, X[:0], 8, False).shape == (0, 3)


def test_probabilities():
    H = np.random.default_rng(0).standard_normal((5, 3))
    assert np.allclose(probabilities(SoftmaxCrossEntropy(), H).sum(axis=1), 1)
    assert np.allclose(probabilities(SigmoidBinaryCrossEntropy(), H), 1 / (1 + np.exp(-H)))
    with pytest.raises(nnmat.ConfigError, match=r"got MeanSquaredError\(\). predict\(X\) gives the model's outputs"):
        probabilities(MeanSquaredError(), H)


def test_of_a_loss_that_is_a_sum_the_mean_over_the_batches_is_shown():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((10, 3)), rng.standard_normal((10, 2))
    model = nnmat.Sequential([nnmat.Linear(3, 2)], input_shape=(3,), seed=0, dtype=np.float64)
    loss = MeanSquaredError(reduction="sum")
    trainer = nnmat.Trainer(model, loss, nnmat.SGD(model, lr=1e-300))
    sums = [loss.forward(model.forward(X[i : i + 4]), y[i : i + 4]) for i in (0, 4, 8)]
    history = trainer.fit((X, y), epochs=1, batch_size=4, progress=False)
    assert history["loss"] == pytest.approx([np.mean(sums)])
    assert trainer.evaluate((X, y), batch_size=4)["loss"] == pytest.approx(np.mean(sums))
