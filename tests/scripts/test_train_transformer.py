"""scripts/train_transformer.py as a person runs it."""

import json
import os
import re
import shlex
import signal
import subprocess

import numpy as np
import pytest

import nnmat
import train_transformer
from nnmat.datasets import Vocabulary, shakespeare, windows
from tests.scripts.running import command, environment, run

SMALL = ["--layers", "1", "--heads", "2", "--width", "8", "--context", "6", "--limit", "4000", "--quiet"]
SMALL += ["--epochs", "2", "--epoch-steps", "20", "--warm-up", "5", "--lr", "0.02"]


def arguments(*words):
    return train_transformer.parser_of().parse_args(list(words))


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_it_writes_its_results(tmp_path, optimizer):
    out = run(
        "train_transformer.py", *SMALL, "--optimizer", optimizer, "--json", "r.json", "--save", "m.npz", cwd=tmp_path
    )
    assert out.returncode == 0, out.stderr
    result = json.loads((tmp_path / "r.json").read_text())
    assert result["epochs"] == 2
    assert result["settings"]["width"] == 8
    assert f"{result['held_out_loss']:.4f}" in out.stdout
    model, vocabulary = nnmat.load(tmp_path / "m.npz"), Vocabulary.load(tmp_path / "m.vocabulary.json")
    text = shakespeare()[:4000]
    assert vocabulary == Vocabulary(text)
    data = windows(vocabulary.encode(text)[3600:], 6)
    loss = nnmat.SoftmaxCrossEntropy().forward(model.forward(data.X), data.y)
    assert loss == pytest.approx(result["held_out_loss"], rel=1e-5)
    assert 2 < loss < np.log(len(vocabulary))
    assert shlex.split(re.search(r"Text from it: (.*)", out.stdout).group(1))[-1] == "m.npz"


def test_the_nano_recipe():
    args = arguments()
    model = train_transformer.language_model(76, args)
    assert sum(p.size for p in model.parameters()) == 76 * 128 + 64 * 128 + 4 * (12 * 128**2 + 2 * 128) + 128
    assert not [p.name for p in model.parameters() if p.kind in ("bias", "beta")]
    schedule = train_transformer.schedule_of(args)
    assert [schedule(step) for step in (0, 99, 100, 2000)] == pytest.approx([1e-5, 1e-3, 1e-3, 1e-4])
    optimizer = train_transformer.optimizer_for(model, args)
    assert (type(optimizer), optimizer.betas, optimizer.clip_norm) == (nnmat.AdamW, (0.9, 0.99), 1.0)
    matrices = {p.name for p in model.parameters() if len(p.shape) == 2 and p.name != "1.weight"}
    decayed = sum(s.part.stop - s.part.start for s in optimizer.segments() if s.weight_decay == 0.1)
    assert decayed == sum(p.size for p in model.parameters() if p.name in matrices)
    muon = train_transformer.optimizer_for(model, arguments("--optimizer", "muon"))
    assert set(muon.settings()["matrices"]) == matrices - {"0.weight"}
    assert arguments("--schedule", "constant", "--warm-up", "0").warm_up == 0
    assert train_transformer.schedule_of(arguments("--schedule", "constant", "--warm-up", "0")) == 1e-3


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_ctrl_c_and_the_printed_command_end_with_the_same_bits(tmp_path):
    options = [*SMALL, "--epochs", "40", "--dropout", "0.1", "--save", "m.npz"]
    out = run("train_transformer.py", *options, cwd=tmp_path)
    assert out.returncode == 0, out.stderr
    whole = nnmat.load(tmp_path / "m.npz").flat_parameters.copy()
    os.remove(tmp_path / "m.npz")
    process = subprocess.Popen(
        command("train_transformer.py", *options, "--threads", 1),
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not process.stdout.readline().startswith("epoch  2"):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    go_on = shlex.split(re.search(r"To go on: (.*)", err).group(1))
    out = subprocess.run(go_on, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=300)
    assert out.returncode == 0, out.stderr
    assert np.array_equal(nnmat.load(tmp_path / "m.npz").flat_parameters, whole)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "at least two different characters, got an empty text"),
        (b"aaaaaaaaaaaa", "got one only, 'a'"),
        (b"abcabcabcabc", r"expected more tokens than context = 6, .*got 2\."),
        (b"\xff\xfe\xfd", r"--text: expected .*t\.txt as UTF-8 text, got"),
    ],
)
def test_texts_that_are_none(tmp_path, content, text):
    (tmp_path / "t.txt").write_bytes(content)
    out = run("train_transformer.py", *SMALL, "--text", "t.txt", cwd=tmp_path)
    assert out.returncode == 1
    assert "Traceback" not in out.stderr
    assert re.search(text, out.stderr), out.stderr


def test_heads_that_do_not_divide_the_width(tmp_path):
    out = run("train_transformer.py", *SMALL, "--heads", "3", cwd=tmp_path)
    assert out.returncode == 1
    assert "heads that divide features = 8, got 3" in out.stderr


def test_an_epoch_is_one_line(capsys):
    figures = {"loss": 2.5, "validation_loss": 2.25, "seconds": 1.25}
    train_transformer.PrintEpoch().on_epoch_end(None, 3, figures)
    assert capsys.readouterr().out == "epoch  3   loss 2.5000   held-out loss 2.2500   1.2 s\n"
