"""Softmax cross-entropy from logits: the value and its gradient in one pass over the rows.

One equation carries integer labels, one-hot and soft targets, label smoothing and class weights. For row b:

    t_bc = w_c y'_bc        y' = (1 - eps) y + eps/M        y = onehot(label) or the given targets
    loss_b = (1ᵀt_b) lse(h_b) - t_bᵀ h_b                    lse(h) = log 1ᵀ exp(h)
    value  = (1/D) Σ_b s_b loss_b
    G_b    = (s_b/D) ((1ᵀt_b) softmax(h_b) - t_b)

and for the reductions "sum" and "none" 1 stands for D; "none" gives the s_b loss_b themselves.

With m = max h_b at class `top` and r = Σ_{c≠top} exp(h_c - m) the kernels compute, without any cancellation,

    loss_b = (1ᵀt) log1p(r) + Σ_c t_c (m - h_c)
    (1ᵀt) p_c - t_c = (1ᵀt - t_c) p_c - t_c (1 - p_c),     1 - p_top = r/(1 + r)

so a confident right row still has its true, tiny loss and gradient (logits (0, 50), class 1: 2e-22, not 0).
"""

import numbers

import numpy as np
from numba import prange

from ..elementwise.vector_math import exp, log1p
from ..runtime.arrays import checked_out, same_layout
from ..runtime.config import NOWHERE, jit, parallel_jit, part_jit
from ..runtime.launch import launch, operation
from .label_cross_entropy import rows_entry_point, rows_parallel
from .labels import wrong_target
from .targets import (
    as_array_of_targets,
    as_class_weights,
    as_labels,
    as_rows,
    as_sample_weight,
    as_targets,
    check_reduction,
    label_rows,
    labels_only,
    target_rows,
)
from .weighted_rows import given_or_made, mean_of_sums, mean_over_rows, spread, sum_of_weights

CROSS_ENTROPY_PARALLEL_SIZE = 16_384  # logits; about 3 ns each, so 50 us of work
CROSS_ENTROPY_CHUNK = 4_096  # logits per chunk, rounded to whole rows
_INT64 = np.dtype(np.int64)  # labels are asked for this object itself, which is faster than to compare kinds of numbers


@part_jit
def _exponentials(h, g):
    """g = exp(h - max h); returns the place of the maximum, and the sum of g over all other places."""
    top = 0
    for c in range(1, h.size):
        if h[c] > h[top]:
            top = c
    m = h[top]
    for c in range(h.size):
        g[c] = exp(h[c] - m)
    rest = 0.0
    for c in range(top):
        rest += np.float64(g[c])
    behind = g[top + 1 :]
    for c in range(behind.size):
        rest += np.float64(behind[c])
    return top, rest


@part_jit
def _smoothing_mass(h, w, smoothing):
    """eps/M', and Σ w_c, over the M' classes whose logit is not -inf (excluded classes get no mass)."""
    count, weight = 0, 0.0
    for c in range(h.size):
        if h[c] != -np.inf:
            count += 1
            weight += w[c]
    return (smoothing / count if count else 0.0), weight


@part_jit
def weighted_label_rows(H, y, s, w, smoothing, divisor, G, values, sums, chunk, start, stop):
    """Rows start..stop with integer labels: G, sums[chunk] = Σ s_b loss_b, and these in `values` if there is room."""
    M = H.shape[1]
    value = 0.0
    for b in range(start, stop):
        h, g = H[b], G[b]
        if s[b] == 0.0 or divisor == 0.0:  # left out: whatever stands in this row
            for c in range(M):
                g[c] = 0
            if values.size > 0:
                values[b] = 0
            continue
        label = y[b]
        top, rest = _exponentials(h, g)
        m, total = np.float64(h[top]), np.float64(g[top]) + rest
        factor = s[b] / divisor
        t_label = w[label] * (1.0 - smoothing)  # grows by the label's share of the smoothing mass below
        loss = t_label * (m - h[label]) if t_label != 0.0 else 0.0
        others = 0.0  # 1ᵀt - t_label
        uniform = 0.0
        if smoothing > 0.0:
            uniform, weight = _smoothing_mass(h, w, smoothing)
            for c in range(M):
                if h[c] != -np.inf:
                    loss += uniform * w[c] * (m - h[c])
            if h[label] != -np.inf:
                t_label += uniform * w[label]
                weight -= w[label]
            others = uniform * weight
        t_sum = t_label + others
        p_label = g[label] / total
        q_label = (rest if label == top else total - g[label]) / total  # 1 - p_label
        if smoothing > 0.0:
            for c in range(M):
                t = uniform * w[c] if h[c] != -np.inf else 0.0
                g[c] = factor * (t_sum * (g[c] / total) - t)
        else:
            scale = G.dtype.type(factor * t_sum / total)
            for c in range(M):
                g[c] *= scale
        g[label] = factor * (others * p_label - t_label * q_label)
        loss = s[b] * (loss + t_sum * log1p(rest))
        value += loss
        if values.size > 0:
            values[b] = loss
    sums[chunk] = value


