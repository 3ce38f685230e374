"""How the minimax loss of a generator saturates, and the non-saturating one does not, in a training on small digits.

With the discriminator's score s of a made digit the gradients at the score are -σ(s)/B (minimax) and -σ(-s)/B
(non-saturating): where the discriminator is sure, s far below 0, the first one is at most exp(s)/B, and the second one
is exp(-s) times as large.
"""

import argparse
import copy
from pathlib import Path
from typing import Any

import numpy as np

from analysis.tables import Table, analysis_parser, parsed, report
from cli import guarded, nonnegative_int, positive_float, positive_int
from nnmat import SGD, Adam, AdversarialLoss, LeakyReLU, Linear, ReLU, Sequential, Tanh, compile_step, datasets
from nnmat.plots.figures import picture

EPILOG = """\
the network: a generator 16-64-64 and a discriminator 64-128-1 on digits of 8 x 8 pixels, in float64, batches of 64. The
discriminator is trained alone for --ahead steps; then two copies of both go on with the same batches, one with
each loss of the generator, whose optimizer is plain SGD: Adam would divide the size of the gradient out.

columns, at that step, of the made batch
  E s           the mean score
  |g|           the sum of the sizes of the gradients at the scores; bounds: the mean of min(1, exp(s)) from above,
                and, of the non-saturating one, that of max(1/2, 1 - exp(s)) where s <= 0, else 0, from below
  ‖gθ‖          the norm of the gradient of the generator's parameters, both losses at the same state; bound: the sum
                of |g_i| ‖∇_θ s_i‖
  gap           of the ratio of the two gradients at each score from exp(-s), relative

examples
  python scripts/analyse_gan.py
  python scripts/analyse_gan.py --steps 50 --ahead 0 --json gan.json --plot gan.png
"""
KINDS = ("minimax", "non_saturating")
BATCH, NOISE, SIDE = 64, 16, 8
ROUNDING = 1e-10


def digits(train: datasets.Dataset) -> np.ndarray:
    """8 x 8 pixels from -1 to 1: the digits in a frame of 32 x 32, and the mean of every 4 x 4."""
    framed = np.pad(train.X[..., 0].astype(np.float64), ((0, 0), (2, 2), (2, 2)))
    return 2 * framed.reshape(len(framed), SIDE, 4, SIDE, 4).mean(axis=(2, 4)).reshape(len(framed), -1) - 1


class Game:
    """A generator and a discriminator, with the loss of one kind, and the step of each as a program."""

    def __init__(self, seed: int, lr: float):
        pixels = SIDE * SIDE
        options: dict[str, Any] = {"dtype": np.float64}
        self.G = Sequential([Linear(NOISE, 64), ReLU(), Linear(64, pixels), Tanh()], (NOISE,), seed=seed, **options)
        self.D = Sequential([Linear(pixels, 128), LeakyReLU(0.2), Linear(128, 1)], (pixels,), seed=seed + 1, **options)
        self.optimizers = SGD(self.G, lr=lr), Adam(self.D, lr=1e-3, betas=(0.5, 0.999))

    def play(self, kind: str) -> None:
        """Use this loss from now on."""
        self.loss = AdversarialLoss(kind)
        self.discriminator, self.generator = compile_step(self._discriminator), compile_step(self._generator)

    def _discriminator(self, real: np.ndarray, noise: np.ndarray) -> None:
        fake = self.G.forward(noise)
        self.loss.discriminator_real.forward(self.D.forward(real, training=True))
        self.D.backward(self.loss.discriminator_real.backward(), input_gradient=False)
        self.loss.discriminator_fake.forward(self.D.forward(fake, training=True))
        self.D.backward(self.loss.discriminator_fake.backward(), accumulate=True, input_gradient=False)
        self.optimizers[1].step()

    def _generator(self, noise: np.ndarray) -> None:
        self.loss.generator.forward(self.D.forward(self.G.forward(noise, training=True), training=True))
        gX = self.D.backward(self.loss.generator.backward(), parameters=False)
        self.G.backward(gX, input_gradient=False)
        self.optimizers[0].step()

    def gradients(self, noise: np.ndarray) -> dict[str, Any]:
        """The scores s of a made batch, ‖∇_θ s_i‖ of each, and for each loss g and ‖gθ‖."""
        s = self.D.forward(self.G.forward(noise, training=True), training=True)

        def norm(g: np.ndarray) -> float:
            self.G.backward(self.D.backward(g, parameters=False, keep=True), input_gradient=False, keep=True)
            return float(np.linalg.norm(self.G.flat_gradients))

        found: dict[str, Any] = {"s": s[:, 0], "slopes": np.array([norm(e[:, None]) for e in np.eye(len(s))])}
        for kind in KINDS:
            loss = AdversarialLoss(kind).generator
            loss.forward(s)
            g = loss.backward()
            found[kind] = g[:, 0], norm(g)
        return found


