"""Normalisations and softmaxes, by nnmat's kernels; the losses that ONNX has operators for."""

import math
from typing import Any

import numpy as np

import nnmat_kernels as kernels
from nnmat_kernels import unchecked as k

from .table import Node, as_axes, flat_axis, gradient, in_floats, operator, summed


def _rows(X: np.ndarray) -> np.ndarray:
    """Channels-first arrays with the channels last, as (B, places, C)."""
    return np.ascontiguousarray(np.moveaxis(X, 1, -1).reshape(len(X), -1, X.shape[1]))


def _back(Y: np.ndarray, like: np.ndarray) -> np.ndarray:
    shape = (len(like), *like.shape[2:], like.shape[1])
    return np.ascontiguousarray(np.moveaxis(Y.reshape(shape), -1, 1)).astype(like.dtype, copy=False)


def _eps(node: Node, default: float = 1e-5) -> float:
    return float(node.get("epsilon", default))


@operator("BatchNormalization", attributes="epsilon momentum training_mode", kernels=True)
def _batch_norm(node: Node, X: Any, gain: Any, shift: Any, mean: Any, variance: Any) -> Any:
    A, gain, shift, mean, variance = in_floats(X, gain, shift, mean, variance)
    rows = A if A.ndim == 2 else _rows(A)
    if node.get("training_mode", 0):
        m = node.get("momentum", 0.9)
        axes = (0, *range(2, X.ndim))
        own, spread = A.mean(axis=axes), A.var(axis=axes)
        Y, _ = kernels.batch_norm(rows, gain, shift, _eps(node))
        found = [_back(Y, X) if X.ndim > 2 else Y.astype(X.dtype), m * mean + (1 - m) * own]
        return tuple([*found, m * variance + (1 - m) * spread][: len(node.outputs)])
    Y, _ = kernels.batch_norm_evaluation(rows, mean, variance, gain, shift, _eps(node))
    return _back(Y, X) if X.ndim > 2 else Y.astype(X.dtype)


@gradient("BatchNormalization")
def _batch_norm_backward(node: Node, inputs: Any, outputs: Any, G: Any) -> Any:
    if node.get("training_mode", 0):
        raise node.refusal("the gradient in training mode", "that in evaluation")
    X, gain, _, mean, variance = inputs
    axes, shape = (0, *range(2, X.ndim)), (1, -1, *(1 for _ in X.shape[2:]))
    r = 1 / np.sqrt(variance + _eps(node))
    gX = G[0] * (gain * r).reshape(shape)
    normal = (X - mean.reshape(shape)) * r.reshape(shape)
    return gX.astype(X.dtype), (G[0] * normal).sum(axis=axes), G[0].sum(axis=axes), None, None


def _grouped(node: Node, X: Any) -> tuple[np.ndarray, int]:
    return _rows(in_floats(X)[0]), X.shape[1] if node.kind == "InstanceNormalization" else node.get("num_groups")


