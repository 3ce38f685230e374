"""Every notebook of docs/notebooks/ runs, and prints what is stored with it."""

import json

import pytest

from tests.extras import needs
from tests.website.loading import ROOT, website

pytestmark = [needs("nbclient", "nbformat", "ipykernel", "sklearn", "onnxruntime"), pytest.mark.slow]

notebooks = website("notebooks")
STORED = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))


def test_there_are_all():
    assert len(STORED) == 6


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


def code(source, *outputs):
    return {"cell_type": "code", "id": "a", "metadata": {}, "source": source, "execution_count": 1, "outputs": outputs}


def test_a_notebook_as_a_page(tmp_path):
    text = {
        "cell_type": "markdown",
        "id": "t",
        "metadata": {},
        "source": ["# Title\n", "\n", "See [that](other.ipynb)."],
    }
    printed = {"output_type": "stream", "name": "stdout", "text": ["1\n", "2\n"]}
    warned = {"output_type": "stream", "name": "stderr", "text": ["careful\n"]}
    drawn = {"output_type": "display_data", "metadata": {}, "data": {"image/png": "AAEC", "text/plain": "<Figure>"}}
    cells = [text, code("print(1)", printed, warned), code("plot()", drawn)]
    path = tmp_path / "page.ipynb"
    path.write_text(notebooks.written({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    page, pictures = notebooks.to_markdown(path)
    assert page.split("\n\n") == [
        "# Title",
        "See [that](other.md).",
        "[As a notebook](page.ipynb)",
        "```python\nprint(1)\n```",
        "```text\n1\n2\n```",
        "```python\nplot()\n```",
        "![What the lines above draw](page-1.png)\n",
    ]
    assert pictures == {"page-1.png": b"\x00\x01\x02"}
    kept = notebooks.stored({"cells": cells})["cells"]
    assert [cell.get("outputs") for cell in kept] == [None, [printed | {"text": ["1\n", "2"]}], []]
