"""scripts/analyse_cost.py: formulas beside what the layers count, times beside the peak."""

import json

import pytest

from analyse_cost import cases
from tests.scripts.analysis.pages import assert_shown
from tests.scripts.running import run as run_script


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_the_formula_is_what_the_layer_counts(case):
    layer = case.layer().build(case.shape)
    assert case.batch * layer.flops() == case.forward
    assert 2 * case.forward <= case.backward < 3 * case.forward


def test_the_page_has_every_layer(tmp_path):
    done = run_script(
        "analyse_cost.py", "--quick", "--json", str(tmp_path / "c.json"), "--plot", str(tmp_path / "c.png")
    )
    assert done.returncode == 0, done.stderr
    flops, timed = json.loads((tmp_path / "c.json").read_text())["tables"]
    assert_shown("analysis.md", done.stdout, timed=(timed["title"],))
    assert len(timed["rows"]) == len(flops["rows"]) + 1
    peak = timed["rows"][0]["forward GFLOP/s"]
    for row in timed["rows"][1:]:
        assert row["forward ms"] > 0
        assert row["forward of peak"] == pytest.approx(row["forward GFLOP/s"] / peak)
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")


def test_wrong_options_are_a_usage_message():
    done = run_script("analyse_cost.py", "--slow")
    assert done.returncode == 2
    assert "usage:" in done.stderr
