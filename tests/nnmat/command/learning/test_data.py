"""The data that options name."""

import argparse

import numpy as np
import pytest

from nnmat.command.learning.data import add_data, described, given, parted
from nnmat.errors import ConfigError, DataError
from tests.nnmat.command.samples import flowers


def options(*words) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_data(parser)
    return parser.parse_args([str(word) for word in words])


def test_both_parts_have_every_class_and_their_rows_are_known(tmp_path):
    path = flowers(tmp_path / "flowers.csv")
    found = given(options(path, "--target", "species"))
    assert np.bincount(found.train.y).tolist() == [24, 24, 24]
    assert np.bincount(found.test.y).tolist() == [6, 6, 6]
    lines = path.read_text().splitlines()
    labels = [lines[int(name)].rsplit(",", 1)[1] for name in found.test_names]
    assert labels == [found.recipe.labels[i] for i in found.test.y]
    train, check = parted(found, 0, 0.25)
    assert (len(train), len(check)) == (54, 18)
    assert "columns: sepal, petal, colour" in described(found)


def test_numbers_of_few_kinds_are_classes_unless_told_otherwise(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a,n\n" + "".join(f"{i},{i % 3}\n" for i in range(30)))
    assert "(as numbers: --task regression)" in described(given(options(path, "--target", "n")))
    assert "numbers from 0 to 2" in described(given(options(path, "--target", "n", "--task", "regression")))


def test_a_class_of_one_row_cannot_be_in_both_parts(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a,c\n" + "1,x\n2,y\n" * 10 + "3,z\n")
    with pytest.raises(DataError, match="got one of class 'z'"):
        given(options(path, "--target", "c"))


def test_tabs_are_seen(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a\tc\n" + "1\tx\n2\ty\n" * 10)
    with pytest.raises(ConfigError, match="tab"):
        given(options(path, "--target", "c"))
    assert len(given(options(path, "--target", "c", "--delimiter", "tab")).train) == 16
