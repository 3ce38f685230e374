"""The page of a run: whole, by itself, with what was measured."""

import base64
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.nnmat.command.samples import QUICK, flowers, houses, ran

VOID = {"meta", "link", "img", "br"}


class Tags(HTMLParser):
    """Whether all that is opened is closed, in order."""

    def __init__(self):
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def whole(page: str) -> None:
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    assert not re.search(r'(?:src|href)="(?!data:)|url\(|@import|<script', page)  # it fetches nothing
    for picture in re.findall(r'src="data:image/png;base64,([^"]+)"', page):
        assert base64.b64decode(picture).startswith(b"\x89PNG")


def test_of_classes(capsys):
    flowers(Path("a<b>&.csv"))
    said = ran(capsys, "train", "a<b>&.csv", "--target", "species", *QUICK)
    page = Path("report.html").read_text(encoding="utf-8")
    whole(page)
    assert "<h1>species of a&lt;b&gt;&amp;.csv</h1>" in page
    assert re.search(r"accuracy [\d.]+ % \(\d+ of 18 right\)", said)[0] in page
    assert "What each class was taken for" in page
    assert "Worst mistakes" in page
    assert "Accuracy lost when the entries of a column are shuffled" in page
    assert "nnmat predict model.npz NEW.csv" in page
    assert all(column in page for column in ("sepal", "petal", "colour", "weight-decay", "Linear"))


def test_of_numbers(capsys):
    houses(Path("houses.csv"))
    said = ran(capsys, "train", "houses.csv", "--target", "price", "--ignore", "id", *QUICK)
    page = Path("report.html").read_text(encoding="utf-8")
    whole(page)
    assert re.search(r"R² -?[\d.]+, RMSE [\d.]+", said)[0] in page
    assert "What was said, over what is true" in page
    assert "RMSE gained" in page
