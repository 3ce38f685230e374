"""The rows of the evidence that train: what they make of the results."""

from types import SimpleNamespace

import pytest

from promises import training


@pytest.mark.parametrize(("bar", "holds"), [(98.0, True), (98.01, False)])
def test_accuracy_is_the_mean_of_three_seeds(bar, holds, monkeypatch):
    commands = []

    def written(command):
        commands.append(command)
        seed = int(command.split("--seed ")[1])
        return {"test_accuracy": 0.97 + 0.01 * seed, "epochs": 8, "seconds_per_epoch": 2.0 - 0.5 * seed}

    monkeypatch.setattr(training, "written", written)
    row = training.accuracy("scripts/x.py --hidden", bar)
    assert commands == [f"python scripts/x.py --hidden --quiet --seed {seed}" for seed in (0, 1, 2)]
    assert (row.bar, row.holds) == (f"{bar} %", holds)
    assert row.value == "98.00 % (seeds 0, 1, 2: 97.00, 98.00, 99.00); 8 epochs of 1.0 s"


@pytest.mark.parametrize(("seconds", "holds"), [(3.0, True), (3.1, False)])
def test_the_median_of_five_starts_counts(seconds, holds, monkeypatch):
    """On a clock of its own; the first start, which may compile, does not count."""
    now, took = [0.0], iter([60.0, 1.0, 9.0, seconds, 2.0, 9.5])

    def run(command):
        now[0] += next(took)
        assert command.startswith("python -c ")

    monkeypatch.setattr(training, "run", run)
    monkeypatch.setattr(training, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    row = training.second_start()
    assert row.holds == holds
    assert row.value.startswith(f"median {seconds:.2f} s, from 1.00 to 9.50 s")


@pytest.mark.parametrize(("worst", "holds"), [(1.96, True), (1.97, False)])
def test_the_largest_loss_of_three_seeds_counts(worst, holds, monkeypatch):
    losses = iter([1.5, worst, 1.25])
    monkeypatch.setattr(training, "written", lambda command: {"held_out_loss": next(losses)})
    row = training.language_model()
    assert row.holds == holds
    assert row.value == f"{worst:.3f} (seeds 0, 1, 2: 1.500, {worst:.3f}, 1.250)"


@pytest.mark.parametrize(("muon", "holds"), [(1.85, True), (1.9, False)])
def test_muon_is_held_against_adamw(muon, holds, monkeypatch):
    losses = {"adamw": 1.9, "muon": muon}
    monkeypatch.setattr(training, "written", lambda command: {"held_out_loss": losses[command.split()[-1]]})
    row = training.language_model_by_muon()
    assert row.holds == holds
    assert row.value == f"{muon:.3f}, AdamW's is 1.900"
