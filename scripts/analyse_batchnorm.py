"""The Jacobian of BatchNorm: its spectrum, and what follows from it for a network on MNIST.

For a column x of B values, with r = (v + ε)^(-1/2) and x̂ = r (x - mean), the Jacobian is r (C - x̂ x̂ᵀ/B): its
eigenvalues are 0 (by the vector 1), r ε/(v + ε) (by x̂) and r (B - 2 times).
"""

import argparse
import copy
from pathlib import Path
from typing import Any

import numpy as np

from analysis.tables import Table, analysis_parser, parsed, report
from cli import guarded, nonnegative_int
from nnmat import Adam, BatchNorm1d, Flatten, Linear, ReLU, Sequential, SoftmaxCrossEntropy, Trainer, datasets, observe
from nnmat.analysis.jacobians import jacobian
from nnmat.plots.figures import picture

EPILOG = """\
the network: 784-64-64-10 with BatchNorm and ReLU behind each hidden layer, in float64, trained with Adam. The columns
are those that its first BatchNorm is given; the largest gap is that of all eigenvalues of 16 columns, over r.
Where a law says 0, or that two numbers are equal, the bound is 1e-10.

examples
  python scripts/analyse_batchnorm.py
  python scripts/analyse_batchnorm.py --steps 0 --json batchnorm.json --plot batchnorm.png
"""
ROUNDING = 1e-10
BATCH, WIDTH = 128, 64
COLUMNS = 16  # whose Jacobians are decomposed
NORMS = (2, 5)  # places of BatchNorm in the network; the Linear layer that feeds it stands before it
SIZES, EPSILONS = (2, 8, 32, 128, 256), (1e-5, 0.1)


def network(seed: int, steps: int, train: datasets.Dataset) -> Sequential:
    """Trained for so many steps."""
    hidden = [[Linear(None, WIDTH), BatchNorm1d(), ReLU()] for _ in NORMS]
    model = Sequential(
        [Flatten(), *hidden[0], *hidden[1], Linear(WIDTH, 10)], input_shape=(28, 28, 1), seed=seed, dtype=np.float64
    )
    if steps:
        X, y = train.X[: steps * BATCH].astype(np.float64), train.y[: steps * BATCH]
        trainer = Trainer(model, SoftmaxCrossEntropy(), Adam(model, lr=1e-3))
        trainer.fit((X, y), epochs=1, batch_size=BATCH, seed=seed, progress=False)
    return model


def spectrum(x: np.ndarray, eps: float) -> tuple[np.ndarray, np.ndarray, float]:
    """The eigenvalues of the explicit Jacobian at a column, those of the law, both rising, and its asymmetry."""
    layer = BatchNorm1d(eps=eps, affine=False).build((1,), dtype=np.float64)
    J = jacobian(layer, np.ascontiguousarray(x[:, None]), training=True)
    v = x.var()
    r = (v + eps) ** -0.5
    law = np.full(len(x), r)
    law[:2] = 0.0, r * eps / (v + eps)
    return np.linalg.eigvalsh((J + J.T) / 2), law, float(np.abs(J - J.T).max())


def spectra(model: Sequential, X: np.ndarray) -> Table:
    """For each batch and ε the eigenvalues of the first column, and the largest gap of all columns."""
    table = Table(
        f"Eigenvalues of the Jacobian of BatchNorm for one column, and the largest gap of {COLUMNS} columns, over r",
        ("B", "ε", "by 1", "law", "by x̂", "r ε/(v + ε)", "the others", "r", "largest gap", "bound", "holds"),
    )
    for eps in EPSILONS:
        for B in SIZES:
            Z = model[NORMS[0] - 1](model[0](X[:B]))
            found, law, _ = spectrum(Z[:, 0], eps)
            gap = 0.0
            for z in Z.T[:COLUMNS]:
                eigenvalues, expected, asymmetry = spectrum(z, eps)
                r = float((z.var() + eps) ** -0.5)
                gap = max(gap, float(np.abs(eigenvalues - expected).max()) / r, asymmetry / r)
            others = (float(found[2:].mean()), float(law[-1])) if B > 2 else (None, None)
            pairs = (float(found[0]), 0, float(found[1]), float(law[1]), *others)
            table.add(B, eps, *pairs, gap, ROUNDING, gap <= ROUNDING)
    return table


class Passed:
    """A BatchNorm of a network in one step: its Z, X̂, r, γ, the upstream G and gZ, with the weight that feeds it."""

    def __init__(self, model: Sequential, place: int, X: np.ndarray, y: np.ndarray):
        loss, gradients = SoftmaxCrossEntropy(), {}
        loss.forward(model.forward(X, training=True, record=True), y)
        norm: Any = model[place]
        linear: Any = model[place - 1]
        self.Z = norm.recorded()[0]
        with observe(backward=lambda layer, gX: gradients.update({layer: gX})):
            model.backward(loss.backward())
        self.G, self.gZ = gradients[model[place + 1]], gradients[norm]
        self.v, self.eps, self.gamma = self.Z.var(axis=0), norm.eps, norm.gamma.value
        self.r = (self.v + self.eps) ** -0.5
        self.Xhat = self.r * (self.Z - self.Z.mean(axis=0))
        self.W, self.gW, self.gb = linear.weight.value.copy(), linear.weight.grad.copy(), linear.bias.grad.copy()

    def ratios(self) -> np.ndarray:
        """‖gZ_j‖ / (r_j |γ_j| ‖G_j‖) of the columns that a gradient reaches."""
        bound = self.r * np.abs(self.gamma) * lengths(self.G)
        return lengths(self.gZ)[bound > 0] / bound[bound > 0]


