"""Figures, outputs and probabilities, batch by batch."""

import numpy as np
import pytest

import nnmat
from nnmat import MeanSquaredError, SigmoidBinaryCrossEntropy, SoftmaxCrossEntropy, datasets
from nnmat.programs.compiled_function import CompiledFunction
from nnmat.training.evaluation import GRACE, evaluate, predict, probabilities
from nnmat_kernels.runtime.config import settings
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
        assert np.allclose(predict("predict", trainer, X, size, False), trainer.model.forward(X), atol=1e-6)
    assert predict("predict", trainer, X[:0], 8, False).shape == (0, 3)


def test_probabilities():
    H = np.random.default_rng(0).standard_normal((5, 3))
    assert np.allclose(probabilities(SoftmaxCrossEntropy(), H).sum(axis=1), 1)
    assert np.allclose(probabilities(SigmoidBinaryCrossEntropy(), H), 1 / (1 + np.exp(-H)))
    with pytest.raises(nnmat.ConfigError, match=r"got MeanSquaredError\(\). predict\(X\) gives the model's outputs"):
        probabilities(MeanSquaredError(), H)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss", [nnmat.SoftmaxCrossEntropy, lambda: nnmat.SoftmaxCrossEntropy(ignore_index=2)])
def test_many_batches_run_as_programs_with_the_same_bits(loss, weighted, rng):
    X, y = rng.standard_normal((500, 6)).astype(np.float32), rng.integers(0, 4, 500)
    data = (X, y, rng.random(500).astype(np.float32)) if weighted else (X, y)
    model = nnmat.Sequential(
        [nnmat.Linear(6, 8), nnmat.Dropout(0.5), nnmat.ReLU(), nnmat.Linear(8, 4)], input_shape=(6,)
    )
    found = []
    for compiled in (True, False):
        trainer = nnmat.Trainer(model, loss(), nnmat.SGD(model), metrics=["accuracy", "top_2"], compiled=compiled)
        found.append((trainer.evaluate(data, batch_size=7), trainer.predict(X, batch_size=7).tobytes()))
    assert found[0] == found[1]


@pytest.mark.skipif(bool(settings.DISABLE_JIT), reason="nothing is compiled")
def test_which_batches_programs_run(monkeypatch, rng):
    trainer, runs = make(), []
    run = CompiledFunction._run
    monkeypatch.setattr(CompiledFunction, "_run", lambda *arguments: runs.append(1) or run(*arguments))
    data = blobs(100)
    trainer.predict(data.X, batch_size=2)
    assert len(runs) == 48  # one finds the parts, one is recorded
    runs.clear()
    trainer.predict(data.X, batch_size=50)
    assert runs == []
    trainer.compiled = False
    trainer.evaluate(data, batch_size=2)
    assert runs == []
