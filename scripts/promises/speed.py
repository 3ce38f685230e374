"""The rows of the evidence that are speeds: each bench runs as a person runs it, and its JSON is read."""

import functools
from collections.abc import Callable

from bench.kernels import TILE_BAR
from bench.training import bar_in_words, spread
from promises.row import Row, written


def register_tile() -> Row:
    """The register tile alone, beside the multiply-adds that one core can do; the best k."""
    command = "python scripts/bench_kernels.py --only 'register tile'"
    best = max(written(command)["tile"], key=lambda row: row["of_peak"])
    value = f"{100 * best['of_peak']:.1f} % (k {best['k']}: {best['rate']:.1f} of {best['peak']:.1f} GFLOP/s)"
    bar = f">= {100 * TILE_BAR:.0f} % of the peak"
    return Row("register tile, one core", bar, value, best["of_peak"] >= TILE_BAR, command)


def group(name: str) -> Row:
    """A group of kernels, beside the fastest of NumPy and PyTorch."""
    command = f"python scripts/bench_kernels.py --only {name} --peer torch"
    (found,) = written(command)["groups"]
    bar = f"geometric mean {found['mean_bar']}x of the best of NumPy and PyTorch, none under {found['least_bar']}x"
    value = f"{found['mean']:.2f}x, smallest {found['least']:.2f}x at {found['where']} ({found['cases']} shapes)"
    return Row(f"kernels: {name}", bar, value, found["holds"], command)


def training(words: str) -> list[Row]:
    """Cases of bench_training.py."""
    command = f"python scripts/bench_training.py --only {words}"
    rows = []
    for found in written(command)["rows"]:
        value = f"not measured: {found['missing']}" if found["missing"] else spread(found["ours"], found["unit"])
        if found["peer"]:
            peer = spread(found["peer"], found["unit"])
            value = f"{found['ratio']:.2f}x: {value} beside {peer} of {found['variant']}"
        beside = found["peer"] or found["missing"]
        bar = bar_in_words(found["faster"], found["bar"], "x" if beside else f" {found['unit']}")
        rows.append(Row(found["case"], bar, value, found["holds"], command, measured=not found["missing"]))
    return rows


def named(function: Callable, words: str, doc: str) -> Callable:
    """`function(words)` without arguments, with a line for --list."""
    made = functools.partial(function, words)
    made.__doc__ = doc
    return made


ROWS: dict[str, Callable[[], Row | list[Row]]] = {
    "tile": register_tile,
    **{
        name: named(group, name, f"The group {name} of bench_kernels.py against NumPy and PyTorch.")
        for name in ("matmul", "batched_matmul", "conv", "elementwise")
    },
    "steps": named(training, "step", "Whole training steps against PyTorch."),
    "epoch": named(training, "epoch", "An epoch of MNIST against scikit-learn."),
    "memory": named(training, "memory", "Peak memory of the CNN against PyTorch."),
    "starts": named(training, "start", "Cold and warm start to the first CNN step."),
}