def lengths(A: np.ndarray) -> np.ndarray:
    """The norm of each column."""
    return np.linalg.norm(A, axis=0)


def largest(values: np.ndarray, scale: np.ndarray) -> float:
    """max |value| / scale, where the scale is not 0."""
    return float(np.max(np.abs(values[scale > 0]) / scale[scale > 0]))


def scaled_gap(model: Sequential, place: int, X: np.ndarray, y: np.ndarray, a: float) -> float:
    """‖a ∇(a W) - ∇(W)‖ / ‖∇(W)‖, with a² ε in place of ε at a W: then the law is exact."""
    other: Any = copy.deepcopy(model)
    other[place - 1].weight.value[...] *= a
    other[place - 1].bias.value[...] *= a
    other[place].eps *= a * a
    own, scaled = Passed(model, place, X, y).gW, Passed(other, place, X, y).gW
    return float(np.linalg.norm(a * scaled - own) / np.linalg.norm(own))


def consequences(model: Sequential, X: np.ndarray, y: np.ndarray) -> Table:
    """(i) to (v), for both BatchNorms; the last is that of the first two samples."""
    table = Table(
        "What follows, in a step of the network (the largest of all columns)",
        ("", "law", "layer", "measured", "bound", "holds"),
    )
    for place in NORMS:
        p, small = Passed(model, place, X, y), Passed(model, place, X[:2], y[:2])
        Ghat, B = p.G * p.gamma, len(X)
        share = p.eps / (p.v + p.eps)
        rests = p.r * share * np.sum(p.Xhat * Ghat, axis=0) - np.sum(p.Xhat * p.gZ, axis=0)
        inner = np.sum(p.W * p.gW, axis=1)
        few = small.eps / (small.v + small.eps)
        left = lengths(small.gZ) / (small.r * np.abs(small.gamma) * np.maximum(lengths(small.G), 1e-300))
        worst = int(np.argmax(left))
        for name, law, measured, bound in (
            ("(i)", "1ᵀ gX_j = 0, over √B ‖gX_j‖", largest(p.gZ.sum(axis=0), B**0.5 * lengths(p.gZ)), ROUNDING),
            ("(i)", "x̂_jᵀ gX_j = r ε/(v + ε) x̂_jᵀ Ĝ_j, over r √B ‖Ĝ_j‖",
             largest(rests, p.r * B**0.5 * lengths(Ghat)), ROUNDING),
            ("(ii)", "‖gX_j‖ / (r |γ_j| ‖G_j‖)", float(p.ratios().max()), 1.0),
            ("(iii)", "bias in front: 1ᵀ gX_j = 0, over its terms", largest(p.gb, np.abs(p.gZ).sum(axis=0)), ROUNDING),
            ("(iv)", "⟨w_j, ∇w_j⟩ / (ε/(v + ε) √B ‖Ĝ_j‖)", largest(inner, share * B**0.5 * lengths(Ghat)), 1.0),
            ("(iv)", "a ∇(a W; a² ε) = ∇(W; ε), a = 3", scaled_gap(model, place, X, y, 3.0), ROUNDING),
        ):  # fmt: skip
            table.add(name, law, place, measured, bound, measured <= bound * (1 + ROUNDING))
        law = "B = 2: ‖gX_j‖ / (r |γ_j| ‖G_j‖) <= ε/(v + ε)"
        table.add("(v)", law, place, float(left[worst]), float(few[worst]), bool(np.all(left <= few * (1 + ROUNDING))))
    return table


def draw(path: Path, model: Sequential, X: np.ndarray, y: np.ndarray) -> None:
    """The spectrum for B = 32 and two ε, and the ratios of (ii)."""
    with picture("--plot", path, columns=2) as (left, right):
        Z = model[NORMS[0] - 1](model[0](X[:32]))
        for eps, mark in zip(EPSILONS, "ox", strict=True):
            found, law, _ = spectrum(Z[:, 0], eps)
            left.plot(range(1, 33), found, mark, label=f"measured, ε = {eps:g}")
            left.plot(range(1, 33), law, color="gray", linewidth=0.8)
        left.set(title="eigenvalues for B = 32, and the law (lines)", xlabel="number")
        left.legend()
        ratios = [Passed(model, place, X, y).ratios() for place in NORMS]
        right.hist(ratios, bins=20, label=["first BatchNorm", "second"])
        right.axvline(1.0, color="black", linestyle="--", label="bound")
        right.set(title="‖gX_j‖ / (r |γ_j| ‖G_j‖)", ylabel="columns")
        right.legend()


def arguments() -> argparse.Namespace:
    parser = analysis_parser(__doc__, EPILOG)
    parser.add_argument(
        "--steps", type=nonnegative_int, default=100, metavar="N", help="of training before (default: %(default)s)"
    )
    return parsed(parser)


def main() -> None:
    args = arguments()
    train, test = datasets.mnist()
    model = network(args.seed, args.steps, train)
    X, y = test.X[: max(SIZES)].astype(np.float64), test.y[: max(SIZES)]
    tables = [spectra(model, X), consequences(model, X[:BATCH], y[:BATCH])]
    report(args, tables, lambda path: draw(path, model, X[:BATCH], y[:BATCH]))


if __name__ == "__main__":
    guarded(main)
