"""The training scripts as a person runs them: results, files, Ctrl-C and resume, threads, and every wrong call."""

import gzip
import importlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import nnmat

ROOT = Path(__file__).resolve().parents[2]
QUICK = ["--epochs", "2", "--limit", "1000", "--quiet"]


def command(script, *arguments):
    return [sys.executable, str(ROOT / "scripts" / script), *map(str, arguments)]


def environment(**extra):
    path = os.pathsep.join([str(ROOT), str(ROOT / "kernels")])
    return os.environ | {"PYTHONPATH": path, "PYTHONUNBUFFERED": "1"} | extra


def run(script, *arguments, cwd, **extra):
    return subprocess.run(
        command(script, *arguments), cwd=cwd, env=environment(**extra), capture_output=True, text=True, timeout=300
    )


def test_train_fcn_writes_its_results(tmp_path):
    out = run("train_fcn.py", *QUICK, "--json", "r.json", "--save", "m.npz", "--seed", 1, cwd=tmp_path)
    assert out.returncode == 0, out.stderr
    result = json.loads((tmp_path / "r.json").read_text())
    assert set(result) >= {"test_accuracy", "epochs", "seconds", "seconds_per_epoch", "settings"}
    assert result["epochs"] == 2
    assert result["settings"]["seed"] == 1
    assert result["settings"]["hidden"] == [128]
    assert 0.7 < result["test_accuracy"] < 1
    assert f"{100 * result['test_accuracy']:.2f} %" in out.stdout
    _, test = nnmat.datasets.mnist()
    model = nnmat.load(tmp_path / "m.npz")
    assert np.mean(model.forward(test.X).argmax(1) == test.y) == pytest.approx(result["test_accuracy"])


def test_softmax_regression_has_no_hidden_layer(tmp_path):
    out = run("train_fcn.py", "--hidden", *QUICK, cwd=tmp_path)
    assert out.returncode == 0, out.stderr
    assert re.search(r"total +\(B, 10\) +7,850 ", out.stdout)


def test_train_cnn_then_evaluate(tmp_path):
    out = run("train_cnn.py", *QUICK, "--save", "m.npz", "--json", "r.json", cwd=tmp_path)
    assert out.returncode == 0, out.stderr
    accuracy = json.loads((tmp_path / "r.json").read_text())["test_accuracy"]
    assert accuracy > 0.7
    out = run("evaluate.py", "m.npz", "--json", "e.json", "--picture", "p.png", "--worst", 5, cwd=tmp_path)
    assert out.returncode == 0, out.stderr
    result = json.loads((tmp_path / "e.json").read_text())
    assert result["test_accuracy"] == pytest.approx(accuracy)
    assert np.sum(result["confusion"]) == 10000
    assert np.trace(result["confusion"]) == round(10000 * accuracy)
    assert len(result["worst"]) == 5
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


def test_the_number_of_threads_does_not_change_a_bit(tmp_path):
    models = []
    for threads in (1, nnmat.get_num_threads()):
        name = f"m{threads}.npz"
        out = run("train_cnn.py", *QUICK, "--threads", threads, "--save", name, cwd=tmp_path)
        assert out.returncode == 0, out.stderr
        models.append(nnmat.load(tmp_path / name).flat_parameters)
    assert np.array_equal(*models)


@pytest.mark.skipif(not hasattr(signal, "SIGINT") or os.name == "nt", reason="POSIX signals")
def test_ctrl_c_and_the_printed_command_end_with_the_same_bits(tmp_path):
    options = ["--epochs", "4", "--limit", "6000", "--quiet", "--dropout", "0.2", "--save", "my model.npz"]
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
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    go_on = shlex.split(re.search(r"To go on: (.*)", err).group(1))  # as a shell reads it, interpreter and all
    assert not (tmp_path / "my model.npz").exists()
    out = subprocess.run(go_on, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=300)
    assert out.returncode == 0, out.stderr
    assert np.array_equal(nnmat.load(tmp_path / "my model.npz").flat_parameters, whole)
    assert shlex.split(re.search(r"mistakes: (.*)", out.stdout).group(1))[2:] == ["my model.npz"]


