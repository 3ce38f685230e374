"""Helpers: they compile what is missing, no kernel twice, and what happens to one of them costs time only."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from nnmat_kernels.convolution import implicit_gemm
from nnmat_kernels.reductions import sums
from nnmat_kernels.runtime import sharing
from nnmat_kernels.runtime.cache import KernelCache
from nnmat_kernels.runtime.config import kernels
from nnmat_kernels.runtime.rehearsal import Task

ROOT = Path(__file__).resolve().parents[3]
compiled = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled")

# What is compiled here and by whom; the helpers' own work is described as for `nnmat.warmup`.
PROGRAM = """
import os, signal, sys, time
import numpy as np
from nnmat import *
from nnmat_kernels.runtime import sharing
from nnmat_kernels.runtime.cache import KernelCache

here, away = [], []
usual, finished, received = sharing.Helpers.compiled, sharing.Helpers._finished, sharing.Helpers._next
def compiled(self, cache, entry):
    here.append(cache.name)
    usual(self, cache, entry)
    until = time.monotonic() + 60
    while HOW == "patient" and not (self._away or away) and time.monotonic() < until:
        time.sleep(0.01)  # a helper may need longer to start than all of these kernels to be compiled
def done(self, task):
    away.append(task.name)
    finished(self, task)
sharing.Helpers.compiled, sharing.Helpers._finished = compiled, done
def following(self):
    task = received(self)
    if HOW == "killed" and task is not None:
        self._processes[0].kill()
    return task
sharing.Helpers._next = following
HOW = sys.argv[1]
if HOW == "no python":
    sys.executable = "/bin/false-python"
if HOW == "no answer":
    sys.executable = "/bin/cat"
if HOW == "not described":
    sharing.Helpers._describe = property(lambda self: 1 / 0, lambda self, value: None)
