"""What normalisations share: a gain γ and a shift β for each column."""

import numpy as np

from ...checks import count, flag, positive
from ...errors import ShapeError
from ...parameters import Parameter
from ..base import Layer
from ..checks import batch_shape
from ..summary import options


def _ones(rng: np.random.Generator, shape: tuple) -> np.ndarray:
    return np.ones(shape)


def _zeros(rng: np.random.Generator, shape: tuple) -> np.ndarray:
    return np.zeros(shape)


class Scaled(Layer):
    """A normalisation X̂ with Y = X̂ diag(γ) + 1 βᵀ; γ and β stand for the last axis, and have no weight decay."""

    def __init__(self, width: int | None, eps: float, affine: bool, bias: bool, name: str = "features"):
        super().__init__()
        self._name = name  # of the option that says how wide the last axis is
        setattr(self, name, None if width is None else count(self.kind, name, width))
        self.eps = positive(self.kind, "eps", eps, hint="Try 1e-5.")
        self.affine = flag(self.kind, "affine", affine)
        bias = flag(self.kind, "bias", bias) and self.affine
        self.gamma = Parameter("gamma", decay=False) if affine else None
        self.beta = Parameter("beta", decay=False) if bias else None

    def output_shape(self, input_shape):
        width = getattr(self, self._name)
        if not input_shape:
            raise ShapeError(f"{self.who}: expected input of shape (B, ..., N), got (B,). It has no last axis.")
        if width is not None and input_shape[-1] != width:
            raise ShapeError(
                f"{self.who}: expected inputs with a last axis of {width}, got shape {batch_shape(input_shape)}. "
                f"Give {self._name}=None to infer it."
            )
        return input_shape

    def own_parameters(self):
        return [p for p in (self.gamma, self.beta) if p is not None]

    def declare(self, input_shape, rng):
        if self.gamma is not None:
            self.gamma.declare(input_shape[-1:], _ones)
        if self.beta is not None:
            self.beta.declare(input_shape[-1:], _zeros)

    def gain_and_shift(self) -> tuple:
        """γ and β, or None."""
        return tuple(None if p is None else p.value for p in (self.gamma, self.beta))

    def destinations(self, call) -> tuple:
        """Where the gradients of γ and β go, and whether they are added there: the last arguments of the kernels."""
        ggamma, gbeta = call.into(self.gamma), call.into(self.beta)
        return (
            None if ggamma is None else ggamma.out,
            None if gbeta is None else gbeta.out,
            ggamma is not None and ggamma.accumulate,
            gbeta is not None and gbeta.accumulate,
        )

    def config(self):
        return options(self, self._name, "eps", "affine")


def input_gradient(made):
    """gX of what a kernel returns: gX alone, or with gradients of γ and β that nobody asked for."""
    return made[0] if type(made) is tuple else made
