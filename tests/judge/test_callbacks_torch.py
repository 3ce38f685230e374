"""Callbacks that PyTorch has too: the same rates on a plateau, the same mean of parameters and its statistics."""

import numpy as np
import pytest
import torch

import nnmat
from nnmat import BatchNorm1d, Linear, ReLU, Sequential
from nnmat.training.callbacks.averaging import renew_statistics
from tests.nnmat.training import runs


@pytest.mark.parametrize("seed", range(20))
def test_a_plateau_has_the_same_rates(seed):
    rng = np.random.default_rng(seed)
    values = np.cumsum(rng.standard_normal(30)) / 5 + np.linspace(3, 2, 30)
    mode = ("min", "max")[seed % 2]
    factor, least = rng.uniform(0.2, 0.8), rng.choice([0.0, 0.05])
    patience, cooldown, delta = int(rng.integers(1, 4)), int(rng.integers(0, 3)), rng.choice([0.0, 0.1])

    class Given(nnmat.Callback):
        def on_epoch_end(self, trainer, epoch, figures):
            figures["made_up"] = values[epoch - 1]

    plateau = nnmat.LearningRateOnPlateau("made_up", factor, patience, delta, mode, cooldown, least)
    trainer = runs.make(lr=1.0)
    found = runs.fit(trainer, runs.blobs(8), epochs=30, batch_size=8, callbacks=[Given(), plateau])["learning_rate"]
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    options = {"mode": mode, "factor": factor, "patience": patience - 1, "threshold": delta, "threshold_mode": "abs"}
    options |= {"cooldown": cooldown, "min_lr": least, "eps": 0.0}
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **options)
    expected = []
    for value in values:
        expected.append(optimizer.param_groups[0]["lr"])
        scheduler.step(value)
    assert found == pytest.approx(expected, rel=1e-12)


def test_a_mean_and_its_statistics():
    layers = [Linear(2, 6), BatchNorm1d(), ReLU(), Linear(6, 4), BatchNorm1d(), Linear(4, 3)]
    model = Sequential(layers, input_shape=(2,), dtype=np.float64)
    own = torch.nn.Sequential(
        torch.nn.Linear(2, 6), torch.nn.BatchNorm1d(6), torch.nn.ReLU(), torch.nn.Linear(6, 4), torch.nn.BatchNorm1d(4),
        torch.nn.Linear(4, 3),
    ).double()  # fmt: skip
    mean = torch.optim.swa_utils.AveragedModel(own)
    average = nnmat.StochasticWeightAverage(1)
    rng = np.random.default_rng(0)
    for epoch in (1, 2, 3):
        model.flat_parameters[...] = rng.standard_normal(model.flat_parameters.size)
        for mine, theirs in zip(model.parameters(), own.parameters(), strict=True):
            theirs.data = torch.from_numpy(mine.value.copy())
        mean.update_parameters(own)
        average.on_epoch_end(type("T", (), {"model": model}), epoch, {})
    batches = list(rng.standard_normal((4, 8, 2)))
    torch.optim.swa_utils.update_bn(map(torch.from_numpy, batches), mean)

    class Ended:
        def __init__(self):
            self.model = model

        def inputs(self):
            return iter(batches)

    average.on_train_end(Ended(), {})
    for mine, theirs in zip(model.parameters(), mean.module.parameters(), strict=True):
        np.testing.assert_allclose(mine.value, theirs.detach().numpy(), rtol=1e-12, atol=1e-14)
    for place in (1, 4):
        for name, other in (("running_mean", "running_mean"), ("running_variance", "running_var")):
            theirs = getattr(mean.module[place], other).numpy()
            np.testing.assert_allclose(model.buffers()[f"{place}.{name}"], theirs, rtol=1e-11, atol=1e-13)
    renew_statistics(model, batches)  # again: it does not depend on what was there
    np.testing.assert_allclose(model.buffers()["4.running_mean"], mean.module[4].running_mean.numpy(), rtol=1e-11)
