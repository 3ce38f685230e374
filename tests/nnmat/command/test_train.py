"""`nnmat train`: what is found out, printed and written; what is refused, in one line."""

import io
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import nnmat
from nnmat.__main__ import main
from tests.nnmat.command.samples import QUICK, flowers, houses, ran

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    flowers(tmp_path / "flowers.csv")
    houses(tmp_path / "houses.csv")


def test_a_table_to_a_report_page_is_one_command(capsys):
    said = ran(capsys, "train", "flowers.csv", "--target", "species", "--quiet")
    assert "90 rows, 72 to learn from and 18 kept apart" in said
    assert "task: classification, 'species' has 3 classes: iris, lily, rose" in said
    assert float(re.search(r"accuracy ([\d.]+) %", said)[1]) > 90
    assert "baseline 33.3 % (always 'iris', the most frequent class)" in said
    page = Path("report.html").read_text(encoding="utf-8")
    assert page.count("<img") == 3
    assert not re.search(r'(?:src|href)="(?!data:)', page)
    assert nnmat.load("model.npz").output_shape((4,)) == (3,)
    assert sorted(os.listdir()) == ["flowers.csv", "houses.csv", "model.npz", "report.html"]


def test_numbers_are_told_in_their_own_unit(capsys):
    words = ["train", "houses.csv", "--target", "price", "--ignore", "id", "--quiet"]
    said = ran(capsys, *words)
    assert "task: regression, 'price' has numbers from " in said
    assert float(re.search(r"R² ([\d.]+)", said)[1]) > 0.9
    rmse, baseline = (float(x) for x in re.findall(r"RMSE ([\d.]+)", said))
    assert rmse < 0.4 * baseline
    assert "<img" in Path("report.html").read_text(encoding="utf-8")


def test_the_same_seed_gives_the_same_bytes_with_any_number_of_threads(capsys):
    files = []
    before = nnmat.get_num_threads()
    try:
        for threads in (1, nnmat.get_num_threads()):
            ran(capsys, "train", "flowers.csv", "--target", "species", *QUICK, "--threads", threads)
            files.append((Path("model.npz").read_bytes(), Path("report.html").read_bytes()))
    finally:
        nnmat.set_num_threads(before)
    assert files[0] == files[1]
    ran(capsys, "train", "flowers.csv", "--target", "species", *QUICK, "--seed", 1)
    assert Path("model.npz").read_bytes() != files[0][0]


def test_options_of_a_file_and_those_of_the_command_line_which_win(capsys):
    Path("run.toml").write_text('data = "flowers.csv"\ntarget = "species"\nhidden = [8, 4]\nepochs = 3\nquiet = true\n')
    ran(capsys, "train", "--config", "run.toml")
    assert [p.shape for p in nnmat.load("model.npz").parameters()][::2] == [(8, 4), (4, 8), (3, 4)]
    ran(capsys, "train", "--config", "run.toml", "--hidden", 5)
    assert [p.shape for p in nnmat.load("model.npz").parameters()][::2] == [(5, 4), (3, 5)]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["train"], 2, "expected DATA.csv with --target COLUMN, or --images FOLDER"),
        (["train", "flowers.csv"], 2, "expected --target COLUMN, the column to be told. There are sepal, petal"),
        (["train", "flowers.csv", "--images", "x"], 2, "got both"),
        (["train", "flowers.csv", "--target", "speces"], 1, "expected a column 'speces' for the target"),
        (["train", "none.csv", "--target", "x"], 1, "expected a file at none.csv, found none"),
        (["train", "houses.csv", "--target", "price"], 1, "Leave it out: --ignore 'id'"),
        (["train", "flowers.csv", "--target", "species", "--lr", "-1"], 2, "expected a number > 0, got '-1'"),
        (["train", "flowers.csv", "--target", "species", "--lr", "1e30"], 1, "Try a smaller --lr."),
        (["train", "flowers.csv", "--target", "species", "--threads", "999"], 2, "--threads: "),
        (["train", "flowers.csv", "--target", "species", "--batch-size", "80"], 2, "--batch-size of at most 72"),
        (["train", "flowers.csv", "--target", "species", "--validation", "0.001"], 2, "expected --validation as"),
        (["train", "flowers.csv", "--target", "species", "--report", "no/x.html"], 1, "the folder 'no' does not exist"),
        (["train", "flowers.csv", "--target", "species", "--fill", "zero"], 2, "invalid choice: 'zero'"),
        (["train", "flowers.csv", "--target", "colour", "--task", "regression"], 1, "expected numbers in column"),
        (["train", "flowers.csv", "--target", "species", "--ignore", "species"], 2, "not to be in --ignore"),
        (["train", "flowers.csv", "--target", "species", "--ignore", "no"], 1, "a column 'no' of --ignore in"),
        (["train", "flowers.csv", "--tar", "species"], 2, "unrecognized arguments: --tar"),
        (["train", "."], 2, "For images: --images ."),
        (["train", "--images", "flowers.csv"], 1, "expected a folder at flowers.csv, got a file"),
        (["train", "--config", "none.toml"], 2, "expected a file at none.toml"),
    ],
)
def test_what_is_refused_says_what_to_try_in_one_line(words, code, said, capsys):
    error = ran(capsys, *words, code=code)
    *usage, line = error.splitlines()
    assert line.startswith("nnmat train: error: " if words[2:3] != ["--tar"] else "nnmat: error: ")
    assert said in line
    assert all(part.startswith(("usage:", " ")) for part in usage)
    assert not re.search(r"=\[|np\.|\w+='|Traceback", line)  # nothing of Python
    assert sorted(os.listdir()) == ["flowers.csv", "houses.csv"]


