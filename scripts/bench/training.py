"""The cases of `bench_training.py`: steps, an epoch, memory and starts, each beside the best of its peers."""

import functools
import importlib.util
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tqdm import tqdm

from bench.busy import busy_cores
from bench.machine import threads_in_words
from bench.networks import UNLISTED
from bench.processes import Variant, Worker, best_of, in_turn

CASE = 43  # characters of the longest name
HEAD = f"{'case':<{CASE}}{'ours':<28}{'peer':<28}{'ratio':>6}  {'bar':<8}"
CONTENDERS = "bench.networks"  # the module that a worker runs
LANGUAGE = "bench.models.language"  # the same for the language model
STEPS = {  # network, batch: how many times faster than PyTorch the step shall be
    ("16-32-10", 32): 7.0,
    ("784-128-10", 32): 2.2,
    ("784-128-10", 128): 1.8,
    ("784-128-10", 1024): 1.35,
    ("cnn", 32): 3.5,
    ("cnn", 128): 3.0,
}
COMPILED = {  # the same for the steps of `Trainer.fit`, which runs them as programs
    ("16-32-10", 32): 28.0,
    ("784-128-10", 32): 3.6,
    ("784-128-10", 128): 2.4,
    ("784-128-10", 1024): 1.3,
    ("cnn", 32): 4.5,
    ("cnn", 128): 3.6,
}
CALLED = {("16-32-10", 32): 18.0}  # the same for one call of `compile_step` a step
UNKNOWN = dict.fromkeys(UNLISTED, 1.3)  # the same as COMPILED for networks that stand in no list
JAX = {  # steps of `Trainer.fit` beside those of JAX
    ("16-32-10", 32): 2.0,
    ("784-128-10", 32): 1.7,
    ("784-128-10", 128): 1.6,
    ("784-128-10", 1024): 1.35,
}
NANO = {("nano", 12): 1.8}  # the same as COMPILED for the language model
TEXT = 3.0  # times as many tokens a second as PyTorch
BUSY = {  # beside a busy process on each core: the time with all threads, as a part of that of one thread there
    "compiled": 1.1,
    "compiled, mean": 1.3,
    "by hand": 1.3,
}
OUTSIDE = {("784-128-10", 32): 10.0, ("cnn", 32): 10.0}  # % of a step's time that may be spent outside kernels
BUSY_NETS = [("cnn", 128), ("784-128-10", 128)]
BUSY_SECONDS = 5  # turns are so many times longer: what goes wrong there happens seldom
MEMORY_STEPS = 200
FIRST_STEP = """\
import numpy, nnmat as n
{data}
model = n.Sequential([n.Conv2d(1, 8, 5), n.ReLU(), n.MaxPool2d(2), n.Conv2d(8, 16, 5), n.ReLU(), n.MaxPool2d(2),
                      n.Flatten(), n.Linear(256, 10)], input_shape=(28, 28, 1))
loss, optimizer = n.SoftmaxCrossEntropy(), n.SGD(model, lr=0.01, momentum=0.9)
loss.forward(model.forward(X, training=True), y)
model.backward(loss.backward(), input_gradient=False)
optimizer.step()
print("done", flush=True)
"""
RANDOM = "X, y = numpy.random.default_rng(0).random((32, 28, 28, 1), numpy.float32), numpy.arange(32) % 10"
MNIST = "train, _ = n.datasets.mnist(); X, y = train.X[:32], train.y[:32]"
IMPORT_TORCH = "import time; t = time.perf_counter(); import torch; print(time.perf_counter() - t, flush=True)"


