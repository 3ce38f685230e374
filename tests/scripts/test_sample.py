"""scripts/sample.py as a person runs it."""

import numpy as np
import pytest

import nnmat
import train_transformer
from nnmat.datasets import Vocabulary
from tests.scripts.running import run


@pytest.fixture
def saved(tmp_path):
    """A small model that was never trained, and its vocabulary."""
    vocabulary = Vocabulary("\nabc ")
    args = train_transformer.parser_of().parse_args(["--layers", "1", "--heads", "2", "--width", "8", "--context", "6"])
    model = train_transformer.language_model(len(vocabulary), args)
    nnmat.save(model, tmp_path / "m.npz")
    vocabulary.save(train_transformer.vocabulary_of(tmp_path / "m.npz"))
    return tmp_path, model, vocabulary


def test_it_writes_what_the_model_does(saved):
    folder, model, vocabulary = saved
    options = ["--start", "ab", "--length", 30, "--temperature", 1.5, "--top-k", 3, "--seed", 4, "--quiet"]
    out = run("sample.py", "m.npz", *options, cwd=folder)
    assert out.returncode == 0, out.stderr
    tokens = nnmat.generate(model, vocabulary.encode("ab"), 30, temperature=1.5, top_k=3, seed=4)
    assert out.stdout == "ab" + vocabulary.decode(np.array(list(tokens))) + "\n"
    assert out.stderr == ""
    out = run("sample.py", "m.npz", "--length", 8, "--temperature", 0, cwd=folder)
    assert out.returncode == 0, out.stderr
    assert len(out.stdout) == 8 + 1
    assert "characters per second" in out.stderr


def test_errors(saved):
    folder, _, _ = saved
    for words, code, text in [
        (
            ["m.npz", "--start", "xyz"],
            1,
            "--start: Vocabulary.encode: expected characters among the 5 of the vocabulary, got 'x' at place 0",
        ),
        (["m.npz", "--start", ""], 2, "argument --start: expected at least one character"),
        (["m.npz", "--temperature", "1e-320"], 1, "expected temperature as 0, which takes the largest logit, or a num"),
        (["none.npz"], 2, "there is no file none.npz"),
    ]:
        out = run("sample.py", *words, cwd=folder)
        assert out.returncode == code, out.stderr
        assert text in out.stderr
        assert "Traceback" not in out.stderr
    Vocabulary("abc").save(folder / "m.vocabulary.json")
    out = run("sample.py", "m.npz", cwd=folder)
    assert out.returncode == 1
    assert "expected the vocabulary to have the 5 characters of the model, got 3" in out.stderr
    Vocabulary("abcde").save(folder / "m.vocabulary.json")
    out = run("sample.py", "m.npz", "--length", 3, "--quiet", cwd=folder)
    assert out.returncode == 0, out.stderr
    assert out.stdout[0] == "a"
    (folder / "m.vocabulary.json").unlink()
    out = run("sample.py", "m.npz", cwd=folder)
    assert out.returncode == 1
    assert "m.vocabulary.json" in out.stderr
