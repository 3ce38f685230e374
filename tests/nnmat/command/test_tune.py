"""`nnmat tune`: tries in lines, the best ones in a file that `nnmat train` takes."""

import re
import tomllib
from pathlib import Path

import numpy as np
import pytest

import nnmat
from nnmat.command.learning.fitting import fit
from nnmat.command.tune import drawn
from nnmat.training.interruption import TrainingInterrupted
from tests.nnmat.command.samples import flowers, houses, ran


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    flowers(tmp_path / "flowers.csv")


def test_the_best_of_some_tries_trains(capsys):
    words = ["tune", "flowers.csv", "--target", "species", "--ignore", "colour", "--tries", 4, "--epochs", 5]
    said = ran(capsys, *words, "--quiet")
    tries = re.findall(r"^try (\d)  accuracy ([\d.]+) %  (--hidden [\d ]+ --lr \S+ .*?)(  best)?$", said, re.MULTILINE)
    assert [number for number, *_ in tries] == list("1234")
    assert tries[0][2] == "--hidden 64 64 --lr 0.002 --dropout 0.2 --weight-decay 0.1"
    best = [entry for entry in tries if entry[3]][-1]
    assert float(best[1]) == max(float(entry[1]) for entry in tries)
    options = tomllib.loads(Path("tuned.toml").read_text())
    assert options["hidden"] == [int(n) for n in re.search(r"--hidden ([\d ]+?) --", best[2])[1].split()]
    assert options["lr"] == float(re.search(r"--lr (\S+)", best[2])[1])
    assert options["ignore"] == ["colour"]
    assert {"tries", "out", "threads"}.isdisjoint(options)
    first = Path("tuned.toml").read_bytes()
    assert ran(capsys, *words, "--quiet") == said  # and its own file is replaced
    assert Path("tuned.toml").read_bytes() == first
    ran(capsys, "train", "--config", "tuned.toml")
    assert nnmat.load("model.npz").input_shape == (2,)


def test_numbers_are_compared_by_their_rmse(capsys):
    houses(Path("houses.csv"))
    words = ["tune", "houses.csv", "--target", "price", "--ignore", "id", "--tries", 2, "--epochs", 5, "--quiet"]
    found = [float(x) for x in re.findall(r"^try \d  RMSE ([\d.]+)", ran(capsys, *words), re.MULTILINE)]
    assert f"RMSE {min(found):.4g}" in Path("tuned.toml").read_text()


def test_options_of_a_file_go_on_to_the_next(capsys):
    Path("a.toml").write_text(
        'data = "flowers.csv"\ntarget = "species"\nepochs = 2\ntries = 1\nseed = 3\nquiet = true\n'
    )
    ran(capsys, "tune", "--config", "a.toml", "--out", "b.toml")
    options = tomllib.loads(Path("b.toml").read_text())
    assert (options["data"], options["seed"], options["epochs"]) == ("flowers.csv", 3, 2)


def test_a_try_that_diverges_is_none(capsys):
    words = ["tune", "flowers.csv", "--target", "species", "--lr", 1e30, "--epochs", 2, "--quiet"]
    said = ran(capsys, *words, "--tries", 2)
    assert "try 1  diverged  --hidden 64 64 --lr 1e+30 " in said
    assert "try 2  accuracy " in said
    assert tomllib.loads(Path("tuned.toml").read_text())["lr"] < 1
    Path("tuned.toml").unlink()
    assert "expected a try that does not diverge" in ran(capsys, *words, "--tries", 1, code=1)
    assert not Path("tuned.toml").exists()


def test_ctrl_c_keeps_the_best_so_far(capsys, monkeypatch):
    done = []

    def stopped(*arguments):
        if len(done) == 2:
            raise TrainingInterrupted("stopped", None)
        done.append(1)
        return fit(*arguments)

    monkeypatch.setattr("nnmat.command.tune.fit", stopped)
    words = ["tune", "flowers.csv", "--target", "species", "--epochs", 1, "--quiet"]
    assert "the best of 2 tries is in tuned.toml" in ran(capsys, *words, code=130)
    assert "hidden" in tomllib.loads(Path("tuned.toml").read_text())


def test_a_file_of_the_users_stays(capsys):
    Path("tuned.toml").write_text("lr = 1\n")
    words = ["tune", "flowers.csv", "--target", "species", "--tries", 1, "--epochs", 1, "--quiet"]
    assert "tuned.toml is there and nnmat did not write it" in ran(capsys, *words, code=2)
    assert Path("tuned.toml").read_text() == "lr = 1\n"
    assert "expected a whole number >= 1" in ran(capsys, "tune", "--tries", "0", code=2)


def test_what_is_drawn_depends_on_the_seed_alone():
    first, again, other = (drawn(np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert first == again
    assert first != other
