"""The rectifier whose slopes are learned."""

import numpy as np

from nnmat_kernels import unchecked as k

from ...calls import backward_equations, forward_equations
from ...checks import count, number
from ...errors import ShapeError
from ...parameters import Parameter
from ..checks import batch_shape
from ..summary import options
from .elementwise import Elementwise


class PReLU(Elementwise):
    """The identity for positive elements, and a line for the others whose slope is learned.

    Forward, with one slope a, or one for each column (channel)
        Y = X ⊙ 1[X > 0] + (X ⊙ 1[X <= 0]) diag(a)
    Backward, for the upstream gradient G = ∇_Y L
        gX = G ⊙ 1[X > 0] + (G ⊙ 1[X <= 0]) diag(a)        (the derivative at the kink is taken as a)
        ga = (G ⊙ min(X, 0))ᵀ 1        for one slope the sum of it
    Shapes: X, Y, G, gX (B, ..., N), a = `slope` (1,) or (N,); float32 or float64 as built.
    Errors: ConfigError (options), ShapeError (another last axis), DtypeError.
    Derivation: docs/derivations/PReLU.md.
    Reference: docs/equations.md, section 3.4; K. He, X. Zhang, S. Ren, J. Sun, "Delving deep into rectifiers", 2015.

    `channels` is how many slopes there are: 1 for all elements, the size of the last axis, or None to take it at build.
    They begin as `initial`, and have no weight decay, as in the paper.
    """

    def __init__(self, channels: int | None = 1, initial: float = 0.25):
        super().__init__()
        self.channels = None if channels is None else count("PReLU", "channels", channels)
        self.initial = number("PReLU", "initial", initial, hint="Try 0.25.")
        self.slope = Parameter("slope", decay=False)

    def output_shape(self, input_shape):
        if self.channels is None and not input_shape:
            raise ShapeError(f"{self.who}: expected input of shape (B, ..., N), got (B,). Give channels=1.")
        if self.channels not in (None, 1, *input_shape[-1:]):
            raise ShapeError(
                f"{self.who}: expected inputs with a last axis of {self.channels}, got shape "
                f"{batch_shape(input_shape)}. Give channels=None to infer it, or 1 for one slope."
            )
        return input_shape

    def own_parameters(self):
        return [self.slope]

    def declare(self, input_shape, rng):
        N = input_shape[-1] if self.channels is None else self.channels
        self.slope.declare((N,), lambda rng, shape: np.full(shape, self.initial))

    @forward_equations
    def forward(self, X, call):
        call.keep(X=X)
        return k.prelu(X, self.slope.value)  # Y = X ⊙ 1[X > 0] + (X ⊙ 1[X <= 0]) diag(a)

    @backward_equations
    def backward(self, G, call):
        if ga := call.into(self.slope):
            P = k.negative_products(G, call.X)  # G ⊙ min(X, 0)
            k.column_sums(P.reshape(-1, self.slope.size), *ga)  # ga = (G ⊙ min(X, 0))ᵀ 1
        if not call.wants_input:
            return None
        return k.prelu_backward(G, call.X, self.slope.value)  # gX = G ⊙ 1[X > 0] + (G ⊙ 1[X <= 0]) diag(a)

    def config(self):
        return options(self, "channels", "initial")
