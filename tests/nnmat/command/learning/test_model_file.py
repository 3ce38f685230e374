"""A model with its recipe: what is written is read, and changed files are refused."""

import json

import numpy as np
import pytest

import nnmat
from nnmat.command.learning.model_file import Kept, read_model, write_model
from nnmat.command.learning.recipes import ImageRecipe
from nnmat.command.usage.outputs import is_model
from nnmat.errors import FileFormatError
from nnmat.formats.npz import read_archive, write_archive


@pytest.fixture
def path(tmp_path):
    model = nnmat.Sequential([nnmat.Flatten(), nnmat.Linear(None, 2)], input_shape=(2, 2, 1), seed=3)
    write_model(tmp_path / "m.npz", Kept(model, ImageRecipe((2, 2), True, ("a", "b")), 1.0, {"accuracy": 0.5}))
    return tmp_path / "m.npz"


def test_it_comes_back_whole_and_is_a_model_of_nnmat(path):
    kept = read_model(path)
    assert kept.recipe.labels == ("a", "b")
    assert (kept.guess, kept.figures) == (1.0, {"accuracy": 0.5})
    X = np.random.default_rng(0).random((3, 2, 2, 1), np.float32)
    assert np.array_equal(nnmat.load(path).forward(X), kept.model.forward(X))
    assert is_model(path)


@pytest.mark.parametrize(
    "change",
    [{"version": 2}, {"guess": "x"}, {"figures": 1}, {"recipe": {}}, {"recipe": None}, {"labels": 3}, {"size": [9, 9]}],
)
def test_a_changed_one_is_refused(change, path):
    header, arrays = read_archive(path)
    if "labels" in change:
        change = {"recipe": header["command"]["recipe"] | {"labels": ["a", "b", "c"]}}
    if "size" in change:
        change = {"recipe": header["command"]["recipe"] | change}
    write_archive(path, header | {"command": header["command"] | change}, arrays)
    with pytest.raises(FileFormatError):
        read_model(path)


def test_a_cut_one_is_refused(path):
    content = path.read_bytes()
    for part in (0, 10, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:part])
        with pytest.raises(FileFormatError):
            read_model(path)


def test_its_bytes_hold_no_time(path, tmp_path):
    kept = read_model(path)
    write_model(tmp_path / "n.npz", kept)
    assert path.read_bytes() == (tmp_path / "n.npz").read_bytes()
    json.dumps(kept.recipe.config())