@part_jit
def weighted_target_rows(H, Y, s, w, smoothing, divisor, G, values, sums, chunk, start, stop):
    """Rows start..stop with float targets: G, sums[chunk] = Σ s_b loss_b, and these in `values` if there is room."""
    M = H.shape[1]
    value = 0.0
    for b in range(start, stop):
        h, y, g = H[b], Y[b], G[b]
        if s[b] == 0.0 or divisor == 0.0:  # left out: whatever stands in this row
            for c in range(M):
                g[c] = 0
            if values.size > 0:
                values[b] = 0
            continue
        top, rest = _exponentials(h, g)
        m, total = np.float64(h[top]), np.float64(g[top]) + rest
        factor = s[b] / divisor
        uniform = 0.0
        if smoothing > 0.0:
            uniform, _ = _smoothing_mass(h, w, smoothing)
        t_sum, loss = 0.0, 0.0
        for c in range(M):
            t = w[c] * ((1.0 - smoothing) * y[c] + (uniform if h[c] != -np.inf else 0.0))
            t_sum += t
            if t != 0.0:  # 0 · inf is not wanted: a class of no target mass may have the logit -inf
                loss += t * (m - h[c])
        for c in range(M):
            t = w[c] * ((1.0 - smoothing) * y[c] + (uniform if h[c] != -np.inf else 0.0))
            q = rest if c == top else total - g[c]
            g[c] = factor * ((t_sum - t) * g[c] - t * q) / total
        loss = s[b] * (loss + t_sum * log1p(rest))
        value += loss
        if values.size > 0:
            values[b] = loss
    sums[chunk] = value


@parallel_jit
def weighted_label_rows_parallel(H, y, s, w, smoothing, divisor, G, values, sums):
    rows, chunks = H.shape[0], sums.size
    for i in prange(chunks):
        k = np.int64(i)
        first, last = k * rows // chunks, (k + 1) * rows // chunks
        weighted_label_rows(H, y, s, w, smoothing, divisor, G, values, sums, k, first, last)


@parallel_jit
def weighted_target_rows_parallel(H, Y, s, w, smoothing, divisor, G, values, sums):
    rows, chunks = H.shape[0], sums.size
    for i in prange(chunks):
        k = np.int64(i)
        first, last = k * rows // chunks, (k + 1) * rows // chunks
        weighted_target_rows(H, Y, s, w, smoothing, divisor, G, values, sums, k, first, last)


def softmax_cross_entropy(
    H: np.ndarray,
    y: np.ndarray,
    label_smoothing: float = 0.0,
    ignore_index: int | None = None,
    class_weight: np.ndarray | None = None,
    sample_weight: np.ndarray | None = None,
    out: np.ndarray | None = None,
    reduction: str = "mean",
    who: str = "softmax_cross_entropy",
) -> tuple:
    """Mean softmax cross-entropy of logits H (..., M), and its gradient with respect to H.

    Forward and backward: the equations at the head of this file.
    Shapes: H (..., M), float32 or float64; y integer labels (...) or float targets (..., M) with any row sums;
        class_weight (M,); sample_weight (...) or its first axes; the gradient as H, written to `out` if given; for the
        reduction "none" values (...).
    Errors: ShapeError, DtypeError, LabelError, DataError (weights), ValueError (options); `who` is the name in
        their texts.
    Reference: docs/equations.md, section 4.1.
    """
    value, gradient, _ = weighted_softmax_cross_entropy(
        H, y, label_smoothing, ignore_index, class_weight, sample_weight, out, reduction, who
    )
    return value, gradient


