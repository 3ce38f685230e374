"""Jacobians and Hessians: the differential of a matrix-valued function as a linear map of dX, and as a matrix.

dF = L(dX) in closed form, by the laws of the differential, from X up; `vec(dF) = J vec(dX)` with the rows of a matrix
below one another, as NumPy's ravel has them. The Hessian is the Jacobian of the gradient.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..checking.differences import ATTEMPTS, direction_for, moving, quotient, roundings
from ..checking.sampling import points
from ..errors import DomainError, NotDerivable, ShapeError, UnverifiedError
from ..evaluation.evaluator import Evaluation
from ..language.expr import Expr, bottom_up, depending, described, lift, node, zeros
from ..language.operators import inner
from ..laws.differentials import differential
from ..laws.simplifier import Simplifier
from .derive import derived, variable_of
from .vectorization import matrix_of

NEAR = 1e-6  # relative


@dataclass(frozen=True)
class Jacobian:
    """The derivative of `function` by `wrt`; `differential` is dF, an expression in which dX stands."""

    function: Expr
    wrt: Expr
    differential: Expr

    def along(self, V: Expr) -> Expr:
        """The derivative along V, of the shape of the variable: L(V). Raises ShapeError for another shape."""
        V = lift(V, "along")
        if V.shape != self.wrt.shape:
            raise ShapeError(f"along: expected V of the shape of {described(self.wrt)}, got {described(V)}.")
        return bottom_up(self.differential, lambda x, new: V if new.op == "d" else new)

    @cached_property
    def matrix(self) -> Expr:
        """J of vec(dF) = J vec(dX), row by row: a gradient of a column's function is its one row.

        Raises NotDerivable where the language has no matrix for an operator in dF.
        """
        f, x = self.function.shape, self.wrt.shape
        if self.differential.op in ("zeros", "num"):
            return zeros(f[0] * f[1], x[0] * x[1])
        return Simplifier()(matrix_of(self.differential, node("d", (self.wrt,), None, x)))

    def __str__(self) -> str:
        lines = [f"F = {self.function}", f"dF = {self.differential}"]
        try:
            return "\n".join([*lines, f"vec(dF) = J vec(d{self.wrt}), J = {self.matrix}"])
        except NotDerivable:
            return "\n".join(lines)


def jacobian(f: Expr, wrt: Expr | str) -> Jacobian:
    """The derivative of a scalar or matrix-valued function, compared with difference quotients before it is returned.

    Raises ShapeError for what does not fit, NotDerivable with node and reason, UnverifiedError if the check fails.
    """
    f = lift(f, "jacobian")
    variable = variable_of("jacobian", f, wrt)
    result = Jacobian(f, variable, _differential(f, variable))
    _check(result)
    return result


def hessian(f: Expr, wrt: Expr | str) -> Jacobian:
    """The Jacobian of the gradient of a scalar function: `along(V)` is the product with V, `matrix` the Hessian."""
    d = derived("hessian", f, wrt)
    return jacobian(d.gradient, d.wrt) if d.wrt in d.gradient.free else Jacobian(d.gradient, d.wrt, _zero(d.gradient))


def _zero(f: Expr) -> Expr:
    return lift(0) if f.is_scalar else zeros(*f.shape)


def _differential(f: Expr, variable: Expr) -> Expr:
    """dF in terms of dX alone, simplified node by node."""
    if variable not in f.free:
        return _zero(f)
    simplifier = Simplifier()
    found: dict[Expr, Expr] = {variable: node("d", (variable,), None, variable.shape)}
    for x in depending(f, variable):
        if x.op == "ref":
            found[x] = found[x.args[0]]
        elif x is not variable:
            found[x] = simplifier(differential(x, found.get)[1])
    return found[f]


def _check(result: Jacobian) -> None:
    """dF along random directions against the quotients of F."""
    f, wrt, claim = result.function, result.wrt, result.differential
    if wrt not in f.free:
        return
    rng = np.random.default_rng(0)
    good = 0
    for point in points(inner(f, f) + inner(claim, claim), rng, ATTEMPTS):
        along = direction_for(wrt, point, rng)
        here = Evaluation(point.arrays, point.sizes)
        here.differences = lambda x, along=along: along
        try:
            claimed = here.value(claim)
            size = roundings(here, moving(f, wrt))[0]
            zero = float(np.abs(claimed).max()) <= 1e-13 * size  # such a claim meets nothing but rounding errors
            for finest in (zero, True):
                measured, doubt = quotient(here, wrt, along, moving(f, wrt), size, finest)
                large = max(float(np.abs(measured).max()), float(np.abs(claimed).max()), 1e-9 * size)
                gap = float(np.abs(measured - claimed).max())
                believed = doubt <= (1e-8 * size if zero else 1e-5 * large)
                if not believed or gap <= NEAR * large + 10 * doubt:
                    break
            else:
                raise UnverifiedError(f"jacobian: expected dF = {claim}, it is off by {gap:.3g} at {point}.")
        except DomainError:
            continue
        good += believed
        if good == 3:
            return
    raise UnverifiedError(f"jacobian: expected 3 points of the domain of {f}, found {good}. Try attributes.")
