"""The typed errors of the framework. Each message says who, which rule, what was given and what to try."""

from nnmat_kernels.errors import DataError, DtypeError, LabelError, ShapeError

__all__ = [
    "BuildError",
    "ConfigError",
    "DataError",
    "DtypeError",
    "FileFormatError",
    "LabelError",
    "MissingExtraError",
    "NonFiniteError",
    "ShapeError",
    "StateError",
]


class BuildError(RuntimeError):
    """A model that cannot be put together, or a layer used before it was built."""


class StateError(RuntimeError):
    """A call out of order, such as `backward` before a recorded `forward`."""


class ConfigError(ValueError):
    """An option outside its range or of the wrong kind."""


class FileFormatError(ValueError):
    """A file that is not what it should be: truncated, corrupted, of another kind."""


class NonFiniteError(ArithmeticError):
    """A loss, an activation or a gradient became NaN or infinite."""


class MissingExtraError(ImportError):
    """A feature that needs an optional package which is not installed."""
