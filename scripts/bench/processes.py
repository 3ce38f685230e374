"""Contenders in processes of their own: no library of one can slow, warm up or share threads with another's.

The parent starts a `Worker` for each contender and asks them in turn; a request and its answer are one JSON line each.
Between requests a worker sleeps on its pipe; before it measures, it waits until the threads of others sleep too.
"""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CLOSE = 1.3  # variants slower than this multiple of their contender's best are dropped after the first round
SCRIPTS = Path(__file__).resolve().parents[1]
WARM_UP = 8  # calls, among which compiled steps are recorded and checked
ASLEEP = 0.05  # seconds after which the idle threads of OpenMP and OpenBLAS no longer spin


class Worker:
    """A process that runs `module`, which calls `serve`; `ask` sends it a request and waits for the answer.

    The module is found from the folder of the scripts, or else where this process finds its own, and never (-P) in the
    folder that a person happens to be in.
    """

    def __init__(self, module: str, *arguments: str):
        self.name = " ".join([module, *arguments])
        places = [str(SCRIPTS), *filter(None, [os.environ.get("PYTHONPATH")])]
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(places)},
        )

    def ask(self, what: str, **arguments) -> Any:
        """The answer to a request; an OSError if the worker failed or ended."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps({"what": what, "arguments": arguments}) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise OSError(f"the process `{self.name}` ended with exit code {self.process.wait()} at {what!r}")
        answer = json.loads(line)
        if "error" in answer:
            raise OSError(f"the process `{self.name}` failed at {what!r}: {answer['error']}")
        return answer["answer"]

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # it has ended, with a request unread
            self.process.stdin.close()
        self.process.stdout.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def serve(handlers: dict[str, Callable]) -> None:
    """Answer requests with `handlers[what](**arguments)` until the parent closes the pipe."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints must not stand between the answers
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = {"answer": handlers[request["what"]](**request["arguments"])}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def seconds_per_call(call: Callable[[], object], seconds: float) -> float:
    """The mean of as many calls as fit into about `seconds`, after a warm-up; the clock is read at both ends only."""
    time.sleep(ASLEEP)
    call()
    calls, spent = 1, 0.0
    while spent < 0.1 * seconds:  # until a few calls are long enough to be counted
        calls *= 2 if spent else 1
        spent = _seconds_of(call, calls)
    calls = max(1, round(calls * seconds / spent))
    return _seconds_of(call, calls) / calls


def seconds_of_each(call: Callable[[], object], seconds: float) -> list[float]:
    """How long each of the calls took that were made in about `seconds`, after a warm-up."""
    time.sleep(ASLEEP)
    for _ in range(WARM_UP):
        call()
    found: list[float] = []
    began = before = time.perf_counter()
    while before - began < seconds:
        call()
        now = time.perf_counter()
        found.append(now - before)
        before = now
    return found


def seconds_of_one(call: Callable[[], object]) -> float:
    """One call, for what takes seconds."""
    time.sleep(ASLEEP)
    return _seconds_of(call, 1)


def _seconds_of(call: Callable[[], object], calls: int) -> float:
    started = time.perf_counter()
    for _ in range(calls):
        call()
    return time.perf_counter() - started


def peak_memory() -> int:
    """The largest resident memory of this process so far, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss would also count the parent's memory, from before this program was loaded
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


@dataclass(frozen=True)
class Variant:
    """One choice of a contender's: `measure()` takes its turn and returns seconds."""

    contender: str
    label: str
    measure: Callable[[], float]


def in_turn(variants: list[Variant], rounds: int, after_round: Callable[[], object] = lambda: None) -> dict:
    """All variants in turn, round by round: {contender: {label: the seconds of each round}}.

    Two rounds before them do not count: one compiles and allocates, and after the other the variants that are far
    behind their contender's best are dropped.
    """
    for variant in variants:
        variant.measure()
    first = {variant: variant.measure() for variant in variants}
    best: dict[str, float] = {}
    for variant, seconds in first.items():
        best[variant.contender] = min(seconds, best.get(variant.contender, seconds))
    kept = [variant for variant in variants if first[variant] <= CLOSE * best[variant.contender]]
    taken: dict[str, dict[str, list[float]]] = {}
    for _ in range(rounds):
        for variant in kept:
            taken.setdefault(variant.contender, {}).setdefault(variant.label, []).append(variant.measure())
        after_round()
    return taken


def best_of(variants: dict[str, list[float]]) -> tuple[str, list[float]]:
    """The variant with the least median."""
    label = min(variants, key=lambda name: statistics.median(variants[name]))
    return label, variants[label]
