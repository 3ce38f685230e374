"""What is kept beside a model: read again it does the same; anything else is refused."""

import json

import numpy as np
import pytest

from nnmat.command.learning.recipes import ImageRecipe, TableRecipe, recipe_of
from nnmat.datasets import table
from nnmat.errors import ConfigError, FileFormatError
from tests.nnmat.command.samples import houses


def test_a_table_survives_json(tmp_path):
    path = houses(tmp_path / "a.csv")
    recipe = TableRecipe(table(path, "price", ignore=["id"], standardise_target=True))
    again = recipe_of(json.loads(json.dumps(recipe.config())))
    names, X = again.read([path])
    assert names[0] == "1"
    assert np.array_equal(X, recipe.table.X)
    assert again.task == "regression"
    assert again.places == [("rooms", slice(0, 1)), ("year", slice(1, 2)), ("town", slice(2, 4))]
    np.testing.assert_allclose(again.in_units(again.dataset(path).y).mean(), 280, rtol=0.2)
    with pytest.raises(ConfigError, match="expected one CSV file"):
        again.read([path, path])


def test_what_may_be_said_anew_for_other_files(tmp_path):
    path = houses(tmp_path / "a.csv")
    config = TableRecipe(table(path, "price", ignore=["id"])).config()
    new = tmp_path / "new.csv"
    new.write_text("rooms;year;town\n3;2000;Bonn\n")
    with pytest.raises(ConfigError, match="Pass --delimiter"):
        recipe_of(config).read([new])
    _, X = recipe_of(config, "zeros", {"delimiter": ";"}).read([new])
    assert X[0, 2:].tolist() == [0, 0]


def test_images_survive_json():
    recipe = ImageRecipe((4, 5), True, ("a", "b"))
    assert recipe_of(json.loads(json.dumps(recipe.config()))) == recipe


@pytest.mark.parametrize("config", [None, {}, {"kind": "text"}, {"kind": "table"}, {"kind": "images", "size": [1]}, 3])
def test_what_is_none(config):
    with pytest.raises(FileFormatError):
        recipe_of(config)
