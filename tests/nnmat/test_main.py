"""The installed commands: warmup, version, and that those of the calculus are there."""

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

import nnmat
from nnmat.__main__ import main

ROOT = Path(__file__).resolve().parents[2]


def run(*words, **extra):
    settings = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'kernels'}"} | extra
    return subprocess.run([sys.executable, "-m", "nnmat", *words], env=settings, capture_output=True, text=True)


def test_the_version(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"nnmat {nnmat.__version__}\n"
    assert f'version = "{nnmat.__version__}"' in (ROOT / "pyproject.toml").read_text()


def test_warmup_says_how_long_it_took_and_where_the_kernels_are(capsys):
    assert main(["warmup", "--quiet"]) == 0
    capsys.readouterr()
    assert main(["warmup", "--quiet", "--dtype", "float32", "float32"]) == 0
    said = capsys.readouterr()
    (line,) = said.out.splitlines()
    assert line.startswith("float32: ")
    assert " s, 0 kernels compiled, " in line  # the run before has done it
    assert said.err == ""


def test_warmup_stopped_by_ctrl_c_is_no_traceback(capsys, monkeypatch):
    def stopped(**options):
        raise KeyboardInterrupt

    monkeypatch.setattr("nnmat.command.warmup.warmup", stopped)
    assert main(["warmup"]) == 130
    assert "stopped by Ctrl-C" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["warmup", "--dtype", "float16"], "invalid choice: 'float16'"),
        (["warmup", "--dtypes", "float64"], "unrecognized arguments"),
        (["warm"], "invalid choice: 'warm'"),
        ([], "required: command"),
    ],
)
def test_wrong_usage(words, said, capsys):
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 2
    assert said in capsys.readouterr().err


def test_the_commands_of_the_calculus(capsys):
    assert main(["derive", "x.T @ A @ y", "--wrt", "A"]) == 0
    assert "∇_A f = x yᵀ" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    assert all(word in text for word in ("derive", "laws", "warmup", "--version"))


def test_a_cache_that_cannot_be_written_is_said_at_once(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    done = run("warmup", NUMBA_CACHE_DIR=str(tmp_path / "file"))
    assert done.returncode == 1
    assert done.stderr.startswith("nnmat warmup: error: compiled kernels cannot be kept in ")
    assert "NUMBA_CACHE_DIR" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


def test_the_page_is_served_until_ctrl_c():
    settings = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'kernels'}"}
    command = [sys.executable, "-m", "nnmat", "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=settings) as process:
        try:
            address = re.search(r"http://127\.0\.0\.1:\d+/", process.stdout.readline())[0]
            with urllib.request.urlopen(address, timeout=20) as answer:
                assert b"<form" in answer.read()
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 0
        finally:
            process.kill()
        assert process.stderr.read() == "\nnnmat serve: stopped.\n"


@pytest.mark.parametrize("port", ["taken", "70000", "-1"])
def test_a_port_that_cannot_be_had(port, capsys):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        number = str(other.getsockname()[1]) if port == "taken" else port
        assert main(["serve", f"--port={number}"]) == 1
    assert "cannot be had" in capsys.readouterr().err
