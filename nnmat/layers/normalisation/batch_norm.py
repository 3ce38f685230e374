"""Normalisation of every channel over the batch."""

from typing import Any

import numpy as np

from nnmat_kernels import unchecked as k

from ...calls import backward_equations, forward_equations
from ...checks import number
from ...errors import ShapeError
from ..checks import batch_shape
from .scaled import Scaled, input_gradient


class BatchNorm(Scaled):
    """What `BatchNorm1d` and `BatchNorm2d` share: all of it but the axes of the input."""

    axes: tuple = ()  # how many an input may have, and how it is written

    def __init__(self, channels: int | None = None, eps: float = 1e-5, momentum: float = 0.1, affine: bool = True):
        super().__init__(channels, eps, affine, affine, "channels")
        self.momentum = number(self.kind, "momentum", momentum, 0.0, 1.0, hint="Try 0.1.")
        self._mean: Any = None  # running; arrays once declared
        self._variance: Any = None

    def output_shape(self, input_shape):
        super().output_shape(input_shape)
        if len(input_shape) not in self.axes[0]:
            raise ShapeError(f"{self.who}: expected input of shape {self.axes[1]}, got {batch_shape(input_shape)}.")
        return input_shape

    def declare(self, input_shape, rng):
        super().declare(input_shape, rng)
        self._mean, self._variance = np.zeros(input_shape[-1], self.dtype), np.ones(input_shape[-1], self.dtype)

    def own_buffers(self):
        return {"running_mean": self._mean, "running_variance": self._variance}

    @property
    def least_batch(self) -> int:  # type: ignore[override]
        """One value of a channel has no variance."""
        return 2 if np.prod(self.input_shape[:-1]) == 1 else 1

    @forward_equations
    def forward(self, X, call):
        gamma, beta = self.gain_and_shift()
        if call.training:
            if len(X) == 1 and self.least_batch > 1:
                raise ShapeError(
                    f"{self.who}: expected at least 2 values for each channel in training, got a batch of 1. One value "
                    "has no variance: give a larger batch, or use LayerNorm."
                )
            mean, variance = self._mean, self._variance
            if not call.record:  # nothing is written to the model
                mean, variance = np.empty_like(mean), np.empty_like(variance)
            # Y = C X diag(r ⊙ γ) + 1 βᵀ
            Y, statistics = k.batch_norm(X, gamma, beta, self.eps, self.momentum, mean, variance)
        else:
            # Y = (X - 1 μᵀ) diag(r ⊙ γ) + 1 βᵀ
            Y, statistics = k.batch_norm_evaluation(X, gamma, beta, self.eps, self._mean, self._variance)
        call.keep(X=X, statistics=statistics)
        return Y

    @backward_equations
    def backward(self, G, call):
        # gX = (C Ĝ - X̂ diag(mean of Ĝ ⊙ X̂)) diag(r); in evaluation G diag(γ ⊙ r). gγ = (G ⊙ X̂)ᵀ 1, gβ = Gᵀ 1
        gamma, _ = self.gain_and_shift()
        made = k.batch_norm_backward(
            G, call.X, call.statistics, gamma, call.training, None, *self.destinations(call)
        )  # fmt: skip
        return input_gradient(made)

    def config(self):
        return {**super().config(), "momentum": self.momentum}


class BatchNorm1d(BatchNorm):
    """Every column with mean 0 and variance 1 over the batch, then a gain and a shift for each column.

    Forward, in training, with C = I - 1 1ᵀ/R, which takes the mean μ from a column of R rows
        X̂ = C X diag(r),   r = (v + ε)^(-1/2),   v = mean of (C X)² over the rows        Y = X̂ diag(γ) + 1 βᵀ
        μ_run ← (1 - m) μ_run + m μ,   v_run ← (1 - m) v_run + m v R/(R - 1)
    Backward, for the upstream gradient G = ∇_Y L, with Ĝ = G diag(γ)
        gX = (C Ĝ - X̂ diag(mean of Ĝ ⊙ X̂)) diag(r)        gγ = (G ⊙ X̂)ᵀ 1        gβ = Gᵀ 1
    In evaluation μ and v are the running ones, constants: X̂ = (X - 1 μ_runᵀ) diag(r), gX = Ĝ diag(r).
    Shapes: X, Y, G, gX (B, N), or (B, T, N) with R = B T rows; γ = `gamma`, β = `beta` and the running ones (N,);
        float32 or float64 as built. ε = `eps`, m = `momentum` in [0, 1].
    Errors: ConfigError (options), ShapeError (axes, width; in training a batch of one row), DtypeError.
    Derivation: docs/derivations/BatchNorm1d.md.
    Reference: docs/equations.md, section 3.11; S. Ioffe, C. Szegedy, "Batch normalization", 2015.

    The running mean and variance are buffers, `running_mean` and `running_variance`, saved with the model: 0 and 1 at
    first, and moved on by each recorded forward in training. m is the share of the new (PyTorch's convention), and
    the running variance is the unbiased one. `channels=None` takes the width at build; `affine=False` leaves out γ
    and β, which have no weight decay.
    """

    axes = ((1, 2), "(B, N) or (B, T, N)")


class BatchNorm2d(BatchNorm):
    """Every channel of images with mean 0 and variance 1 over the batch, then a gain and a shift for each channel.

    Forward and backward: those of `BatchNorm1d`, with a row for each of the R = B H W pixels
        X̂ = C X diag(r)        Y = X̂ diag(γ) + 1 βᵀ        gX = (C Ĝ - X̂ diag(mean of Ĝ ⊙ X̂)) diag(r)
    Shapes: X, Y, G, gX (B, H, W, N); γ = `gamma`, β = `beta` and the running ones (N,); float32 or float64 as built.
    Errors: ConfigError (options), ShapeError (no images, channels; in training one pixel in all), DtypeError.
    Derivation: docs/derivations/BatchNorm2d.md.
    Reference: docs/equations.md, section 3.11; S. Ioffe, C. Szegedy, "Batch normalization", 2015.
    """

    axes = ((3,), "(B, H, W, C)")
