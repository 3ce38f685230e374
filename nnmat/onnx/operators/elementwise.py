"""Functions of single entries: activations by kernels, others by NumPy."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from nnmat_kernels import unchecked as k

from .table import Node, by_kernel, gradient, operator, summed

Function = Callable[[np.ndarray], np.ndarray]


def _entries(
    kind: str, value: Callable[..., Any], slope: Callable[..., Any] | None = None, attributes: str = "", kernels=False
) -> None:
    """An operator Y = f(X) of entries; `slope(node, X, Y)` is its derivative."""

    @operator(kind, attributes=attributes, kernels=kernels)
    def compute(node: Node, X: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):  # what has no value is NaN, as everywhere
            return np.asarray(value(node, X)).astype(X.dtype, copy=False)

    if slope is not None:

        @gradient(kind)
        def backward(node: Node, inputs: Any, outputs: Any, G: Any) -> Any:
            X, Y = inputs[0], outputs[0]
            with np.errstate(all="ignore"):
                return ((G[0] * slope(node, X, Y)).astype(X.dtype, copy=False),)


def _plain(f: Function) -> Callable[..., Any]:
    return lambda node, X: f(X)


def _single(f: Function) -> Callable[..., Any]:
    return lambda node, X: by_kernel(f, X)


def _half(f: Function) -> Function:
    """Computed in float32 at least."""
    return lambda X: f(X.astype(np.float32) if X.dtype == np.float16 else X)


# ---- activations that have kernels -----------------------------------------------------------------------------------

_entries("Relu", lambda node, X: by_kernel(k.relu, X) if X.dtype.kind == "f" else np.maximum(X, 0),
         lambda node, X, Y: X > 0, kernels=True)  # fmt: skip
_entries("Sigmoid", _single(k.sigmoid), lambda node, X, Y: Y * (1 - Y), kernels=True)
_entries("Tanh", _single(k.tanh), lambda node, X, Y: 1 - Y * Y, kernels=True)
_entries(
    "LeakyRelu",
    lambda node, X: by_kernel(lambda A: k.leaky_relu(A, float(node.get("alpha", 0.01))), X),
    lambda node, X, Y: np.where(X > 0, 1, node.get("alpha", 0.01)),
    "alpha",
    kernels=True,
)
_entries(
    "Elu",
    lambda node, X: by_kernel(lambda A: k.elu(A, float(node.get("alpha", 1.0))), X),
    lambda node, X, Y: np.where(X > 0, 1, Y + node.get("alpha", 1.0)),
    "alpha",
    kernels=True,
)
_entries("Softplus", _single(lambda A: k.softplus(A, 1.0)), lambda node, X, Y: by_kernel(k.sigmoid, X), kernels=True)
_entries("HardSwish", _single(k.hardswish),
         lambda node, X, Y: np.where(X <= -3, 0, np.where(X >= 3, 1, X / 3 + 0.5)), kernels=True)  # fmt: skip


def _slope(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """The derivative as a kernel gives it: the gradient for an upstream of ones."""
    return lambda node, X, Y: by_kernel(lambda A: kernel(np.ones_like(A), A), X)


_entries("Mish", _single(k.mish), _slope(k.mish_backward), kernels=True)


def _gelu(node: Node, X: np.ndarray) -> np.ndarray:
    return by_kernel(k.gelu_tanh if node.get("approximate", "none") == "tanh" else k.gelu, X)


def _gelu_slope(node: Node, X: np.ndarray, Y: np.ndarray) -> np.ndarray:
    tanh = node.get("approximate", "none") == "tanh"
    return _slope(k.gelu_tanh_backward if tanh else k.gelu_backward)(node, X, Y)


_entries("Gelu", _gelu, _gelu_slope, "approximate", kernels=True)


def _swish(node: Node, X: np.ndarray) -> np.ndarray:
    alpha = float(node.get("alpha", 1.0))
    return by_kernel(k.silu, X) if alpha == 1 else X * by_kernel(k.sigmoid, (alpha * X).astype(X.dtype))


def _swish_slope(node: Node, X: np.ndarray, Y: np.ndarray) -> np.ndarray:
    alpha = float(node.get("alpha", 1.0))
    s = by_kernel(k.sigmoid, (alpha * X).astype(X.dtype))
    return s + alpha * Y * (1 - s)


_entries("Swish", _swish, _swish_slope, "alpha", kernels=True)


@operator("PRelu", kernels=True, broadcasts=True)
def _prelu(node: Node, X: np.ndarray, slope: np.ndarray) -> np.ndarray:
    if X.dtype.kind == "f" and slope.size == 1:
        return by_kernel(lambda A: k.prelu(A, slope.reshape(1).astype(A.dtype)), X)
    return np.where(X > 0, X, X * slope).astype(X.dtype, copy=False)


@gradient("PRelu")
def _prelu_backward(node: Node, inputs: Any, outputs: Any, G: Any) -> Any:
    X, slope = inputs
    return np.where(X > 0, G[0], G[0] * slope).astype(X.dtype), summed(G[0] * np.minimum(X, 0), slope.shape)


# ---- other activations -----------------------------------------------------------------------------------------------


def _selu(node: Node, X: np.ndarray) -> np.ndarray:
    alpha, gamma = node.get("alpha", 1.6732632423543772), node.get("gamma", 1.0507009873554805)
    return np.where(X > 0, gamma * X, gamma * alpha * np.expm1(np.minimum(X, 0)))


def _selu_slope(node: Node, X: np.ndarray, Y: np.ndarray) -> np.ndarray:
    alpha, gamma = node.get("alpha", 1.6732632423543772), node.get("gamma", 1.0507009873554805)
    return np.where(X > 0, gamma, Y + gamma * alpha)


def _celu(node: Node, X: np.ndarray) -> np.ndarray:
    alpha = node.get("alpha", 1.0)
    return np.maximum(X, 0) + np.minimum(0, alpha * np.expm1(np.minimum(X, 0) / alpha))


def _hard_sigmoid(node: Node, X: np.ndarray) -> np.ndarray:
    return np.clip(node.get("alpha", 0.2) * X + node.get("beta", 0.5), 0, 1)


def _shrink(node: Node, X: np.ndarray) -> np.ndarray:
    bias, edge = node.get("bias", 0.0), node.get("lambd", 0.5)
    return np.where(-edge > X, X + bias, np.where(edge < X, X - bias, 0))


_entries("Selu", _selu, _selu_slope, "alpha gamma")
_entries("Celu", _celu, lambda node, X, Y: np.where(X > 0, 1, np.exp(np.minimum(X, 0) / node.get("alpha", 1.0))),
         "alpha")  # fmt: skip
_entries("HardSigmoid", _hard_sigmoid, lambda node, X, Y: node.get("alpha", 0.2) * ((Y > 0) & (Y < 1)), "alpha beta")
_entries("ThresholdedRelu", lambda node, X: np.where(node.get("alpha", 1.0) < X, X, 0),
         lambda node, X, Y: node.get("alpha", 1.0) < X, "alpha")  # fmt: skip
_entries("Softsign", lambda node, X: X / (1 + np.abs(X)), lambda node, X, Y: (1 + np.abs(X)) ** -2.0)
_entries("Shrink", _shrink, lambda node, X, Y: np.abs(X) > node.get("lambd", 0.5), "bias lambd")

# ---- functions of NumPy ----------------------------------------------------------------------------------------------

_entries("Identity", _plain(lambda X: X), lambda node, X, Y: np.ones_like(X))
_entries("Neg", _plain(np.negative), lambda node, X, Y: -np.ones_like(X))
_entries("Abs", _plain(np.abs), lambda node, X, Y: np.sign(X))
_entries("Sign", _plain(np.sign), lambda node, X, Y: np.zeros_like(X))
_entries("Exp", _plain(np.exp), lambda node, X, Y: Y)
_entries("Log", _plain(np.log), lambda node, X, Y: 1 / X)
_entries("Sqrt", _plain(np.sqrt), lambda node, X, Y: 0.5 / Y)
_entries("Reciprocal", _plain(lambda X: 1 / X), lambda node, X, Y: -Y * Y)
_entries("Sin", _plain(np.sin), lambda node, X, Y: np.cos(X))
_entries("Cos", _plain(np.cos), lambda node, X, Y: -np.sin(X))
_entries("Tan", _plain(np.tan), lambda node, X, Y: 1 + Y * Y)
_entries("Asin", _plain(np.arcsin), lambda node, X, Y: 1 / np.sqrt(1 - X * X))
_entries("Acos", _plain(np.arccos), lambda node, X, Y: -1 / np.sqrt(1 - X * X))
_entries("Atan", _plain(np.arctan), lambda node, X, Y: 1 / (1 + X * X))
_entries("Sinh", _plain(np.sinh), lambda node, X, Y: np.cosh(X))
_entries("Cosh", _plain(np.cosh), lambda node, X, Y: np.sinh(X))
_entries("Asinh", _plain(np.arcsinh), lambda node, X, Y: 1 / np.sqrt(1 + X * X))
_entries("Acosh", _plain(np.arccosh), lambda node, X, Y: 1 / np.sqrt(X * X - 1))
_entries("Atanh", _plain(np.arctanh), lambda node, X, Y: 1 / (1 - X * X))


def _erf(X: np.ndarray) -> np.ndarray:
    from ...calculus.language.special import erf  # 0.2 s: only who needs it loads the calculus

    return erf(X)


_entries("Erf", _plain(_half(_erf)), lambda node, X, Y: 2 / math.sqrt(math.pi) * np.exp(-X * X))
_entries("Floor", _plain(np.floor), lambda node, X, Y: np.zeros_like(X))
_entries("Ceil", _plain(np.ceil), lambda node, X, Y: np.zeros_like(X))
_entries("Round", _plain(np.round), lambda node, X, Y: np.zeros_like(X))
_entries("Not", _plain(np.logical_not))
_entries("BitwiseNot", _plain(np.bitwise_not))


@operator("IsNaN")
def _is_nan(node: Node, X: np.ndarray) -> np.ndarray:
    return np.isnan(X)


@operator("IsInf", attributes="detect_negative detect_positive")
def _is_inf(node: Node, X: np.ndarray) -> np.ndarray:
    below, above = node.get("detect_negative", 1), node.get("detect_positive", 1)
    return (np.isneginf(X) & bool(below)) | (np.isposinf(X) & bool(above))
