"""The first use on a machine: it says what it does, once, on stderr; and nothing once everything is there."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nnmat.__main__ import main
from nnmat_kernels.runtime.compiling import seconds

ROOT = Path(__file__).resolve().parents[2]
mnist_module = sys.modules["nnmat.datasets.images.mnist"]  # `datasets.mnist` is the function
PLACES = f"{ROOT}{os.pathsep}{ROOT / 'kernels'}"
compiled = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled")

# A word after 0.05 s: the kernels of this test take less than a second.
HEAD = "from nnmat_kernels.runtime import compiling; compiling.PATIENCE = compiling.REDRAWN = 0.05\n"
KINDS = {
    "a kernel": "import numpy as np, nnmat_kernels as k; k.tanh(np.ones(3))",
    "a warmup of a model": "import nnmat\n"
    "nnmat.warmup(nnmat.Sequential([nnmat.LeakyReLU()], input_shape=(3,)), progress=PROGRESS)",
    "a gradient check": "import numpy as np, nnmat\nnnmat.gradcheck(nnmat.Sigmoid().build((3,), dtype=np.float64), "
    "np.ones((2, 3)))",
}


def run(program, cache, **extra):
    settings = os.environ | {"PYTHONPATH": PLACES, "NUMBA_CACHE_DIR": str(cache), "NNMAT_QUIET": "0"} | extra
    done = subprocess.run([sys.executable, "-c", HEAD + program], env=settings, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done


@compiled
@pytest.mark.parametrize("kind", KINDS)
def test_the_first_use_says_so_on_stderr_and_the_second_nothing(kind, tmp_path):
    program = KINDS[kind].replace("PROGRESS", "True")
    first, second = run(program, tmp_path), run(program, tmp_path)
    assert "Compiling kernels, once on this machine: " in first.stderr
    assert (first.stdout, second.stdout, second.stderr) == ("", "", "")


@compiled
@pytest.mark.parametrize(
    ("kind", "progress", "extra"),
    [
        ("a kernel", "True", {"NNMAT_QUIET": "1"}),
        ("a warmup of a model", "False", {}),
    ],
)
def test_who_wants_no_word_gets_none(kind, progress, extra, tmp_path):
    assert run(KINDS[kind].replace("PROGRESS", progress), tmp_path, **extra).stderr == ""


@compiled
@pytest.mark.parametrize("place", ["a file", "inside a file", "no home"])
def test_a_cache_that_cannot_be_written_is_said_once_with_the_remedy(place, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    cache = tmp_path / ("file/deeper" if place == "inside a file" else "file")
    program = KINDS["a kernel"] + "; k.relu(np.ones(3))"
    if place == "no home":
        program = (
            "import os, pathlib\n"
            "del os.environ['NUMBA_CACHE_DIR']; os.environ.pop('XDG_CACHE_HOME', None)\n"
            "def home(): raise RuntimeError\n"
            "pathlib.Path.home = home\n"
        ) + program
    said = run(program, cache).stderr
    assert said.count("RuntimeWarning: nnmat: compiled kernels cannot be kept: ") == 1
    assert "Set the environment variable NUMBA_CACHE_DIR to a folder that can be written to." in said
    assert ("no home folder" in said) == (place == "no home")
    assert "once on this machine" not in said.partition("RuntimeWarning")[2]


@pytest.mark.parametrize("words", [["--version"], ["derive", "x.T @ x", "--wrt", "x"], ["laws", "--help"]], ids=str)
def test_commands_that_need_no_kernel_say_nothing_on_stderr(words, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("NNMAT_QUIET", "0")
    with contextlib.suppress(SystemExit):  # of --version and --help
        assert main(words) == 0
    said = capsys.readouterr()
    assert said.out
    assert said.err == ""
    assert not list(tmp_path.iterdir())


def test_an_import_is_silent_and_starts_nothing(tmp_path):
    program = "import threading, nnmat; assert threading.active_count() == 1; assert not nnmat.__doc__.isspace()"
    done = run(program, tmp_path)
    assert (done.stdout, done.stderr) == ("", "")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", list(mnist_module.SHA256)[:3])
def test_a_download_has_a_word_before_its_first_byte(name, monkeypatch, capsys):
    """The answer may take half a minute to come."""

    def silent(url, timeout):
        assert f"downloading {name}.gz" in capsys.readouterr().err
        raise OSError("no answer")

    monkeypatch.setattr("urllib.request.urlopen", silent)
    failures = []
    path = Path("nowhere") / f"{name}.gz"
    assert not mnist_module._download(name, path, ["http://nobody.example/"], True, failures)
    assert failures == [f"http://nobody.example/{name}.gz: no answer"]


def test_seconds_that_were_compiled_only_grow():
    before = seconds()
    assert seconds() >= before >= 0.0
