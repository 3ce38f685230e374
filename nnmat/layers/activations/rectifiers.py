"""Activations that treat positive elements and others differently."""

from nnmat_kernels import unchecked as k

from ...calls import backward_equations, forward_equations
from ...checks import number
from .elementwise import Elementwise


class ReLU(Elementwise):
    """The positive part of every element.

    Forward
        Y = max(X, 0)
    Backward, for the upstream gradient G = ∇_Y L
        gX = G ⊙ 1[X > 0]        (the derivative at the kink is taken as 0)
    Shapes: X, Y, G, gX (B, ...), of any one shape; float32 or float64 as built.
    Errors: ShapeError, DtypeError.
    Derivation: docs/derivations/ReLU.md.
    Reference: docs/equations.md, section 3.4.
    """

    @forward_equations
    def forward(self, X, call):
        Y = k.relu(X)  # Y = max(X, 0)
        call.keep(Y=Y)
        return Y

    @backward_equations
    def backward(self, G, call):
        return k.relu_backward(G, call.Y)  # gX = G ⊙ 1[Y > 0]


class LeakyReLU(Elementwise):
    """The identity for positive elements and a line of a small slope a for the others.

    Forward
        Y = X ⊙ 1[X > 0] + a X ⊙ 1[X <= 0]
    Backward, for the upstream gradient G = ∇_Y L
        gX = G ⊙ 1[X > 0] + a G ⊙ 1[X <= 0]        (the derivative at the kink is taken as a)
    Shapes: X, Y, G, gX (B, ...), of any one shape; float32 or float64 as built. a = `negative_slope`, a number.
    Errors: ConfigError (slope), ShapeError, DtypeError.
    Derivation: docs/derivations/LeakyReLU.md.
    Reference: docs/equations.md, section 3.4; A. Maas, A. Hannun, A. Ng, "Rectifier nonlinearities improve neural
        network acoustic models", 2013.
    """

    def __init__(self, negative_slope: float = 0.01):
        super().__init__()
        self.negative_slope = number("LeakyReLU", "negative_slope", negative_slope, hint="Try 0.01.")

    @forward_equations
    def forward(self, X, call):
        call.keep(X=X)
        return k.leaky_relu(X, self.negative_slope)  # Y = X ⊙ 1[X > 0] + a X ⊙ 1[X <= 0]

    @backward_equations
    def backward(self, G, call):
        return k.leaky_relu_backward(G, call.X, self.negative_slope)  # gX = G ⊙ 1[X > 0] + a G ⊙ 1[X <= 0]

    def config(self):
        return {"negative_slope": self.negative_slope}


class ELU(Elementwise):
    """The identity for positive elements, and an exponential that ends at -a for the others.

    Forward
        Y = X ⊙ 1[X > 0] + a (exp(X) - 1) ⊙ 1[X <= 0]
    Backward, for the upstream gradient G = ∇_Y L
        gX = G ⊙ (1[X > 0] + a exp(X) ⊙ 1[X <= 0])        (the derivative at 0 is taken as a)
    Shapes: X, Y, G, gX (B, ...), of any one shape; float32 or float64 as built. a = `alpha`, a number.
    Errors: ConfigError (alpha), ShapeError, DtypeError.
    Derivation: docs/derivations/ELU.md.
    Reference: docs/equations.md, section 3.4; D. Clevert, T. Unterthiner, S. Hochreiter, "Fast and accurate deep
        network learning by exponential linear units", 2016.
    """

    def __init__(self, alpha: float = 1.0):
        super().__init__()
        self.alpha = number("ELU", "alpha", alpha, hint="Try 1.0.")

    @forward_equations
    def forward(self, X, call):
        call.keep(X=X)
        return k.elu(X, self.alpha)  # Y = X ⊙ 1[X > 0] + a (exp(X) - 1) ⊙ 1[X <= 0]

    @backward_equations
    def backward(self, G, call):
        return k.elu_backward(G, call.X, self.alpha)  # gX = G ⊙ (1[X > 0] + a exp(X) ⊙ 1[X <= 0])

    def config(self):
        return {"alpha": self.alpha}
