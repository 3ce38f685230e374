"""Contenders in processes of their own: no library of one can slow, warm up or share threads with another's.

The parent starts a `Worker` for each contender and asks them in turn; a request and its answer are one JSON line each.
Between requests a worker sleeps on its pipe; before it measures, it waits until the threads of the one before sleep too.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ASLEEP = 0.05  # seconds after which the idle threads of OpenMP and OpenBLAS no longer spin


class Worker:
    """A process that runs `script`, which calls `serve`; `ask` sends it a request and waits for the answer."""

    def __init__(self, script: Path, *arguments: str, **environment: str):
        self.name = " ".join([script.name, *arguments])
        self.process = subprocess.Popen(
            [sys.executable, str(script), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | environment,
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

    def __enter__(self):
        return self

    def __exit__(self, *exception) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
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


def seconds_of(call: Callable[[], object], calls: int = 1) -> float:
    """The mean of so many calls."""
    time.sleep(ASLEEP)
    started = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - started) / calls


def seconds_per_call(call: Callable[[], object], seconds: float) -> float:
    """The mean of as many calls as fit into about `seconds`, after a warm-up; the clock is read at both ends only."""
    call()
    few = max(1, min(100, round(0.1 * seconds / seconds_of(call))))
    return seconds_of(call, max(1, round(seconds / seconds_of(call, few))))


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
