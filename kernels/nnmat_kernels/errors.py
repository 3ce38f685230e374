"""The typed errors that kernels raise. `nnmat.errors` re-exports them beside the framework's own."""


class ShapeError(ValueError):
    """Arrays whose shapes do not fit together, or do not fit the operation."""


class DtypeError(TypeError):
    """An array of an element type that the operation does not take."""


class LabelError(ValueError):
    """A class label outside the range of the classes."""


class DataError(ValueError):
    """Data that cannot be trained on: empty, of unequal lengths, not finite; weights below 0."""
