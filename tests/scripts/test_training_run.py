"""A training run: Ctrl-C and resume, threads, and data that are not there."""

import contextlib
import gzip
import os
import re
import shlex
import shutil
import signal
import subprocess
import time
from types import SimpleNamespace

import numpy as np
import pytest

import nnmat
import training_run
from nnmat.plots import figures
from tests.scripts.running import QUICK, ROOT, command, environment, run, without


def test_the_number_of_threads_does_not_change_a_bit(tmp_path):
    models = []
    for threads in (1, nnmat.get_num_threads()):
        name = f"m{threads}.npz"
        out = run("train_cnn.py", *QUICK, "--threads", threads, "--save", name, cwd=tmp_path)
        assert out.returncode == 0, out.stderr
        models.append(nnmat.load(tmp_path / name).flat_parameters)
    assert np.array_equal(*models)


@pytest.mark.skipif(not hasattr(signal, "SIGINT") or os.name == "nt", reason="POSIX signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_ctrl_c_and_the_printed_command_end_with_the_same_bits(number, code, tmp_path):
    # Long enough for the signal to come within it: an epoch takes some hundredths of a second.
    options = ["--epochs", "60", "--limit", "6000", "--quiet", "--dropout", "0.2", "--save", "my model.npz"]
    out = run("train_fcn.py", *options, cwd=tmp_path)
    assert out.returncode == 0, out.stderr
    whole = nnmat.load(tmp_path / "my model.npz").flat_parameters.copy()
    os.remove(tmp_path / "my model.npz")
    process = subprocess.Popen(
        command("train_fcn.py", *options),
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not process.stdout.readline().startswith("epoch  1"):  # in training, past the first epoch
        assert process.poll() is None
    time.sleep(0.01)
    process.send_signal(number)
    _, err = process.communicate(timeout=120)
    assert process.returncode == code, err
    assert "Traceback" not in err
    go_on = shlex.split(re.search(r"To go on: (.*)", err).group(1))  # as a shell reads it, interpreter and all
    assert not (tmp_path / "my model.npz").exists()
    out = subprocess.run(go_on, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=300)
    assert out.returncode == 0, out.stderr
    assert np.array_equal(nnmat.load(tmp_path / "my model.npz").flat_parameters, whole)
    assert shlex.split(re.search(r"mistakes: (.*)", out.stdout).group(1))[2:] == ["my model.npz"]


def test_no_data_at_all(tmp_path):
    out = run("train_fcn.py", *QUICK, cwd=tmp_path, NNMAT_DATA=str(tmp_path / "empty"))
    assert out.returncode == 1
    assert "NNMAT_DATA" in out.stderr
    assert "Traceback" not in out.stderr


def test_a_missing_label_file_is_named(tmp_path):
    folder = tmp_path / "mnist"
    shutil.copytree(ROOT / "data" / "mnist", folder)
    with gzip.open(folder / "train-labels-idx1-ubyte.gz", "wb") as file:
        file.write(b"\0\0\x08\x01\0\0\0\x02ab")
    out = run("train_fcn.py", *QUICK, cwd=tmp_path, NNMAT_DATA=str(folder))
    assert out.returncode == 1
    assert "train-labels-idx1-ubyte.gz" in out.stderr
    assert "Traceback" not in out.stderr


def test_a_picture_without_matplotlib_is_refused_before_the_work(tmp_path):
    absent = without("matplotlib", tmp_path / "absent")
    for script in ("train_cnn.py", "train_gan.py", "train_transformer.py"):
        out = run(script, "--plot", "p.png", cwd=tmp_path, before=absent)
        assert out.returncode == 1
        assert "--plot: expected matplotlib to be installed, it is not. Try: pip install -e '.[plot]'" in out.stderr
        assert out.stdout == ""


def test_what_is_drawn_of_a_run(tmp_path, monkeypatch, capsys):
    drawn = []

    def kept(who, path, columns, **options):
        axes = plain(who, columns, size=(3 * columns, 2))
        drawn.append((path, axes))
        return contextlib.nullcontext(axes)

    plain = figures.sheet
    monkeypatch.setattr(training_run, "picture", kept)
    history = {"epoch": [1, 2], "loss": [2.0, 1.0], "accuracy": [0.5, 0.75], "validation_accuracy": [0.5, 0.5]}
    training_run.draw(SimpleNamespace(plot=None), history)
    assert not drawn
    path = tmp_path / "p.png"
    model = nnmat.Sequential([nnmat.Flatten(), nnmat.Linear(4, 3)], input_shape=(2, 2, 1), seed=0)
    rng = np.random.default_rng(0)
    test = nnmat.datasets.Dataset(rng.standard_normal((20, 2, 2, 1)).astype(np.float32), rng.integers(0, 3, 20))
    training_run.draw(SimpleNamespace(plot=path), history, lambda ax: training_run.draw_confusion(model, test, ax))
    ((where, (loss, accuracy, confusion)),) = drawn
    assert where == path
    assert [list(line.get_ydata()) for line in loss.lines] == [[2.0, 1.0]]
    assert [list(line.get_ydata()) for line in accuracy.lines] == [[0.5, 0.75], [0.5, 0.5]]
    counts = nnmat.metrics.confusion_matrix(model(test.X), test.y)
    assert sorted(int(text.get_text()) for text in confusion.texts) == sorted(counts[counts > 0])
    assert capsys.readouterr().out == f"Picture written to {path}\n"
    training_run.draw(SimpleNamespace(plot=path), {"epoch": [1], "loss": [2.0]})
    assert len(drawn[1][1]) == 1


def test_an_epoch_is_one_line(capsys):
    figures = {"loss": 0.25, "accuracy": 0.5, "validation_accuracy": 0.75, "seconds": 1.25}
    training_run.PrintEpoch().on_epoch_end(None, 3, figures)
    line = "epoch  3   loss 0.2500   accuracy  50.00 %   test accuracy  75.00 %   1.2 s\n"
    assert capsys.readouterr().out == line


@pytest.mark.parametrize("name", training_run.OPTIMIZERS)
def test_every_optimizer_can_be_made(name):
    model = nnmat.Sequential([nnmat.Linear(3, 2)], input_shape=(3,))
    settings = training_run.momentum(SimpleNamespace(optimizer=name))
    made = training_run.OPTIMIZERS[name](model, lr=0.1, weight_decay=0.0, **settings)
    assert isinstance(made, training_run.OPTIMIZERS[name])
    assert settings == ({"momentum": 0.9, "nesterov": True} if name == "sgd" else {})


def test_a_parser_takes_its_defaults_from_the_script():
    parser = training_run.make_parser("what", "examples", epochs=3, batch_size=5, lr=0.5, optimizer="sgd", dropout=0.25)
    args = parser.parse_args([])
    assert (args.epochs, args.batch_size, args.lr, args.optimizer, args.dropout) == (3, 5, 0.5, "sgd", 0.25)
    assert (args.schedule, args.seed, args.threads, args.resume) == ("cosine", 0, None, None)
    assert args.warm_up == 0
    bare = training_run.make_parser("what", "examples", classifies=False, epochs=3, batch_size=5, lr=0.5)
    assert not {"dropout", "label_smoothing"} & vars(bare.parse_args([])).keys()


def test_the_rate_rises_then_falls():
    args = SimpleNamespace(lr=0.5, schedule="cosine", warm_up=4)
    rate = training_run.rate_of(args, 24, final=0.1)
    assert [rate(step) for step in (0, 3, 4, 14, 24)] == pytest.approx([0.125, 0.5, 0.5, 0.275, 0.05])
    assert training_run.rate_of(SimpleNamespace(lr=0.5, schedule="constant", warm_up=0), 24) == 0.5
    rate = training_run.rate_of(SimpleNamespace(lr=0.5, schedule="constant", warm_up=2), 24)
    assert [rate(step) for step in (0, 1, 20)] == [0.25, 0.5, 0.5]
