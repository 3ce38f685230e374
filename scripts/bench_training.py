"""Measure whole training steps, an epoch, memory and start-up of nnmat beside PyTorch and scikit-learn.

Every contender runs in a process of its own and they take turns, each for a short while in every round; the median over
the rounds counts. PyTorch gets every choice that could be its fastest (1 thread and --threads, NCHW and channels_last,
plain, foreach and fused optimiser): after a first round, those far from its best are dropped, and the best one counts.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import bench_machine
from bench_worker import Worker
from common import guarded, output_file, positive_float, positive_int
from tqdm import tqdm

import nnmat
from nnmat.atomic import atomic_write

EPILOG = """\
columns:
  ours, peer  medians over the rounds; in brackets the lowest and the highest round
  ratio       of a time: the peer's / ours, above 1 we are faster; of memory and start: ours / the peer's
  bar         what the ratio (or the seconds of the cold start) must reach; PASS if it does

cases: step 16-32-10, step 784-128-10, step cnn, epoch, memory, start warm, start cold

examples:
  python scripts/bench_training.py                          everything, some minutes
  python scripts/bench_training.py --only cnn               the cases whose name contains one of the words
  python scripts/bench_training.py --only epoch --rounds 9
  python scripts/bench_training.py --json training.json     for docs/benchmarks.md
"""
CONTENDERS = Path(__file__).with_name("bench_contenders.py")
CLOSE = 1.3  # variants slower than this multiple of the first round's best are dropped
STEPS = {  # network, batch: how many times faster than PyTorch the step shall be
    ("16-32-10", 32): 10.0,
    ("784-128-10", 32): 2.2,
    ("784-128-10", 128): 1.8,
    ("784-128-10", 1024): 1.35,
    ("cnn", 32): 3.5,
    ("cnn", 128): 3.0,
}
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
    unit: str  # "us", "s" or "MB"
    ours: list[float]
    peer: list[float]
    variant: str  # of the peer
    bar: float
    faster: bool = True  # the ratio is the peer's / ours and must reach the bar; else ours / the peer's, at most the bar
    others: dict[str, float] = field(default_factory=dict)  # medians of the variants that are not the best

    @property
    def ratio(self) -> float:
        """How our median stands to the peer's; with no peer, our median."""
        ours = statistics.median(self.ours)
        if not self.peer:
            return ours
        peer = statistics.median(self.peer)
        return peer / ours if self.faster else ours / peer

    @property
    def holds(self) -> bool:
        return self.ratio >= self.bar if self.faster else self.ratio <= self.bar

    def __str__(self) -> str:
        bar = f"{'>=' if self.faster else '<='} {self.bar:g}{'' if self.peer else ' ' + self.unit}"
        ratio = f"{self.ratio:.2f}" if self.peer else "-"
        verdict = "PASS" if self.holds else "miss"
        return (
            f"{self.case:<25}{spread(self.ours, self.unit):<28}{spread(self.peer, self.unit):<28}{ratio:>6}  "
            f"{bar:<8} {verdict}  {self.variant}"
        )


def spread(values: list[float], unit: str) -> str:
    """The median, and the range."""
    if not values:
        return "-"
    digits = 2 if unit == "s" else 0 if min(values) >= 100 else 1
    low, middle, high = (f"{v:.{digits}f}" for v in (min(values), statistics.median(values), max(values)))
    return f"{middle} {unit} ({low}-{high})"


def label(name: str, variant: dict) -> str:
    """A variant in words."""
    words = [name, f"{variant['threads']} thread{'s' * (variant['threads'] > 1)}"]
    return ", ".join([*words, *(variant[key] for key in ("layout", "optimizer") if key in variant)])


def in_turn(contenders: list, rounds: int, ask, bar: tqdm) -> dict[str, list[float]]:
    """`ask(worker, variant)` for every contender `(name, worker, variant)`, round by round; what each took, by label.

    The first round is the warm-up, and drops the variants of a peer that are far behind its best.
    """
    first = {}
    for name, worker, variant in contenders:
        ask(worker, variant)  # compiles and allocates
        first[label(name, variant)] = (name, ask(worker, variant))
    best = {name: min(value for other, value in first.values() if other == name) for name, _ in first.values()}
    kept = [c for c in contenders if first[label(c[0], c[2])][1] <= CLOSE * best[c[0]]]
    taken: dict[str, list[float]] = {label(name, variant): [] for name, _, variant in kept}
    for _ in range(rounds):
        for name, worker, variant in kept:
            taken[label(name, variant)].append(ask(worker, variant))
        bar.update()
    return taken


def compare(case: str, unit: str, scale: float, names: list[str], goal: float, rounds: int, threads: int, ask, bar):
    """A row from workers in turn: nnmat, and the best variant of the first of the other `names`."""
    workers = {name: Worker(CONTENDERS, name) for name in names}
    try:
        net = case.split()[1] if case.startswith("step") else "784-128-10"
        contenders = [
            (name, worker, variant)
            for name, worker in workers.items()
            for variant in worker.ask("variants", net=net, threads=threads)
        ]
        taken = in_turn(contenders, rounds, ask, bar)
    finally:
        for worker in workers.values():
            worker.__exit__()
    medians = {name: statistics.median(values) * scale for name, values in taken.items()}
    ours = next(name for name in medians if name.startswith("nnmat"))
    peer = min((name for name in medians if name.startswith(names[1])), key=medians.__getitem__)
    others = {name: value for name, value in medians.items() if name not in (ours, peer)}
    return Row(case, unit, [v * scale for v in taken[ours]], [v * scale for v in taken[peer]], peer, goal, others=others)


