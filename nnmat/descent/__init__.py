"""The source's own algorithm: steepest descent along the unit direction, with a line search."""

from .line_search import Armijo, ExactQuadratic, FixedStep, LineSearchError, StrongWolfe
from .steepest import DescentResult, steepest_descent

__all__ = [
    "Armijo",
    "DescentResult",
    "ExactQuadratic",
    "FixedStep",
    "LineSearchError",
    "StrongWolfe",
    "steepest_descent",
]