def weighted_softmax_cross_entropy(
    H: np.ndarray,
    y: np.ndarray,
    label_smoothing: float = 0.0,
    ignore_index: int | None = None,
    class_weight: np.ndarray | None = None,
    sample_weight: np.ndarray | None = None,
    out: np.ndarray | None = None,
    reduction: str = "mean",
    who: str = "weighted_softmax_cross_entropy",
) -> tuple:
    """As `softmax_cross_entropy`, with the divisor D as a third result.

    D = Σ_b s_b w(b) over the rows that are not ignored; w(b) is the class weight of row b's label, and for float
    targets (y_bᵀw)/(y_bᵀ1), the mean of w under the targets (the plain mean of w where the targets add up to 0).
    If D is 0 (all rows ignored, or no row at all), the value is 0.0 and the gradient is zero.
    """
    if not isinstance(label_smoothing, float | numbers.Real) or not 0.0 <= label_smoothing <= 1.0:
        raise ValueError(
            f"{who}: expected label_smoothing from 0 to 1, got {label_smoothing!r}. Common values are 0 and 0.1."
        )
    check_reduction(who, reduction)
    plain = label_smoothing == 0 and ignore_index is None and class_weight is None and sample_weight is None
    plain = plain and reduction == "mean"
    if plain and same_layout(out, H) and _usual_labels(y, H.shape):
        return *softmax_cross_entropy_unchecked(H, y, out, who), float(y.size)
    H2 = as_rows(who, H)
    y0, y = y, as_array_of_targets(who, y)
    G = out
    if out is not None:
        G = checked_out(who, out, H.shape, H2.dtype, H, y0, class_weight, sample_weight).reshape(H2.shape)
    if plain and y.dtype.kind != "f":
        labels = label_rows(who, y, H.shape, None)
        value, G = softmax_cross_entropy_unchecked(H2, labels, G, who)
        return value, given_or_made(out, G, H.shape), float(len(H2))
    w = None if class_weight is None else as_class_weights(who, class_weight, H2.shape[1])
    s = None if sample_weight is None else as_sample_weight(who, sample_weight, H.shape[:-1])
    options: tuple = s, w, float(label_smoothing)
    if y.dtype.kind == "f":
        labels_only(who, ignore_index)
        given = target_rows(who, y, H.shape, H2.dtype, low=None if w is None else 0.0, labels=True)
        reduced, values = target_cross_entropy_unchecked, target_cross_entropy_values_unchecked
    else:
        given, options = label_rows(who, y, H.shape, ignore_index), (*options, ignore_index)
        reduced, values = weighted_label_cross_entropy_unchecked, label_cross_entropy_values_unchecked
    if reduction == "none":
        value, G, divisor = values(H2, given, *options, G=G, who=who)
        value = value.reshape(H.shape[:-1])
    else:
        value, G, divisor = reduced(H2, given, *options, G, who, reduction)
    return value, given_or_made(out, G, H.shape), divisor


def _usual_labels(y, H_shape: tuple) -> bool:
    """Whether the unchecked kernel takes y beside logits of `H_shape`, and its memory is its own: the usual case."""
    return (
        type(y) is np.ndarray
        and y.dtype is _INT64
        and len(H_shape) == 2
        and H_shape[1] > 0
        and y.shape == H_shape[:1]
        and (flags := y.flags).carray
        and flags.owndata
    )


