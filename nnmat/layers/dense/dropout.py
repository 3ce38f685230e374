"""Dropout, of elements and of channels."""

import numpy as np

from nnmat_kernels import unchecked as k

from ...calls import backward_equations, forward_equations
from ...checks import number
from ..activations.elementwise import Elementwise
from ..checks import check_images


class Dropping(Elementwise):
    """What draws masks from a stream of its own."""

    def __init__(self, rate: float):
        super().__init__()
        self.rate = number(self.kind, "rate", rate, 0.0, 1.0, hint="Try 0.5.")
        self._stream = np.zeros(2, np.uint64)

    def declare(self, input_shape, rng):
        child = rng.spawn(1)[0]  # `rng` itself draws the weights, which must not depend on a Dropout between them
        self._stream[0] = child.integers(0, 2**64, dtype=np.uint64)

    def own_buffers(self):
        return {"stream": self._stream}

    def config(self):
        return {"rate": self.rate}


class Dropout(Dropping):
    """In training, sets each element to zero with probability p and scales the rest; in evaluation, the identity.

    Forward, in training, with a random D of zeros (probability p) and ones
        Y = D ⊙ X / (1 - p)        p = 1: Y = 0
    Backward, for the upstream gradient G = ∇_Y L, with the same D
        gX = D ⊙ G / (1 - p)
    In evaluation Y = X and gX = G.
    Shapes: X, Y, G, gX (B, ...), of any one shape; float32 or float64 as built. p = `rate` in [0, 1].
    Errors: ConfigError (rate), ShapeError, DtypeError.
    Derivation: docs/derivations/Dropout.md.
    Reference: docs/equations.md, section 3.7; N. Srivastava et al., "Dropout: a simple way to prevent neural networks
        from overfitting", 2014.

    D is a function of a key, drawn at build, and of a counter, which each recorded forward in training moves on by
    one. Both are a buffer, `stream` = (key, counter), that is saved with the model: so a resumed run draws the masks
    that an uninterrupted one would have drawn. A forward that is not recorded uses the counter and leaves it.
    """

    def __init__(self, rate: float = 0.5):
        super().__init__(rate)

    @forward_equations
    def forward(self, X, call):
        if not call.training:
            return X
        stream = k.next_mask(self._stream) if call.record else self._stream
        call.keep(stream=stream)
        return k.dropout(X, self.rate, stream)  # Y = D ⊙ X / (1 - p)

    @backward_equations
    def backward(self, G, call):
        return k.dropout(G, self.rate, call.stream) if call.training else G  # gX = D ⊙ G / (1 - p)


class Dropout2d(Dropping):
    """In training, sets each channel of each image to zero with probability p and scales the rest; in evaluation, the
    identity.

    Forward, in training, with a random D (B, C) of zeros (probability p) and ones
        Y[b, i, j, c] = D_bc X[b, i, j, c] / (1 - p)        p = 1: Y = 0
    Backward, for the upstream gradient G = ∇_Y L, with the same D
        gX[b, i, j, c] = D_bc G[b, i, j, c] / (1 - p)
    In evaluation Y = X and gX = G.
    Shapes: X, Y, G, gX (B, H, W, C); float32 or float64 as built. p = `rate` in [0, 1].
    Errors: ConfigError (rate), ShapeError (no images), DtypeError.
    Derivation: docs/derivations/Dropout2d.md.
    Reference: docs/equations.md, section 3.7; J. Tompson et al., "Efficient object localization using convolutional
        networks", 2015: neighbours in an image say much the same, so `Dropout` there takes little away.

    D is drawn as that of `Dropout` for a matrix (B, C), with a `stream` of its own.
    """

    def __init__(self, rate: float = 0.5):
        super().__init__(rate)

    def output_shape(self, input_shape):
        return check_images(self.who, input_shape)

    @forward_equations
    def forward(self, X, call):
        if not call.training:
            return X
        stream = k.next_mask(self._stream) if call.record else self._stream
        call.keep(stream=stream)
        return k.channel_dropout(X, self.rate, stream)  # Y = D ⊙ X / (1 - p), channel by channel

    @backward_equations
    def backward(self, G, call):
        return k.channel_dropout(G, self.rate, call.stream) if call.training else G  # gX = D ⊙ G / (1 - p)
