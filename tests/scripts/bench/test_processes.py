"""Contenders in processes of their own, which take turns."""

import subprocess
import sys
import textwrap
import time

import pytest

from bench import processes
from tests.scripts.running import environment

WORKER = """
    import os, time
    from bench.processes import peak_memory, serve

    def fail():
        raise ValueError("on purpose")

    def grow(bytes):
        before = peak_memory()
        A = bytearray(bytes)
        A[::4096] = b"1" * len(A[::4096])
        return before, peak_memory()

    def chatter():
        print("a library says hello")
        os.write(1, b"and its C code too\\n")
        return 7

    serve({"double": lambda x: 2 * x, "fail": fail, "chatter": chatter, "grow": grow,
            "die": lambda: os._exit(3), "cpu": time.process_time,
            "path": lambda: os.environ["PYTHONPATH"].split(os.pathsep)})
"""


@pytest.fixture
def worker(tmp_path, monkeypatch):
    """A module beside a person's own places for modules, which a worker keeps."""
    (tmp_path / "contender.py").write_text(textwrap.dedent(WORKER))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    started = processes.Worker("contender", "one")
    yield started
    started.close()
    assert started.process.returncode is not None


def test_a_worker_answers_and_sleeps_in_between(worker):
    assert worker.ask("double", x=21) == 42
    assert worker.ask("chatter") == 7
    before = worker.ask("cpu")
    time.sleep(0.3)
    assert worker.ask("cpu") - before < 0.1


def test_a_worker_that_fails_says_why_and_lives_on(worker):
    with pytest.raises(OSError, match=r"the process `contender one` failed at 'fail': ValueError: on purpose"):
        worker.ask("fail")
    assert worker.ask("double", x=1) == 2


def test_a_worker_that_dies_is_reported(worker):
    with pytest.raises(OSError, match=r"the process `contender one` ended with exit code 3 at 'die'"):
        worker.ask("die")
    with pytest.raises(OSError, match="ended with exit code 3 at 'double'"):
        worker.ask("double", x=1)


def test_the_peak_of_memory_is_the_worker_s_own(worker):
    held = bytearray(200 << 20)  # the parent's memory does not count
    held[::4096] = b"1" * len(held[::4096])
    before, after = worker.ask("grow", bytes=50 << 20)
    assert before < 100 << 20
    assert after - before > 45 << 20


def test_contenders_take_turns_and_slow_variants_are_dropped():
    order = []

    def variant(contender, label, seconds):
        def measure():
            order.append(label)
            return seconds

        return processes.Variant(contender, label, measure)

    rounds = []
    variants = [variant("a", "a", 5.0), variant("b", "b1", 1.0), variant("b", "b2", 1.2), variant("b", "b3", 2.0)]
    taken = processes.in_turn(variants, 3, lambda: rounds.append(1))
    assert order == ["a", "b1", "b2", "b3"] * 2 + ["a", "b1", "b2"] * 3
    assert taken == {"a": {"a": [5.0] * 3}, "b": {"b1": [1.0] * 3, "b2": [1.2] * 3}}
    assert len(rounds) == 3
    assert processes.best_of({"x": [1.0, 9.0, 9.0], "y": [2.0, 2.0, 2.0]}) == ("y", [2.0, 2.0, 2.0])


def test_seconds_per_call(monkeypatch):
    """On a clock of its own: the first call takes a second, for it compiles, and does not count."""
    took, now = [], [0.0]

    def call():
        took.append(0.002 if took else 1.0)
        now[0] += took[-1]

    monkeypatch.setattr(processes.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(processes.time, "perf_counter", lambda: now[0])
    assert processes.seconds_per_call(call, 0.05) == pytest.approx(0.002)
    assert 0.05 <= sum(took[1:]) < 0.1  # the measurement, and a few calls to find out how many fit
    assert processes.seconds_of_one(call) == pytest.approx(0.002)


def test_seconds_of_each(monkeypatch):
    now, calls = [0.0], []
    monkeypatch.setattr(processes.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(processes.time, "sleep", lambda seconds: None)

    def call():
        calls.append(1)
        now[0] += 0.01 if len(calls) % 2 else 0.03

    found = processes.seconds_of_each(call, 0.1)
    assert found == pytest.approx([0.01, 0.03] * 2 + [0.01, 0.03][: len(found) - 4])
    assert sum(found) >= 0.1 > sum(found[:-1])
    assert len(calls) == processes.WARM_UP + len(found)


def test_the_scripts_come_first_and_nothing_is_taken_away(worker, tmp_path):
    assert worker.ask("path") == [str(processes.SCRIPTS), str(tmp_path)]


def test_the_folder_that_a_person_is_in_holds_no_contender(tmp_path, monkeypatch):
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "__init__.py").write_text("raise SystemExit('the wrong bench')")
    monkeypatch.chdir(tmp_path)
    worker = processes.Worker("bench.networks", "nnmat")
    try:
        assert worker.ask("variants", net="cnn", threads=2) == [{"threads": 2}]
    finally:
        worker.close()


def test_a_peer_s_process_holds_nothing_of_ours():
    """What PyTorch's workers import, PyTorch apart: no kernels, and no Numba with threads of its own."""
    names = "bench.cases, bench.groups, bench.networks, bench.processes"
    code = f"import sys, {names}; print(*sorted({{'nnmat', 'nnmat_kernels', 'numba', 'llvmlite'}} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(processes.SCRIPTS), capture_output=True, text=True
    )
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr
