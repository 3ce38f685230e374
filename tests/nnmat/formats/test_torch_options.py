"""Options of PyTorch's modules that change what they compute. Modules themselves are in tests/judge."""

from types import SimpleNamespace

import numpy as np
import pytest

from nnmat import RNN, ConfigError, Flatten, LayerNorm, LogSoftmax, RMSNorm, Sequential, Softmax, TransformerBlock
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


class Kind:
    """A module's stand-in whose class has a name that counts."""

    def __new__(cls, name, **options):
        return type(name, (SimpleNamespace,), {})(**options)


class Parts(Module):
    def __init__(self, *parts):
        self.parts = list(parts)


@pytest.mark.parametrize("kind", [Softmax, LogSoftmax])
def test_axes_of_softmax(kind):
    """Channels are the last axis here and the first one there; what axes sequences have is not known."""
    name = kind.__name__
    for shape, axis, dim in (((4,), -1, 1), ((4,), -1, -1), ((5, 4, 3), -1, 1), ((5, 4, 3), 1, 2), ((5, 4, 3), 2, -1)):
        check_options(Sequential([kind(axis)], input_shape=shape), Parts(Kind(name, dim=dim)))
    for dim in (1, 2):
        check_options(Sequential([kind()], input_shape=(5, 4)), Parts(Kind(name, dim=dim)))
    check_options(Sequential([kind()], input_shape=(5, 4, 3)), Parts(Kind(name, dim=None)))
    with pytest.raises(ConfigError, match=rf"expected {name} with dim=1, that of {name} '0', got 3"):
        check_options(Sequential([kind()], input_shape=(5, 4, 3)), Parts(Kind(name, dim=3)))


def test_axes_of_flatten():
    for axes, there in (((1, -1), (1, -1)), ((1, 2), (2, 3)), ((2, 2), (1, 1))):
        parts = Parts(Kind("Flatten", start_dim=there[0], end_dim=there[1]))
        check_options(Sequential([Flatten(*axes)], input_shape=(5, 4, 3)), parts)
    with pytest.raises(ConfigError, match="start_dim=2 and end_dim=3, those of Flatten '0', got 1 and 2"):
        check_options(
            Sequential([Flatten(1, 2)], input_shape=(5, 4, 3)), Parts(Kind("Flatten", start_dim=1, end_dim=2))
        )