@operation("G", refuses=True)
def softmax_cross_entropy_unchecked(H, y, G=None, who: str = "softmax_cross_entropy") -> tuple[float, np.ndarray]:
    """The value for a matrix of logits and int64 labels without options, and the gradient in G; a wrong label raises.

    One call of a compiled function does all, and it looks at every label before it writes.
    """
    rows = y.size
    G = np.empty(H.shape, H.dtype) if G is None else G
    if rows == 0:
        return 0.0, G
    if H.size < CROSS_ENTROPY_PARALLEL_SIZE or rows == 1:
        value, wrong = launch(rows_entry_point(H.dtype), H, y, G)
    else:
        sums = np.empty(min(rows, H.size // CROSS_ENTROPY_CHUNK))
        _, wrong = launch(rows_parallel, H, y, G, sums)
        value = launch(mean_of_sums, sums, float(rows), 1)
    if wrong >= 0:
        as_labels(who, y, H.shape, None)  # raises
    return value, G


@operation("G", refuses=True)
def weighted_label_cross_entropy_unchecked(
    H,
    y,
    sample_weight,
    class_weight,
    label_smoothing,
    ignore_index=None,
    G=None,
    who="softmax_cross_entropy",
    reduction="mean",
):
    """(value, G, D) of a matrix of logits and int64 labels; a label or weight out of its range raises."""
    return _of_labels(who, H, y, sample_weight, class_weight, label_smoothing, ignore_index, G, reduction)


@operation("L", "G", refuses=True)
def label_cross_entropy_values_unchecked(
    H, y, sample_weight, class_weight, label_smoothing, ignore_index=None, L=None, G=None, who="softmax_cross_entropy"
):
    """(L, G, 1.0): the loss of each row, and its gradient."""
    L = np.empty(len(H), H.dtype) if L is None else L
    _, G, _ = _of_labels(who, H, y, sample_weight, class_weight, label_smoothing, ignore_index, G, "sum", L)
    return L, G, 1.0


def _of_labels(who, H, y, sample_weight, class_weight, smoothing, ignore_index, G, reduction, L=None) -> tuple:
    rows, M = H.shape
    G = np.empty(H.shape, H.dtype) if G is None else G
    if rows == 0:
        return 0.0, G, float(reduction == "sum")
    w = np.ones(M) if class_weight is None else class_weight
    s = spread(who, sample_weight, rows)
    ignoring = ignore_index is not None and -(2**63) <= ignore_index < 2**63
    _, wrong = launch(leave_out_labels, y, M, ignoring, int(ignore_index) if ignoring else 0, s)
    if wrong >= 0:
        as_labels(who, y, H.shape, ignore_index)  # raises
    divisor = 1.0 if reduction == "sum" else launch(sum_of_label_weights, s, y, w)
    return _run(H, y, s, w, smoothing, divisor, G, L, weighted_label_rows, weighted_label_rows_parallel)


@operation("G", refuses=True)
def target_cross_entropy_unchecked(
    H, Y, sample_weight, class_weight, label_smoothing, G=None, who="softmax_cross_entropy", reduction="mean"
):
    """(value, G, D) of matrices of logits and targets of one dtype; a target or weight out of its range raises."""
    return _of_targets(who, H, Y, sample_weight, class_weight, label_smoothing, G, reduction)


@operation("L", "G", refuses=True)
def target_cross_entropy_values_unchecked(
    H, Y, sample_weight, class_weight, label_smoothing, L=None, G=None, who="softmax_cross_entropy"
):
    """(L, G, 1.0): the loss of each row, and its gradient."""
    L = np.empty(len(H), H.dtype) if L is None else L
    _, G, _ = _of_targets(who, H, Y, sample_weight, class_weight, label_smoothing, G, "sum", L)
    return L, G, 1.0


def _of_targets(who, H, Y, sample_weight, class_weight, smoothing, G, reduction, L=None) -> tuple:
    rows, M = H.shape
    G = np.empty(H.shape, H.dtype) if G is None else G
    if rows == 0:
        return 0.0, G, float(reduction == "sum")
    largest = np.finfo(H.dtype).max
    low = None if class_weight is None else 0.0
    _, wrong = launch(wrong_target, Y, -largest if low is None else H.dtype.type(0), largest)
    if wrong >= 0:
        as_targets(who, Y, H.shape, H.dtype, low, labels=True)  # raises
    s = spread(who, sample_weight, rows)
    w = np.ones(M) if class_weight is None else class_weight
    if reduction == "sum":
        divisor = 1.0
    elif class_weight is not None:
        divisor = launch(sum_of_target_weights, s, Y, class_weight)
    else:
        divisor = float(rows) if sample_weight is None else launch(sum_of_weights, s, 1)
    return _run(H, Y, s, w, smoothing, divisor, G, L, weighted_target_rows, weighted_target_rows_parallel)


def _run(H, y, s, w, label_smoothing, divisor, G, L, serial, parallel) -> tuple[float, np.ndarray, float]:
    sizes = CROSS_ENTROPY_PARALLEL_SIZE, CROSS_ENTROPY_CHUNK, divisor, 1
    values = np.empty(0, H.dtype) if L is None else L
    return mean_over_rows(serial, parallel, *sizes, H, y, s, w, label_smoothing, divisor, G, values), G, divisor


@jit
def leave_out_labels(y, M, ignoring, ignored, s):
    """s_b = 0 where y_b is the ignored label; (0, the first row whose label is no class, or -1)."""
    for b in range(y.size):
        if ignoring and y[b] == ignored:
            s[b] = 0.0
        elif y[b] < 0 or y[b] >= M:
            return 0.0, np.int64(b)
    return 0.0, NOWHERE


@jit
def sum_of_label_weights(s, y, w):
    """D = Σ_b s_b w_{y_b}; labels of rows that are left out are not read."""
    total = 0.0
    for b in range(s.size):
        if s[b] != 0.0:
            total += s[b] * w[y[b]]
    return float(total)


@jit
def sum_of_target_weights(s, Y, w):
    """D = Σ_b s_b (y_bᵀw)/(y_bᵀ1), with the mean of w where the targets of a row add up to 0."""
    mean = 0.0
    for c in range(w.size):
        mean += w[c] / w.size
    total = 0.0
    for b in range(s.size):
        y, mass, weight = Y[b], 0.0, 0.0
        for c in range(y.size):
            mass += np.float64(y[c])
            weight += np.float64(y[c]) * w[c]
        total += s[b] * (weight / mass if mass > 0.0 else mean)
    return float(total)
