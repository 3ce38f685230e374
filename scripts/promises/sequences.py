"""The rows of the evidence about norms, attention, recurrent networks and the language model made of them."""

import itertools
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable

from nnmat import load
from promises.row import ROOT, Row, run
from promises.speed import group, named, training

LENGTHS = (1024, 2048, 4096, 8192)
GROWTH = 2.2  # of the memory, where the sequence is twice as long
HEADS, SIZE = 2, 64

# Prints by how many bytes a causal attention of so many places, forward and backward, raises the peak of the memory.
ATTENTION = """
import sys
sys.path.insert(0, "scripts")
import numpy as np
import nnmat_kernels as k
from bench.processes import peak_memory

def both(T, heads, size):
    QKV = np.ones((1, T, 3 * heads * size), np.float32)
    O, ends = k.self_attention(QKV, heads, True)
    k.self_attention_backward(np.ones_like(O), QKV, O, ends, heads, True)

T, heads, size = map(int, sys.argv[1:])
both(64, heads, size)  # compiles
before = peak_memory()
both(T, heads, size)
print(peak_memory() - before)
"""
MODEL = "--layers 2 --heads 2 --width 32 --context 16 --limit 20000 --dropout 0.1 --epochs 4 --epoch-steps 100 --quiet"
TRAIN = f"python scripts/train_transformer.py {MODEL}"


def memory() -> Row:
    """Peak memory of attention forward and backward, for longer and longer sequences."""
    grown = []
    for T in LENGTHS:
        command = f"python -c {shlex.quote(ATTENTION)} {T} {HEADS} {SIZE}"
        grown.append(int(run(command).stdout))
    most = max(b / a for a, b in itertools.pairwise(grown))
    scores = 4 * HEADS * LENGTHS[-1] ** 2
    each = ", ".join(f"{size / 1e6:.1f}" for size in grown)
    value = f"{each} MB for T = {', '.join(map(str, LENGTHS))}; the scores of the last alone are {scores / 1e6:.0f} MB"
    bar = f"at most {GROWTH}x for twice the places, and less than a tenth of all scores"
    holds = most <= GROWTH and grown[-1] < scores / 10
    return Row("attention: memory linear in T", bar, value, holds, "python scripts/evidence.py --only lengths")


def interrupted(folder: str, threads: int) -> list[str]:
    """The command with which the run goes on that Ctrl-C has stopped behind its first epoch."""
    words = [sys.executable, *shlex.split(TRAIN)[1:], "--threads", str(threads), "--save", f"{folder}/resumed.npz"]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        words, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("epoch  1"):
                process.send_signal(signal.SIGINT)
                break
        _, said = process.communicate()
    found = re.search(r"To go on: (.*)", said)
    if found is None:
        raise OSError(f"evidence: `{TRAIN}` was not interrupted, exit code {process.returncode}:\n{said}")
    return shlex.split(found[1])


def resumed() -> Row:
    """A language model with dropout on 1 and 2 threads, and stopped on one number of them and resumed on the other."""
    with tempfile.TemporaryDirectory() as folder:
        bits = {}
        for threads, other in ((1, 2), (2, 1)):
            run(f"{TRAIN} --threads {threads} --save {folder}/whole.npz")
            bits[str(threads)] = load(f"{folder}/whole.npz").flat_parameters.tobytes()
            go_on = interrupted(folder, threads)
            go_on[go_on.index("--threads") + 1] = str(other)
            run(shlex.join(go_on))
            bits[f"{threads}, then {other}"] = load(f"{folder}/resumed.npz").flat_parameters.tobytes()
            os.remove(f"{folder}/resumed.npz")
    equal = len(set(bits.values())) == 1
    value = f"threads {', '.join(bits)}: {'equal' if equal else 'DIFFERENT'}"
    bar = "identical: optimizer, random numbers, order of the data"
    return Row("language model resumed: same bits", bar, value, equal, f"{TRAIN} --threads 1|2, Ctrl-C, its command")


ROWS: dict[str, Callable[[], Row | list[Row]]] = {
    **{
        name: named(group, name, f"The group {name} of bench_kernels.py against NumPy and PyTorch.")
        for name in ("norms", "attention", "recurrent")
    },
    "lengths": memory,
    "language": named(training, "language", "The language model's steps, and text written by it, against PyTorch."),
    "resumed": resumed,
}
