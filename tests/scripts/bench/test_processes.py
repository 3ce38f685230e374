"""The bench's processes that take turns, and the rows of bench_training.py."""

import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

import bench_training
from bench import processes as bench_worker

SCRIPTS = Path(__file__).resolve().parents[3] / "scripts"

WORKER = """
    import os, sys, time
    sys.path.insert(0, {scripts!r})
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

    serve({{"double": lambda x: 2 * x, "fail": fail, "chatter": chatter, "grow": grow,
            "die": lambda: os._exit(3), "cpu": time.process_time}})
"""


@pytest.fixture
def worker(tmp_path):
    script = tmp_path / "contender.py"
    script.write_text(textwrap.dedent(WORKER.format(scripts=str(SCRIPTS))))
    started = bench_worker.Worker(script, "one")
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
    with pytest.raises(OSError, match=r"the process `contender\.py one` failed at 'fail': ValueError: on purpose"):
        worker.ask("fail")
    assert worker.ask("double", x=1) == 2


def test_a_worker_that_dies_is_reported(worker):
    with pytest.raises(OSError, match=r"the process `contender\.py one` ended with exit code 3 at 'die'"):
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

        return bench_worker.Variant(contender, label, measure)

    rounds = []
    variants = [variant("a", "a", 5.0), variant("b", "b1", 1.0), variant("b", "b2", 1.2), variant("b", "b3", 2.0)]
    taken = bench_worker.in_turn(variants, 3, lambda: rounds.append(1))
    assert order == ["a", "b1", "b2", "b3"] * 2 + ["a", "b1", "b2"] * 3
    assert taken == {"a": {"a": [5.0] * 3}, "b": {"b1": [1.0] * 3, "b2": [1.2] * 3}}
    assert len(rounds) == 3
    assert bench_worker.best_of({"x": [1.0, 9.0, 9.0], "y": [2.0, 2.0, 2.0]}) == ("y", [2.0, 2.0, 2.0])


def test_seconds_per_call(monkeypatch):
    """On a clock of its own: the first call takes a second, for it compiles, and does not count."""
    took, now = [], [0.0]

    def call():
        took.append(0.002 if took else 1.0)
        now[0] += took[-1]

    monkeypatch.setattr(bench_worker.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(bench_worker.time, "perf_counter", lambda: now[0])
    assert bench_worker.seconds_per_call(call, 0.05) == pytest.approx(0.002)
    assert 0.05 <= sum(took[1:]) < 0.1  # the measurement, and a few calls to find out how many fit
    assert bench_worker.seconds_of_one(call) == pytest.approx(0.002)


def test_rows_know_which_way_is_better():
    faster = bench_training.Row("step", "us", [90.0, 100.0, 130.0], [150.0, 200.0, 210.0], "torch", 1.9)
    assert (faster.ratio, faster.holds) == (2.0, True)
    assert "100 us (90-130)" in str(faster)
    assert str(faster).endswith("2.00  >= 1.9   PASS  torch")
    less = bench_training.Row("memory", "MB", [200.0], [100.0], "torch", 0.9, faster=False)
    assert (less.ratio, less.holds) == (2.0, False)
    alone = bench_training.Row("cold", "s", [12.0], [], "", 30.0, faster=False)
    assert (alone.ratio, alone.holds) == (12.0, True)
    assert "<= 30 s" in str(alone)


def test_the_first_step_program_runs():
    program = bench_training.FIRST_STEP.format(data=bench_training.RANDOM)
    seconds, line = bench_training.start(program)
    assert line == "done\n"
    assert seconds > 0
    with pytest.raises(OSError, match="exit code 1"):
        bench_training.start("raise SystemExit(1)")


def test_an_unknown_case_is_a_usage_error():
    done = subprocess.run(
        [sys.executable, str(SCRIPTS / "bench_training.py"), "--only", "nonsense"], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "no case contains nonsense. There are: step 16-32-10 32" in done.stderr
