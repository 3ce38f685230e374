"""What all scripts share: kinds of options, threads, files, errors; and every script's help and its wrong calls."""

import argparse
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import cli
import nnmat
from tests.scripts.running import QUICK, ROOT, SCRIPTS, environment, run

KINDS = {
    "positive_int": (["1", "12"], ["0", "-1", "1.5", "ten", ""], "a whole number >= 1"),
    "nonnegative_int": (["0", "7"], ["-1", "x"], "a whole number >= 0"),
    "nonnegative_float": (["0", "1e-6"], ["-1", "nan", "inf", "abc"], "a number >= 0"),
    "positive_float": (["0.5", "1e3"], ["0", "-1", "nan", "inf"], "a number > 0"),
    "rate": (["0", "0.99"], ["1", "-0.1", "nan"], "a number from 0 up to, but not including, 1"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_options_that_are_numbers(kind):
    right, wrong, words = KINDS[kind]
    parse = getattr(cli, kind)
    assert [parse(text) for text in right] == [float(text) for text in right]
    for text in wrong:
        with pytest.raises(argparse.ArgumentTypeError) as raised:
            parse(text)
        assert str(raised.value) == f"expected {words}, got {text!r}"


def test_options_that_are_files(tmp_path):
    assert cli.output_file(".json")(f"{tmp_path}/r.json") == tmp_path / "r.json"
    assert not (tmp_path / "r.json").exists()  # nothing is made before there is something to write
    for text, words in ((f"{tmp_path}/r.txt", "ends in .json"), (f"{tmp_path}/none/r.json", "none does not exist")):
        with pytest.raises(argparse.ArgumentTypeError, match=words):
            cli.output_file(".json")(text)
    (tmp_path / "there").write_text("")
    assert cli.input_file(f"{tmp_path}/there") == tmp_path / "there"
    for text in (f"{tmp_path}/none", str(tmp_path)):  # a folder is no file
        with pytest.raises(argparse.ArgumentTypeError, match="there is no file"):
            cli.input_file(text)


def test_what_is_written_is_read_again(tmp_path):
    report = {"rows": [{"name": "μ", "value": 0.1}], "settings": {}}
    cli.write_json(tmp_path / "r.json", report)
    assert (tmp_path / "r.json").read_text(encoding="utf-8") == json.dumps(report, indent=1) + "\n"
    assert cli.read_report(tmp_path / "r.json", "x.py", ("name", "value")) == report
    with pytest.raises(nnmat.FileFormatError, match=r"r.json: expected a file that `x.py --json` wrote. Try: "):
        cli.read_report(tmp_path / "r.json", "x.py", ("name", "seconds"))


def test_the_settings_are_the_options_as_json():
    args = argparse.Namespace(seed=1, save=Path("a/m.npz"), hidden=[3], json=Path("r.json"), quiet=True)
    assert cli.settings(args, "json", "quiet") == {"seed": 1, "save": str(Path("a/m.npz")), "hidden": [3]}
    assert cli.settings(args)["json"] == "r.json"


def test_threads(capsys):
    parser, before = cli.script_parser("what", "examples"), nnmat.get_num_threads()
    try:
        assert cli.use_threads(parser, 1) == nnmat.get_num_threads() == 1
        assert cli.use_threads(parser, None) == 1  # nothing is asked for, nothing is set
        with pytest.raises(SystemExit) as stopped:
            cli.use_threads(parser, 100_000)
    finally:
        nnmat.set_num_threads(before)
    assert stopped.value.code == 2
    assert "argument --threads: set_num_threads: expected an integer from 1 to" in capsys.readouterr().err


def test_what_is_not_installed_is_said_with_the_way_to_get_it():
    cli.need("json", "--json", "plot")
    with pytest.raises(nnmat.MissingExtraError) as raised:
        cli.need("no_such_module", "--picture", "plot")
    assert str(raised.value) == (
        "--picture: expected no_such_module to be installed, it is not. Try: pip install -e '.[plot]'"
    )


ENDS = {
    "an error of the user's": (nnmat.ShapeError("expected this, got that"), 1, "x.py: error: expected this, got that"),
    "one of the machine's": (OSError("the disk is full"), 1, "x.py: error: the disk is full"),
    "Ctrl-C": (KeyboardInterrupt(), 130, "x.py: stopped by Ctrl-C."),
}


@pytest.mark.parametrize("what", ENDS)
def test_a_script_ends_with_one_line(what, monkeypatch, capsys):
    error, code, line = ENDS[what]
    monkeypatch.setattr(sys, "argv", ["scripts/x.py"])

    def main():
        raise error

    with pytest.raises(SystemExit) as stopped:
        cli.guarded(main)
    assert stopped.value.code == code
    assert capsys.readouterr().err.strip() == line


def test_a_fault_of_the_script_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        cli.guarded(lambda: 1 // 0)


def test_the_printed_command_replaces_an_older_resume_and_nothing_else(monkeypatch, capsys):
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
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", code], env=environment(SCRIPTS), **pipes) as script:
        assert script.stdout.readline() == "0\n"
        script.stdout.close()
        assert script.stderr.read() == ""
    assert script.returncode == 0


COMMANDS = ["train_fcn.py", "train_cnn.py", "evaluate.py", "descend.py", "evidence.py"]


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
