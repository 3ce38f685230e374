"""The commands of docs/command_line.md run as they stand there, and print what the page shows."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import nnmat
from nnmat import onnx
from nnmat.__main__ import main
from tests.extras import needs
from tests.nnmat.command.samples import flowers, stripes

pytestmark = needs("PIL", "onnx", "onnxruntime", "safetensors", "sklearn", "tensorboard")
ROOT = Path(__file__).resolve().parents[3]
PAGE, README = ROOT / "docs/command_line.md", ROOT / "README.md"
GIVEN = """
import nnmat
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
X, y = load_iris(return_X_y=True)
frame = {"petal": [1.0, 2.0], "species": ["a", "b"]}
model = nnmat.Sequential([nnmat.Linear(2, 3)], input_shape=(2,))
module = nnmat.convert.to_torch(model)
class trainer:
    fit = lambda *given, callbacks: callbacks[0]
"""


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


def test_every_line_of_the_readmes_table_runs_in_an_empty_folder():
    text = README.read_text(encoding="utf-8").split("## With tools that you have")[1].split("\n## ")[0]
    lines = [line for row in re.findall(r"^\|(.*)\|$", text, re.MULTILINE)[2:] for line in re.findall("`(.*?)`", row)]
    for line in lines:
        if line.startswith("nnmat "):
            words = shlex.split(line)[1:]
            short = ["--epochs", "2", "--overwrite"] if words[0] == "train" else []
            assert main([*words, *short]) == 0, line
    code = [line for line in lines if not line.startswith("nnmat ")]
    assert len(code) == 8
    model = nnmat.Sequential([nnmat.Linear(2, 3)], input_shape=(2,))
    nnmat.save(model, "m.safetensors")
    onnx.save(model, "m.onnx", progress=False)
    settings = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'kernels'}"}
    given = "\n".join([GIVEN, *code])  # in a new process, where no other test has imported a room
    done = subprocess.run([sys.executable, "-c", given], env=settings, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


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
