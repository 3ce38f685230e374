"""Matrix calculus: derive the gradient of a scalar function of matrices, with every step, and check it."""

from .compiling.compiled import Compiled, compile
from .derivation.derivation import Derivation
from .derivation.derive import derive, gradient, hessian_product
from .dimensions import dim
from .errors import DomainError, DtypeError, NotDerivable, ParseError, RecordError, ShapeError, UnverifiedError
from .evaluation.evaluator import evaluate
from .grading.comparing import same
from .grading.grade import Verdict, claim, grade
from .language.convolution import conv
from .language.elementwise import absolute, cos, exp, gelu, log, relu, sigmoid, sin, softplus, sqrt, tanh
from .language.expr import Expr, eye, latex, ones, text, zeros
from .language.operators import (
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
from .language.operators import total as sum
from .language.vocabulary import elementwise
from .laws.simplifier import simplify
from .parsing.parser import parse
from .records.record import Step

__all__ = [
    "Compiled",
    "Derivation",
    "DomainError",
    "DtypeError",
    "Expr",
    "NotDerivable",
    "ParseError",
    "RecordError",
    "ShapeError",
    "Step",
    "UnverifiedError",
    "Verdict",
    "absolute",
    "adjugate",
    "claim",
    "compile",
    "conv",
    "cos",
    "derive",
    "det",
    "diag",
    "diagm",
    "dim",
    "elementwise",
    "evaluate",
    "exp",
    "eye",
    "frobenius",
    "gelu",
    "grade",
    "gradient",
    "hessian_product",
    "inner",
    "inv",
    "kron",
    "latex",
    "let",
    "log",
    "log_softmax",
    "log_softmax_rows",
    "logdet",
    "logsumexp",
    "logsumexp_rows",
    "matrix",
    "norm2",
    "ones",
    "outer",
    "parse",
    "relu",
    "reshape",
    "same",
    "scalar",
    "sigmoid",
    "simplify",
    "sin",
    "softmax",
    "softmax_rows",
    "softplus",
    "solve",
    "sqrt",
    "sum",
    "tanh",
    "text",
    "trace",
    "tril",
    "vec",
    "vector",
    "zeros",
]
