"""Convolutional networks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..checks import flag
from .kinds import Classifier
from .networks import convolutions, for_each, image_shape, perceptron, sizes_of


@dataclass(eq=False, repr=False)
class CNNClassifier(Classifier):
    """A convolutional network that tells classes of images, each of which is a row of X.

    image_shape: (height, width) or (height, width, channels) of a row, in the order of `images.reshape(n, -1)`; None: a
    square, if there are so many columns, else a line. channels: of each convolution, which is followed by batch_norm,
    if wanted, an activation, and a maximum over windows of `pool` (1: none). Hidden layers may follow, as in
    `MLPClassifier`; `activation`: a name, or one for each convolution and hidden layer. standardize: one mean and one
    variance for all pixels.
    Options of all estimators: `help(nnmat.sklearn.base.Estimator)`, or docs/scikit_learn.md.

        CNNClassifier(image_shape=(8, 8), channels=(16, 32)).fit(digits.data, digits.target)
    """

    image_shape: Sequence[int] | None = None
    channels: Sequence[int] | int = (16, 32)
    kernel_size: Any = 3
    pool: int = 2
    hidden_layer_sizes: Sequence[int] | int = ()
    activation: Any = "relu"
    dropout: Any = 0.0
    batch_norm: bool = False

    _whole_scaling = True

    def _network(self, features, outputs):
        who, norm = self._who, flag(self._who, "batch_norm", self.batch_norm)
        shape = image_shape(who, self.image_shape, features)
        n = len(sizes_of(who, "channels", self.channels))
        hidden = sizes_of(who, "hidden_layer_sizes", self.hidden_layer_sizes)
        kinds = for_each(who, "activation", self.activation, n + len(hidden))
        images = convolutions(who, shape, self.channels, self.kernel_size, kinds[:n], self.pool, norm)
        return [*images, *perceptron(who, outputs, hidden, kinds[n:], self.dropout, norm)]
