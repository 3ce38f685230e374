"""Element-wise activations: the upstream gradient is multiplied by the derivative, element by element."""

from nnmat_kernels import unchecked as k

from ..calls import backward_equations, forward_equations
from ..checks import number
from .base import Layer


class Elementwise(Layer):
    """A layer whose output has the shape of its input."""

    def output_shape(self, input_shape):
        return input_shape


class Sigmoid(Elementwise):
    """The logistic function of every element, a smooth step from 0 to 1.

    Forward
        Y = σ(X) = 1 / (1 + exp(-X))
    Backward, for the upstream gradient G = ∇_Y L
        gX = G ⊙ Y ⊙ (1 - Y)
    Shapes: X, Y, G, gX (B, ...), of any one shape; float32 or float64 as built.
    Errors: ShapeError, DtypeError.
    Reference: docs/equations.md, section 3.4.
    """

    @forward_equations
    def forward(self, X, call):
        Y = k.sigmoid(X)  # Y = σ(X)
        call.keep(Y=Y)
        return Y

    @backward_equations
    def backward(self, G, call):
        return k.sigmoid_backward(G, call.Y)  # gX = G ⊙ Y ⊙ (1 - Y)


class Tanh(Elementwise):
    """The hyperbolic tangent of every element, a smooth step from -1 to 1.

    Forward
        Y = tanh(X)
    Backward, for the upstream gradient G = ∇_Y L
        gX = G ⊙ (1 - Y ⊙ Y)
    Shapes: X, Y, G, gX (B, ...), of any one shape; float32 or float64 as built.
    Errors: ShapeError, DtypeError.
    Reference: docs/equations.md, section 3.4.
    """

    @forward_equations
    def forward(self, X, call):
        Y = k.tanh(X)  # Y = tanh(X)
        call.keep(Y=Y)
        return Y

    @backward_equations
    def backward(self, G, call):
        return k.tanh_backward(G, call.Y)  # gX = G ⊙ (1 - Y ⊙ Y)


class ReLU(Elementwise):
    """The positive part of every element.

    Forward
        Y = max(X, 0)
    Backward, for the upstream gradient G = ∇_Y L
        gX = G ⊙ 1[X > 0]        (the derivative at the kink is taken as 0)
    Shapes: X, Y, G, gX (B, ...), of any one shape; float32 or float64 as built.
    Errors: ShapeError, DtypeError.
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


class GELU(Elementwise):
    """Every element weighted by the normal distribution function Φ: a smooth ReLU.

    Forward
        Y = X ⊙ Φ(X)        Φ(x) = ½ erfc(-x/√2)
    Backward, for the upstream gradient G = ∇_Y L
        gX = G ⊙ (Φ(X) + X ⊙ φ(X))        φ(x) = Φ'(x) = exp(-x²/2) / √(2π)
    Shapes: X, Y, G, gX (B, ...), of any one shape; float32 or float64 as built.
    Errors: ShapeError, DtypeError.
    Reference: docs/equations.md, section 3.4; D. Hendrycks, K. Gimpel, "Gaussian error linear units", 2016 (the exact
        form, not its approximation by tanh).
    """

    @forward_equations
    def forward(self, X, call):
        call.keep(X=X)
        return k.gelu(X)  # Y = X ⊙ Φ(X)

    @backward_equations
    def backward(self, G, call):
        return k.gelu_backward(G, call.X)  # gX = G ⊙ (Φ(X) + X ⊙ φ(X))
