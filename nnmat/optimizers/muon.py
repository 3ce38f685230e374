"""Muon: an optimizer made of matrix products."""

import math

from nnmat_kernels import unchecked as k

from ..checks import count, flag, fraction
from ..errors import ConfigError
from ..layers.base import Layer
from ..parameters import ParameterSlice
from .adam import check_betas
from .base import Optimizer, Rate, Segment
from .groups import Groups, Selection, select

COEFFICIENTS = 3.4445, -4.7750, 2.0315  # a, b, c: they bring singular values from 1e-3 to 1 near 1 in five iterations
LEAST_NORM = 1e-7


class Muon(Optimizer):
    """Momentum of matrices, made nearly orthogonal; AdamW for all other parameters.

        M ← μM + (1 - μ)G           D = μM + (1 - μ)G with `nesterov`, else M
        X = D/‖D‖                   then, `iterations` times: A = XXᵀ, X ← aX + (bA + cA²)X
        W ← (1 - ηλ)W - ηsX

    The iteration is an odd polynomial of X: with D = UΣVᵀ it acts on Σ alone and ends near UVᵀ. Where W (m, n) has
    more rows than columns A = XᵀX stands on the right.

    η = `lr`, μ = `momentum` from 0 to below 1, λ = `weight_decay`. s follows from `scaling`: "rms", 0.2√max(m, n),
    gives entries of the size that AdamW's steps have, so one learning rate is for both; "width" is √max(1, m/n).
    `matrices`: names, parameters or a function of a parameter that picks them; None for all with two axes. Give those
    between layers: tables of embeddings and the last layer are for Adam, whose `betas` and `eps` stand here too.
    Errors: ConfigError. Reference: docs/equations.md, section 5.10; Jordan et al. 2024, Liu et al. 2025 ("rms").
    """

    recordable = True

    def __init__(
        self,
        model: Layer,
        lr: Rate = 1e-3,
        momentum: float = 0.95,
        nesterov: bool = True,
        iterations: int = 5,
        scaling: str = "rms",
        matrices: Selection | None = None,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float | dict[str, float] = 0.1,
        clip_norm: float | None = None,
        maximize: bool = False,
        groups: Groups | None = None,
    ):
        self.momentum = fraction("Muon", "momentum", momentum, "The usual value is 0.95.")
        self.nesterov = flag("Muon", "nesterov", nesterov)
        self.iterations = count("Muon", "iterations", iterations, hint="The usual number is 5.")
        if scaling not in ("rms", "width"):
            raise ConfigError(f"Muon: expected scaling as 'rms' or 'width', got {scaling!r:.60}.")
        self.scaling = scaling
        self.betas, self.eps = check_betas("Muon", betas, eps)
        super().__init__(model, lr, weight_decay, clip_norm, ["mean", "square"], maximize, groups)
        shapes = {p.name: p.value.shape for p in model.parameters()}
        if matrices is None:
            matrices = [name for name, shape in shapes.items() if len(shape) == 2]
        chosen = select("Muon", "matrices", model, matrices)
        for name in chosen:
            if len(shapes[name]) != 2:
                raise ConfigError(
                    f"Muon: expected matrices with two axes, got {name} of shape {shapes[name]}. Leave it to Adam."
                )
        self._shapes = {name: shapes[name] for name in chosen}

    def rule(self, place: ParameterSlice):
        """Each matrix is a segment of its own."""
        return place.name if place.name in self._shapes else None

    def update(self, segment, lr, scale):
        if segment.rule is None:
            self._adam(segment, lr, scale)
            return
        m, n = self._shapes[segment.rule]
        a, b, c = COEFFICIENTS
        mean = segment.vectors["mean"]
        D = k.muon_direction(segment.gradients, mean, self.momentum, self.nesterov, scale)
        X = k.muon_unit(D.reshape(m, n), k.norm([D]), LEAST_NORM)
        for _ in range(self.iterations):
            A = k.matmul(X, X, transpose_a=m > n, transpose_b=m <= n)  # the smaller one of XᵀX and XXᵀ
            B = k.combination(A, k.matmul(A, A), b, c)
            X = k.combination(X, k.matmul(X, B) if m > n else k.matmul(B, X), a, 1.0)
        factor = 0.2 * math.sqrt(max(m, n)) if self.scaling == "rms" else math.sqrt(max(1.0, m / n))
        k.muon_step(segment.values, X, lr, factor, segment.weight_decay)

    def _adam(self, segment: Segment, lr: float, scale: float) -> None:
        mean, square = segment.vectors["mean"], segment.vectors["square"]
        k.adam_update(
            segment.values, segment.gradients, mean, square, lr, *self.betas, self.eps, self.steps,
            segment.weight_decay, decoupled=True, scale=scale,
        )  # fmt: skip

    def settings(self):
        return {
            "momentum": self.momentum,
            "nesterov": self.nesterov,
            "iterations": self.iterations,
            "scaling": self.scaling,
            "matrices": list(self._shapes),
            "betas": list(self.betas),
            "eps": self.eps,
        }
