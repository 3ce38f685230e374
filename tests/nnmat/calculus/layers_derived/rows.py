"""Layers that treat each row, or each column, alike: activations, dense layers, normalisations."""

import numpy as np

from nnmat import (
    ELU,
    GELU,
    BatchNorm1d,
    BatchNorm2d,
    Dropout,
    Dropout2d,
    Embedding,
    Flatten,
    GroupNorm,
    Hardswish,
    Identity,
    LayerNorm,
    LeakyReLU,
    Linear,
    LogSoftmax,
    Mish,
    PReLU,
    ReLU,
    ReLU6,
    RMSNorm,
    Sequential,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
    Tied,
    Unflatten,
)
from nnmat.calculus import dim
from tests.nnmat.calculus.layers_derived.beside import CASES, INPUTS, ROWS, B, Beside, T, about, linear

# ---- activations -----------------------------------------------------------------------------------------------------


for _kind, _options, _text in (
    (Sigmoid, (), "sigmoid(X)"),
    (Tanh, (), "tanh(X)"),
    (ReLU, (), "relu(X)"),
    (LeakyReLU, (0.2,), "0.2 * X + 0.8 * relu(X)"),
    (ELU, (0.7,), "relu(X) + 0.7 * (exp(-relu(-X)) - 1)"),
    (SiLU, (), "X * sigmoid(X)"),
    (Softplus, (1.5,), "softplus(1.5 * X) / 1.5"),
    (GELU, (), "gelu(X)"),
    (GELU, ("tanh",), f"X * (1 + tanh({np.sqrt(2 / np.pi)} * (X + 0.044715 * X ** 3))) / 2"),
    (Mish, (), "X * tanh(softplus(X))"),
    (ReLU6, (), "relu(X) - relu(X - 6)"),
    (Hardswish, (), "X * (relu(X + 3) - relu(X - 3)) / 6"),
    (Identity, (), "1 * X"),
    (Softmax, (), "softmax_rows(X)"),
    (LogSoftmax, (), "log_softmax_rows(X)"),
):

    def _case(kind=_kind, options=_options, text=_text):
        both = Beside(kind(*options), (4, 7))
        both.input("X", ROWS)
        return both, f"Y = {text}"

    CASES[" ".join(map(str, (_kind.__name__, *_options)))] = (_kind, _case)


@about(PReLU)
def one_learned_slope():
    both = Beside(PReLU(), (4, 7))
    both.input("X", ROWS)
    both.parameter("a", (), both.layer.slope, 0)
    return both, "Y = relu(X) - a * relu(-X)"


@about(PReLU)
def a_slope_for_each_column():
    both = Beside(PReLU(None), (4, 7))
    both.input("X", ROWS)
    both.parameter("a", ("N",), both.layer.slope)
    return both, "Y = relu(X) - relu(-X) @ Diag(a)"


def along_the_first_axis(layer, text):
    """A matrix (T, N) for each sample."""
    both = Beside(layer, (5, 4), batch=2)
    for n in range(2):
        both.input(f"X{n}", ("T", "N"), at=n)
        both.outputs[f"Y{n}"] = n
    return both, "\n".join(f"Y{n} = {text}".replace("X", f"X{n}") for n in range(2))


@about(Softmax)
def softmax_of_columns():
    return along_the_first_axis(Softmax(1), "softmax_rows(X.T).T")


@about(LogSoftmax)
def log_softmax_of_columns():
    return along_the_first_axis(LogSoftmax(1), "log_softmax_rows(X.T).T")


# ---- dense -----------------------------------------------------------------------------------------------------------


@about(Linear)
def a_linear_layer():
    both = Beside(Linear(5, 4), (3, 5))
    both.input("X", INPUTS)
    linear(both, both.layer)
    return both, "Y = X @ W.T + b.T"


def masked(layer, *shape):
    both = Beside(layer, shape)
    (stream,) = both.layer.buffers().values()
    before = stream.copy()
    mask = both.layer.forward(np.ones_like(both.X), training=True)
    stream[...] = before
    both.input("X", ROWS)
    both.constant("M", ROWS, mask)
    return both, "Y = X * M"


@about(Dropout)
def dropout_with_its_mask_as_a_constant():
    return masked(Dropout(0.4), 4, 7)


@about(Dropout2d)
def dropout_of_channels_with_its_mask_as_a_constant():
    return masked(Dropout2d(0.4), 2, 3, 7)


@about(Flatten)
def flatten():
    both = Beside(Flatten(), (4, 5))
    both.input("X", (B * T, "D"))
    both.arrays |= {"B": both.batch, "T": 4, "D": 5}
    return both, "Y = reshape(X, B, T * D)"


