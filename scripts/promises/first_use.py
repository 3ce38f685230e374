"""The rows of the evidence that a new user sees with an empty kernel cache: no silence, and a start on all cores."""

import os
import select
import shlex
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable

from promises.row import ROOT, Row

SILENCE = 1.5  # seconds: a second, and what Python itself needs before it can say anything
COLD = 0.65  # of the time that one process takes

FIT = """
from nnmat import *
train, test = datasets.mnist()
model = Sequential([Flatten(), Linear(784, 128), Sigmoid(), Linear(128, 10)], input_shape=(28, 28, 1), seed=0)
trainer = Trainer(model, SoftmaxCrossEntropy(), SGD(model, lr=0.5, momentum=0.9), metrics=["accuracy"])
trainer.fit(train, epochs=1, batch_size=128, validation=test, seed=0)
"""
CHECK = """
import numpy as np
from nnmat import Conv2d, gradcheck
layer = Conv2d(2, 3, 3, stride=2, padding=1).build((5, 6, 2), rng=0, dtype=np.float64)
print(gradcheck(layer, np.random.default_rng(0).standard_normal((4, 5, 6, 2))).passed)
"""
FIRST_STEP = """
import numpy as np
from nnmat import *
layers = [Conv2d(1, 8, 5), ReLU(), MaxPool2d(2), Conv2d(8, 16, 5), ReLU(), MaxPool2d(2), Flatten(), Linear(256, 10)]
model = Sequential(layers, input_shape=(28, 28, 1), seed=0)
X, y = np.random.default_rng(0).standard_normal((128, 28, 28, 1)).astype(np.float32), np.arange(128) % 10
Trainer(model, SoftmaxCrossEntropy(), SGD(model, lr=0.01, momentum=0.9), metrics=["accuracy"]).fit(
    (X, y), steps=1, batch_size=128, progress=False
)
"""
COMMANDS = {  # what a new user types in the first ten minutes; MODEL is a file in a folder of its own
    "train_cnn": "python scripts/train_cnn.py --epochs 1 --limit 6000 --save MODEL",
    "evaluate": "python scripts/evaluate.py MODEL",
    "train_fcn": "python scripts/train_fcn.py --epochs 1",
    "first fit": f"python -c {shlex.quote(FIT)}",
    "gradcheck": f"python -c {shlex.quote(CHECK)}",
    "derive": "python -m nnmat derive 'x.T @ A @ y' --wrt A --check",
    "laws": "python -m nnmat laws",
    "warmup": "python -m nnmat warmup",
}


def words(command: str, model: str) -> list[str]:
    """The command with this Python and the file of the model."""
    return [{"python": sys.executable, "MODEL": model}.get(word, word) for word in shlex.split(command)]


def longest_silence(command: list[str], **extra: str) -> float:
    """The longest time in which a command on a terminal writes nothing, from its start to its end, in seconds."""
    terminal, inside = os.openpty()
    termios.tcsetwinsize(inside, (24, 100))
    last, longest = time.perf_counter(), 0.0
    with subprocess.Popen(command, cwd=ROOT, env=os.environ | extra, stdout=inside, stderr=inside) as process:
        os.close(inside)
        while True:
            try:
                ready, _, _ = select.select([terminal], [], [], 0.05)
                found = os.read(terminal, 1 << 16) if ready else b"-"
            except OSError:  # Linux's way to say that nobody writes any more
                found = b""
            if ready or not found:
                now = time.perf_counter()
                last, longest = now, max(longest, now - last)
            if not found:
                break
    os.close(terminal)
    if process.returncode:
        raise OSError(f"evidence: `{shlex.join(command)}` ended with exit code {process.returncode}")
    return longest


def stopwatch() -> Row:
    """The longest silence of what a new user types, each command with an empty kernel cache."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, command in COMMANDS.items():
            with tempfile.TemporaryDirectory() as cache:
                own = words(command, f"{folder}/model.npz")
                found[name] = longest_silence(own, NUMBA_CACHE_DIR=cache, NNMAT_QUIET="0")
    value = ", ".join(f"{name} {seconds:.1f}" for name, seconds in found.items())
    bar = f"no command is silent for more than {SILENCE} s, its start included"
    command = "python scripts/evidence.py --only silence"
    return Row("no second without a word", bar, f"{value} s", max(found.values()) <= SILENCE, command)


def cold_start() -> Row:
    """Process start to the end of the first CNN step, empty cache: with helpers beside alone, in turn."""
    alone: list[float] = []
    shared: list[float] = []
    for _ in range(3):
        for times, processes in ((alone, "1"), (shared, "")):
            with tempfile.TemporaryDirectory() as cache:
                started = time.perf_counter()
                extra = {"NUMBA_CACHE_DIR": cache, "NNMAT_COMPILE_PROCESSES": processes}
                subprocess.run([sys.executable, "-c", FIRST_STEP], env=os.environ | extra, cwd=ROOT, check=True)
                times.append(time.perf_counter() - started)
    ratio = min(shared) / min(alone)
    value = f"{ratio:.2f}: {min(shared):.1f} s beside {min(alone):.1f} s of one process, {os.cpu_count()} cores"
    return Row(
        "cold start to the first CNN step, on all cores",
        f"<= {COLD} of the time of one process",
        value,
        ratio <= COLD,
        "python scripts/evidence.py --only cold",
    )


ROWS: dict[str, Callable[[], Row | list[Row]]] = {"silence": stopwatch, "cold": cold_start}