@dataclass
class Row:
    """One measured case: `ours` and `peer` hold a number per round."""

    case: str
    unit: str  # "us", "s", "MB" or "%"
    ours: list[float]
    peer: list[float]
    variant: str  # of the peer
    bar: float
    faster: bool = (
        True  # the ratio is the peer's / ours and must reach the bar; else ours / the peer's, at most the bar
    )
    others: dict[str, float] = field(default_factory=dict)  # medians of the variants that are not the best
    missing: str = ""  # why nothing was measured

    @property
    def ratio(self) -> float:
        """How our median stands to the peer's; with no peer, our median; 0 if nothing was measured."""
        if self.missing:
            return 0.0
        ours = statistics.median(self.ours)
        if not self.peer:
            return ours
        peer = statistics.median(self.peer)
        return peer / ours if self.faster else ours / peer

    @property
    def holds(self) -> bool:
        if self.missing:
            return False
        return self.ratio >= self.bar if self.faster else self.ratio <= self.bar

    def __str__(self) -> str:
        if self.missing:
            return f"{self.case:<{CASE}}not measured: {self.missing}"
        bar = bar_in_words(self.faster, self.bar, "" if self.peer else f" {self.unit}")
        ratio = f"{self.ratio:.2f}" if self.peer else "-"
        verdict = "PASS" if self.holds else "miss"
        return (
            f"{self.case:<{CASE}}{spread(self.ours, self.unit):<28}{spread(self.peer, self.unit):<28}{ratio:>6}  "
            f"{bar:<8} {verdict}  {self.variant}"
        )


class Run:
    """The options of a run, its progress bar, and the workers, each started when it is first needed."""

    def __init__(self, rounds: int, seconds: float, threads: int, bar: tqdm):
        self.rounds, self.seconds, self.threads, self.bar = rounds, seconds, threads, bar
        self.workers: dict[str, Worker] = {}

    def worker(self, name: str, module: str = CONTENDERS) -> Worker:
        key = name if module == CONTENDERS else f"{module} {name}"
        if key not in self.workers:
            self.workers[key] = Worker(module, *name.split())
        return self.workers[key]

    def close(self) -> None:
        for worker in self.workers.values():
            worker.close()


def spread(values: list[float], unit: str) -> str:
    """The median, and the range; three digits of each."""
    if not values:
        return "-"
    middle, low, high = (f"{float(f'{v:.3g}'):g}" for v in (statistics.median(values), min(values), max(values)))
    return f"{middle} {unit} ({low}-{high})"


def bar_in_words(faster: bool, bar: float, unit: str) -> str:
    """What the ratio, or the number without a peer, must reach; `unit` stands right behind the bar."""
    return f"{'>=' if faster else '<='} {bar:g}{unit}"


def label(name: str, variant: dict) -> str:
    """A variant in words."""
    words = [name, threads_in_words(variant["threads"])]
    words += [variant[key] for key in ("layout", "optimizer") if key in variant]
    return ", ".join([*words, *([f"unroll {variant['unroll']}"] if "unroll" in variant else [])])


def turns(
    case: str, unit: str, scale: float, peers: list[str], goal: float, run: Run, net: str, ask, module=CONTENDERS
) -> Row:
    """A row from workers in turn: nnmat, and the best variant of the first of the `peers`.

    A peer is a contender, and what its process is told: those of "jax 1" and "jax 2" are variants of one peer.
    """
    variants = []
    for name in ["nnmat", *peers]:
        worker, name = run.worker(name, module), name.split()[0]
        for options in worker.ask("variants", net=net, threads=run.threads):
            variants.append(Variant(name, label(name, options), functools.partial(ask, worker, options)))
    taken = in_turn(variants, run.rounds, run.bar.update)
    contenders = list(dict.fromkeys(peer.split()[0] for peer in peers))
    _, ours = best_of(taken["nnmat"])
    best, theirs = best_of(taken[contenders[0]])
    others = {
        name: scale * statistics.median(values)
        for peer in contenders
        for name, values in taken[peer].items()
        if name != best
    }
    return Row(case, unit, [scale * v for v in ours], [scale * v for v in theirs], best, goal, others=others)


def step_row(net: str, batch: int, run: Run) -> Row:
    def ask(worker, variant):
        return worker.ask("steps", seconds=run.seconds, variant=variant, net=net, batch=batch)

    return turns(f"step {net} {batch}", "us", 1e6, ["torch"], STEPS[net, batch], run, net, ask)


