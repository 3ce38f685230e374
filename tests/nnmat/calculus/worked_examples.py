"""The worked examples, as functions of symbols: name -> (expression, variable, upstream gradient)."""

from nnmat.calculus import (
    conv,
    det,
    diagm,
    exp,
    eye,
    inner,
    inv,
    kron,
    let,
    log,
    log_softmax_rows,
    logdet,
    logsumexp,
    logsumexp_rows,
    matrix,
    norm2,
    ones,
    scalar,
    sigmoid,
    softmax,
    softmax_rows,
    softplus,
    sqrt,
    sum,
    tanh,
    trace,
    vec,
    vector,
)


def bilinear():
    """EX-2-1: f = xᵀAy, one sample."""
    x, A, y = vector("x", "M"), matrix("A", "M", "N"), vector("y", "N")
    return x.T @ A @ y


def bilinear_batch():
    """EX-1-1, batch: L = gᵀ rowsum((XA) ⊙ Y)."""
    X, A, Y, g = matrix("X", "B", "M"), matrix("A", "M", "N"), matrix("Y", "B", "N"), vector("g", "B")
    return g.T @ sum((X @ A) * Y, axis=1)


def least_squares():
    """EX-2-2: ‖Xw - y‖²."""
    X, w, y = matrix("X", "M", "N"), vector("w", "N"), vector("y", "M")
    return norm2(X @ w - y) ** 2


def least_squares_batch():
    """EX-2-2, K outputs with bias: ‖R‖²/B, R = XWᵀ + 1bᵀ - Y."""
    X, W, b, Y = matrix("X", "B", "N"), matrix("W", "M", "N"), vector("b", "M"), matrix("Y", "B", "M")
    B = dimension("B")
    R = let("R", X @ W.T + ones("B") @ b.T - Y)
    return inner(R, R) / B


def dimension(name):
    from nnmat.calculus import dim
    from nnmat.calculus.language.expr import lift

    return lift(dim(name))


def gaussian(**attributes):
    """EX-2-3: N log|Σ| + Tr(Σ⁻¹S)."""
    Sigma = matrix("Sigma", "D", "D", **(attributes or {"positive_definite": True}))
    S = matrix("S", "D", "D", symmetric=True)
    return scalar("N") * logdet(Sigma) + trace(inv(Sigma) @ S)


def gaussian_sample():
    """EX-2-3, one sample: log|Σ| + rᵀΣ⁻¹r, r = x - μ."""
    Sigma = matrix("Sigma", "D", "D", positive_definite=True)
    r = let("r", vector("x", "D") - vector("mu", "D"))
    return logdet(Sigma) + r.T @ inv(Sigma) @ r


def gaussian_mean():
    """EX-2-3 in μ, N samples as rows: Tr(R Σ⁻¹ Rᵀ), R = X - 1μᵀ."""
    Sigma, X = matrix("Sigma", "D", "D", positive_definite=True), matrix("X", "N", "D")
    R = let("R", X - ones("N") @ vector("mu", "D").T)
    return trace(R @ inv(Sigma) @ R.T)


def sigmoid_inverse():
    """EX-3-1: f = xᵀAy, y = σ(h), h = B⁻¹z + b."""
    x, A, B = vector("x", "M"), matrix("A", "M", "N"), matrix("B", "N", "N")
    h = let("h", inv(B) @ vector("z", "N") + vector("b", "N"))
    y = let("y", sigmoid(h))
    return x.T @ A @ y


def sigmoid_inverse_batch():
    """EX-3-1, batch: L = gᵀ rowsum((XA) ⊙ Y), Y = σ(H), H = ZR⁻ᵀ + 1bᵀ."""
    X, A, R = matrix("X", "B", "M"), matrix("A", "M", "N"), matrix("R", "N", "N")
    H = let("H", matrix("Z", "B", "N") @ inv(R).T + ones("B") @ vector("b", "N").T)
    Y = let("Y", sigmoid(H))
    return vector("g", "B").T @ sum((X @ A) * Y, axis=1)


