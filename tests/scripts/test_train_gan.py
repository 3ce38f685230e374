"""scripts/train_gan.py as a person runs it."""

import json
import os
import re
import shlex
import signal
import struct
import subprocess
import zlib
from types import SimpleNamespace

import numpy as np
import pytest

import nnmat
import train_gan
from tests.scripts.running import command, environment, run

SMALL = ["--channels", "2", "3", "--hidden", "6", "--limit", "300", "--epochs", "2", "--batch-size", "30", "--quiet"]


@pytest.fixture(scope="module")
def judge(tmp_path_factory):
    """A file with a network that has learnt nothing."""
    path = tmp_path_factory.mktemp("judge") / "judge.npz"
    layers = [nnmat.Flatten(), nnmat.Linear(784, 10)]
    nnmat.save(nnmat.Sequential(layers, input_shape=(28, 28, 1), seed=0), path)
    return path


def test_it_writes_its_results(tmp_path, judge):
    files = ["--save", "m.npz", "--json", "r.json", "--pictures", "p"]
    out = run("train_gan.py", *SMALL, "--judge", judge, *files, cwd=tmp_path)
    assert out.returncode == 0, out.stderr
    result = json.loads((tmp_path / "r.json").read_text())
    assert (result["epochs"], result["samples"]) == (2, 1000)
    assert len(result["history"]["generator_loss"]) == len(result["history"]["judged"]) == 2
    for part in (result, result["real"], result["noise"]):
        assert 0 <= part["confident"] <= 1
        assert sum(part["digits"]) == pytest.approx(1)
    assert sorted(path.name for path in (tmp_path / "p").iterdir()) == ["epoch-01.png", "epoch-02.png"]
    made = nnmat.load(tmp_path / "m.npz").forward(np.zeros((2, 64), np.float32))
    assert made.shape == (2, 28, 28, 1)
    assert np.abs(made).max() <= 1


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_ctrl_c_and_the_printed_command_end_with_the_same_bits(tmp_path, judge):
    options = [*SMALL, "--epochs", "12", "--judge", judge, "--no-pictures"]
    out = run("train_gan.py", *options, "--save", "whole.npz", "--json", "whole.json", cwd=tmp_path)
    assert out.returncode == 0, out.stderr
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    words = command("train_gan.py", *options, "--save", "m.npz", "--json", "m.json", "--threads", 1)
    process = subprocess.Popen(words, cwd=tmp_path, env=environment(), **pipes)
    while not process.stdout.readline().startswith("epoch  2"):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    go_on = shlex.split(re.search(r"To go on: (.*)", err).group(1))
    out = subprocess.run(go_on, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=300)
    assert out.returncode == 0, out.stderr
    whole, resumed = (nnmat.load(tmp_path / name) for name in ("whole.npz", "m.npz"))
    assert np.array_equal(whole.flat_parameters, resumed.flat_parameters)
    for name, A in whole.buffers().items():
        assert np.array_equal(A, resumed.buffers()[name])
    told = [json.loads((tmp_path / name).read_text())["history"] for name in ("whole.json", "m.json")]
    assert told[0]["judged"] == told[1]["judged"]
    assert told[0]["generator_loss"] == told[1]["generator_loss"]


def test_a_judge_of_something_else(tmp_path):
    nnmat.save(nnmat.Sequential([nnmat.Linear(3, 2)], input_shape=(3,)), tmp_path / "j.npz")
    out = run("train_gan.py", *SMALL, "--judge", "j.npz", "--no-pictures", cwd=tmp_path)
    assert out.returncode == 1
    assert "--judge: the model maps (3,) to (2,); a judge maps (28, 28, 1) to (10,)" in out.stderr
    assert "Traceback" not in out.stderr


def test_a_judge_is_trained_as_train_cnn_says(monkeypatch, capsys):
    rng = np.random.default_rng(0)
    data = nnmat.datasets.Dataset(rng.random((40, 28, 28, 1), np.float32), rng.integers(0, 10, 40))
    small = ["--epochs", "1", "--channels", "2", "2", "--hidden", "3"]
    parser = train_gan.train_cnn.parser_of()
    monkeypatch.setattr(
        train_gan.train_cnn, "parser_of", lambda: SimpleNamespace(parse_args=lambda words: parser.parse_args(small))
    )
    judge = train_gan.judge_of(None, data)
    assert judge.model.output_shape((28, 28, 1)) == (10,)
    assert "--judge judge.npz" in capsys.readouterr().out


def test_what_a_judge_says():
    class Certain(nnmat.Layer):
        """Sure of the digit that the first pixel is; of others it is not."""

        def output_shape(self, input_shape):
            return (10,)

        def forward(self, X, call):
            H = np.zeros((len(X), 10), np.float32)
            H[np.arange(len(X)), X[:, 0, 0, 0].astype(int)] = np.where(X[:, 0, 0, 0] < 5, 9.0, 0.5)
            return H

        def backward(self, G, call):
            raise NotImplementedError

    judge = train_gan.Judge(Certain().build((28, 28, 1)))
    images = np.zeros((400, 28, 28, 1), np.float32)
    images[:100, 0, 0] = 7
    images[100:140, 0, 0] = 3
    found = judge(images)
    assert found["confident"] == 0.75
    assert found["digits"] == [0.65, 0, 0, 0.1, 0, 0, 0, 0.25, 0, 0]
    assert train_gan.line_of(found).startswith("sure of  75.0 %   digits 0 to 9 (%): 65.0  0.0")


def test_a_picture_is_a_png_of_its_images():
    images = np.random.default_rng(0).random((9, 5, 4, 1))
    file = train_gan.png(images)
    assert file.startswith(b"\x89PNG\r\n\x1a\n")
    chunks, at = {}, 8
    while at < len(file):
        (size,) = struct.unpack(">I", file[at : at + 4])
        kind, data = file[at + 4 : at + 8], file[at + 8 : at + 8 + size]
        assert struct.unpack(">I", file[at + 8 + size : at + 12 + size]) == (zlib.crc32(kind + data),)
        chunks[kind], at = data, at + 12 + size
    assert struct.unpack(">II", chunks[b"IHDR"][:8]) == (12, 15)
    lines = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(15, 13)
    assert (lines[:, 0] == 0).all()
    np.testing.assert_array_equal(lines[5:10, 9:13], np.rint(255 * images[5, :, :, 0]))


def test_its_recipe():
    args = train_gan.parser_of().parse_args([])
    own = train_gan.game(args, 10)
    assert (own.generator.flat_parameters.size, own.discriminator.flat_parameters.size) == (429_921, 410_705)
    assert own.generator_optimizer.lr == pytest.approx(5 * own.discriminator_optimizer.lr)
    assert own.generator_optimizer.betas == (0.5, 0.999)
    assert own.loss.kind == "non_saturating"
    clipped = ["--loss", "wasserstein", "--clip-weights", "0.01", "--discriminator-steps", "5"]
    clipped += ["--optimizer", "rmsprop"]
    own = train_gan.game(train_gan.parser_of().parse_args(clipped), 10)
    assert (own.clip_weights, own.discriminator_steps) == (0.01, 5)
    assert isinstance(own.generator_optimizer, nnmat.RMSProp)
