"""The functions that can be called in text, each with its constructor, and how a new one gets among them."""

from collections.abc import Callable

from ..errors import ShapeError
from . import blocks, matrix_functions, operators, reductions, spectra
from .convolution import conv, conv_input, conv_kernel, setting_of
from .elementwise import FUNCTIONS, Function
from .expr import Expr, eye, lift, ones, transpose, zeros
from .operators import kron_left, kron_right
from .signatures import SIGNATURES

# By the name in text; the arguments are those of the signature: operands, dimensions, options.
CONSTRUCTORS: dict[str, Callable[..., Expr]] = {
    **{
        f.__name__: f
        for f in (
            operators.inv,
            operators.solve,
            operators.det,
            operators.logdet,
            operators.adjugate,
            operators.trace,
            operators.inner,
            operators.outer,
            operators.norm2,
            operators.frobenius,
            operators.diag,
            operators.diagm,
            operators.tril,
            operators.kron,
            operators.vec,
            operators.reshape,
            operators.commutation,
            operators.softmax,
            operators.softmax_rows,
            operators.log_softmax,
            operators.log_softmax_rows,
            operators.logsumexp,
            operators.logsumexp_rows,
            ones,
            zeros,
            eye,
            conv,
            matrix_functions.expm,
            matrix_functions.logm,
            matrix_functions.sqrtm,
            matrix_functions.power_frechet,
            matrix_functions.expm_frechet,
            matrix_functions.logm_frechet,
            matrix_functions.sylvester,
            matrix_functions.pinv,
            matrix_functions.pinv_full,
            matrix_functions.cholesky,
            spectra.eigenvalues,
            spectra.eigenvectors,
            spectra.gaps,
            spectra.singular_values,
            spectra.right_singular,
            spectra.nuclear,
            spectra.spectral,
            spectra.polar,
            spectra.dyad,
            reductions.mean,
            reductions.var,
            reductions.at_max,
            reductions.at_max_rows,
            reductions.norm1,
            reductions.dot,
            reductions.inner_rows,
            reductions.norm2_rows,
            reductions.maximum,
            reductions.minimum,
            reductions.greater,
            reductions.where,
            blocks.submatrix,
            blocks.padded,
            blocks.hstack,
            blocks.vstack,
            blocks.block,
            transpose,
        )
    },
    "power": matrix_functions.matrix_power,
    "max": reductions.largest,
    "min": reductions.smallest,
    "tr": operators.trace,
    "sum": operators.total,
    "Diag": operators.diagm,
    "dim": lift,
    "kron_left": lambda g, b, rows, columns: kron_left(g, b, (rows, columns)),
    "kron_right": lambda g, a, rows, columns: kron_right(g, a, (rows, columns)),
    "conv_input": lambda h, k, rows, columns, **options: conv_input(h, k, (rows, columns), setting_of(**options)),
    "conv_kernel": lambda h, x, rows, columns, **options: conv_kernel(h, x, (rows, columns), setting_of(**options)),
}


def known_functions() -> list[str]:
    """All names that can be called in text."""
    return sorted([*SIGNATURES, *FUNCTIONS])


def elementwise(
    name: str,
    value: Callable,
    derivative: Callable[[Expr], Expr],
    inside: Callable | None = None,
    kinked: bool = False,
) -> Function:
    """A new elementwise function `name`, usable as `f(A)` and, by name, in text.

    `value` maps a float64 array to the array of the function values; `derivative` maps an expression x to the
    expression f'(x); `inside` maps an array to True where f is defined; `kinked` says that f has a kink at 0.
    Raises ShapeError if the name is taken or is no name. A wrong derivative is found by the check inside `derive`.
    """
    if not isinstance(name, str) or not name.isidentifier() or name in known_functions():
        why = "a function has it" if name in known_functions() else "it is no name"
        raise ShapeError(f"elementwise: expected a new name, got {name!r}: {why}. Try {name}2 or another word.")
    if not (callable(value) and callable(derivative)):
        raise ShapeError(f"elementwise: expected value and derivative of {name} as functions, got other objects.")
    function = Function(name, value, lambda x, y: lift(derivative(x), name), inside=inside, kinked=kinked)
    FUNCTIONS[name] = function
    return function
