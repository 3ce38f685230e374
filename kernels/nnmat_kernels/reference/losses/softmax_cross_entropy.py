"""Softmax cross-entropy the obvious way, in float64: the targets as a dense matrix, then the equations."""

import numpy as np


def softmax_cross_entropy(
    H, y, label_smoothing=0.0, ignore_index=None, class_weight=None, sample_weight=None, out=None, reduction="mean"
):
    """Mean loss and its gradient, of logits H (..., M) and labels (...) or targets (..., M)."""
    return weighted_softmax_cross_entropy(
        H, y, label_smoothing, ignore_index, class_weight, sample_weight, out, reduction
    )[:2]


def weighted_softmax_cross_entropy(
    H, y, label_smoothing=0.0, ignore_index=None, class_weight=None, sample_weight=None, out=None, reduction="mean"
):
    """As `softmax_cross_entropy`, with the divisor as a third result."""
    M = H.shape[-1]
    h = np.asarray(H, np.float64).reshape(-1, M)
    w = np.ones(M) if class_weight is None else np.asarray(class_weight, np.float64)
    s = np.ones(H.shape[:-1]) if sample_weight is None else np.asarray(sample_weight, np.float64)
    s = np.broadcast_to(s.reshape(s.shape + (1,) * (H.ndim - 1 - s.ndim)), H.shape[:-1]).reshape(-1)
    if y.dtype.kind == "f":
        Y = np.asarray(y, np.float64).reshape(-1, M)
    else:
        labels = y.reshape(-1)
        valid = np.ones(len(labels), bool) if ignore_index is None else labels != ignore_index
        Y = (labels[:, None] == np.arange(M)).astype(np.float64)
        s = s * valid
    row_weight = s * [y_b @ w / y_b.sum() if y_b.sum() > 0 and class_weight is not None else w.mean() for y_b in Y]
    divisor = row_weight.sum() if reduction == "mean" else 1.0
    G = np.zeros_like(h)
    losses = np.zeros(len(h))
    for b in range(len(h)):
        if s[b] == 0 or divisor == 0:
            continue
        possible = h[b] != -np.inf  # classes with the logit -inf get no smoothing mass
        t = w * ((1 - label_smoothing) * Y[b] + label_smoothing * possible / max(possible.sum(), 1))
        m = h[b].max()
        lse = m + np.log(np.exp(h[b] - m).sum())
        mass = t != 0
        losses[b] = s[b] * (t.sum() * lse - t[mass] @ h[b][mass])
        G[b] = s[b] / divisor * (t.sum() * np.exp(h[b] - lse) - t)
    G = G.reshape(H.shape)
    if out is not None:
        out[...] = G
    if reduction == "none":
        return losses.reshape(H.shape[:-1]), G if out is None else out, divisor
    return (losses.sum() / divisor if divisor else 0.0), G if out is None else out, divisor
