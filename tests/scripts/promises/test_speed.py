"""The rows of the evidence that read the benches' files."""

import pytest

from promises import speed

STEP = {"case": "step", "unit": "us", "ours": [90.0, 100.0], "peer": [200.0, 180.0], "variant": "torch, 1 thread"}
STEP |= {"bar": 1.9, "faster": True, "ratio": 2.0, "holds": True, "missing": ""}
COLD = {"case": "cold", "unit": "s", "ours": [40.0], "peer": [], "variant": "", "bar": 30.0, "faster": False}
COLD |= {"ratio": 40.0, "holds": False, "missing": ""}
NONE = STEP | {"ours": [], "peer": [], "ratio": 0.0, "holds": False, "missing": "jax is not installed"}
GROUP = {"group": "conv", "cases": 10, "mean": 1.3, "mean_bar": 1.25, "least": 0.5, "least_bar": 0.85, "where": "x"}


@pytest.fixture
def wrote(monkeypatch):
    """What the bench is made to have written, by its command."""
    answers = {}
    monkeypatch.setattr(speed, "written", lambda command: answers[command])
    return answers


def test_training_rows(wrote):
    wrote["python scripts/bench_training.py --only step"] = {"rows": [STEP, COLD, NONE]}
    step, cold, none = speed.ROWS["steps"]()
    assert (step.bar, step.holds) == (">= 1.9x", True)
    assert step.value == "2.00x: 95 us (90-100) beside 190 us (180-200) of torch, 1 thread"
    assert (cold.bar, cold.value, cold.holds) == ("<= 30 s", "40 s (40-40)", False)
    assert (none.bar, none.value, none.holds) == (">= 1.9x", "not measured: jax is not installed", False)
    assert (step.measured, cold.measured, none.measured) == (True, True, False)


def test_kernel_rows(wrote):
    wrote["python scripts/bench_kernels.py --only conv --peer torch"] = {"groups": [GROUP | {"holds": False}]}
    row = speed.ROWS["conv"]()
    assert not row.holds
    assert row.value == "1.30x, smallest 0.50x at x (10 shapes)"
    tiles = [{"k": k, "rate": r, "peak": 100.0, "of_peak": r / 100} for k, r in ((128, 91.0), (256, 93.0))]
    wrote["python scripts/bench_kernels.py --only 'register tile'"] = {"tile": tiles}
    row = speed.ROWS["tile"]()
    assert (row.holds, row.value) == (True, "93.0 % (k 256: 93.0 of 100.0 GFLOP/s)")