def row_of(kind: str, step: int, found: dict[str, Any]) -> tuple:
    """What the table shows of a step."""
    s, slopes, (low, low_norm), (high, high_norm) = found["s"], found["slopes"], *(found[kind] for kind in KINDS)
    small = np.exp(np.minimum(s, 0.0))
    upper, lower = float(small.mean()), float(np.where(s <= 0, np.maximum(0.5, 1 - small), 0.0).mean())
    sizes = float(np.abs(low).sum()), float(np.abs(high).sum())
    bounds = float(np.abs(low) @ slopes), float(np.abs(high) @ slopes)
    gap = float(np.max(np.abs(high / low * np.exp(s) - 1)))
    more = 1 + ROUNDING
    holds = sizes[0] <= upper * more and sizes[1] * more >= lower and gap <= ROUNDING
    holds = holds and low_norm <= bounds[0] * more and high_norm <= bounds[1] * more
    numbers = (sizes[0], upper, low_norm, bounds[0], sizes[1], lower, high_norm, bounds[1])
    return (kind, step, float(s.mean()), *numbers, gap, holds)


def train(args: argparse.Namespace, X: np.ndarray) -> Table:
    """Both games, looked at after 0, 1, 2, 5, 10, 20, ... steps."""
    table = Table(
        f"The generator's gradient, the discriminator {args.ahead} steps ahead",
        (
            *("trained by", "step", "E s", "minimax |g|", "upper bound", "minimax ‖gθ‖", "its bound"),
            *("non-sat. |g|", "lower bound", "non-sat. ‖gθ‖", "bound of it", "gap", "holds"),
        ),
    )
    start = Game(args.seed, args.lr)
    start.play(KINDS[1])
    rng = np.random.default_rng(args.seed)
    for _ in range(args.ahead):
        start.discriminator(X[rng.integers(len(X), size=BATCH)], rng.standard_normal((BATCH, NOISE)))
    looked = {m * 10**e for m in (1, 2, 5) for e in range(7)} | {0, args.steps}
    for kind in KINDS:
        game, own = copy.deepcopy(start), np.random.default_rng([args.seed, 1])
        seen = own.standard_normal((BATCH, NOISE))
        game.play(kind)
        for step in range(args.steps + 1):
            if step in looked:
                table.add(*row_of(kind, step, game.gradients(seen)))
            game.discriminator(X[own.integers(len(X), size=BATCH)], own.standard_normal((BATCH, NOISE)))
            game.generator(own.standard_normal((BATCH, NOISE)))
    return table


def draw(path: Path, table: Table) -> None:
    """The norms of both gradients, in both trainings."""
    with picture("--plot", path, columns=2, size=(9, 3.6)) as axes:
        for axis, kind in zip(axes, KINDS, strict=True):
            rows = [row for row in table.rows if row[0] == kind]
            steps = [max(row[1], 0.5) for row in rows]
            for name, place, color in ((KINDS[0], 5, "tab:red"), (KINDS[1], 9, "tab:blue")):
                axis.loglog(steps, [row[place] for row in rows], "o-", color=color, label=f"{name}: ‖gθ‖")
                axis.loglog(steps, [row[place + 1] for row in rows], "--", color=color, linewidth=0.9, label="bound")
            axis.set(title=f"trained by {kind}", xlabel="step (the first point: 0)")
            axis.legend()


def arguments() -> argparse.Namespace:
    parser = analysis_parser(__doc__, EPILOG)
    parser.add_argument("--steps", type=positive_int, default=2000, metavar="N", help="of both (default: %(default)s)")
    parser.add_argument(
        "--ahead", type=nonnegative_int, default=100, metavar="N",
        help="steps of the discriminator alone (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--lr", type=positive_float, default=0.05, help="of the generator (default: %(default)s)")
    return parsed(parser)


def main() -> None:
    args = arguments()
    table = train(args, digits(datasets.mnist()[0]))
    report(args, [table], lambda path: draw(path, table))


if __name__ == "__main__":
    guarded(main)
