"""The gradient's norm against depth, for plain, residual and residual + BatchNorm networks, between its bounds.

With the Jacobian J_l of the l-th block's F, a chain of L blocks has the Jacobian Π J_l if it is plain, and Π (I + J_l)
with residual connections. From G_L behind the last block the gradient in front of the first one is its transpose times
G_L, so ‖G_0‖ / ‖G_L‖ lies in
  plain       0 to Π ‖J_l‖
  residual    Π (1 - ‖J_l‖), where every factor is positive, to Π (1 + ‖J_l‖)
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from analysis.tables import Table, analysis_parser, parsed, report
from cli import guarded, positive_float, positive_int
from nnmat import BatchNorm1d, Flatten, Layer, Linear, Residual, Sequential, SoftmaxCrossEntropy, Tanh, datasets
from nnmat.analysis.jacobians import jacobian, jacobian_norm
from nnmat.plots.figures import picture

EPILOG = """\
the networks: 16 MNIST digits through a layer of 32, L blocks, and a layer of 10 with softmax cross-entropy, in float64,
with the weights that they begin with. F is linear, tanh, linear, in front of it BatchNorm where it says so. --gains are
factors of Glorot's initial weights: with small ones every ‖J_l‖ is below 1; with 1 it is not: the lower bound is void.

the norms ‖J_l‖ come from power iteration on differences of the forward and on the backward. Of F with BatchNorm the
bound takes max_j r_j |γ_j| times the norm of the rest in place of ‖J_l‖.

examples
  python scripts/analyse_depth.py
  python scripts/analyse_depth.py --gains 0.5 --depth 16 --json depth.json --plot depth.png
"""
WIDTH, BATCH = 32, 16
KINDS = ("plain", "residual", "residual + BatchNorm")
PRECISION = 1e-6  # of the norms, which power iteration finds from below
SLACK = 1e-3  # for what that adds up to over the blocks
CHECKED = (1, 2, 4)  # blocks whose I + J is decomposed


def rest(gain: float, rng: np.random.Generator) -> Sequential:
    """F: linear, tanh, linear, with Glorot's weights times the gain."""
    layers = Sequential([Linear(WIDTH, WIDTH), Tanh(), Linear(WIDTH, WIDTH)])
    layers.build((WIDTH,), rng=rng, dtype=np.float64)
    for p in layers.parameters():
        p.value[...] *= gain
    return layers


def block(kind: str, gain: float, rng: np.random.Generator) -> tuple[Layer, Sequential]:
    """A block, and its F with the same weights, without BatchNorm."""
    F = rest(gain, rng)
    whole = Sequential([Linear(WIDTH, WIDTH), Tanh(), Linear(WIDTH, WIDTH)])
    if kind == "residual + BatchNorm":
        whole = Sequential([BatchNorm1d(), *whole])
    made = whole if kind == "plain" else Residual(whole)
    made.build((WIDTH,), dtype=np.float64)
    given = [p for p in made.parameters() if p.kind in ("weight", "bias")]
    for p, own in zip(given, F.parameters(), strict=True):
        p.value[...] = own.value
    return made, F


class Chain:
    """So many blocks behind a batch of digits: the input of each block, and bounds of the norm of its F's Jacobian."""

    def __init__(self, kind: str, gain: float, depth: int, seed: int, X: np.ndarray):
        self.kind, self.blocks, self.norms, self.inputs = kind, [], [], []
        first = Sequential([Flatten(), Linear(X[0].size, WIDTH)]).build(X.shape[1:], rng=seed, dtype=np.float64)
        Z = first.forward(X)
        for number in range(depth):
            made, F = block(kind, gain, np.random.default_rng([seed, number]))
            self.norms.append(bound_of(made, F, Z, kind))
            self.blocks.append(made)
            self.inputs.append(Z)
            Z = made.forward(Z, training=True)
        self.head = Linear(WIDTH, 10).build((WIDTH,), rng=seed, dtype=np.float64)

    def gradients(self, depth: int, y: np.ndarray) -> list[float]:
        """‖G_0‖, ..., ‖G_L‖ of the network of the first L blocks."""
        Z, loss = self.inputs[0], SoftmaxCrossEntropy()
        for layer in self.blocks[:depth]:
            Z = layer.forward(Z, training=True)
        loss.forward(self.head.forward(Z, training=True), y)
        G = self.head.backward(loss.backward())
        found = [float(np.linalg.norm(G))]
        for layer in self.blocks[depth - 1 :: -1]:
            G = layer.backward(G)
            found.append(float(np.linalg.norm(G)))
        return found[::-1]

    def bounds(self, depth: int) -> tuple[float | None, float]:
        """The lower one, None where it is void, and the upper one of ‖G_0‖ / ‖G_L‖."""
        norms = np.array(self.norms[:depth])
        if self.kind == "plain":
            return 0.0, float(np.prod(norms))
        return float(np.prod(1 - norms)) if norms.max() < 1 else None, float(np.prod(1 + norms))


