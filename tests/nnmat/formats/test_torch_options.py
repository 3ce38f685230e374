"""Options of PyTorch's modules that change what they compute. Modules themselves are in tests/judge."""

from types import SimpleNamespace

import numpy as np
import pytest

from nnmat import RNN, ConfigError, LayerNorm, RMSNorm, Sequential, TransformerBlock
from nnmat.formats.torch_options import check_options


class Module:
    """What is read of a module: its parts with their options."""

    def __init__(self, *parts):
        self.parts = [SimpleNamespace(**options) for options in parts]

    def modules(self):
        return [self, *self.parts]


def named(name):
    def function():
        pass

    function.__name__ = name
    return function


def block(**options):
    return Sequential([TransformerBlock(8, 2, **options)], input_shape=(5, 8))


@pytest.mark.parametrize(
    ("model", "parts", "text"),
    [
        (
            lambda: Sequential([RNN(8, 3)], input_shape=(5, 8)),
            [{"nonlinearity": "relu"}],
            "nonlinearity='tanh', got 'relu'",
        ),
        (block, [{"norm_first": False}], "norm_first=True, got False"),
        (block, [{"add_zero_attn": True}], "add_zero_attn=False, got True"),
        (block, [{"norm_first": True, "activation": named("relu")}], "activation='gelu', got relu"),
        (
            lambda: block(feed_forward="gelu_tanh"),
            [{"norm_first": True, "activation": named("gelu")}],
            r"activation=nn\.GELU\('tanh'\), got gelu",
        ),
        (
            lambda: Sequential([LayerNorm()], input_shape=(5,)),
            [{"eps": 0.5}],
            "eps=1e-05, that of LayerNorm '0', got 0.5",
        ),
        (
            lambda: Sequential([RMSNorm()], input_shape=(5,)),
            [{"eps": None}],
            "eps=1e-05, that of RMSNorm '0', got None",
        ),
    ],
)
def test_other_options_are_refused(model, parts, text):
    with pytest.raises(
        ConfigError, match=rf"^from_torch: expected SimpleNamespace with {text}\. It computes something"
    ):
        check_options(model(), Module(*parts))


def test_the_same_options_are_taken():
    norms = [{"eps": 1e-5}, {"eps": 1e-5}]
    for function in (named("gelu"), lambda x: x):
        check_options(block(), Module({"norm_first": True, "activation": function}, *norms))
    check_options(Sequential([RNN(8, 3)], input_shape=(5, 8)), Module({"nonlinearity": "tanh"}))
    eps = float(np.finfo(np.float32).eps)
    check_options(Sequential([RMSNorm(eps=eps)], input_shape=(5,)), Module({"eps": None}))
    check_options(Sequential([LayerNorm()], input_shape=(5,)), Module())
