"""Options in a file: read, refused, written, read again."""

import tomllib

import pytest

from nnmat.__main__ import main
from nnmat.command import train
from nnmat.command.usage.config_file import keys_of, read_config, toml_text
from nnmat.errors import ConfigError, FileFormatError


@pytest.fixture
def parser():
    import argparse

    added = argparse.ArgumentParser(prog="nnmat").add_subparsers(dest="command")
    train.add(added)
    return added.choices["train"]


def config(tmp_path, text: str):
    path = tmp_path / "run.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_values_are_those_of_the_command_line(parser, tmp_path):
    text = 'data = "a.csv"\nhidden = 32\nignore = ["a", "b"]\nlr = 1\nweight-decay = 0\ngrey = true\nout = "m.npz"\n'
    found = read_config(config(tmp_path, text), parser)
    line = "a.csv --hidden 32 --ignore a b --lr 1 --weight-decay 0 --grey --out m.npz"
    given = vars(parser.parse_args(line.split()))
    assert found == {name: given[name] for name in found}
    assert len(found) == 7


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hiden = [3]", "'hiden' is no option of nnmat train. Did you mean 'hidden'?"),
        ("weight_decay = 1", "Did you mean 'weight-decay'?"),
        ("config = 'x'", "'config' is no option"),
        ("zzz = 1", "There are data, target"),
        ("lr = -1", "lr: expected a number > 0, got '-1'"),
        ("lr = true", "lr: expected a number > 0, got 'true'"),
        ("lr = [1]", "lr: expected one value, got [1]"),
        ("epochs = 1.5", "epochs: expected a whole number >= 1, got '1.5'"),
        ("hidden = []", "hidden: expected at least one value, got none"),
        ("hidden = [3, 'x']", "hidden: expected a whole number >= 1, got 'x'"),
        ("quiet = 1", "quiet: expected true or false, got 1"),
        ("task = 'both'", "task: expected one of 'classification', 'regression', got 'both'"),
        ("[lr]\nx = 1", "lr: expected one value"),
        ("out = 'x.txt'", "out: expected a file name that ends in .npz"),
    ],
)
def test_what_is_refused(text, said, parser, tmp_path):
    with pytest.raises(ConfigError) as error:
        read_config(config(tmp_path, text), parser)
    assert said in str(error.value)


def test_a_file_that_is_no_toml(parser, tmp_path, capsys):
    path = config(tmp_path, "lr: 1")
    with pytest.raises(FileFormatError, match="expected a TOML file"):
        read_config(path, parser)
    with pytest.raises(SystemExit) as end:
        main(["train", "--config", str(path)])
    assert end.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_what_is_written_is_read(parser):
    options = {"data": 'a "b"\\c\n\x7fé.csv', "hidden": [1, 2], "lr": 1e-05, "grey": True, "epochs": 3}
    text = toml_text("one\ntwo", options)
    assert tomllib.loads(text) == options
    assert text.startswith("# one\n# two\n")
    assert set(options) <= set(keys_of(parser))
