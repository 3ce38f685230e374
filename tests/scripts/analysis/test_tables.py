"""Tables of the analyses, what they print and how they end; and how the pages are held against them."""

import argparse
import json

import pytest

from analysis.tables import Table, analysis_parser, report, shown
from tests.scripts.analysis import pages


def a_table(holds=True):
    table = Table("A title", ("x̂", "|g|", "holds"))
    table.add("a", 0.123456, True)
    table.add("b|c", None, holds)
    return table


def test_a_table_is_markdown_of_even_lines():
    assert a_table().lines() == [
        "| x̂    | \\|g\\| | holds |",
        "|------|-------|-------|",
        "| a    | 0.123 | yes   |",
        "| b\\|c | -     | yes   |",
    ]


def test_cells():
    assert [shown(x) for x in (True, False, None, 12, 1e-16, 0.0, "text")] == [
        "yes", "NO", "-", "12", "1e-16", "0", "text",
    ]  # fmt: skip


def options(tmp_path, *words):
    args = analysis_parser("", "").parse_args([*words, "--json", str(tmp_path / "t.json")])
    assert isinstance(args, argparse.Namespace)
    return args


def test_a_report_prints_and_writes(tmp_path, capsys):
    drawn = []
    report(options(tmp_path, "--plot", str(tmp_path / "t.png")), [a_table()], drawn.append)
    assert capsys.readouterr().out.startswith("A title\n\n| x̂ ")
    assert drawn == [tmp_path / "t.png"]
    written = json.loads((tmp_path / "t.json").read_text())
    rows = [{"x̂": "a", "|g|": 0.123456, "holds": True}, {"x̂": "b|c", "|g|": None, "holds": True}]
    assert written["tables"] == [{"title": "A title", "rows": rows}]
    assert written["settings"] == {"seed": 0, "threads": None}


def test_a_bound_that_does_not_hold_ends_with_an_error(tmp_path, capsys):
    with pytest.raises(SystemExit, match="1 bounds do not hold"):
        report(options(tmp_path), [a_table(holds=False)], print)
    assert "NO" in capsys.readouterr().out
    assert (tmp_path / "t.json").is_file()


def test_pages_are_compared_by_cell(tmp_path, monkeypatch):
    monkeypatch.setattr(pages, "DOCS", tmp_path)
    text = "\n".join(["A title", "", *a_table().lines()])
    (tmp_path / "page.md").write_text("# Head\n\n**A title**\n\n" + "\n".join(a_table().lines()) + "\n\nMore.\n")
    pages.assert_shown("page.md", text)
    pages.assert_shown("page.md", text.replace("0.123", "0.1235"))
    with pytest.raises(AssertionError, match="differ: \\[\\('0.123', '0.2'\\)\\]"):
        pages.assert_shown("page.md", text.replace("0.123", "0.2  "))
    pages.assert_shown("page.md", text.replace("0.123", "0.2  "), timed=("A title",))
    with pytest.raises(AssertionError, match="no table 'Another'"):
        pages.assert_shown("page.md", text.replace("A title", "Another"))
    with pytest.raises(AssertionError, match="expected 2 rows"):
        pages.assert_shown("page.md", text.rpartition("\n")[0])
    assert pages.equal("1e-16", "-3e-17")
    assert not pages.equal("1e-16", "1e-3")