def beside_torch(what: str, name: str, bars: dict, net: str, batch: int, run: Run, module: str = CONTENDERS) -> Row:
    """Our steps, as `what` makes them, beside PyTorch's, which have their batches ready."""

    def ask(worker, variant):
        mine = what if worker is run.worker("nnmat", module) else "steps"
        return worker.ask(mine, seconds=run.seconds, variant=variant, net=net, batch=batch)

    return turns(f"{name} {net} {batch}", "us", 1e6, ["torch"], bars[net, batch], run, net, ask, module)


def text_row(net: str, run: Run) -> Row:
    """Tokens written one by one, beside PyTorch's loop with the same cache; each with its best number of threads."""
    variants = []
    for name in ("nnmat", "torch"):
        worker = run.worker(name, LANGUAGE)
        for threads in sorted({1, run.threads}):
            options = {"threads": threads}
            variants.append(
                Variant(name, label(name, options), functools.partial(worker.ask, "write", variant=options, net=net))
            )
    taken = in_turn(variants, run.rounds, run.bar.update)
    (_, ours), (best, theirs) = best_of(taken["nnmat"]), best_of(taken["torch"])
    others = {name: 1e6 * statistics.median(values) for name, values in taken["torch"].items() if name != best}
    return Row(
        f"language {net} text", "us", [1e6 * v for v in ours], [1e6 * v for v in theirs], best, TEXT, others=others
    )


def jax_row(net: str, batch: int, run: Run) -> Row:
    """Our steps take their batches from the data, JAX has them on the device, in the order of its loop."""
    case, bar = f"jax {net} {batch}", JAX[net, batch]
    if importlib.util.find_spec("jax") is None:
        run.bar.update(run.rounds)
        remedy = "jax is not installed. Try: pip install -e '.[bench]'"
        return Row(case, "us", [], [], "", bar, missing=remedy)

    def ask(worker, variant):
        return worker.ask("train", seconds=run.seconds, variant=variant, net=net, batch=batch)

    peers = [f"jax {threads}" for threads in sorted({1, run.threads})]
    return turns(case, "us", 1e6, peers, bar, run, net, ask)


def busy_row(net: str, batch: int, how: str, run: Run) -> Row:
    """All threads beside one, while every core has a busy neighbour; medians of the steps, or their mean."""
    worker, kind = run.worker("nnmat"), "stepper" if how == "by hand" else "caller"
    taken: dict[int, list[list[float]]] = {1: [], run.threads: []}
    with busy_cores():
        for counts in [False] + [True] * run.rounds:  # the first compiles
            for threads, turns in taken.items():
                variant = {"threads": threads}
                seconds = BUSY_SECONDS * run.seconds
                turn = worker.ask("each", seconds=seconds, variant=variant, kind=kind, net=net, batch=batch)
                if counts:
                    turns.append(turn)
            if counts:
                run.bar.update()
    means = {t: statistics.fmean(itertools.chain(*turns)) for t, turns in taken.items()}
    medians = {t: [1e6 * statistics.median(turn) for turn in turns] for t, turns in taken.items()}
    ours, theirs = medians[run.threads], medians[1]
    if how.endswith("mean"):
        ours, theirs = [1e6 * means[run.threads]], [1e6 * means[1]]
    others = {"ratio of the means": means[run.threads] / means[1]}
    case = f"busy {net} {batch} {how}"
    return Row(case, "us", ours, theirs, "one thread there", BUSY[how], faster=False, others=others)


def outside_row(net: str, batch: int, run: Run) -> Row:
    """The share of a step's time that no entry of its program takes, the entries measured in runs of their own."""
    worker, shares = run.worker("nnmat"), []
    for counts in [False] + [True] * run.rounds:  # the first compiles
        case = {"net": net, "batch": batch, "variant": {"threads": run.threads}, "seconds": run.seconds}
        whole, inside = (worker.ask("train", **case, profile=profile) for profile in (False, True))
        if counts:
            shares.append(100 * (1 - inside / whole))
            run.bar.update()
    return Row(f"outside {net} {batch}", "%", shares, [], "", OUTSIDE[net, batch], faster=False)


