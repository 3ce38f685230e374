"""The source's own algorithm, steepest descent along the unit direction with a line search, and Newton's method."""

from .line_search import Armijo, ExactQuadratic, FixedStep, LineSearchError, StrongWolfe
from .newton import newton
from .problem import DescentResult
from .steepest import steepest_descent

__all__ = [
    "Armijo",
    "DescentResult",
    "ExactQuadratic",
    "FixedStep",
    "LineSearchError",
    "StrongWolfe",
    "newton",
    "steepest_descent",
]