def test_gaps_words_among_numbers_and_other_delimiters_say_their_option(capsys):
    Path("gaps.csv").write_text("a,b,c\n" + "1,2,x\n,2,y\n" * 10)
    words = ["train", "gaps.csv", "--target", "c", *QUICK]
    assert "train with --fill median" in ran(capsys, *words, code=1)
    ran(capsys, *words, "--fill", "median")
    Path("words.csv").write_text("a,c\n" + "1,x\n2,y\nlow,y\n" * 10)
    error = ran(capsys, "train", "words.csv", "--target", "c", code=1)
    assert "--missing" in error
    assert "--categories 'a'" in error
    Path("semi.csv").write_text("a;c\n" + "1,5;x\n2,5;y\n" * 10)
    assert "Pass --delimiter ';'" in ran(capsys, "train", "semi.csv", "--target", "c", code=2)
    ran(capsys, "train", "semi.csv", "--target", "c", "--delimiter", ";", "--decimal", ",", *QUICK)


def test_data_that_cannot_teach_is_refused_and_said_so_without_python(capsys):
    Path("same.csv").write_text("x,y\n" + "".join(f"{i},1.5\n" for i in range(20)))
    error = ran(capsys, "train", "same.csv", "--target", "y", code=1)
    assert "expected different numbers in column 'y', got 1.5 in all rows" in error
    Path("two.csv").write_text("x,y\n1,a\n2,b\n")
    error = ran(capsys, "train", "two.csv", "--target", "y", code=2)
    assert "expected --validation as a share that leaves a sample in both parts, got 0.2 of 2 samples" in error
    Path("long.csv").write_text("x,y\n1,a\n2,b,c\n")
    assert "Pass --delimiter, now ','." in ran(capsys, "train", "long.csv", "--target", "y", code=1)
    Path("euro.csv").write_text("x,y\n" + "".join(f'"{i},000",{"ab"[i % 2]}\n' for i in range(1, 40)))
    error = ran(capsys, "train", "euro.csv", "--target", "y", code=1)
    assert "column 'x', got 39 different ones in 39 rows, such as '1,000'" in error
    Path("zero.csv").write_text("x,y\n" + "".join(f"{i},{i * 1.5}\n" for i in range(30)))
    assert " from 0 to " in ran(capsys, "train", "zero.csv", "--target", "y", *QUICK, "--seed", 3)


def test_files_that_are_not_nnmats_stay(capsys):
    words = ["train", "flowers.csv", "--target", "species", *QUICK]
    Path("report.html").write_text("mine")
    np.savez("mine.npz", X=np.ones(3))
    before = Path("mine.npz").read_bytes()
    assert "report.html is there and nnmat did not write it" in ran(capsys, *words, code=2)
    assert "mine.npz is there" in ran(capsys, *words, "--report", "r.html", "--out", "mine.npz", code=2)
    nnmat.save(nnmat.Sequential([nnmat.Linear(2, 2)], input_shape=(2,)), "own.npz")  # of a program of the user's
    assert "own.npz is there" in ran(capsys, *words, "--report", "r.html", "--out", "own.npz", code=2)
    assert Path("mine.npz").read_bytes() == before
    assert Path("report.html").read_text() == "mine"
    ran(capsys, *words, "--overwrite")
    ran(capsys, *words)  # what nnmat wrote is replaced


def test_ctrl_c_is_no_traceback_and_leaves_nothing(tmp_path):
    settings = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'kernels'}"}
    words = ["train", "flowers.csv", "--target", "species", "--epochs", "1000000", "--quiet"]
    command = [sys.executable, "-u", "-m", "nnmat", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=settings) as process:
        try:
            while "task: " not in process.stdout.readline():
                pass
            time.sleep(0.5)
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 130
        finally:
            process.kill()
        error = process.stderr.read()
    assert "nnmat train: stopped" in error
    assert "Traceback" not in error
    assert sorted(os.listdir()) == ["flowers.csv", "houses.csv"]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_bar_is_shown_on_terminals(capsys, monkeypatch):
    words = ["train", "flowers.csv", "--target", "species", "--epochs", "5", "--hidden", "4"]
    for more, shown in (([], True), (["--quiet"], False)):
        terminal = Terminal()
        monkeypatch.setattr(sys, "stderr", terminal)
        assert main([*words, *more]) == 0
        assert ("training: " in terminal.getvalue()) == shown


def test_without_matplotlib_the_page_has_tables_and_says_so(capsys, monkeypatch):
    def missing(module, user, name):
        raise nnmat.MissingExtraError(module)

    monkeypatch.setattr("nnmat.command.report.pictures.extra", missing)
    assert main(["train", "flowers.csv", "--target", "species", *QUICK]) == 0
    page = Path("report.html").read_text(encoding="utf-8")
    assert "<img" not in page
    assert "pip install &#x27;nnmat[plot]&#x27;" in page
    assert "<table>" in page
