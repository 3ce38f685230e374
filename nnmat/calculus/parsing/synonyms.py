"""What other languages call the functions of this one, and what to write for those that it lacks."""

from collections.abc import Iterable
from difflib import get_close_matches

MEANT = {
    **dict.fromkeys(
        ("norm", "length", "fro", "frob", "norm_fro", "norm_F", "normF", "fro_norm", "l2", "L2"),
        "norm2(x) for a column, frobenius(A) for a matrix",
    ),
    **dict.fromkeys(("ln", "Log", "LN"), "log(x)"),
    "Tr": "trace(A)",
    "log2": "log(x) / log(2)",
    "log10": "log(x) / log(10)",
    "exp2": "2 ** x",
    "expm1": "exp(x) - 1",
    **dict.fromkeys(("std", "stddev"), "sqrt(var(x))"),
    **dict.fromkeys(("average", "avg"), "mean(x)"),
    **dict.fromkeys(("matexp", "matrix_exp", "matrix_exponential"), "expm(A)"),
    **dict.fromkeys(("pinverse", "pseudo_inverse", "pseudoinverse", "ginv"), "pinv(A)"),
    **dict.fromkeys(("absolute", "Abs"), "abs(x)"),
    **dict.fromkeys(("sum_rows", "row_sum", "rowsum"), "sum(A, axis=1)"),
    **dict.fromkeys(("sum_columns", "column_sum", "colsum"), "sum(A, axis=0)"),
    "prod": "exp(sum(log(x))), for positive x",
    "logaddexp": "log(exp(x) + exp(y))",
    "cumsum": "tril(ones(N, N)) @ x",
    **dict.fromkeys(("eig", "eigh", "eigvals", "eigvalsh", "eigenvalue"), "eigenvalues(S), of a symmetric matrix"),
    "lambda_max": "max(eigenvalues(S)), of a symmetric matrix",
    **dict.fromkeys(("svd", "svdvals", "sigma_max"), "singular_values(A), spectral(A) or nuclear(A)"),
    **dict.fromkeys(
        ("pow", "mpow", "matrix_power", "matpow", "mat_pow", "mpower"), "power(A, n), or A ** n element by element"
    ),
    **dict.fromkeys(("inverse", "invert", "Inv"), "inv(A)"),
    **dict.fromkeys(("concat", "concatenate", "cat", "stack", "hcat", "vcat"), "hstack(A, B) or vstack(A, B)"),
    **dict.fromkeys(("nuc", "norm_nuc", "trace_norm"), "nuclear(A)"),
    **dict.fromkeys(("norm_2", "opnorm"), "norm2(x) for a column, spectral(A) for a matrix"),
    **dict.fromkeys(("norm_1", "L1", "l1"), "norm1(x)"),
    **dict.fromkeys(("norm_inf", "norminf", "Linf"), "max(abs(x))"),
    **dict.fromkeys(("leaky_relu", "leakyrelu", "lrelu"), "maximum(x, 0.01 * x)"),
    "softsign": "x / (1 + abs(x))",
    "softmin": "softmax(-x)",
    "hardtanh": "clip(x)",
    "relu6": "minimum(relu(x), 6)",
    **dict.fromkeys(("atan", "arctan2", "atan2"), "arctan(x)"),
    **dict.fromkeys(("arcsin", "asin"), "arctan(x / sqrt(1 - x**2))"),
    **dict.fromkeys(("arccos", "acos"), "2 * arctan(sqrt((1 - x) / (1 + x)))"),
    **dict.fromkeys(("asinh", "arcsinh"), "log(x + sqrt(x**2 + 1))"),
    **dict.fromkeys(("acosh", "arccosh"), "log(x + sqrt(x**2 - 1))"),
    **dict.fromkeys(("atanh", "arctanh"), "log((1 + x) / (1 - x)) / 2"),
    "sec": "1 / cos(x)",
    "csc": "1 / sin(x)",
    "cot": "1 / tan(x)",
    "sech": "1 / cosh(x)",
    "csch": "1 / sinh(x)",
    "coth": "1 / tanh(x)",
    "sinc": "sin(x) / x",
    "logit": "log(x / (1 - x))",
    **dict.fromkeys(("expit", "logistic", "sigma", "σ"), "sigmoid(x)"),
    **dict.fromkeys(("logsigmoid", "log_sigmoid"), "-softplus(-x)"),
    "square": "x ** 2",
    "cube": "x ** 3",
    "cbrt": "x ** (1/3)",
    "hypot": "sqrt(x**2 + y**2)",
    "hadamard": "A * B",
    "triu": "tril(A.T).T",
    **dict.fromkeys(("identity", "I", "Id"), "eye(N)"),
    **dict.fromkeys(("diagonal", "diagvec"), "diag(A), or diagm(x) for the matrix"),
    **dict.fromkeys(("mat", "unvec"), "reshape(x, M, N)"),
    **dict.fromkeys(("ravel", "flatten"), "vec(A)"),
    **dict.fromkeys(("swish", "SiLU"), "silu(x)"),
    "mish": "x * tanh(softplus(x))",
    "erfc": "1 - erf(x), or 2 * Phi(-sqrt(2) * x)",
    **dict.fromkeys(("heaviside", "Heaviside", "H"), "step(x)"),
    "sgn": "sign(x)",
    **dict.fromkeys(("gamma", "Gamma"), "exp(lgamma(x))"),
    "gammaln": "lgamma(x)",
    "psi": "digamma(x)",
    **dict.fromkeys(("lse", "LSE"), "logsumexp(x)"),
    "chol": "cholesky(P), of a positive definite matrix",
    **dict.fromkeys(("adj", "adjoint", "cofactor"), "adjugate(A); the matrix of cofactors is adjugate(A).T"),
    "argmax": "at_max(x), which is 1 there and 0 elsewhere",
    **dict.fromkeys(("mse", "MSE"), "mean((x - y)**2)"),
    "xlogy": "x * log(y)",
    "entropy": "(-p.T @ log(p))",
    **dict.fromkeys(("kl", "KL"), "p.T @ log(p / q)"),
    "cross": "the entries: x[1] * y[2] - x[2] * y[1]",
    "less": "greater(y, x)",
    **dict.fromkeys(("ifelse", "select"), "where(C, x, y), which is x where C > 0"),
    "kronecker": "kron(A, B)",
    **dict.fromkeys(("rank", "ceil", "round", "cond", "sort", "cov", "qr", "lu"), ""),  # of no use where gradients are
}
OF_MORE = {  # what is meant by more arguments than one
    "max": "The greater of two is maximum(x, y); of rows max(A, axis=1).",
    "min": "The smaller of two is minimum(x, y); of rows min(A, axis=1).",
    **{name: f"Of rows it is {name}(A, axis=1), of columns axis=0." for name in ("sum", "mean", "var")},
    "power": "power(A, 3) is A @ A @ A; x ** y works element by element.",
}


def other(name: str, known: Iterable[str]) -> str:
    """The hint for a function that there is not: what to write, which ones are spelled almost like it, or all."""
    if MEANT.get(name):
        return f"Write {MEANT[name]}."
    size = max(len(name), 3)
    near = get_close_matches(name, known, 2, cutoff=1 - max(1, size // 4) / size - 0.01)
    if near and name not in MEANT:
        return f"Did you mean {' or '.join(near)}?"
    return f"There are {', '.join(known)}."
