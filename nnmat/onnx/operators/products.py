"""Products of matrices, by nnmat's kernels for floats; sums of products over named axes."""

from typing import Any

import numpy as np

import nnmat_kernels as kernels

from .table import FLOATS, Node, gradient, in_floats, operator, room, summed


def _product(node: Node, A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """A B of stacks of matrices, of floats by the kernels."""
    if A.ndim > 1 and B.ndim > 1:
        room(node, (*np.broadcast_shapes(A.shape[:-2], B.shape[:-2]), A.shape[-2], B.shape[-1]))
    if A.dtype == B.dtype == np.float16:
        return _product(node, A.astype(np.float32), B.astype(np.float32)).astype(np.float16)
    if A.dtype not in FLOATS or A.dtype != B.dtype or min(A.ndim, B.ndim) < 2:
        return np.matmul(A, B)
    A, B = in_floats(A, B)
    return kernels.matmul(A, B) if A.ndim == B.ndim == 2 else kernels.batched_matmul(A, B)


@operator("MatMul", kernels=True)
def _matmul(node: Node, A: np.ndarray, B: np.ndarray) -> np.ndarray:
    X, Z = (A[None] if A.ndim == 1 else A), (B[:, None] if B.ndim == 1 else B)
    Y = _product(node, X, Z)
    Y = Y[..., 0] if B.ndim == 1 else Y
    return (Y[..., 0, :] if B.ndim > 1 else Y[..., 0]) if A.ndim == 1 else Y


@gradient("MatMul")
def _matmul_backward(node: Node, inputs: Any, outputs: Any, G: Any) -> Any:
    A, B = inputs
    X, Z = (A[None] if A.ndim == 1 else A), (B[:, None] if B.ndim == 1 else B)
    g = G[0] if B.ndim > 1 else G[0][..., None]
    g = g if A.ndim > 1 else g[..., None, :]
    gX, gZ = _product(node, g, np.swapaxes(Z, -1, -2)), _product(node, np.swapaxes(X, -1, -2), g)
    return summed(gX, X.shape).reshape(A.shape), summed(gZ, Z.shape).reshape(B.shape)


def _turned(node: Node, A: np.ndarray, B: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return (A.T if node.get("transA", 0) else A), (B.T if node.get("transB", 0) else B)


@operator("Gemm", attributes="alpha beta transA transB", kernels=True)
def _gemm(node: Node, A: np.ndarray, B: np.ndarray, C: Any = None) -> np.ndarray:
    alpha, beta = node.get("alpha", 1.0), node.get("beta", 1.0)
    Y = _product(node, *_turned(node, A, B))
    Y = Y if alpha == 1 else (alpha * Y).astype(Y.dtype)
    return Y if C is None else (Y + (C if beta == 1 else beta * C)).astype(Y.dtype, copy=False)


@gradient("Gemm")
def _gemm_backward(node: Node, inputs: Any, outputs: Any, G: Any) -> Any:
    (A, B), C = inputs[:2], inputs[2] if len(inputs) > 2 else None
    X, Z = _turned(node, A, B)
    g = (node.get("alpha", 1.0) * G[0]).astype(G[0].dtype)
    gX, gZ = _product(node, g, Z.T), _product(node, X.T, g)
    found = [gX.T if node.get("transA", 0) else gX, gZ.T if node.get("transB", 0) else gZ]
    if C is not None:
        found.append(summed((node.get("beta", 1.0) * G[0]).astype(C.dtype), C.shape))
    return found


@operator("Einsum", attributes="equation")
def _einsum(node: Node, *arrays: np.ndarray) -> np.ndarray:
    equation = node.get("equation")
    if not set(equation) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.,-> "):
        raise node.refusal(f"the equation {equation!r:.40}", "letters, commas, dots and an arrow")
    _room_of_einsum(node, equation.replace(" ", ""), arrays)
    return np.asarray(np.einsum(equation, *arrays))


def _room_of_einsum(node: Node, equation: str, arrays: Any) -> None:
    """Raise where the result would be too large."""
    left, arrow, right = equation.partition("->")
    sizes: dict[str, int] = {}
    rest: tuple[int, ...] = ()  # what the dots stand for
    for term, A in zip(left.split(","), arrays, strict=True):
        before, dots, behind = term.partition("...")
        end = A.ndim - len(behind)
        for name, n in zip(before + behind, A.shape[: len(before)] + A.shape[end:], strict=True):
            sizes[name] = max(n, sizes.get(name, 1))
        rest = np.broadcast_shapes(rest, A.shape[len(before) : end]) if dots else rest
    kept = right.replace("...", "") if arrow else "".join(name for name in sizes if left.count(name) == 1)
    room(node, (*rest, *(sizes[name] for name in kept)))


@operator("Det")
def _det(node: Node, X: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.det(X)).astype(X.dtype)


@gradient("Det")
def _det_backward(node: Node, inputs: Any, outputs: Any, G: Any) -> Any:
    X = inputs[0]
    scale = (G[0] * outputs[0])[..., None, None]
    return ((scale * np.swapaxes(np.linalg.inv(X), -1, -2)).astype(X.dtype),)
