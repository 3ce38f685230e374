"""`nnmat evaluate`: figures on other data."""

import re
from pathlib import Path

import pytest

from nnmat.command.evaluate import columns
from tests.nnmat.command.samples import flowers, houses, ran


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_classes_on_later_rows(capsys):
    flowers(Path("flowers.csv"))
    flowers(Path("later.csv"), 30, seed=5)
    ran(capsys, "train", "flowers.csv", "--target", "species", "--quiet")
    said = ran(capsys, "evaluate", "model.npz", "later.csv")
    right = int(re.search(r"\((\d+) of 30 right\)", said)[1])
    assert right > 25
    assert "baseline 33.3 % (always 'iris'" in said
    table = [line.split() for line in said.split("true \\ said")[1].splitlines()]
    assert table[0] == ["iris", "lily", "rose"]
    assert sum(int(row[1 + i]) for i, row in enumerate(table[1:])) == right
    Path("tulip.csv").write_text("sepal,petal,colour,species\n5,1,blue,tulip\n")
    assert "got 'tulip' in line 2 of tulip.csv" in ran(capsys, "evaluate", "model.npz", "tulip.csv", code=1)
    Path("no.csv").write_text("sepal,petal,colour\n5,1,blue\n")
    assert "expected a column 'species' in no.csv" in ran(capsys, "evaluate", "model.npz", "no.csv", code=1)


def test_numbers(capsys):
    houses(Path("houses.csv"))
    ran(capsys, "train", "houses.csv", "--target", "price", "--ignore", "id", "--quiet")
    said = ran(capsys, "evaluate", "model.npz", "houses.csv")
    assert float(re.search(r"R² ([\d.]+)", said)[1]) > 0.8
    assert "90.0 %" in said
    Path("one.csv").write_text("rooms,year,town,price\n3,2000,Rome,170\n")
    assert "R² not defined" in ran(capsys, "evaluate", "model.npz", "one.csv")


def test_a_table_of_texts():
    assert columns(["a", "bcd"], [["long", "1"], ["x", "22"]]) == "a     bcd\nlong    1\nx      22"