def step_row(net: str, batch: int, args, bar) -> Row:
    def ask(worker, variant):
        return worker.ask("steps", seconds=args.seconds, variant=variant, net=net, batch=batch)

    case, goal = f"step {net} {batch}", STEPS[net, batch]
    return compare(case, "us", 1e6, ["nnmat", "torch"], goal, args.rounds, args.threads, ask, bar)


def epoch_row(args, bar) -> Row:
    def ask(worker, variant):
        return worker.ask("epoch", variant=variant)

    names = ["nnmat", "sklearn", "torch"]
    return compare("epoch 784-128-10 128", "s", 1.0, names, 2.5, args.rounds, args.threads, ask, bar)


def memory_row(args, bar) -> Row:
    """Each variant in a new process; PyTorch's smallest counts."""

    def peaks(name: str, variant: dict) -> list[float]:
        found = []
        for _ in range(3):
            with Worker(CONTENDERS, name) as worker:
                found.append(worker.ask("memory", count=MEMORY_STEPS, variant=variant, net="cnn", batch=128) / 1e6)
        return found

    ours = peaks("nnmat", {"threads": args.threads})
    theirs = {}
    for layout in ("NCHW", "channels_last"):
        variant = {"threads": args.threads, "layout": layout, "optimizer": "plain"}
        theirs[label("torch", variant)] = peaks("torch", variant)
    bar.update(args.rounds)
    peer = min(theirs, key=lambda name: statistics.median(theirs[name]))
    others = {name: statistics.median(values) for name, values in theirs.items() if name != peer}
    return Row("memory cnn 128", "MB", ours, theirs[peer], peer, 0.9, faster=False, others=others)


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


def warm_row(data: str, words: str, args, bar) -> Row:
    """Process start to the first finished CNN step with a filled kernel cache, beside `import torch` alone."""
    ours, theirs = [], []
    for i in range(args.rounds + 1):
        seconds, _ = start(FIRST_STEP.format(data=data))
        if i:  # the first fills the kernel cache and the file caches
            ours.append(seconds)
        _, line = start(IMPORT_TORCH)
        if i:
            theirs.append(float(line))
            bar.update()
    return Row(f"start warm{words}", "s", ours, theirs, "import torch", 0.7, faster=False)


def cold_row(args, bar) -> Row:
    """The same with an empty kernel cache, once."""
    with tempfile.TemporaryDirectory() as empty:
        seconds, _ = start(FIRST_STEP.format(data=RANDOM), NUMBA_CACHE_DIR=empty)
    bar.update(args.rounds)
    return Row("start cold", "s", [seconds], [], "", 30.0, faster=False)


def cases() -> dict:
    """Every case by name: a function of the options and the progress bar that makes its row."""
    found: dict = {}
    for net, batch in STEPS:
        found[f"step {net} {batch}"] = lambda args, bar, net=net, batch=batch: step_row(net, batch, args, bar)
    found["epoch 784-128-10 128"] = epoch_row
    found["memory cnn 128"] = memory_row
    found["start warm"] = lambda args, bar: warm_row(RANDOM, "", args, bar)
    found["start warm with MNIST"] = lambda args, bar: warm_row(MNIST, " with MNIST", args, bar)
    found["start cold"] = cold_row
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", metavar="WORD", help="cases whose name contains one of these words")
    parser.add_argument("--rounds", type=positive_int, default=7, help="alternations (default: %(default)s)")
    parser.add_argument("--seconds", type=positive_float, default=0.2, help="per turn (default: %(default)s)")
    parser.add_argument("--threads", type=positive_int, help="at most so many threads (default: all cores)")
    parser.add_argument("--json", type=output_file(".json"), metavar="FILE", help="write the rows to FILE")
    args = parser.parse_args()
    chosen = {name: run for name, run in cases().items() if not args.only or any(word in name for word in args.only)}
    if not chosen:
        parser.error(f"argument --only: no case contains {' or '.join(args.only)}. There are: {', '.join(cases())}")
    if args.threads is not None:
        try:
            nnmat.set_num_threads(args.threads)
        except ValueError as error:
            parser.error(f"argument --threads: {error}")
    args.threads = args.threads or nnmat.get_num_threads()
    facts = bench_machine.facts(args.threads)
    print(f"{bench_machine.shown(facts)}\n")
    print(f"{'case':<25}{'ours':<28}{'peer':<28}{'ratio':>6}  {'bar':<8}", flush=True)
    rows = []
    with tqdm(total=args.rounds * len(chosen), unit="round", leave=False, disable=None) as bar:
        for name, run in chosen.items():
            bar.set_description(name)
            rows.append(run(args, bar))
            bar.write(str(rows[-1]), file=sys.stdout)
            sys.stdout.flush()
    if args.json:
        found = [asdict(row) | {"ratio": row.ratio, "holds": row.holds} for row in rows]
        with atomic_write(args.json) as file:
            file.write((json.dumps({"machine": facts, "rows": found}, indent=1) + "\n").encode())


if __name__ == "__main__":
    guarded(main)
