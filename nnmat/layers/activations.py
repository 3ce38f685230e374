"""Element-wise activations: the upstream gradient is multiplied by the derivative, element by element."""

import nnmat_kernels as k

from ..checks import number
from .base import Layer


class Sigmoid(Layer):
    """The logistic function of every element, a smooth step from 0 to 1.

    Forward
        Y = σ(X) = 1 / (1 + exp(-X))
    Backward, for the upstream gradient G = ∇_Y L
        gX = G ⊙ Y ⊙ (1 - Y)
    Shapes: X, Y, G, gX (B, ...), of any one shape; float32 or float64 as built.
    Errors: ShapeError, DtypeError.
    Reference: docs/equations.md, section 3.4.
    """

    def output_shape(self, input_shape):
        return input_shape

    def _forward(self, X, training, record):
        Y = k.sigmoid(X, out=self._array("Y", X.shape, reuse=record))  # Y = σ(X)
        if record:
            self._recorded = Y
        return Y

    def _backward(self, G, accumulate, parameters, input_gradient):
        if not input_gradient:
            return None
        Y = self._recorded
        return k.sigmoid_backward(G, Y, out=self._array("gX", Y.shape, reuse=True))  # gX = G ⊙ Y ⊙ (1 - Y)


class Tanh(Layer):
    """The hyperbolic tangent of every element, a smooth step from -1 to 1.

    Forward
        Y = tanh(X)
    Backward, for the upstream gradient G = ∇_Y L
        gX = G ⊙ (1 - Y ⊙ Y)
    Shapes: X, Y, G, gX (B, ...), of any one shape; float32 or float64 as built.
    Errors: ShapeError, DtypeError.
    Reference: docs/equations.md, section 3.4.
    """

    def output_shape(self, input_shape):
        return input_shape

    def _forward(self, X, training, record):
        Y = k.tanh(X, out=self._array("Y", X.shape, reuse=record))  # Y = tanh(X)
        if record:
            self._recorded = Y
        return Y

    def _backward(self, G, accumulate, parameters, input_gradient):
        if not input_gradient:
            return None
        Y = self._recorded
        return k.tanh_backward(G, Y, out=self._array("gX", Y.shape, reuse=True))  # gX = G ⊙ (1 - Y ⊙ Y)


class ReLU(Layer):
    """The positive part of every element.

    Forward
        Y = max(X, 0)
    Backward, for the upstream gradient G = ∇_Y L
        gX = G ⊙ 1[X > 0]        (the derivative at the kink is taken as 0)
    Shapes: X, Y, G, gX (B, ...), of any one shape; float32 or float64 as built.
    Errors: ShapeError, DtypeError.
    Reference: docs/equations.md, section 3.4.
    """

    def output_shape(self, input_shape):
        return input_shape

    def _forward(self, X, training, record):
        Y = k.relu(X, out=self._array("Y", X.shape, reuse=record))  # Y = max(X, 0)
        if record:
            self._recorded = Y
        return Y

    def _backward(self, G, accumulate, parameters, input_gradient):
        if not input_gradient:
            return None
        Y = self._recorded
        return k.relu_backward(G, Y, out=self._array("gX", Y.shape, reuse=True))  # gX = G ⊙ 1[Y > 0]


class LeakyReLU(Layer):
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

    def output_shape(self, input_shape):
        return input_shape

    def _forward(self, X, training, record):
        if record:
            self._recorded = X
        return k.leaky_relu(X, self.negative_slope, out=self._array("Y", X.shape, reuse=record))

    def _backward(self, G, accumulate, parameters, input_gradient):
        if not input_gradient:
            return None
        X = self._recorded
        return k.leaky_relu_backward(G, X, self.negative_slope, out=self._array("gX", X.shape, reuse=True))

    def config(self):
        return {"negative_slope": self.negative_slope}
