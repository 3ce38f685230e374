"""Two or more arrays, entry by entry, broadcast as NumPy does: arithmetic, comparisons, logic, bits; other dtypes."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from .table import Node, gradient, is_plain, operator, summed


def _binary(kind: str, value: Callable[..., Any], *slopes: Callable[..., Any]) -> None:
    """An operator of two arrays; `slopes`: for each, the gradient's factor, a function of (A, B, Y)."""

    @operator(kind, broadcasts=True)
    def compute(node: Node, A: np.ndarray, B: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            return np.asarray(value(A, B))

    if slopes:

        @gradient(kind)
        def backward(node: Node, inputs: Any, outputs: Any, G: Any) -> Any:
            with np.errstate(all="ignore"):
                parts = [np.asarray(G[0] * slope(*inputs, outputs[0]), inputs[0].dtype) for slope in slopes]
            return tuple(summed(part, X.shape) for part, X in zip(parts, inputs, strict=True))


def _quotient(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    if A.dtype.kind in "iu":  # towards 0, as in C
        return (np.sign(A) * np.sign(B) * (np.abs(A) // np.maximum(np.abs(B), 1))).astype(A.dtype)
    return A / B


_binary("Add", np.add, lambda A, B, Y: 1, lambda A, B, Y: 1)
_binary("Sub", np.subtract, lambda A, B, Y: 1, lambda A, B, Y: -1)
_binary("Mul", np.multiply, lambda A, B, Y: B, lambda A, B, Y: A)
_binary("Div", _quotient, lambda A, B, Y: 1 / B, lambda A, B, Y: -Y / B)
_binary("And", np.logical_and)
_binary("Or", np.logical_or)
_binary("Xor", np.logical_xor)
_binary("Equal", np.equal)
_binary("Greater", np.greater)
_binary("GreaterOrEqual", np.greater_equal)
_binary("Less", np.less)
_binary("LessOrEqual", np.less_equal)
_binary("BitwiseAnd", np.bitwise_and)
_binary("BitwiseOr", np.bitwise_or)
_binary("BitwiseXor", np.bitwise_xor)


@operator("Pow", broadcasts=True)
def _pow(node: Node, A: np.ndarray, B: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        return np.power(A, B).astype(A.dtype, copy=False)


@gradient("Pow")
def _pow_backward(node: Node, inputs: Any, outputs: Any, G: Any) -> Any:
    A, B = inputs
    with np.errstate(all="ignore"):
        slope = np.where(B == 0, 0, B * np.power(A, np.asarray(B, A.dtype) - 1))  # A⁰ is constant, also at A = 0
        gA = summed((G[0] * slope).astype(A.dtype), A.shape)
        if B.dtype.kind != "f":
            return gA, None
        slope = np.where(A > 0, outputs[0] * np.log(np.where(A > 0, A, 1)), 0)
    return gA, summed((G[0] * slope).astype(B.dtype), B.shape)


@operator("Mod", attributes="fmod", broadcasts=True)
def _mod(node: Node, A: np.ndarray, B: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        return np.fmod(A, B) if node.get("fmod", 0) else np.mod(A, B)


@operator("BitShift", attributes="direction", broadcasts=True)
def _shift(node: Node, A: np.ndarray, B: np.ndarray) -> np.ndarray:
    return np.left_shift(A, B) if node.get("direction") == "LEFT" else np.right_shift(A, B)


def _several(kind: str, function: Callable[..., Any]) -> None:
    @operator(kind, broadcasts=True)
    def compute(node: Node, *arrays: np.ndarray) -> np.ndarray:
        return functools.reduce(function, arrays).astype(arrays[0].dtype, copy=False)


_several("Sum", np.add)
_several("Max", np.maximum)
_several("Min", np.minimum)


@operator("Mean", broadcasts=True)
def _mean(node: Node, *arrays: np.ndarray) -> np.ndarray:
    return (functools.reduce(np.add, arrays) / len(arrays)).astype(arrays[0].dtype)


@gradient("Sum")
def _sum_backward(node: Node, inputs: Any, outputs: Any, G: Any) -> Any:
    return [summed(G[0], A.shape) for A in inputs]


@gradient("Mean")
def _mean_backward(node: Node, inputs: Any, outputs: Any, G: Any) -> Any:
    return [summed(G[0] / len(inputs), A.shape).astype(A.dtype) for A in inputs]


@gradient("Max")
@gradient("Min")
def _extreme_backward(node: Node, inputs: Any, outputs: Any, G: Any) -> Any:
    """The first of equal ones gets it."""
    left, found = np.ones(outputs[0].shape, bool), []
    for A in inputs:
        mine = left & (outputs[0] == A)
        left = left & ~mine
        found.append(summed((G[0] * mine).astype(A.dtype), A.shape))
    return found


@operator("Clip", attributes="min max")
def _clip(node: Node, X: np.ndarray, low: Any = None, high: Any = None) -> np.ndarray:
    low, high = node.get("min", low), node.get("max", high)  # attributes before version 11
    Y = X if low is None else np.maximum(X, np.asarray(low, X.dtype))
    return Y if high is None else np.minimum(Y, np.asarray(high, X.dtype))


@gradient("Clip")
def _clip_backward(node: Node, inputs: Any, outputs: Any, G: Any) -> Any:
    X, *ends = inputs
    inside = np.ones(X.shape, bool)
    low, high = (*(None if e is None else e for e in ends), None, None)[:2]
    for end, function in ((node.get("min", low), np.greater), (node.get("max", high), np.less)):
        inside = inside if end is None else inside & function(X, end)
    return (G[0] * inside, *(None for _ in ends))


@operator("Where", broadcasts=True)
def _where(node: Node, C: np.ndarray, A: np.ndarray, B: np.ndarray) -> np.ndarray:
    return np.where(C, A, B)


@gradient("Where")
def _where_backward(node: Node, inputs: Any, outputs: Any, G: Any) -> Any:
    C, A, B = inputs
    zero = np.zeros((), G[0].dtype)
    return None, summed(np.where(C, G[0], zero), A.shape), summed(np.where(C, zero, G[0]), B.shape)


# ---- other dtypes ----------------------------------------------------------------------------------------------------


def dtype_of(node: Node, number: int) -> np.dtype:
    """NumPy's dtype for ONNX's number of one; a FileFormatError for one that NumPy has not."""
    from ...extras import extra

    try:
        found = np.dtype(extra("onnx", "nnmat.onnx.load", "onnx").helper.tensor_dtype_to_np_dtype(number))
    except KeyError:
        found = np.dtype(object)
    if not is_plain(found):
        raise node.refusal(f"the type {number}", "floats, integers and booleans that NumPy has")
    return found


@operator("Cast", attributes="to saturate round_mode")
def _cast(node: Node, X: np.ndarray) -> np.ndarray:
    return cast(node, X, dtype_of(node, node.get("to")))


@operator("CastLike", attributes="saturate round_mode")
def _cast_like(node: Node, X: np.ndarray, like: np.ndarray) -> np.ndarray:
    return cast(node, X, like.dtype)


def cast(node: Node, X: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """X in another dtype that NumPy has."""
    for given in (X.dtype, dtype):
        if not is_plain(given):
            raise node.refusal(f"the type {given}", "floats, integers and booleans that NumPy has")
    with np.errstate(all="ignore"):
        return X.astype(dtype)


@gradient("Cast")
@gradient("CastLike")
def _cast_backward(node: Node, inputs: Any, outputs: Any, G: Any) -> Any:
    X = inputs[0]
    back = G[0].astype(X.dtype) if X.dtype.kind == "f" and outputs[0].dtype.kind == "f" else None
    return (back, *(None for _ in inputs[1:]))


@operator("BitCast", attributes="to")
def _bit_cast(node: Node, X: np.ndarray) -> np.ndarray:
    dtype = dtype_of(node, node.get("to"))
    if dtype.itemsize != X.dtype.itemsize:
        raise node.refusal("a type of another size", "types of one size")
    return np.ascontiguousarray(X).view(dtype).reshape(X.shape)
