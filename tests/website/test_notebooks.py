"""Every notebook of docs/notebooks/ runs, and prints what is stored with it."""

import json

import pytest

from tests.extras import needs
from tests.website.loading import ROOT, website

pytestmark = [needs("nbclient", "nbformat", "ipykernel"), pytest.mark.slow]

notebooks = website("notebooks")
STORED = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))


def test_there_are_all():
    assert len(STORED) == 5


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.stem)
@pytest.mark.filterwarnings(
    "ignore"
)  # of what runs the kernel, in other threads; those of the cells are in their output
def test_a_notebook_prints_what_it_shows(path):
    before = json.loads(path.read_text(encoding="utf-8"))
    after = notebooks.run(path)
    for number, (shown, ran) in enumerate(zip(before["cells"], after["cells"], strict=True)):
        if ran["cell_type"] == "code":
            assert notebooks.printed(ran) == notebooks.printed(shown), f"cell {number} of {path.name}"


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.stem)
def test_it_is_stored_with_text_alone(path):
    """`python website/notebooks.py --write` runs all of them and stores what they print."""
    text = path.read_text(encoding="utf-8")
    assert notebooks.written(notebooks.stored(json.loads(text))) == text
    assert len(text) < 40_000


def test_an_error_in_a_cell_is_an_error(tmp_path):
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "source": "1 / 0", "execution_count": None, "outputs": []}
    path = tmp_path / "broken.ipynb"
    path.write_text(notebooks.written({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    with pytest.raises(Exception, match="ZeroDivisionError"):
        notebooks.run(path)