def test_the_printed_command_replaces_an_older_resume_and_nothing_else(monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    cli = importlib.import_module("cli")
    monkeypatch.setattr(sys, "argv", ["train.py", "--save", "a.npz", "--seed", "1", "--resume", "a.npz"])

    def stopped():
        raise nnmat.TrainingInterrupted("Training stopped", Path("c.npz"))

    with pytest.raises(SystemExit):
        cli.guarded(stopped)
    command = shlex.split(re.search(r"To go on: (.*)", capsys.readouterr().err).group(1))
    assert command[1:] == ["train.py", "--save", "a.npz", "--seed", "1", "--resume", "c.npz"]


def test_a_reader_that_stops_ends_the_script_quietly(tmp_path):
    # Without a signal handler of its own: that would end the bench, too, when one of its processes dies.
    code = (
        "import signal, cli; before = signal.getsignal(signal.SIGPIPE)\n"
        "def main():\n"
        "    assert signal.getsignal(signal.SIGPIPE) == before\n"
        "    for i in range(100_000): print(i)\n"
        "cli.guarded(main)"
    )
    places = environment(PYTHONPATH=os.pathsep.join(map(str, (ROOT, ROOT / "kernels", ROOT / "scripts"))))
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", code], env=places, **pipes) as script:
        assert script.stdout.readline() == "0\n"
        script.stdout.close()
        assert script.stderr.read() == ""
    assert script.returncode == 0


def test_a_picture_without_matplotlib_is_refused_before_the_work(tmp_path):
    (tmp_path / "absent").mkdir()
    (tmp_path / "absent" / "sitecustomize.py").write_text("import sys\nsys.modules['matplotlib'] = None\n")
    model = other_model(tmp_path / "made")
    path = os.pathsep.join([str(tmp_path / "absent"), str(ROOT), str(ROOT / "kernels")])
    out = run("evaluate.py", model, "--picture", "p.png", cwd=tmp_path, PYTHONPATH=path)
    assert out.returncode == 1
    assert "--picture: expected matplotlib to be installed, it is not. Try: pip install -e '.[plot]'" in out.stderr
    assert not (tmp_path / "p.png").exists()


COMMANDS = ["train_fcn.py", "train_cnn.py", "evaluate.py", "descend.py", "warmup.py", "evidence.py"]


@pytest.mark.parametrize("script", [*COMMANDS, "bench_kernels.py", "bench_training.py", "bench_markdown.py"])
def test_help_teaches(script, tmp_path):
    out = run(script, "--help", cwd=tmp_path)
    assert out.returncode == 0
    assert "example" in out.stdout
    assert f"python scripts/{script}" in out.stdout


def damaged_mnist(folder):
    """A copy of the data with one file cut short."""
    shutil.copytree(ROOT / "data" / "mnist", folder)
    path = folder / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:100_000])
    return folder


def wrong_dimensions(folder):
    """A copy of the data whose training labels are images."""
    shutil.copytree(ROOT / "data" / "mnist", folder)
    shutil.copy(folder / "t10k-images-idx3-ubyte.gz", folder / "train-labels-idx1-ubyte.gz")
    return folder


def truncated_model(folder):
    folder.mkdir()
    model = nnmat.Sequential([nnmat.Flatten(), nnmat.Linear(784, 10)], input_shape=(28, 28, 1))
    nnmat.save(model, folder / "m.npz")
    (folder / "m.npz").write_bytes((folder / "m.npz").read_bytes()[:-200])
    return folder / "m.npz"


def other_model(folder):
    folder.mkdir()
    nnmat.save(nnmat.Sequential([nnmat.Linear(3, 2)], input_shape=(3,)), folder / "m.npz")
    return folder / "m.npz"


