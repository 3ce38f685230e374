"""Layers that treat each row, or each column, alike: what is compiled from their descriptions is their backward."""

import numpy as np
import pytest

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
from tests.nnmat.calculus.builtin.beside import Beside, Cases

CASES = Cases()
BENDS = [-3.0, 0.0, 3.0, 6.0, -0.0, 1.0, -1.0]  # and both sides of them


def at_bends(name, layer):
    both = Beside(name, layer, (4, 7))
    both.X[0, 0] = BENDS
    both.input("X")
    return both


for _name, _kind, _options, _constants in (
    ("Sigmoid", Sigmoid, (), {}),
    ("Tanh", Tanh, (), {}),
    ("ReLU", ReLU, (), {}),
    ("LeakyReLU", LeakyReLU, (0.2,), {"a": 0.2}),
    ("ELU", ELU, (0.7,), {"a": 0.7}),
    ("SiLU", SiLU, (), {}),
    ("Softplus", Softplus, (1.5,), {"c": 1.5}),
    ("GELU", GELU, (), {}),
    ("GELU-tanh", GELU, ("tanh",), {"c": np.sqrt(2 / np.pi)}),
    ("Mish", Mish, (), {}),
    ("ReLU6", ReLU6, (), {}),
    ("Hardswish", Hardswish, (), {}),
    ("Identity", Identity, (), {}),
    ("Softmax", Softmax, (), {}),
    ("LogSoftmax", LogSoftmax, (), {}),
):

    def _activation(name=_name, kind=_kind, options=_options, constants=_constants):
        both = at_bends(name, kind(*options))
        both.constants(**constants)
        return both

    CASES[_name] = _activation


@pytest.mark.parametrize("name", CASES)
def test_compiled_gradients_are_those_of_backward(name):
    CASES[name]().equal()


@CASES.case
def one_learned_slope():
    both = at_bends("PReLU", PReLU())
    both.parameter("a", both.layer.slope, 0)
    return both


@CASES.case
def a_slope_for_each_column():
    both = at_bends("PReLU-columns", PReLU(None))
    both.parameter("a", both.layer.slope)
    return both


def along_the_first_axis(name, layer):
    both = Beside(name, layer, (5, 4), batch=1)
    both.input("X", lambda A: A[0])
    return both


@CASES.case
def softmax_of_columns():
    return along_the_first_axis("Softmax-axis1", Softmax(1))


@CASES.case
def log_softmax_of_columns():
    return along_the_first_axis("LogSoftmax-axis1", LogSoftmax(1))


# ---- dense -----------------------------------------------------------------------------------------------------------


@CASES.case
def a_linear_layer():
    both = Beside("Linear", Linear(5, 4), (3, 5))
    both.input("X")
    both.linear(both.layer)
    return both


def masked(layer, *shape):
    both = Beside(type(layer).__name__, layer, shape)
    (stream,) = both.layer.buffers().values()
    before = stream.copy()
    mask = both.layer.forward(np.ones_like(both.X), training=True)
    stream[...] = before
    both.input("X")
    both.constants(M=mask.reshape(-1, mask.shape[-1]))
    return both


@CASES.case
def dropout_with_its_mask_as_a_constant():
    return masked(Dropout(0.4), 4, 7)


@CASES.case
def dropout_of_channels_with_its_mask_as_a_constant():
    return masked(Dropout2d(0.4), 2, 3, 7)


@CASES.case
def flatten():
    both = Beside("Flatten", Flatten(), (4, 5), B=3, T=4, D=5)
    both.input("X")
    return both


@CASES.case
def unflatten():
    both = Beside("Unflatten", Unflatten((4, 5)), (20,), B=3, T=4, D=5)
    both.input("X")
    return both


def one_hot(both, tokens):
    """The matrix S (R, V) with a 1 for the token of each row."""
    both.constants(S=np.eye(tokens)[both.X.reshape(-1)])


@CASES.case
def embedding_of_tokens():
    both = Beside("Embedding", Embedding(6, 4), (5,), tokens=6)
    one_hot(both, 6)
    both.parameter("E", both.layer.weight)
    return both


@CASES.case
def tied_head():
    table = Embedding(6, 4)
    both = Beside("Tied", Sequential([table, Tanh(), Tied(table, transpose=True)]), (5,), tokens=6)
    one_hot(both, 6)
    both.parameter("E", table.weight)
    return both


@CASES.case
def autoencoder_of_one_weight():
    encode = Linear(5, 3)
    both = Beside("Tied-linear", Sequential([encode, Sigmoid(), Tied(encode, transpose=True)]), (5,))
    both.input("X")
    both.linear(encode)
    return both


# ---- normalisation ---------------------------------------------------------------------------------------------------


def scaled(name, layer, shape, eps=1e-5, **sizes):
    both = Beside(name, layer, shape, **sizes)
    both.input("X")
    for p in both.layer.parameters():
        both.parameter(p.kind, p)
    both.constants(e=eps)
    return both


@CASES.case
def layer_norm():
    return scaled("LayerNorm", LayerNorm(eps=1e-3), (3, 5), 1e-3)


@CASES.case
def rms_norm():
    return scaled("RMSNorm", RMSNorm(eps=1e-3), (3, 5), 1e-3)


@CASES.case
def batch_norm_of_rows():
    return scaled("BatchNorm1d", BatchNorm1d(), (4,))


@CASES.case
def batch_norm_of_sequences():
    return scaled("BatchNorm1d", BatchNorm1d(), (3, 4))


@CASES.case
def batch_norm_of_images():
    return scaled("BatchNorm2d", BatchNorm2d(), (3, 2, 4))


@CASES.case
def batch_norm_in_evaluation():
    both = scaled("BatchNorm1d-evaluation", BatchNorm1d(), (4,))
    both.training = False
    for name, A in both.layer.buffers().items():
        A[...] = both.rng.uniform(0.5, 2, A.shape)
        both.constants(**{{"running_mean": "mu", "running_variance": "v"}[name]: A})
    return both


@CASES.case
def group_norm():
    return scaled("GroupNorm", GroupNorm(2), (3, 6), B=3, T=3, d=3)