def softmax_regression(general=False):
    """EX-4-1: L = -yᵀ log p, p = softmax(h), h = Wx + b."""
    y = vector("y", "M", sums_to_one=not general)
    h = let("h", matrix("W", "M", "N") @ vector("x", "N") + vector("b", "M"))
    p = let("p", softmax(h))
    return -y.T @ log(p)


def softmax_regression_batch():
    """EX-4-1, batch and mean: L = -⟨Y, log P⟩/B, P = softmax_rows(H), H = XWᵀ + 1bᵀ."""
    Y = matrix("Y", "B", "M", sums_to_one=True)
    H = let("H", matrix("X", "B", "N") @ matrix("W", "M", "N").T + ones("B") @ vector("b", "M").T)
    P = let("P", softmax_rows(H))
    return -inner(Y, log(P)) / dimension("B")


def two_layers():
    """EX-4-2, one sample."""
    x, y = vector("x", "N"), vector("y", "K", sums_to_one=True)
    h1 = let("h1", matrix("W1", "M", "N") @ x + vector("b1", "M"))
    z1 = let("z1", sigmoid(h1))
    h2 = let("h2", matrix("W2", "K", "M") @ z1 + vector("b2", "K"))
    p = let("p", softmax(h2))
    return -y.T @ log(p)


def two_layers_batch():
    """EX-4-2, batch and mean."""
    X, Y = matrix("X", "B", "N"), matrix("Y", "B", "K", sums_to_one=True)
    H1 = let("H1", X @ matrix("W1", "M", "N").T + ones("B") @ vector("b1", "M").T)
    Z1 = let("Z1", sigmoid(H1))
    H2 = let("H2", Z1 @ matrix("W2", "K", "M").T + ones("B") @ vector("b2", "K").T)
    P = let("P", softmax_rows(H2))
    return -inner(Y, log(P)) / dimension("B")


def deep(depth, batch=True):
    """MOT-1: softmax cross-entropy behind `depth` layers with sigmoids between them."""
    Z = matrix("X", "B", "N0") if batch else vector("x", "N0")
    for k in range(1, depth + 1):
        W, b = matrix(f"W{k}", f"N{k}", f"N{k - 1}"), vector(f"b{k}", f"N{k}")
        A = let(f"A{k}", Z @ W.T + ones("B") @ b.T if batch else W @ Z + b)
        if k < depth:
            Z = let(f"Z{k}", sigmoid(A))
    last = f"N{depth}"
    P = let("P", softmax_rows(A) if batch else softmax(A))
    if batch:
        return -inner(matrix("Y", "B", last, sums_to_one=True), log(P)) / dimension("B")
    return -vector("y", last, sums_to_one=True).T @ log(P)


def convolution_khat():
    """EX-4-3 through the matrix of the convolution: h = K̂ vec X, vec K̂ = P vec K, P constant."""
    X, K = matrix("X", "H", "W"), matrix("K", "kh", "kw")
    P = matrix("P", _product("Q", "H", "W"), _product("kh", "kw"), constant=True)
    from nnmat.calculus import dim, reshape

    Khat = let("Khat", reshape(P @ vec(K), dim("Q"), _product("H", "W")))
    return vector("g", "Q").T @ (Khat @ vec(X))


def _product(*names):
    from nnmat.calculus import dim

    d = dim(names[0])
    for name in names[1:]:
        d = d * name
    return d


def convolution():
    """LAW-9, TR-6, TR-7: ⟨H, X ⋆ K⟩."""
    X, K = matrix("X", "M", "N"), matrix("K", "P", "Q")
    Y = conv(X, K)
    return inner(matrix("H", *Y.shape), Y)


def layer_norm():
    """LayerNorm of rows as an expression: X̂ = diag(r) X C, r = (rowmean((XC)²) + ε)^(-1/2)."""
    X, gamma, beta = matrix("X", "B", "N"), vector("g", "N"), vector("b", "N")
    N, epsilon = dimension("N"), scalar("epsilon", positive=True)
    C = eye("N") - ones("N", "N") / N
    Xc = let("Xc", X @ C)
    r = let("r", (sum(Xc * Xc, axis=1) / N + epsilon) ** -0.5)
    return diagm(r) @ Xc @ diagm(gamma) + ones("B") @ beta.T


