"""The page of benchmarks is made from the benches' own files."""

import json
import sys

import bench_machine
import bench_markdown
import pytest

FACTS = bench_machine.facts(2)
STEP = {"case": "step", "unit": "us", "ours": [90.0, 100.0, 110.0], "peer": [300.0, 200.0, 190.0], "variant": "torch"}
STEP |= {"bar": 1.9, "faster": True, "ratio": 2.0, "holds": True}
COLD = {"case": "cold", "unit": "s", "ours": [40.0], "peer": [], "variant": "", "bar": 30.0, "faster": False}
COLD |= {"ratio": 40.0, "holds": False}
KERNEL = {"name": "relu", "shape": "3x4", "unit": "GB/s", "rate": 5.0, "of_peak": 0.5, "microseconds": 1.0}
KERNEL |= {"numpy_microseconds": 2.0, "torch_microseconds": None, "torch_variant": None, "ratio": 2.0, "residual": 0.0}
GROUP = {"group": "conv", "cases": 10, "mean": 1.3, "mean_bar": 1.25, "least": 0.5, "least_bar": 0.85, "where": "x"}
GROUP |= {"holds": False}
TILE = {"k": 128, "rate": 95.0, "peak": 100.0, "of_peak": 0.95}
KERNELS = {"machine": FACTS, "peaks": {"GFLOP/s": 100.0, "GB/s": 10.0}, "rows": [KERNEL]}


def test_the_page_shows_wins_and_losses(tmp_path, monkeypatch, capsys):
    (tmp_path / "k.json").write_text(json.dumps(KERNELS | {"tile": [TILE], "groups": [GROUP]}))
    (tmp_path / "t.json").write_text(json.dumps({"machine": FACTS, "rows": [STEP, COLD]}))
    page = tmp_path / "page.md"
    files = [
        str(tmp_path / "k.json"),
        str(tmp_path / "k.json"),
        "--training",
        str(tmp_path / "t.json"),
        "--out",
        str(page),
    ]
    monkeypatch.setattr(sys, "argv", ["bench_markdown.py", *files])
    bench_markdown.main()
    assert capsys.readouterr().out == f"{page} written.\n"
    lines = page.read_text().splitlines()
    assert "| step | 100 us (90-110) | 200 us (190-300), torch | 2.00 | >= 1.9 | met |" in lines
    assert "| cold | 40 s (40-40) | - | - | <= 30 s | missed |" in lines
    assert "| conv | 10 | 1.30 | 1.25 | 0.50 (x) | 0.85 | missed |" in lines
    assert "| k 128 | 95.0 | 95.0 % |" in lines
    assert "| relu | 3x4 | 5.0 GB/s | 50 % | 1.0 | 2.0 | - | 2.00 | 0e+00 |" in lines
    assert lines.count("## Kernels") == 2  # a section for each file
    assert FACTS["cpu"] in page.read_text()
    assert FACTS["versions"]["NumPy"] in page.read_text()


def test_a_file_that_is_not_there_is_a_usage_error(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["bench_markdown.py", "nowhere.json", "--training", "nowhere.json"])
    with pytest.raises(SystemExit) as stopped:
        bench_markdown.main()
    assert stopped.value.code == 2
    assert "there is no file nowhere.json" in capsys.readouterr().err
