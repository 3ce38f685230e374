"""The rows of the evidence about the residual network and the GAN: how good, how fast, resumed with the same bits."""

import functools
import os
import re
import shlex
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable

from bench.processes import Variant, Worker, best_of, in_turn
from nnmat import get_num_threads, load
from promises.row import ROOT, Row, run, written
from promises.speed import named
from promises.training import accuracy

RESNET, GAN = "scripts/train_resnet.py", "scripts/train_gan.py"
MODULE = "bench.models.vision"
SECONDS, ROUNDS = 2.0, 7  # of a turn, and turns
FASTER = 1.5  # than PyTorch at its best
MINUTES = 20.0  # of the GAN's training
SURE, LEAST = 0.9, 0.04  # the share of confident samples, and of each digit
QUICK = {
    RESNET: "--widths 4 6 8 --limit 1500 --batch-size 50 --epochs 6 --dropout 0.1",
    GAN: "--channels 4 6 --hidden 16 --limit 1500 --batch-size 50 --epochs 6 --judge {judge} --no-pictures",
}


def resnet() -> Row:
    """Accuracy of the residual network, the mean of three seeds."""
    return accuracy(RESNET, 99.45)


def gan() -> Row:
    """Samples of the GAN, judged by a CNN of this project: how many are clear digits, and which."""
    with tempfile.TemporaryDirectory() as folder:
        judge = f"{folder}/judge.npz"
        run(f"python scripts/train_cnn.py --quiet --save {judge}")
        found = written(f"python {GAN} --quiet --no-pictures --judge {judge}")
    share, digits, minutes = found["confident"], found["digits"], found["seconds"] / 60
    value = (
        f"{100 * share:.1f} % of {found['samples']}, the rarest digit {100 * min(digits):.1f} %, in {minutes:.1f} min "
        f"({found['epochs']} epochs); test images {100 * found['real']['confident']:.1f} %, noise "
        f"{100 * found['noise']['confident']:.1f} %"
    )
    bar = f">= {100 * SURE:.0f} % with more than 0.9, every digit >= {100 * LEAST:.0f} %, in {MINUTES:.0f} min"
    holds = share >= SURE and min(digits) >= LEAST and minutes <= MINUTES
    return Row("GAN: samples that a CNN is sure of", bar, value, holds, f"python {GAN} --judge MODEL")


def label(variant: dict) -> str:
    """A variant of PyTorch in words."""
    threads = variant["threads"]
    return ", ".join([f"{threads} thread{'s' * (threads > 1)}", *(v for k, v in variant.items() if k != "threads")])


def steps(net: str) -> Row:
    """The steps of a network, in turn with those of PyTorch."""
    command = f"python scripts/evidence.py --only {net}-steps"
    variants, workers = [], []
    try:
        for name in ("nnmat", "torch"):
            workers.append(Worker(MODULE, name))
            for own in workers[-1].ask("variants", threads=get_num_threads()):
                ask = functools.partial(workers[-1].ask, "steps", seconds=SECONDS, variant=own, net=net)
                variants.append(Variant(name, label(own), ask))
        taken = in_turn(variants, ROUNDS)
    finally:
        for worker in workers:
            worker.close()
    _, ours = best_of(taken["nnmat"])
    best, theirs = best_of(taken["torch"])
    ratio = statistics.median(theirs) / statistics.median(ours)
    value = f"{ratio:.2f}x: {spread(ours)} beside {spread(theirs)} of PyTorch, {best}"
    return Row(f"steps of {net} against PyTorch", f">= {FASTER}x", value, ratio >= FASTER, command)


def spread(seconds: list[float]) -> str:
    """The median and the range in milliseconds."""
    middle, low, high = (1e3 * x for x in (statistics.median(seconds), min(seconds), max(seconds)))
    return f"{middle:.1f} ms ({low:.1f}-{high:.1f})"


def interrupted(command: str) -> list[str]:
    """The command with which the run goes on that Ctrl-C has stopped behind its first epoch."""
    with subprocess.Popen(
        [sys.executable, *shlex.split(command)[1:]],
        cwd=ROOT,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("epoch  1"):
                process.send_signal(signal.SIGINT)
                break
        _, said = process.communicate()
    found = re.search(r"To go on: (.*)", said)
    if found is None:
        raise OSError(f"evidence: `{command}` was not interrupted, exit code {process.returncode}:\n{said}")
    return shlex.split(found[1])


def resumed(script: str) -> Row:
    """A small run on 1 and 2 threads, and stopped on one number of them and resumed on the other."""
    bits = {}
    with tempfile.TemporaryDirectory() as folder:
        judge, whole, part = (f"{folder}/{name}.npz" for name in ("judge", "whole", "part"))
        if script == GAN:
            run(f"python scripts/train_cnn.py --quiet --limit 1000 --epochs 1 --save {judge}")
        train = f"python {script} --quiet {QUICK[script].format(judge=judge)}"
        for threads, other in ((1, 2), (2, 1)):
            run(f"{train} --threads {threads} --save {whole}")
            bits[f"{threads} threads"] = _bits(whole)
            go_on = interrupted(f"{train} --threads {threads} --save {part}")
            go_on[go_on.index("--threads") + 1] = str(other)
            run(shlex.join(go_on))
            bits[f"{threads}, then {other}"] = _bits(part)
            os.remove(part)
    equal = len(set(bits.values())) == 1
    value = f"{', '.join(bits)}: {'equal' if equal else 'DIFFERENT'}"
    name = script.removeprefix("scripts/train_").removesuffix(".py")
    command = f"python scripts/evidence.py --only {name}-resumed"
    return Row(f"{name}: resumed training", "the same bits", value, equal, command)


def _bits(file: str) -> bytes:
    model = load(file)
    return b"".join([model.flat_parameters.tobytes(), *(A.tobytes() for A in model.buffers().values())])


ROWS: dict[str, Callable[[], Row | list[Row]]] = {
    "resnet": resnet,
    "resnet-steps": named(steps, "resnet", "Steps of the residual network against PyTorch."),
    "resnet-resumed": named(resumed, RESNET, "A residual network stopped and resumed: the same bits."),
    "gan": gan,
    "gan-steps": named(steps, "gan", "The two steps of the GAN against PyTorch."),
    "gan-resumed": named(resumed, GAN, "A GAN stopped and resumed: the same bits."),
}
