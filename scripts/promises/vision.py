"""The rows of the evidence about the residual network and the GAN: how good, how fast."""

import functools
import statistics
import tempfile
from collections.abc import Callable

from bench.processes import Variant, Worker, best_of, in_turn
from nnmat import get_num_threads
from promises.resumed import resumed
from promises.row import Row, run, written
from promises.speed import named
from promises.training import accuracy

RESNET, GAN = "scripts/train_resnet.py", "scripts/train_gan.py"
EVIDENCE = "python scripts/evidence.py --only"
MODULE = "bench.models.vision"
SECONDS, ROUNDS = 2.0, 7  # of a turn, and turns
FASTER = 1.5  # than PyTorch at its best
MINUTES = 20.0  # of the GAN's training
SURE, LEAST = 0.9, 0.04  # the share of confident samples, and of each digit
QUICK = {
    RESNET: "--widths 4 6 8 --limit 1500 --batch-size 50 --epochs 6 --dropout 0.1",
    GAN: "--channels 4 6 --hidden 16 --limit 1500 --batch-size 50 --epochs 6 --no-pictures",
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
    command = f"{EVIDENCE} {net}-steps"
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


def gan_resumed() -> Row:
    """A small GAN, stopped and resumed: the same bits."""
    with tempfile.TemporaryDirectory() as folder:
        judge = f"{folder}/judge.npz"
        run(f"python scripts/train_cnn.py --quiet --limit 1000 --epochs 1 --save {judge}")
        return resumed("gan", f"python {GAN} --quiet {QUICK[GAN]} --judge {judge}", f"{EVIDENCE} gan-resumed")


def resnet_resumed() -> Row:
    """A small residual network, stopped and resumed: the same bits."""
    return resumed("resnet", f"python {RESNET} --quiet {QUICK[RESNET]}", f"{EVIDENCE} resnet-resumed")


ROWS: dict[str, Callable[[], Row | list[Row]]] = {
    "resnet": resnet,
    "resnet-steps": named(steps, "resnet", "Steps of the residual network against PyTorch."),
    "resnet-resumed": resnet_resumed,
    "gan": gan,
    "gan-steps": named(steps, "gan", "The two steps of the GAN against PyTorch."),
    "gan-resumed": gan_resumed,
}