def _by_channels(node: Node, gain: np.ndarray, C: int) -> np.ndarray:
    """γ or β for each channel; before version 21 there is one for each group."""
    return gain if len(gain) == C else np.repeat(gain, C // len(gain))


@operator("InstanceNormalization", "GroupNormalization", attributes="epsilon num_groups stash_type", kernels=True)
def _group_norm(node: Node, X: Any, gain: Any, shift: Any) -> np.ndarray:
    rows, groups = _grouped(node, X)
    g, b = (_by_channels(node, A, X.shape[1]).astype(rows.dtype) for A in (gain, shift))
    return _back(kernels.group_norm(rows, groups, g, b, _eps(node))[0], X)


@gradient("InstanceNormalization", "GroupNormalization")
def _group_norm_backward(node: Node, inputs: Any, outputs: Any, G: Any) -> Any:
    X, gain, _ = inputs
    rows, groups = _grouped(node, X)
    own = _by_channels(node, gain, X.shape[1]).astype(rows.dtype)
    _, statistics = kernels.group_norm(rows, groups, own, None, _eps(node))
    gX, gg, gb = kernels.group_norm_backward(_rows(in_floats(G[0])[0]), rows, groups, statistics, own)
    parts = [A if len(A) == len(gain) else A.reshape(len(gain), -1).sum(axis=1) for A in (gg, gb)]
    return _back(gX, X), *parts


def _flat(node: Node, X: np.ndarray) -> tuple[np.ndarray, tuple[int, ...]]:
    """X as rows of what is normalised together, and the shape of such a row."""
    (axis,) = as_axes(node, node.get("axis", -1), X.ndim)
    width = math.prod(X.shape[axis:])
    return in_floats(X)[0].reshape(-1, width), X.shape[axis:]


def _of_row(A: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    return None if A is None else np.ascontiguousarray(np.broadcast_to(A, shape), dtype).reshape(-1)


@operator("LayerNormalization", attributes="axis epsilon stash_type", kernels=True)
def _layer_norm(node: Node, X: Any, gain: Any, shift: Any = None) -> Any:
    rows, shape = _flat(node, X)
    g, b = (_of_row(A, shape, rows.dtype) for A in (gain, shift))
    Y = kernels.layer_norm(rows, g, b, _eps(node))[0].reshape(X.shape).astype(X.dtype)
    if len(node.outputs) < 2:
        return Y
    kept = (*X.shape[: X.ndim - len(shape)], *(1 for _ in shape))
    mean = rows.mean(axis=1)
    return Y, mean.reshape(kept), (1 / np.sqrt(rows.var(axis=1) + _eps(node))).reshape(kept)


@operator("RMSNormalization", attributes="axis epsilon stash_type", kernels=True)
def _rms_norm(node: Node, X: Any, gain: Any) -> np.ndarray:
    rows, shape = _flat(node, X)
    return kernels.rms_norm(rows, _of_row(gain, shape, rows.dtype), _eps(node))[0].reshape(X.shape).astype(X.dtype)


@gradient("LayerNormalization")
@gradient("RMSNormalization")
def _row_norm_backward(node: Node, inputs: Any, outputs: Any, G: Any) -> Any:
    X, gain, *rest = inputs
    rows, shape = _flat(node, X)
    own = _of_row(gain, shape, rows.dtype)
    g = np.zeros_like(rows) if G[0] is None else in_floats(G[0])[0].reshape(rows.shape)
    if node.kind == "LayerNormalization":
        _, statistics = kernels.layer_norm(rows, own, None, _eps(node))
        gX, gg, gb = kernels.layer_norm_backward(g, rows, statistics, own)
        for given, slope in zip(G[1:], _figure_slopes(rows, outputs), strict=True):
            gX += 0 if given is None else given.reshape(-1, 1) * slope
        found = [summed(gb.reshape(shape), b.shape) if b is not None else None for b in rest]
    else:
        _, statistics = kernels.rms_norm(rows, own, _eps(node))
        gX, gg = kernels.rms_norm_backward(g, rows, statistics, own)
        found = []
    return gX.reshape(X.shape), summed(gg.reshape(shape), gain.shape), *found


def _figure_slopes(rows: np.ndarray, outputs: Any) -> list[Any]:
    """The derivatives of the mean of a row, and of 1/its deviation, by each entry."""
    if len(outputs) < 3:
        return [1 / rows.shape[1]] * (len(outputs) - 1)
    mean, r = (A.reshape(-1, 1) for A in outputs[1:])
    return [1 / rows.shape[1], -(r**3) / rows.shape[1] * (rows - mean)]


@operator("LpNormalization", attributes="axis p")
def _lp_norm(node: Node, X: np.ndarray) -> np.ndarray:
    norm = np.linalg.norm(X, node.get("p", 2), node.get("axis", -1), keepdims=True)
    return np.divide(X, norm, out=np.zeros_like(X), where=norm != 0)


@operator("MeanVarianceNormalization", attributes="axes")
def _mean_variance(node: Node, X: np.ndarray) -> np.ndarray:
    axes = tuple(node.get("axes", (0, 2, 3)))
    return ((X - X.mean(axis=axes, keepdims=True)) / (X.std(axis=axes, keepdims=True) + 1e-9)).astype(X.dtype)


@operator("LRN", attributes="alpha beta bias size")
def _lrn(node: Node, X: np.ndarray) -> np.ndarray:
    n, C = node.get("size"), X.shape[1]
    S = np.zeros_like(X)
    for c in range(C):
        S[:, c] = np.square(X[:, max(c - (n - 1) // 2, 0) : min(c + n // 2, C - 1) + 1]).sum(axis=1)
    scale = node.get("bias", 1.0) + node.get("alpha", 1e-4) / n * S
    return (X / scale ** node.get("beta", 0.75)).astype(X.dtype)


# ---- softmaxes -------------------------------------------------------------------------------------------------------


def _softmax_axis(node: Node, X: np.ndarray) -> tuple[np.ndarray, int]:
    """X as it is normalised, and along which axis: before version 13 all axes from `axis` on are one."""
    axis = node.get("axis", -1 if node.version >= 13 else 1)
    A = in_floats(X)[0]
    if node.version < 13:
        return A.reshape(math.prod(X.shape[: flat_axis(node, axis, X.ndim)]), -1), -1
    (axis,) = as_axes(node, axis, X.ndim)
    return A, -1 if axis == X.ndim - 1 else axis


@operator("Softmax", "LogSoftmax", attributes="axis", kernels=True)
def _softmax(node: Node, X: np.ndarray) -> np.ndarray:
    A, axis = _softmax_axis(node, X)
    function = kernels.softmax if node.kind == "Softmax" else kernels.log_softmax
    return function(A, axis=axis).reshape(X.shape).astype(X.dtype)


@gradient("Softmax")
@gradient("LogSoftmax")
def _softmax_backward(node: Node, inputs: Any, outputs: Any, G: Any) -> Any:
    A, axis = _softmax_axis(node, inputs[0])
    function = kernels.softmax_backward if node.kind == "Softmax" else kernels.log_softmax_backward
    g, Y = (in_floats(B)[0].reshape(A.shape) for B in (G[0], outputs[0]))
    return (function(g, Y, axis=axis).reshape(inputs[0].shape).astype(inputs[0].dtype),)


# ---- losses ----------------------------------------------------------------------------------------------------------


def _negative_likelihood(node: Node, logs: np.ndarray, labels: np.ndarray, weight: Any) -> np.ndarray:
    C, ignored = logs.shape[1], node.get("ignore_index")
    counted = np.ones(labels.shape, bool) if ignored is None else labels != ignored
    places = np.where(counted, labels, 0)
    own = np.ones(C, logs.dtype) if weight is None else weight
    scale = np.where(counted, own[places], 0).astype(logs.dtype)
    losses = -np.take_along_axis(logs, places[:, None], 1)[:, 0] * scale
    reduction = node.get("reduction", "mean")
    if reduction == "none":
        return losses
    return (losses.sum() / scale.sum() if reduction == "mean" else losses.sum()).astype(logs.dtype)


@operator("NegativeLogLikelihoodLoss", attributes="ignore_index reduction")
def _nll(node: Node, logs: np.ndarray, labels: np.ndarray, weight: Any = None) -> np.ndarray:
    return np.asarray(_negative_likelihood(node, logs, labels, weight))


@operator("SoftmaxCrossEntropyLoss", attributes="ignore_index reduction", kernels=True)
def _cross_entropy(node: Node, scores: np.ndarray, labels: np.ndarray, weight: Any = None) -> Any:
    A = in_floats(scores)[0]
    logs = k.log_softmax(A, None, 1 if A.ndim > 2 else -1).astype(scores.dtype)
    loss = np.asarray(_negative_likelihood(node, logs, labels, weight))
    return (loss, logs) if len(node.outputs) > 1 else loss