@about(Unflatten)
def unflatten():
    both = Beside(Unflatten((4, 5)), (20,))
    both.input("X", ("B", dim("T") * dim("D")))
    both.arrays |= {"B": both.batch, "T": 4, "D": 5}
    return both, "Y = reshape(X, B * T, D)"


def one_hot(both, tokens):
    """The matrix S (R, V) with a 1 for the token of each row."""
    both.constant("S", ("R", "V"), np.eye(tokens)[both.X.reshape(-1)])


@about(Embedding)
def embedding_of_tokens():
    both = Beside(Embedding(6, 4), (5,), tokens=6)
    one_hot(both, 6)
    both.parameter("E", ("V", "N"), both.layer.weight)
    return both, "Y = S @ E"


@about(Tied)
def tied_head():
    table = Embedding(6, 4)
    both = Beside(Sequential([table, Tanh(), Tied(table, transpose=True)]), (5,), tokens=6)
    one_hot(both, 6)
    both.parameter("E", ("V", "N"), table.weight)
    return both, "Y = tanh(S @ E) @ E.T"


@about(Tied)
def autoencoder_of_one_weight():
    encode = Linear(5, 3)
    both = Beside(Sequential([encode, Sigmoid(), Tied(encode, transpose=True)]), (5,))
    both.input("X", INPUTS)
    linear(both, encode)
    return both, "Y = sigmoid(X @ W.T + b.T) @ W"


# ---- normalisation ---------------------------------------------------------------------------------------------------


@about(LayerNorm)
def layer_norm():
    both = Beside(LayerNorm(eps=1e-3), (3, 5))
    both.input("X", ROWS)
    both.parameter("gamma", ("N",), both.layer.gamma)
    both.parameter("beta", ("N",), both.layer.beta)
    return (
        both,
        """
        Z = X - X @ ones(N) @ ones(N).T / dim(N)
        r = (Z ** 2 @ ones(N) / dim(N) + 1e-3) ** (-0.5)
        Y = Diag(r) @ Z @ Diag(gamma) + beta.T""",
    )


@about(RMSNorm)
def rms_norm():
    both = Beside(RMSNorm(eps=1e-3), (3, 5))
    both.input("X", ROWS)
    both.parameter("gamma", ("N",), both.layer.gamma)
    return (
        both,
        """
        r = (X ** 2 @ ones(N) / dim(N) + 1e-3) ** (-0.5)
        Y = Diag(r) @ X @ Diag(gamma)""",
    )


def batch_norm(layer, shape):
    both = Beside(layer, shape)
    both.input("X", ROWS)
    both.parameter("gamma", ("N",), both.layer.gamma)
    both.parameter("beta", ("N",), both.layer.beta)
    return (
        both,
        """
        Z = X - ones(R) @ (ones(R).T @ X) / dim(R)
        v = (Z ** 2).T @ ones(R) / dim(R)
        Y = Z @ Diag((v + 1e-5) ** (-0.5) * gamma) + beta.T""",
    )


@about(BatchNorm1d)
def batch_norm_of_rows():
    return batch_norm(BatchNorm1d(), (4,))


@about(BatchNorm1d)
def batch_norm_of_sequences():
    return batch_norm(BatchNorm1d(), (3, 4))


@about(BatchNorm2d)
def batch_norm_of_images():
    return batch_norm(BatchNorm2d(), (3, 2, 4))


@about(BatchNorm1d)
def batch_norm_in_evaluation():
    both, _ = batch_norm(BatchNorm1d(), (4,))
    both.training = False
    for name, A in both.layer.buffers().items():
        A[...] = both.rng.uniform(0.5, 2, A.shape)
        both.constant({"running_mean": "mu", "running_variance": "v"}[name], ("N",), A)
    return both, "Y = (X - mu.T) @ Diag((v + 1e-5) ** (-0.5) * gamma) + beta.T"


@about(GroupNorm)
def group_norm():
    both = Beside(GroupNorm(2), (3, 6))
    both.input("X", (B * T, 2 * dim("d")))
    both.parameter("gamma", (2 * dim("d"),), both.layer.gamma)
    both.parameter("beta", (2 * dim("d"),), both.layer.beta)
    both.arrays |= {"B": both.batch, "T": 3, "d": 3}
    return (
        both,
        """
        A = kron(eye(B), ones(T, T)) / dim(T)
        P = kron(eye(2), ones(d, d)) / dim(d)
        Z = X - A @ X @ P
        Y = Z * (A @ Z ** 2 @ P + 1e-5) ** (-0.5) @ Diag(gamma) + beta.T""",
    )
