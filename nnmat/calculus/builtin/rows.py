"""Layers that treat every row, or every column, alike: activations, dense layers, normalisations.

The rows of all samples lie below one another: a batch (B, T, N) is the matrix X (R, N) with R = B T. Where a function
bends, its expression is written so that the derived gradient is that of the layer: the slope of relu at 0 is 0.
"""

from .description import Description

ROWS, INTO = {"X": "R, N"}, {"X": "R, D"}
ACTIVATIONS = [
    Description("Sigmoid", "Y = sigmoid(X)", ROWS),
    Description("Tanh", "Y = tanh(X)", ROWS),
    Description("ReLU", "Y = relu(X)", ROWS),
    Description("LeakyReLU", "Y = a * X + (1 - a) * relu(X)", ROWS, {}, {"a": "1"}, {"a": "the slope below 0"}),
    Description(
        "ELU", "Y = relu(X) + a * (exp(X - relu(X)) - 1)", ROWS, {}, {"a": "1"}, {"a": "alpha: minus the lowest value"}
    ),
    Description("SiLU", "Y = X * sigmoid(X)", ROWS),
    Description(
        "Softplus", "Y = softplus(c * X) / c", ROWS, {}, {"c": "1, positive"}, {"c": "beta: how sharp the bend is"}
    ),
    Description("GELU", "Y = gelu(X)", ROWS),
    Description(
        "GELU-tanh",
        "Y = X * (1 + tanh(c * (X + 0.044715 * X ** 3))) / 2",
        ROWS,
        {},
        {"c": "1"},
        {"c": "the square root of 2/π"},
    ),
    Description("Mish", "Y = X * tanh(softplus(X))", ROWS),
    Description("ReLU6", "Y = 6 - relu(6 - relu(X))", ROWS),
    Description("Hardswish", "Y = X * (6 - relu(6 - relu(X + 3))) / 6", ROWS),
    Description("Identity", "Y = X", ROWS),
    Description("Softmax", "Y = softmax_rows(X)", ROWS),
    Description("Softmax-axis1", "Y = softmax_rows(X.T).T", {"X": "T, N"}, words={"X": "one sample"}),
    Description("LogSoftmax", "Y = log_softmax_rows(X)", ROWS),
    Description("LogSoftmax-axis1", "Y = log_softmax_rows(X.T).T", {"X": "T, N"}, words={"X": "one sample"}),
    Description("PReLU", "Y = relu(X) + a * (X - relu(X))", ROWS, {"a": "1"}, words={"a": "slope, one for all"}),
    Description(
        "PReLU-columns",
        "Y = relu(X) + (X - relu(X)) @ Diag(a)",
        ROWS,
        {"a": "N"},
        words={"a": "slope, one for each column"},
    ),
]
MASK = {"M": "0 where an entry is dropped, 1/(1 - rate) where it is kept"}
HOT = {"S": "one row for each token, a one at its number and zeros"}
DENSE = [
    Description("Linear", "Y = X @ W.T + b.T", INTO, {"W": "N, D", "b": "N"}),
    Description("Dropout", "Y = X * M", ROWS, {}, {"M": "R, N"}, MASK),
    Description(
        "Dropout2d",
        "Y = X * M",
        ROWS,
        {},
        {"M": "R, N"},
        {"M": "0 at every pixel of a channel that is dropped, 1/(1 - rate) where it is kept"},
    ),
    Description("Flatten", "Y = reshape(X, B, T * D)", {"X": "B * T, D"}),
    Description("Unflatten", "Y = reshape(X, B * T, D)", {"X": "B, T * D"}),
    Description("Embedding", "Y = S @ E", {}, {"E": "V, N"}, {"S": "R, V"}, HOT),
    Description(
        "Tied",
        "H = tanh(S @ E)\nY = H @ E.T",
        {},
        {"E": "V, N"},
        {"S": "R, V"},
        {**HOT, "E": "the table, and transposed the weight of the output"},
    ),
    Description(
        "Tied-linear",
        "H = sigmoid(X @ W.T + b.T)\nY = H @ W",
        INTO,
        {"W": "N, D", "b": "N"},
        words={"W": "the weight of the first layer, and transposed of the last"},
    ),
]
EPS, SCALED = {"e": "eps, which keeps roots from 0"}, {"gamma": "N", "beta": "N"}
BATCH_NORM = """
    Z = X - ones(R) @ (ones(R).T @ X) / dim(R)
    v = (Z ** 2).T @ ones(R) / dim(R)
    Y = Z @ Diag((v + e) ** (-0.5) * gamma) + beta.T"""
NORMS = [
    Description(
        "LayerNorm",
        """
        Z = X - X @ ones(N) @ ones(N).T / dim(N)
        r = (Z ** 2 @ ones(N) / dim(N) + e) ** (-0.5)
        Y = Diag(r) @ Z @ Diag(gamma) + beta.T""",
        ROWS,
        SCALED,
        {"e": "1, positive"},
        EPS,
    ),
    Description(
        "RMSNorm",
        """
        r = (X ** 2 @ ones(N) / dim(N) + e) ** (-0.5)
        Y = Diag(r) @ X @ Diag(gamma)""",
        ROWS,
        {"gamma": "N"},
        {"e": "1, positive"},
        EPS,
    ),
    Description("BatchNorm1d", BATCH_NORM, ROWS, SCALED, {"e": "1, positive"}, EPS),
    Description(
        "BatchNorm1d-evaluation",
        "Y = (X - mu.T) @ Diag((v + e) ** (-0.5) * gamma) + beta.T",
        ROWS,
        SCALED,
        {"e": "1, positive", "mu": "N", "v": "N, positive"},
        {**EPS, "mu": "the running mean", "v": "the running variance"},
    ),
    Description("BatchNorm2d", BATCH_NORM, ROWS, SCALED, {"e": "1, positive"}, {**EPS, "X": "a row for each pixel"}),
    Description(
        "GroupNorm",
        """
        A = kron(eye(B), ones(T, T)) / dim(T)
        P = kron(eye(2), ones(d, d)) / dim(d)
        Z = X - A @ X @ P
        Y = Z * (A @ Z ** 2 @ P + e) ** (-0.5) @ Diag(gamma) + beta.T""",
        {"X": "B * T, 2 * d"},
        {"gamma": "2 * d", "beta": "2 * d"},
        {"e": "1, positive"},
        {**EPS, "X": "two groups of d columns, T rows for each of B samples"},
    ),
]
LAYERS = [*ACTIVATIONS, *DENSE, *NORMS]