def bound_of(made: Layer, F: Sequential, Z: np.ndarray, kind: str) -> float:
    """‖J‖ of the block's F at Z; with BatchNorm max_j r_j |γ_j| times that of what stands behind it."""
    if kind != "residual + BatchNorm":
        return jacobian_norm(F, Z, tolerance=PRECISION)
    norm: Any = next(part for part in made.modules() if isinstance(part, BatchNorm1d))
    r = (Z.var(axis=0) + norm.eps) ** -0.5
    Xhat = r * (Z - Z.mean(axis=0))  # γ = 1 and β = 0 yet
    return float(np.max(r * np.abs(norm.gamma.value))) * jacobian_norm(F, Xhat, tolerance=PRECISION)


def gains_of(chains: list[Chain], gain: float, depths: list[int], y: np.ndarray) -> Table:
    """‖G_0‖ / ‖G_L‖ of each network at each depth."""
    table = Table(
        f"The gradient through L blocks, weights of gain {gain:g}",
        ("network", "L", "‖G_L‖", "‖G_0‖", "lower bound", "‖G_0‖/‖G_L‖", "upper bound", "holds"),
    )
    for chain in chains:
        for depth in depths:
            norms, (low, high) = chain.gradients(depth, y), chain.bounds(depth)
            ratio = norms[0] / norms[-1]
            holds = (low is None or low * (1 - SLACK) <= ratio) and ratio <= high * (1 + SLACK)
            table.add(chain.kind, depth, norms[-1], norms[0], "void" if low is None else low, ratio, high, holds)
    return table


def smallest(chains: dict[float, list[Chain]]) -> Table:
    """σ_min(I + J_l) of some residual blocks, from their explicit Jacobians."""
    table = Table(
        "σ_min(I + J_l) of single blocks, and ‖J_l‖ by power iteration and by decomposition",
        ("gain", "network", "l", "iterated", "decomposed", "bound used", "1 - bound", "σ_min(I + J_l)", "holds"),
    )
    for gain, several in chains.items():
        for chain in several[1:]:
            for number in CHECKED:
                if number > len(chain.blocks):
                    continue
                made, Z, bound = chain.blocks[number - 1], chain.inputs[number - 1], chain.norms[number - 1]
                J = jacobian(made, Z, training=True)
                exact = float(np.linalg.norm(J - np.eye(len(J)), 2))
                iterated = jacobian_norm(made.children()[0], Z, training=True, tolerance=PRECISION)
                least = float(np.linalg.svd(J, compute_uv=False)[-1])
                close = abs(iterated - exact) <= SLACK * exact
                holds = close and exact <= bound * (1 + SLACK) and least >= 1 - bound * (1 + SLACK)
                low = 1 - bound if bound < 1 else "void"
                table.add(gain, chain.kind, number, iterated, exact, bound, low, least, holds)
    return table


def draw(path: Path, chains: dict[float, list[Chain]], y: np.ndarray) -> None:
    """For each gain the ratio of every network against depth, and the bounds as a band."""
    with picture("--plot", path, columns=len(chains), size=(4.5 * len(chains), 4)) as axes:
        for axis, (gain, several) in zip(axes, chains.items(), strict=True):
            for chain, color in zip(several, ("tab:red", "tab:blue", "tab:green"), strict=True):
                depths = range(1, len(chain.blocks) + 1)
                norms = [chain.gradients(depth, y) for depth in depths]
                axis.semilogy(depths, [n[0] / n[-1] for n in norms], color=color, label=chain.kind)
                bounds = [chain.bounds(depth) for depth in depths]
                axis.semilogy(depths, [high for _, high in bounds], "--", color=color, linewidth=0.9)
                valid = [(depth, low) for depth, (low, _) in zip(depths, bounds, strict=True) if low]
                if valid:
                    axis.semilogy(*zip(*valid, strict=True), ":", color=color, linewidth=0.9)
            axis.set(title=f"gain {gain:g}", xlabel="blocks L", ylabel="‖G_0‖ / ‖G_L‖", ylim=(1e-30, 1e30))
            axis.legend(title="-- upper, : lower bound", loc="lower left")


def arguments() -> argparse.Namespace:
    parser = analysis_parser(__doc__, EPILOG)
    parser.add_argument(
        "--depth", type=positive_int, default=64, metavar="L", help="blocks of the deepest (default: %(default)s)"
    )
    parser.add_argument(
        "--gains", type=positive_float, nargs="+", default=[0.3, 1.0], metavar="G", help="of the weights (0.3 1)"
    )
    return parsed(parser)


def main() -> None:
    args = arguments()
    _, test = datasets.mnist()
    X, y = test.X[:BATCH].astype(np.float64), test.y[:BATCH]
    chains = {g: [Chain(kind, g, args.depth, args.seed, X) for kind in KINDS] for g in args.gains}
    depths = [2**k for k in range(1, args.depth.bit_length()) if 2**k <= args.depth]
    tables = [gains_of(several, gain, depths, y) for gain, several in chains.items()]
    report(args, [*tables, smallest(chains)], lambda path: draw(path, chains, y))


if __name__ == "__main__":
    guarded(main)
