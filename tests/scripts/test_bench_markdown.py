"""The tables of docs/ are made from the benches' own files, which must be complete."""

import copy
import json
import sys

import pytest

import bench_markdown
import nnmat
from bench import ladder, machine, training
from bench.kernels import every_case

FACTS = machine.facts(2) | {"command": "python scripts/bench_kernels.py --peer torch"}
STEP = {"unit": "us", "ours": [90.0, 100.0, 110.0], "peer": [300.0, 200.0, 190.0], "variant": "torch, 1 thread"}
STEP |= {"bar": 1.9, "faster": True, "ratio": 2.0, "holds": True, "missing": ""}
COLD = {"unit": "s", "ours": [40.0], "peer": [], "variant": "", "bar": 30.0, "faster": False}
COLD |= {"ratio": 40.0, "holds": False, "missing": ""}
NONE = STEP | {"ours": [], "peer": [], "ratio": 0.0, "holds": False, "missing": "jax is not installed"}
KERNEL = {"unit": "GB/s", "rate": 5.0, "of_peak": 0.5, "microseconds": 1.0, "numpy_microseconds": 2.0, "residual": 0.0}
GROUP = {"group": "conv", "cases": 10, "mean": 1.3, "mean_bar": 1.25, "least": 0.5, "least_bar": 0.85, "where": "x"}
TILE = {"k": 128, "rate": 95.0, "peak": 100.0, "of_peak": 0.95}


def row(case, **figures):
    torch = {"torch_microseconds": 3.0, "torch_variant": "1 thread"} if case.torch else {"torch_microseconds": None}
    return KERNEL | {"name": case.name, "shape": case.shape, "group": case.group, "ratio": 2.0} | torch | figures


def kernels(cases, **more):
    found = {"machine": FACTS, "peaks": {"GFLOP/s": 100.0, "GB/s": 10.0}, "tile": [], "groups": []}
    return found | {"rows": [row(case, rate=5.0 + i) for i, case in enumerate(cases)]} | more


ALL = every_case()
LADDER = kernels(ladder.cases())
LADDER["rows"][1]["microseconds"] = 0.5
CASES = training.cases()
TRAINING = {
    "machine": FACTS,
    "rows": [{"jax": NONE}.get(case.split()[0], COLD if "cold" in case else STEP) | {"case": case} for case in CASES],
}


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Writes the files and runs the script; returns both pages."""

    def make(*parts, trained=TRAINING, steps=LADDER):
        (tmp_path / "kernels.md").write_text("before\n" + "old\n".join(bench_markdown.MARKS) + "\nafter\n")
        files = {f"k{i}.json": part for i, part in enumerate(parts)} | {"t.json": trained, "l.json": steps}
        for name, content in files.items():
            (tmp_path / name).write_text(json.dumps(content))
        *first, training_file, ladder_file = (str(tmp_path / name) for name in files)
        options = ["--training", training_file, "--ladder", ladder_file, "--docs", str(tmp_path)]
        monkeypatch.setattr(sys, "argv", ["bench_markdown.py", *first, *options])
        bench_markdown.main()
        return (tmp_path / "benchmarks.md").read_text(), (tmp_path / "kernels.md").read_text()

    return make


def test_the_pages_show_wins_and_losses(made, capsys):
    page, steps = made(kernels(ALL[:60], tile=[TILE], groups=[GROUP | {"holds": False}]), kernels(ALL[60:]))
    assert capsys.readouterr().out.count(" written.\n") == 2
    lines = page.splitlines()
    assert "| step cnn 32 | 100 us (90-110) | 200 us (190-300), torch, 1 thread | 2.00 | >= 1.9 | met |" in lines
    assert "| jax 16-32-10 32 | - | - | - | - | not measured: jax is not installed |" in lines
    assert "| start cold | 40 s (40-40) | - | - | <= 30 s | missed |" in lines
    assert "| conv | 10 | 1.30 | 1.25 | 0.50 (x) | 0.85 | missed |" in lines
    assert "| k 128 | 95.0 | 95.0 % |" in lines
    assert "| matmul | NN 64x64x64 | 5.0 GB/s | 50 % | 1.0 | 2.0 | 3.0, 1 thread | 2.00 | 0e+00 |" in lines
    assert lines.count("## Kernels") == 2  # a section for each file
    assert sum(line.count(" | 2.00 | 0e+00 |") for line in lines) == len(ALL)
    assert FACTS["cpu"] in page
    assert FACTS["versions"]["NumPy"] in page
    assert bench_markdown.COMMANDS in page
    assert steps.startswith("before\n<!-- ladder")
    assert steps.endswith("<!-- /ladder -->\nafter\n")
    assert "old" not in steps
    lines = steps.splitlines()
    assert "| 1.1 three loops | 1.0 | 5.0 GB/s | 50 % |  | 0e+00 |" in lines
    assert "| 1.2 rows inside | 0.5 | 6.0 GB/s | 50 % | 2.0x | 0e+00 |" in lines
    assert "| 2.1 six loops | 1.0 | 10.0 GB/s | 50 % |  | 0e+00 |" in lines  # another problem: nothing is gained
    assert "| NumPy | 2.0 | 4.5 GB/s | 25 % | | |" in lines  # twice our time: half the last step's rate of 9
    assert sum(line.startswith("| NumPy") for line in lines) == 3


def without_torch():
    found = kernels(ALL)
    found["rows"][0]["torch_microseconds"] = None
    return found


LESS = copy.deepcopy(TRAINING)
del LESS["rows"][0]
INCOMPLETE = {
    "a kernel": ((kernels(ALL[1:]),), {}, "1 are missing: matmul NN 64x64x64"),
    "many": ((kernels([]),), {}, rf"{len(ALL)} are missing: .* \.\.\.\. Try"),
    "PyTorch's time": ((without_torch(),), {}, "1 are missing: matmul NN 64x64x64"),
    "a step": ((kernels(ALL),), {"trained": LESS}, "1 are missing: step 16-32-10 32"),
    "a step of the ladder": ((kernels(ALL),), {"steps": kernels(ladder.cases()[1:])}, "ladder 1.1 three loops"),
}


@pytest.mark.parametrize("what", INCOMPLETE)
def test_nothing_may_be_left_out(what, made, tmp_path):
    parts, others, text = INCOMPLETE[what]
    with pytest.raises(nnmat.DataError, match=text):
        made(*parts, **others)
    assert not (tmp_path / "benchmarks.md").exists()


def test_files_of_another_kind_are_refused(made):
    with pytest.raises(nnmat.FileFormatError, match=r"k0.json: expected a file that `bench_kernels.py --json` wrote"):
        made(TRAINING)
    with pytest.raises(nnmat.FileFormatError, match=r"t.json: expected a file that `bench_training.py --json` wrote"):
        made(kernels(ALL), trained=LADDER)


def test_a_file_that_is_not_there_is_a_usage_error(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["bench_markdown.py", "nowhere.json", "--training", "nowhere.json"])
    with pytest.raises(SystemExit) as stopped:
        bench_markdown.main()
    assert stopped.value.code == 2
    assert "there is no file nowhere.json" in capsys.readouterr().err


def test_the_pages_have_room_for_the_tables():
    page = (bench_markdown.DOCS / "kernels.md").read_text(encoding="utf-8")
    assert [page.count(mark) for mark in bench_markdown.MARKS] == [1, 1]
