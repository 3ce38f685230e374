"""The rows of the evidence about norms, attention, recurrent networks and the language model made of them."""

import itertools
import shlex
from collections.abc import Callable

from promises.resumed import resumed
from promises.row import Row, run
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


def language_resumed() -> Row:
    """A language model with dropout, stopped and resumed: the same bits."""
    return resumed("language model", TRAIN, f"{TRAIN} --threads 1|2, Ctrl-C, its command")


ROWS: dict[str, Callable[[], Row | list[Row]]] = {
    **{
        name: named(group, name, f"The group {name} of bench_kernels.py against NumPy and PyTorch.")
        for name in ("norms", "attention", "recurrent")
    },
    "lengths": memory,
    "language": named(training, "language", "The language model's steps, and text written by it, against PyTorch."),
    "resumed": language_resumed,
}