WRONG = {
    "unknown option": ("train_fcn.py", ["--learning-rate", "1"], 2, "unrecognized arguments"),
    "zero epochs": ("train_fcn.py", ["--epochs", "0"], 2, "--epochs: expected a whole number >= 1, got '0'"),
    "epochs in words": ("train_cnn.py", ["--epochs", "ten"], 2, "--epochs: expected a whole number >= 1, got 'ten'"),
    "negative rate": ("train_cnn.py", ["--lr", "-1"], 2, "--lr: expected a number > 0"),
    "rate nan": ("train_cnn.py", ["--lr", "nan"], 2, "--lr: expected a number > 0"),
    "zero batch": ("train_cnn.py", ["--batch-size", "0"], 2, "--batch-size: expected a whole number >= 1"),
    "batch too large": ("train_fcn.py", ["--batch-size", "70000"], 2, "more than the 60000 training samples"),
    "batch larger than limit": (
        "train_fcn.py",
        ["--limit", "10", "--batch-size", "11"],
        2,
        "more than the 10 training",
    ),
    "negative seed": ("train_fcn.py", ["--seed", "-3"], 2, "--seed: expected a whole number >= 0"),
    "many threads": ("train_fcn.py", ["--threads", "999"], 2, "--threads: set_num_threads: expected an integer from 1"),
    "hidden zero": ("train_fcn.py", ["--hidden", "0"], 2, "--hidden: expected a whole number >= 1"),
    "activation": ("train_fcn.py", ["--activation", "sinus"], 2, "invalid choice: 'sinus'"),
    "dropout": ("train_fcn.py", ["--dropout", "1"], 2, "--dropout: expected a number from 0 up to"),
    "channels": ("train_cnn.py", ["--channels", "0", "4"], 2, "--channels: expected a whole number >= 1, got '0'"),
    "hidden of the cnn": ("train_cnn.py", ["--hidden", "0"], 2, "--hidden: expected a whole number >= 1, got '0'"),
    "json folder": ("train_fcn.py", ["--json", "none/r.json"], 2, "--json: the folder none does not exist"),
    "save suffix": ("train_fcn.py", ["--save", "model.pt"], 2, "--save: expected a file name that ends in .npz"),
    "resume missing": ("train_fcn.py", ["--resume", "none.npz"], 2, "--resume: there is no file none.npz"),
    "no model": ("evaluate.py", [], 2, "MODEL"),
    "missing model": ("evaluate.py", ["none.npz"], 2, "there is no file none.npz"),
    "truncated model": ("evaluate.py", [truncated_model], 1, "not a complete nnmat model file"),
    "other model": ("evaluate.py", [other_model], 1, r"MNIST needs \(28, 28, 1\) to \(10,\)"),
    "resume a model": ("train_fcn.py", [*QUICK, "--resume", other_model], 1, "no state of a training run"),
    "damaged data": ("train_fcn.py", [damaged_mnist], 1, "t10k-images-idx3-ubyte.gz"),
    "wrong data": ("train_fcn.py", [wrong_dimensions], 1, "train-labels-idx1-ubyte.gz"),
    "diverges": (
        "train_fcn.py",
        [*QUICK, "--activation", "relu", "--optimizer", "sgd", "--lr", "1e20"],
        1,
        "epoch 1, step",
    ),
    "bench": ("bench_kernels.py", ["--only", "nonsense"], 2, "nonsense"),
    "descend": ("descend.py", ["nonsense"], 2, "invalid choice: 'nonsense'"),
    "descend tolerance": ("descend.py", ["--tol", "abc"], 2, "--tol: expected a number >= 0, got 'abc'"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_call_is_explained(case, tmp_path):
    script, arguments, code, text = WRONG[case]
    made = [a(tmp_path / "made") if callable(a) else a for a in arguments]
    extra = {"NNMAT_DATA": str(made[0])} if case.endswith("data") else {}
    before = {p for p in tmp_path.rglob("*")}
    out = run(script, *([*QUICK] if extra else made), cwd=tmp_path, **extra)
    assert out.returncode == code, out.stderr
    assert re.search(text, out.stderr), out.stderr
    assert "Traceback" not in out.stderr
    assert {p for p in tmp_path.rglob("*")} == before, "a file was left behind"


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
