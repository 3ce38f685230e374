"""The cost formulas of the layers against the time that they take.

Floating-point operations, a multiply-add counted as 2, without biases, softmax and element-wise work; backward is twice
the forward (one product for gX, one for the weights), and attention forms its scores once more.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from analysis.tables import Table, analysis_parser, parsed, report
from bench import peak
from cli import guarded
from nnmat import LSTM, RNN, Conv2d, ConvTranspose2d, Layer, Linear, MultiHeadAttention, TransformerBlock
from nnmat.plots.figures import picture

EPILOG = """\
columns
  forward, backward   Mflop by the formula
  layer.flops()       whether the layer counts the same forward
  ms, GFLOP/s         the fastest call of three turns, float32
  of peak             GFLOP/s as a part of what the machine reached in this run with multiply-adds on registers alone
  ratio               of the times, backward / forward

the case "K̂" is the convolution above it as a dense matrix product, c γ H W/(kh kw) operations in place of c.

examples
  python scripts/analyse_cost.py
  python scripts/analyse_cost.py --quick --json cost.json --plot cost.png
"""
TURNS = 3


class Case(NamedTuple):
    """A layer, its input, and what the formulas say of one batch."""

    name: str
    layer: Callable[[], Layer]
    batch: int
    shape: tuple[int, ...]
    forward: int
    backward: int


def convolution(B: int, plane: int, channels: tuple[int, int], taps: int, groups: int = 1) -> int:
    """c = 2 B C_o H_o W_o (C_i/γ) kh kw, for square planes; of a transposed one with its input plane."""
    return 2 * B * plane**2 * channels[0] * channels[1] // groups * taps**2


def attention(B: int, T: int, D: int) -> tuple[int, int]:
    """Projections 8 B T D² and core 4 B T² D; backward twice, and the scores again, 2 B T² D."""
    forward = 8 * B * T * D**2 + 4 * B * T**2 * D
    return forward, 2 * forward + 2 * B * T**2 * D


def cases() -> list[Case]:
    """All of them."""
    B, found = 32, []

    def add(name: str, layer: Callable[[], Layer], batch: int, shape: tuple, forward: int, backward: int = 0) -> None:
        found.append(Case(name, layer, batch, shape, forward, backward or 2 * forward))

    add("Linear 784-800", lambda: Linear(784, 800), 256, (784,), 2 * 256 * 784 * 800)
    plain, grouped = convolution(B, 28, (8, 16), 5), convolution(B, 28, (16, 16), 5, 4)
    add("Conv2d 8-16, 5 x 5", lambda: Conv2d(8, 16, 5, padding=2), B, (28, 28, 8), plain)
    add("Conv2d 16-16, 5 x 5, 4 groups", lambda: Conv2d(16, 16, 5, padding=2, groups=4), B, (28, 28, 16), grouped)
    small = convolution(B, 8, (4, 8), 3)
    add("Conv2d 4-8, 3 x 3, 8 x 8 pixels", lambda: Conv2d(4, 8, 3, padding=1), B, (8, 8, 4), small)
    add("the same as K̂", lambda: Linear(256, 512, bias=False), B, (256,), small * 64 // 9)
    up = convolution(B, 14, (32, 16), 4)
    add("ConvTranspose2d 32-16, 4 x 4, stride 2", lambda: ConvTranspose2d(32, 16, 4, 2, 1), B, (14, 14, 32), up)
    for T in (32, 128, 512):
        add(f"attention, D 64, T {T}", lambda: MultiHeadAttention(64, 4), 8, (T, 64), *attention(8, T, 64))
    core, mlp = attention(8, 128, 128), 4 * 8 * 128 * 128 * 512
    add("block, D 128, T 128", lambda: TransformerBlock(128, 4), 8, (128, 128), core[0] + mlp, core[1] + 2 * mlp)
    add("head of 1000 tokens", lambda: Linear(128, 1000), 8, (64, 128), 2 * 8 * 64 * 128 * 1000)
    one = 2 * B * 32 * 128 * (64 + 128)
    add("RNN 64-128, T 32", lambda: RNN(64, 128), B, (32, 64), one)
    add("LSTM 64-128, T 32", lambda: LSTM(64, 128), B, (32, 64), 4 * one)
    return found


def seconds(case: Case, layer: Layer, seed: int, share: float) -> tuple[float, float]:
    """Forward and backward, in turn."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((case.batch, *case.shape), np.float32)
    G = rng.standard_normal(layer.forward(X, training=True).shape, np.float32)
    both = (lambda: layer.forward(X, training=True)), (lambda: layer.backward(G, keep=True))
    best = [math.inf, math.inf]
    for _ in range(TURNS):
        for i, call in enumerate(both):
            best[i] = min(best[i], peak.fastest(call, share))
    return best[0], best[1]


def measure(seed: int, threads: int, share: float) -> tuple[Table, Table, float]:
    """The formulas; the times; the peak."""
    limit = peak.flops(threads)
    flops = Table("Mflop of one batch", ("layer", "B", "forward", "backward", "layer.flops()", "holds"))
    timed = Table(
        "Time of one batch, and what it comes to",
        (
            "layer",
            *(f"{way} {what}" for way in ("forward", "backward") for what in ("ms", "GFLOP/s", "of peak")),
            "ratio",
        ),
    )
    timed.add("multiply-adds on registers: the peak", None, limit, 1.0, None, limit, 1.0, None)
    for case in cases():
        layer = case.layer().build(case.shape, rng=seed)
        counted = case.batch * layer.flops()
        flops.add(
            case.name, case.batch, case.forward / 1e6, case.backward / 1e6, counted / 1e6, counted == case.forward
        )  # fmt: skip
        cells: list[float] = []
        both = seconds(case, layer, seed, share)
        for work, s in zip((case.forward, case.backward), both, strict=True):
            rate = work / s / 1e9
            cells += [1e3 * s, rate, rate / limit]
        timed.add(case.name, *cells, both[1] / both[0])
    return flops, timed, limit


def draw(path: Path, flops: Table, timed: Table, limit: float) -> None:
    """Time against operations, beside the peak."""
    with picture("--plot", path, size=(7, 4.4)) as (axes,):
        for name, work, place, mark in (("forward", 2, 1, "o"), ("backward", 3, 4, "s")):
            axes.loglog([row[work] for row in flops.rows], [row[place] for row in timed.rows[1:]], mark, label=name)
        ends = np.array(axes.get_xlim())
        axes.loglog(ends, ends / limit, color="black", linewidth=0.8, label=f"peak, {limit:.0f} GFLOP/s")
        axes.set(xlabel="Mflop by the formula", ylabel="ms", xlim=tuple(ends))
        axes.legend()


def main() -> None:
    parser = analysis_parser(__doc__, EPILOG)
    parser.add_argument("--quick", action="store_true", help="short measurements")
    args = parsed(parser)
    flops, timed, limit = measure(args.seed, args.threads, 0.01 if args.quick else 0.15)
    report(args, [flops, timed], lambda path: draw(path, flops, timed, limit))


if __name__ == "__main__":
    guarded(main)
