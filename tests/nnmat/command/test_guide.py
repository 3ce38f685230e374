"""The commands of docs/command_line.md run as they stand there, and print what the page shows."""

import re
import shlex
from pathlib import Path

import pytest

from nnmat.__main__ import main
from tests.extras import needs
from tests.nnmat.command.samples import flowers, stripes

pytestmark = needs("PIL", "onnx", "onnxruntime")
PAGE = Path(__file__).resolve().parents[3] / "docs/command_line.md"


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    flowers(Path("flowers.csv"))
    Path("new.csv").write_text("petal,sepal,colour\n1.1,5,blue\n4.9,5.2,red\n")
    stripes(Path("photos"))
    (Path("photos") / "across").rename("photos/cat")


def test_every_command_runs(capsys):
    ran = 0
    for block in re.findall(r"^```console\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        for entry in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            line, _, shown = entry.partition("\n")
            words = shlex.split(line)[1:]
            capsys.readouterr()
            short = ["--epochs", "3"] if words[0] in ("train", "tune") and not shown else []
            assert main([*words, *short]) == 0, line
            printed = capsys.readouterr().out
            if shown:
                assert printed.split() == shown.split(), line
            ran += 1
    assert ran == 9


def test_the_file_of_options_is_one(capsys):
    text = re.search(r"^```toml\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)[1]
    Path("a.toml").write_text(text)
    assert main(["train", "--config", "a.toml"]) == 0


@pytest.mark.parametrize("command", ["train", "tune", "predict", "evaluate", "export", "info", "warmup"])
def test_every_command_explains_itself_with_examples(command, capsys):
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert "examples:" in text
    assert f"  nnmat {command}" in text
    assert f"`nnmat {command}" in PAGE.read_text(encoding="utf-8")
