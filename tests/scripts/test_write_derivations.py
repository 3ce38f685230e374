"""docs/derivations is what is derived now; what differs is named, and written again."""

import sys

import pytest

import write_derivations
from nnmat import ConfigError
from nnmat.calculus.builtin.pages import HEAD
from write_derivations import main


def called(monkeypatch, capsys, *arguments):
    """The exit code, and what was printed."""
    monkeypatch.setattr(sys, "argv", ["write_derivations.py", *map(str, arguments)])
    code = 0
    try:
        main()
    except SystemExit as end:
        code = end.code
    return code, capsys.readouterr().out


def test_what_is_stored_is_what_is_derived(monkeypatch, capsys):
    code, out = called(monkeypatch, capsys, "--check")
    assert out.endswith(" files, 0 not as they are derived now.\n")
    assert code == 0


def test_what_differs_is_named_and_mended(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(write_derivations, "files", lambda: {"A.md": "a\n", "B.json": "[]\n", "README.md": HEAD})
    folder = tmp_path / "derivations"
    assert called(monkeypatch, capsys, "--check", "--folder", folder)[0] == 1
    assert not folder.exists()
    assert called(monkeypatch, capsys, "--folder", folder) == (0, f"3 files in {folder}, 3 of them changed.\n")
    assert called(monkeypatch, capsys, "--check", "--folder", folder)[0] == 0
    (folder / "A.md").write_text("b\n")
    (folder / "C.md").write_text("c\n")
    (folder / "B.json").unlink()
    code, out = called(monkeypatch, capsys, "--check", "--folder", folder)
    assert code == 1
    assert [line.rpartition("/")[2] for line in out.splitlines()[:-1]] == [
        "A.md: different",
        "B.json: missing",
        "C.md: of no layer",
    ]
    called(monkeypatch, capsys, "--folder", folder)
    assert sorted(p.name for p in folder.iterdir()) == ["A.md", "B.json", "README.md"]
    assert (folder / "A.md").read_text() == "a\n"


@pytest.mark.parametrize("check", [[], ["--check"]])
def test_files_of_others_are_left_alone(monkeypatch, tmp_path, check):
    (tmp_path / "README.md").write_text("# My own\n")
    (tmp_path / "thesis.tex").write_bytes(b"\xff")
    monkeypatch.setattr(sys, "argv", ["write_derivations.py", "--folder", str(tmp_path), *check])
    with pytest.raises(ConfigError, match="expected a new folder, or one written before"):
        main()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["README.md", "thesis.tex"]