def batch_norm():
    """BatchNorm of columns as an expression: X̂ = C X diag(r)."""
    X, gamma, beta = matrix("X", "B", "N"), vector("g", "N"), vector("b", "N")
    B, epsilon = dimension("B"), scalar("epsilon", positive=True)
    Xc = let("Xc", (eye("B") - ones("B", "B") / B) @ X)
    r = let("r", (sum(Xc * Xc, axis=0).T / B + epsilon) ** -0.5)
    return Xc @ diagm(r) @ diagm(gamma) + ones("B") @ beta.T


def attention():
    """O = P V, P = softmax_rows(S), S = a Q Kᵀ + M."""
    Q, K, V = matrix("Q", "T", "D"), matrix("K", "U", "D"), matrix("V", "U", "E")
    S = let("S", scalar("a") * (Q @ K.T) + matrix("M", "T", "U"))
    P = let("P", softmax_rows(S))
    return P @ V


def residual():
    """Y = X + tanh(XW1ᵀ + 1b1ᵀ) W2ᵀ + 1b2ᵀ."""
    X = matrix("X", "B", "N")
    Z = let("Z", tanh(X @ matrix("W1", "M", "N").T + ones("B") @ vector("b1", "M").T))
    return X + Z @ matrix("W2", "N", "M").T + ones("B") @ vector("b2", "N").T


def gan_discriminator():
    """mean ζ(-s_r) + mean ζ(s_f), s = X w + 1 c."""
    w, c = vector("w", "N"), scalar("c")
    real = let("r", matrix("R", "B", "N") @ w + c * ones("B"))
    fake = let("s", matrix("F", "C", "N") @ w + c * ones("C"))
    return sum(softplus(-real)) / dimension("B") + sum(softplus(fake)) / dimension("C")


def gan_generator():
    """mean ζ(-s), s = F w + 1 c, F = tanh(Z Uᵀ)."""
    F = let("F", tanh(matrix("Z", "C", "L") @ matrix("U", "N", "L").T))
    s = let("s", F @ vector("w", "N") + scalar("c") * ones("C"))
    return sum(softplus(-s)) / dimension("C")


def log_sum_exp():
    return logsumexp(vector("x", "N"))


def log_sum_exp_rows():
    return vector("g", "B").T @ logsumexp_rows(matrix("X", "B", "N"))


def sympy_failures():
    """What other tools get wrong: name -> (f, variable)."""
    X, x = matrix("X", "N", "N"), vector("x", "N")
    A, W, y = matrix("A", "N", "N"), matrix("W", "M", "N"), vector("y", "M")
    return {
        "log|X|": (log(det(X)), "X"),
        "log|X| as logdet": (logdet(X), "X"),
        "log(1ᵀexp(x))": (log(ones("N").T @ exp(x)), "x"),
        "Tr(XᵀX) - 3": (trace(X.T @ X) - 3, "X"),
        "Tr(A) + Tr(A²)": (trace(A) + trace(A @ A), "A"),
        "|X|": (det(X), "X"),
        "|X| invertible": (det(matrix("X", "N", "N", invertible=True)), "X"),
        "‖Wx - y‖²": (norm2(W @ x - y) ** 2, "W"),
        "√(xᵀx)": (sqrt(x.T @ x), "x"),
        "Tr(A ⊗ X)": (trace(kron(A, matrix("X", "M", "M"))), "X"),
        "yᵀσ(Wσ(Ax))": (y.T @ sigmoid(W @ sigmoid(A @ x)), "A"),
    }


def log_softmax_loss():
    H, Y = matrix("H", "B", "M"), matrix("Y", "B", "M", sums_to_one=True)
    return -inner(Y, log_softmax_rows(H)) / dimension("B")
