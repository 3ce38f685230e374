"""Matrix calculus: derive the gradient of a scalar function of matrices, with every step, and check it."""

from .convolution import conv
from .derivation import Derivation, Step
from .derive import derive, gradient, hessian_product
from .dims import dim
from .elementwise import absolute, cos, elementwise, exp, gelu, log, relu, sigmoid, sin, softplus, sqrt, tanh
from .errors import DomainError, NotDerivable, ParseError, UnverifiedError
from .evaluator import evaluate
from .expr import Expr, eye, ones, zeros
from .functions import (
    adjugate,
    det,
    diag,
    diagm,
    frobenius,
    inner,
    inv,
    kron,
    let,
    log_softmax,
    log_softmax_rows,
    logdet,
    logsumexp,
    logsumexp_rows,
    matrix,
    norm2,
    outer,
    reshape,
    scalar,
    softmax,
    softmax_rows,
    solve,
    trace,
    tril,
    vec,
    vector,
)
from .functions import total as sum
from .latex import latex
from .parser import parse
from .simplifier import simplify
from .text import text

