"""`nnmat predict`: labels and probabilities of new rows, whatever their columns."""

import csv
import io
import os
from pathlib import Path

import numpy as np
import pytest

import nnmat
from tests.nnmat.command.samples import QUICK, flowers, houses, ran


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with two tables and their models."""
    folder, here = tmp_path_factory.mktemp("trained"), Path.cwd()
    flowers(folder / "flowers.csv")
    houses(folder / "houses.csv")
    os.chdir(folder)
    try:
        from nnmat.__main__ import main

        assert main(["train", "flowers.csv", "--target", "species", *QUICK, "--out", "flowers.npz"]) == 0
        words = ["--ignore", "id", "--out", "houses.npz", "--report", "houses.html"]
        assert main(["train", "houses.csv", "--target", "price", *QUICK, "--epochs", "80", *words]) == 0
    finally:
        os.chdir(here)
    return folder


@pytest.fixture(autouse=True)
def _folder(trained, monkeypatch):
    monkeypatch.chdir(trained)


def rows_of(text):
    return list(csv.reader(io.StringIO(text)))


def new(text: str) -> str:
    Path("new.csv").write_text(text)
    return "new.csv"


def test_labels_and_probabilities(capsys):
    head, *rows = rows_of(ran(capsys, "predict", "flowers.npz", "flowers.csv"))
    assert head == ["row", "species", "p(iris)", "p(lily)", "p(rose)"]
    P = np.array([[float(x) for x in row[2:]] for row in rows])
    np.testing.assert_allclose(P.sum(axis=1), 1.0, atol=1e-5)
    assert [row[1] for row in rows] == [("iris", "lily", "rose")[i] for i in P.argmax(axis=1)]
    assert [row[0] for row in rows] == [str(i) for i in range(1, 91)]


def test_numbers_in_the_unit_of_the_target(capsys):
    head, *rows = rows_of(ran(capsys, "predict", "houses.npz", "houses.csv"))
    assert head == ["row", "price"]
    true = [float(row[-1]) for row in rows_of(Path("houses.csv").read_text())[1:]]
    assert 100 < np.mean([float(row[1]) for row in rows]) < 400
    assert np.corrcoef([float(row[1]) for row in rows], true)[0, 1] > 0.5


def test_columns_go_by_name_and_others_are_passed_over(capsys):
    whole = ran(capsys, "predict", "flowers.npz", new("sepal,petal,colour\n5,1,blue\n5,5,red\n"))
    other = ran(capsys, "predict", "flowers.npz", new("height,colour,petal,sepal\n9,blue,1,5\n9,red,5,5\n"))
    assert whole == other
    assert len(rows_of(whole)) == 3


def test_a_missing_column_is_named(capsys):
    error = ran(capsys, "predict", "flowers.npz", new("sepal,colour\n5,blue\n"), code=1)
    assert error == "nnmat predict: error: expected a column 'petal' in new.csv, found sepal, colour.\n"


def test_an_unknown_category_is_named_with_the_way_out(capsys):
    file = new("sepal,petal,colour\n5,1,blue\n5,1,green\n")
    error = ran(capsys, "predict", "flowers.npz", file, code=1)
    assert "'green' in line 3 of new.csv" in error
    assert "pass --unknown zeros" in error
    rows = rows_of(ran(capsys, "predict", "flowers.npz", file, "--unknown", "zeros"))
    assert len(rows) == 3


def test_a_gap_and_a_word_among_numbers_are_named(capsys):
    assert "line 2 of new.csv" in ran(capsys, "predict", "flowers.npz", new("sepal,petal,colour\n5,,blue\n"), code=1)
    assert "'tall'" in ran(capsys, "predict", "flowers.npz", new("sepal,petal,colour\ntall,1,blue\n"), code=1)


def test_a_file_of_another_form(capsys):
    Path("semi.csv").write_text("sepal;petal;colour\n5,5;1;blue\n")
    for command in ("predict", "evaluate"):
        assert "Pass --delimiter ';'" in ran(capsys, command, "flowers.npz", "semi.csv", code=2)
    ran(capsys, "predict", "flowers.npz", "semi.csv", "--delimiter", ";", "--decimal", ",")


def test_a_table_without_a_header_whose_numbers_are_those_of_columns(capsys):
    Path("bare.csv").write_text("".join(f"{i},{2 * i},{'ab'[i % 2]}\n" for i in range(30)))
    ran(capsys, "train", "bare.csv", "--target", "2", "--out", "bare.npz", "--report", "bare.html", *QUICK)
    assert len(ran(capsys, "predict", "bare.npz", "bare.csv").splitlines()) == 31
    assert "bare.csv: 30 rows" in ran(capsys, "evaluate", "bare.npz", "bare.csv")


def test_to_a_file_that_is_never_one_that_is_there(capsys):
    said = ran(capsys, "predict", "flowers.npz", "flowers.csv", "--out", "labels.csv")
    assert said == "90 predictions in labels.csv\n"
    printed = ran(capsys, "predict", "flowers.npz", "flowers.csv")
    assert Path("labels.csv").read_text() == printed
    assert "labels.csv is there" in ran(capsys, "predict", "flowers.npz", "flowers.csv", "--out", "labels.csv", code=2)
    ran(capsys, "predict", "flowers.npz", "flowers.csv", "--out", "labels.csv", "--overwrite")
    before = Path("flowers.csv").read_text()
    words = ["predict", "flowers.npz", "flowers.csv", "--out", "./flowers.csv", "--overwrite"]
    assert "expected another file than flowers.csv, which is read" in ran(capsys, *words, code=2)
    assert Path("flowers.csv").read_text() == before


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["none.npz", "flowers.csv"], 1, "there is no file 'none.npz'"),
        (["flowers.csv", "flowers.csv"], 1, "expected a model that nnmat train wrote"),
        (["flowers.npz", "flowers.csv", "houses.csv"], 2, "expected one CSV file for this model, got 2"),
        (["flowers.npz", "none.csv"], 1, "expected a file at none.csv"),
        (["flowers.npz"], 2, "required: DATA"),
        (["flowers.npz", "flowers.csv", "--out", "x.txt"], 2, "ends in .csv"),
        (["other.npz", "flowers.csv"], 1, "got one without columns and labels"),
        (["cut.npz", "flowers.csv"], 1, "Was the copy cut short?"),
    ],
)
def test_what_is_refused(words, code, said, capsys):
    nnmat.save(nnmat.Sequential([nnmat.Linear(2, 2)], input_shape=(2,)), "other.npz")
    Path("cut.npz").write_bytes(Path("flowers.npz").read_bytes()[:-200])
    error = ran(capsys, "predict", *words, code=code)
    assert error.splitlines()[-1].startswith("nnmat predict: error: ")
    assert said in error.splitlines()[-1]