def epoch_row(run: Run) -> Row:
    def ask(worker, variant):
        return worker.ask("epoch", variant=variant)

    return turns("epoch 784-128-10 128", "s", 1.0, ["sklearn", "torch"], 3.0, run, "784-128-10", ask)


def memory_row(run: Run) -> Row:
    """Each variant in a new process; PyTorch's smallest counts."""

    def peaks(name: str, variant: dict) -> list[float]:
        found = []
        for _ in range(3):
            worker = Worker(CONTENDERS, name)
            found.append(worker.ask("memory", count=MEMORY_STEPS, variant=variant, net="cnn", batch=128) / 1e6)
            worker.close()
        return found

    ours, theirs = peaks("nnmat", {"threads": run.threads}), {}
    for layout in ("NCHW", "channels_last"):
        variant = {"threads": run.threads, "layout": layout, "optimizer": "plain"}
        theirs[label("torch", variant)] = peaks("torch", variant)
    run.bar.update(run.rounds)
    best, peer = best_of(theirs)
    others = {name: statistics.median(values) for name, values in theirs.items() if name != best}
    return Row("memory cnn 128", "MB", ours, peer, best, 0.9, faster=False, others=others)


def start(program: str, **environment: str) -> tuple[float, str]:
    """Seconds from the start of a process to its first line, and that line."""
    started = time.perf_counter()
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | environment) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        seconds = time.perf_counter() - started
    if process.returncode:
        raise OSError(f"bench_training: a start ended with exit code {process.returncode}")
    return seconds, line


def warm_row(data: str, words: str, run: Run) -> Row:
    """Process start to the first finished CNN step with a filled kernel cache, beside `import torch` alone."""
    ours, theirs = [], []
    for counts in [False] + [True] * run.rounds:  # the first fills the kernel cache and the system's file cache
        seconds, _ = start(FIRST_STEP.format(data=data))
        _, line = start(IMPORT_TORCH)
        if counts:
            ours.append(seconds)
            theirs.append(float(line))
            run.bar.update()
    return Row(f"start warm{words}", "s", ours, theirs, "import torch", 0.7, faster=False)


def cold_row(run: Run) -> Row:
    """The same with an empty kernel cache, once."""
    with tempfile.TemporaryDirectory() as empty:
        seconds, _ = start(FIRST_STEP.format(data=RANDOM), NUMBA_CACHE_DIR=empty)
    run.bar.update(run.rounds)
    return Row("start cold", "s", [seconds], [], "", 30.0, faster=False)


def cases() -> dict[str, Callable[[Run], Row]]:
    """Every case by name."""
    found: dict[str, Callable[[Run], Row]] = {}
    for net, batch in STEPS:
        found[f"step {net} {batch}"] = functools.partial(step_row, net, batch)
    for what, name, bars in (
        ("train", "compiled", COMPILED),
        ("calls", "call", CALLED),
        ("train", "unlisted", UNKNOWN),
    ):
        for net, batch in bars:
            found[f"{name} {net} {batch}"] = functools.partial(beside_torch, what, name, bars, net, batch)
    for net, batch in NANO:
        steps = functools.partial(beside_torch, "train", "language", NANO, net, batch, module=LANGUAGE)
        found[f"language {net} {batch}"] = steps
        found[f"language {net} text"] = functools.partial(text_row, net)
    for net, batch in JAX:
        found[f"jax {net} {batch}"] = functools.partial(jax_row, net, batch)
    for net, batch in OUTSIDE:
        found[f"outside {net} {batch}"] = functools.partial(outside_row, net, batch)
    for (net, batch), how in itertools.product(BUSY_NETS, BUSY):
        found[f"busy {net} {batch} {how}"] = functools.partial(busy_row, net, batch, how)
    found["epoch 784-128-10 128"] = epoch_row
    found["memory cnn 128"] = memory_row
    found["start warm"] = functools.partial(warm_row, RANDOM, "")
    found["start warm with MNIST"] = functools.partial(warm_row, MNIST, " with MNIST")
    found["start cold"] = cold_row
    return found
