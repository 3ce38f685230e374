"""The rows of the evidence about files: what they make of the results."""

from types import SimpleNamespace

import pytest

from promises.users import files


@pytest.mark.parametrize(("kinds", "both", "holds"), [(27, 4000, True), (26, 4000, False), (40, 3999, False)])
def test_safetensors(kinds, both, holds, monkeypatch):
    def run(command, **extra):
        if "--collect-only" in command:
            return SimpleNamespace(stdout="f.py::test_what_the_reference_refuses_is[a]\n" * kinds)
        assert extra == {"NNMAT_MUTATIONS": "10000"}
        said = f"safetensors: {both} taken by both, 5000 refused by both, 1000 refused here only"
        return SimpleNamespace(stdout=said)

    monkeypatch.setattr(files, "run", run)
    row = files.safetensors()
    assert row.holds == holds
    assert "5,000 refused by both, 1,000 refused here only" in row.value


@pytest.mark.parametrize("there", [("3.11", "3.12", "3.13"), ("3.11", "3.13")])
def test_the_wheel(there, monkeypatch):
    commands = []

    def run(command, cwd):
        commands.append(command)
        if " build " in command:
            (cwd / "dist").mkdir()
            (cwd / "dist" / "nnmat-1-py3-none-any.whl").touch()
        return SimpleNamespace(stdout="Python 3: accuracy 0.9\n")

    monkeypatch.setattr(files, "run", run)
    monkeypatch.setattr(files, "made", lambda place, python: place.name in there)
    monkeypatch.setattr(files, "pythons", lambda version: [f"python{version}"])
    row = files.wheel()
    assert row.holds == (len(there) == 3)
    assert ("not there: 3.12" in row.value) == (len(there) == 2)
    assert sum("smoke.py" in command for command in commands) == len(there)


def test_the_interpreters_that_may_be_there(monkeypatch, tmp_path):
    (tmp_path / ".pyenv/versions/3.12.1/bin").mkdir(parents=True)
    (tmp_path / ".pyenv/versions/3.12.1/bin/python").touch()
    monkeypatch.setattr(files.Path, "home", lambda: tmp_path)
    monkeypatch.setattr(files.shutil, "which", lambda name: None)
    assert [path.rpartition("versions/")[2] for path in files.pythons("3.12")] == ["3.12.1/bin/python"]
    assert files.pythons("3.13") == []