warmup(Sequential([Tanh(), ReLU(), LeakyReLU(), Sigmoid()], input_shape=(9,), dtype=np.float64))
assert KernelCache.helpers is None
print(len(here), len(away), len(set(here) & set(away)))
"""


def run(folder, how="", **extra):
    settings = os.environ | {
        "NUMBA_CACHE_DIR": str(folder),
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'kernels'}",
        "NNMAT_COMPILE_PROCESSES": "2",
        "NNMAT_QUIET": "0",
        **extra,
    }
    done = subprocess.run([sys.executable, "-c", PROGRAM, how], env=settings, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    here, away, both = done.stdout.split()
    return int(here), int(away), int(both), done.stderr


@compiled
def test_helpers_compile_a_part_and_nothing_twice(tmp_path):
    here, away, both, _ = run(tmp_path, "patient")
    assert here > 0
    assert away > 0
    assert both == 0
    assert run(tmp_path) == (0, 0, 0, ""), "with a full cache nothing is compiled, started or said"


@compiled
@pytest.mark.parametrize("how", ["killed", "no python", "no answer", "not described"])
def test_without_a_helper_the_program_compiles_alone(tmp_path, how):
    here, away, both, said = run(tmp_path, how)
    assert "Traceback" not in said
    assert here >= 5
    assert (away, both) == (0, 0)


@compiled
@pytest.mark.parametrize(
    ("processes", "cache"), [("1", "cache"), ("2", "file")], ids=["told to be alone", "a cache that cannot be written"]
)
def test_no_helper_is_started(tmp_path, processes, cache):
    (tmp_path / "file").write_text("not a folder")
    here, away, _, said = run(tmp_path / cache, NNMAT_COMPILE_PROCESSES=processes)
    assert here >= 5
    assert away == 0
    assert ("cannot be kept" in said) == (cache == "file")


def test_how_many(monkeypatch):
    for chosen, number in (("1", 1), ("5", 5)):
        monkeypatch.setenv("NNMAT_COMPILE_PROCESSES", chosen)
        assert sharing.processes() == number
    for chosen in ("", "many", "-1"):
        monkeypatch.setenv("NNMAT_COMPILE_PROCESSES", chosen)
        assert 1 <= sharing.processes() <= sharing.MOST_PROCESSES


@pytest.mark.parametrize(
    ("program", "frozen", "may"),
    [
        ("/usr/bin/python3", False, True),
        ("C:/Python/python.exe", False, True),
        ("/usr/bin/uwsgi", False, False),
        ("", False, False),
        (None, False, False),
        ("/opt/app/python", True, False),
    ],
)
def test_only_a_python_may_start_another(monkeypatch, program, frozen, may):
    monkeypatch.setattr(sys, "executable", program)
    monkeypatch.setattr(sys, "frozen", frozen, raising=False)
    monkeypatch.setattr(multiprocessing, "parent_process", lambda: None)
    assert sharing.can_start() is may
    monkeypatch.setattr(multiprocessing, "parent_process", lambda: object())
    assert sharing.can_start() is False


@compiled
def test_what_a_kernel_contains():
    inner = sharing.contained(kernels["convolution.implicit_gemm", "product_parallel"])
    assert {
        ("convolution.implicit_gemm", name) for name in ("product_parallel", "pack_weights", "pack_merged")
    } == inner
    assert sharing.contained(sums.column_piece) < sharing.contained(sums.column_sums_serial)
    assert sharing.weight(implicit_gemm.product) > sharing.weight(implicit_gemm.product_piece) > 0


def task(module, name, stage=0):
    return Task(f"{module}.{name}", module, name, (), stage)


def with_tasks(*tasks):
    helpers = sharing.Helpers(lambda: None)
    helpers._take(list(tasks))
    return helpers


@compiled
def test_the_heaviest_first_and_none_that_shares_a_part_with_one_in_work():
    gemm = "convolution.implicit_gemm"
    helpers = with_tasks(
        task("reductions.sums", "column_sums_serial"), task(gemm, "product"), task(gemm, "product_parallel")
    )
    assert helpers._next().name == "product"
    assert helpers._next().name == "column_sums_serial", "product_parallel contains the same pack_weights"
    helpers._finished(task(gemm, "product"))
    assert helpers._next().name == "product_parallel"
    assert helpers._next() is None


@compiled
def test_what_is_needed_first_comes_first():
    helpers = with_tasks(
        task("convolution.implicit_gemm", "product", 1), task("reductions.sums", "column_sums_serial", 0)
    )
    assert [helpers._next().name for _ in range(2)] == ["column_sums_serial", "product"]


@compiled
def test_the_program_waits_for_what_a_helper_compiles_and_does_not_wait_for_one_that_is_gone():
    for comes in (True, False):
        helpers = with_tasks(task("reductions.sums", "column_sums_serial"))
        taken = helpers._next()

        def end(helpers=helpers, taken=taken, comes=comes):
            time.sleep(0.1)
            if comes:
                helpers._finished(taken)
            else:
                with helpers._changed:
                    helpers._away.clear()
                    helpers._changed.notify_all()

        threading.Thread(target=end).start()
        helpers._started = True
        cache = SimpleNamespace(module=taken.module, name=taken.name)
        assert helpers.provide(cache, taken.entry) is comes


@compiled
def test_inside_another_piece_of_work_the_first_goes_on():
    with sharing.expected(lambda: None):
        first = KernelCache.helpers
        with sharing.expected(lambda: None):
            assert KernelCache.helpers is first
        assert KernelCache.helpers is first
    assert KernelCache.helpers is None


@compiled
@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing is forked here")
def test_a_forked_child_has_no_helpers():
    with sharing.expected(lambda: None):
        child = os.fork()
        if child == 0:
            os._exit(KernelCache.helpers is not None)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@compiled
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="another way to end processes")
def test_a_helper_ends_with_its_program(tmp_path):
    program = (
        "import subprocess, sys, time\n"
        "from nnmat_kernels.runtime.sharing import COMMAND\n"
        "helper = subprocess.Popen([sys.executable, *COMMAND], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)\n"
        "print(helper.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    settings = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'kernels'}"}
    with subprocess.Popen([sys.executable, "-c", program], env=settings, stdout=subprocess.PIPE, text=True) as process:
        helper = int(process.stdout.readline())
        process.kill()
    for _ in range(100):
        try:
            os.kill(helper, 0)
        except ProcessLookupError:
            return
        if Path(f"/proc/{helper}/stat").exists() and Path(f"/proc/{helper}/stat").read_text().split()[2] == "Z":
            return
        time.sleep(0.1)
    raise AssertionError("the helper lives on")
