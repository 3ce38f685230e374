"""Convolutions and poolings, by nnmat's kernels: of images and of sequences, which are images of one row to them."""

from typing import Any, NamedTuple

import numpy as np

import nnmat_kernels as kernels
from nnmat_kernels import unchecked as k
from nnmat_kernels.resampling.factors import Factor

from .table import Node, gradient, in_floats, ints, moved, operator, room

WIDEST = 65_536  # of a window, in each direction


class Window(NamedTuple):
    """Options of both axes of an image. `ends`: ((top, bottom), (left, right))."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    ends: tuple[tuple[int, int], tuple[int, int]]
    ceil: bool = False

    @property
    def even(self) -> bool:
        """Whether both ends of each axis have the same."""
        return all(a == b for a, b in self.ends)

    @property
    def padding(self) -> tuple[int, int]:
        """What is at both ends."""
        return self.ends[0][0], self.ends[1][0]


def window(node: Node, X: np.ndarray, kernel: Any) -> Window:
    """The options of a node for X (B, C, H, W) or (B, C, T)."""
    axes = X.ndim - 2
    if axes not in (1, 2):
        raise node.refusal(f"an input of {X.ndim} axes", "images (B, C, H, W) and sequences (B, C, T)")
    kernel = [int(n) for n in kernel]
    stride, dilation = node.get("strides", [1] * axes), node.get("dilations", [1] * axes)
    if min(*kernel, *stride, *dilation) < 1 or len(kernel) != axes:
        raise node.refusal(f"a window of {kernel}, strides {stride}, dilations {dilation}", "numbers of at least 1")
    auto, pads = node.get("auto_pad", "NOTSET"), node.get("pads", [0] * (2 * axes))
    ends = list(zip(pads[:axes], pads[axes:], strict=True))
    if auto.startswith("SAME"):
        ends = []
        for n, size, s, d in zip(X.shape[2:], kernel, stride, dilation, strict=True):
            total = max((-(-n // s) - 1) * s + d * (size - 1) + 1 - n, 0)
            small, large = total // 2, total - total // 2
            ends.append((small, large) if auto == "SAME_UPPER" else (large, small))
    elif auto == "VALID":
        ends = [(0, 0)] * axes
    if any(n < 0 for end in ends for n in end):
        raise node.refusal(f"pads {pads}", "pads of at least 0")
    if max(*kernel, *stride, *dilation, *map(max, ends)) > WIDEST:
        raise node.refusal(
            f"a window of {kernel}, strides {stride}, dilations {dilation}, pads {ends}", f"up to {WIDEST}"
        )
    room(node, (*X.shape[:2], *(n + sum(end) for n, end in zip(X.shape[2:], ends, strict=True))))
    if axes == 1:
        kernel, stride, dilation, ends = [1, *kernel], [1, *stride], [1, *dilation], [(0, 0), *ends]
    pairs: list[Any] = [tuple(int(n) for n in part) for part in (kernel, stride, dilation)]
    return Window(pairs[0], pairs[1], pairs[2], tuple(ends), bool(node.get("ceil_mode", 0)))  # type: ignore[arg-type]


def to_last(A: np.ndarray) -> np.ndarray:
    """(B, C, H, W) or (B, C, T) as images with the channels last."""
    A = A[:, :, None] if A.ndim == 3 else A
    return np.ascontiguousarray(A.transpose(0, 2, 3, 1))


def to_first(A: np.ndarray, like: np.ndarray) -> np.ndarray:
    """The way back, with as many axes and the dtype of another array."""
    Y = A.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(Y[:, :, 0] if like.ndim == 3 else Y).astype(like.dtype, copy=False)


def _around(X: np.ndarray, ends: Any, fill: float = 0.0) -> np.ndarray:
    """Images, channels last, with something at their ends."""
    return np.pad(X, ((0, 0), *ends, (0, 0)), constant_values=fill) if any(map(any, ends)) else X


# ---- convolutions ----------------------------------------------------------------------------------------------------

_WINDOW = "auto_pad dilations kernel_shape pads strides"


def _convolution(node: Node, X: np.ndarray, K: np.ndarray) -> tuple:
    """Images with their ends where the kernels cannot put them, the kernel, and the options of both."""
    w = window(node, X, K.shape[2:])
    X, K = in_floats(X, K)
    images = to_last(X)
    if not w.even:
        images = _around(images, w.ends)
    return images, to_last(K), w, (w.stride, w.padding if w.even else 0, w.dilation, node.get("group", 1))


@operator("Conv", attributes=f"{_WINDOW} group", kernels=True)
def _conv(node: Node, X: np.ndarray, K: np.ndarray, b: Any = None) -> np.ndarray:
    images, kernel, w, options = _convolution(node, X, K)
    room(node, (len(X), len(K), *_counts(node, X, w)))
    bias = None if b is None else np.ascontiguousarray(b, images.dtype)
    return to_first(kernels.conv2d(images, kernel, bias, *options), X)


@gradient("Conv")
def _conv_backward(node: Node, inputs: Any, outputs: Any, G: Any) -> Any:
    X, K, *b = inputs
    images, kernel, w, options = _convolution(node, X, K)
    g = to_last(np.ascontiguousarray(G[0], images.dtype))
    gX = kernels.conv2d_input_gradient(g, kernel, images.shape, *options)
    gK = kernels.conv2d_weight_gradient(images, g, kernel.shape, *options)
    if not w.even:
        (top, _), (left, _) = w.ends
        H, W = (X.shape[2], X.shape[3]) if X.ndim == 4 else (1, X.shape[2])
        gX = gX[:, top : top + H, left : left + W]
    rest = [None if c is None else G[0].sum(axis=(0, *range(2, X.ndim))) for c in b]
    return to_first(gX, X), to_first(gK, K), *rest


def _transposed(node: Node, X: np.ndarray, K: np.ndarray) -> tuple:
    """Options, and the sizes of the whole output and of what is taken from it."""
    axes = X.ndim - 2
    plain = node._replace(attributes={**node.attributes, "auto_pad": "NOTSET"})
    w = window(plain, X, K.shape[2:])
    extra = node.get("output_padding", [0] * axes)
    sizes = X.shape[2:] if axes == 2 else (1, *X.shape[2:])
    extra = extra if axes == 2 else [0, *extra]
    spans = zip(sizes, w.stride, w.dilation, w.kernel, strict=True)
    whole = [(n - 1) * s + d * (size - 1) + 1 for n, s, d, size in spans]
    ends = w.ends
    asked = node.get("output_shape")
    auto = node.get("auto_pad", "NOTSET")
    if asked is None and auto.startswith("SAME"):
        asked = [n * s for n, s in zip(sizes, w.stride, strict=True)][-axes:]
    if asked is not None:
        asked = list(asked)[-axes:] if axes == 2 else [1, *list(asked)[-1:]]
        found = []
        for n, e, want in zip(whole, extra, asked, strict=True):
            total = n + e - want
            small, large = max(total, 0) // 2, total - max(total, 0) // 2  # what is more than there is comes at the end
            found.append((large, small) if total > 0 and auto != "SAME_UPPER" else (small, large))
        ends = tuple(found)  # type: ignore[assignment]
    taken = [n - a - b + e for n, (a, b), e in zip(whole, ends, extra, strict=True)]
    room(node, [len(X), K.shape[1], *whole])
    return w, whole, ends, taken


@operator("ConvTranspose", attributes=f"{_WINDOW} group output_padding output_shape", kernels=True)
def _conv_transpose(node: Node, X: np.ndarray, K: np.ndarray, b: Any = None) -> np.ndarray:
    w, whole, ends, taken = _transposed(node, X, K)
    A, kernel = in_floats(X, K)
    groups = node.get("group", 1)
    shape = (len(X), *whole, K.shape[1] * groups)
    Y = kernels.conv2d_input_gradient(to_last(A), to_last(kernel), shape, w.stride, 0, w.dilation, groups)
    Y = _cut(Y, ends, taken)
    Y = Y if b is None else Y + b.astype(Y.dtype)
    return to_first(Y, X)


def _cut(Y: np.ndarray, ends: Any, taken: list[int]) -> np.ndarray:
    """A part of images that begins behind their ends; beyond the images it is 0."""
    starts = [a for a, _ in ends]
    before = [(max(-a, 0), max(a + n - size, 0)) for a, n, size in zip(starts, taken, Y.shape[1:3], strict=True)]
    Y = _around(Y, before)
    (top, left), (H, W) = (max(a, 0) for a in starts), taken
    return Y[:, top : top + H, left : left + W]


@gradient("ConvTranspose")
def _conv_transpose_backward(node: Node, inputs: Any, outputs: Any, G: Any) -> Any:
    X, K, *b = inputs
    w, whole, ends, _ = _transposed(node, X, K)
    A, kernel = in_floats(X, K)
    g = np.zeros((len(X), *whole, G[0].shape[1]), A.dtype)
    own = to_last(np.ascontiguousarray(G[0], A.dtype))
    (top, left), (H, W) = (a for a, _ in ends), whole
    if min(top, left) < 0:
        raise node.refusal("the gradient with negative pads", "pads of at least 0")
    part = own[:, : H - top, : W - left]
    g[:, top : top + part.shape[1], left : left + part.shape[2]] = part
    options = (w.stride, 0, w.dilation, node.get("group", 1))
    gX = kernels.conv2d(g, to_last(kernel), None, *options)
    gK = kernels.conv2d_weight_gradient(g, to_last(A), to_last(kernel).shape, *options)
    rest = [None if c is None else G[0].sum(axis=(0, *range(2, X.ndim))) for c in b]
    return to_first(gX, X), to_first(gK, K), *rest


# ---- poolings --------------------------------------------------------------------------------------------------------


def _plane(X: np.ndarray) -> tuple[int, ...]:
    """(H, W), of a sequence (1, T)."""
    return X.shape[2:] if X.ndim == 4 else (1, *X.shape[2:])


def _counts(node: Node, X: np.ndarray, w: Window) -> list[int]:
    """How many windows there are along both axes."""
    spans = zip(_plane(X), w.kernel, w.stride, w.dilation, w.ends, strict=True)
    return [_count(node, *own, w.ceil) for own in spans]


def _count(node: Node, n: int, size: int, stride: int, dilation: int, ends: tuple[int, int], ceil: bool) -> int:
    """How many windows an axis has; with `ceil` also those that reach beyond the end, if they begin before it."""
    span = n + sum(ends) - dilation * (size - 1) - 1
    if node.get("auto_pad", "NOTSET").startswith("SAME"):
        return -(-n // stride)
    if not ceil:
        return span // stride + 1
    found = -(-span // stride) + 1
    return found - 1 if (found - 1) * stride >= n + ends[0] else found


@operator("MaxPool", attributes=f"{_WINDOW} ceil_mode storage_order", kernels=True)
def _max_pool(node: Node, X: np.ndarray) -> Any:
    w, images = window(node, X, node.get("kernel_shape")), to_last(in_floats(X)[0])
    H, W = images.shape[1:3]
    counts = _counts(node, X, w)
    spans = zip(counts, (H, W), w.kernel, w.stride, w.dilation, w.ends, strict=True)
    ends = [(a, max((m - 1) * s + d * (size - 1) + 1 - n - a, 0)) for m, n, size, s, d, (a, _) in spans]
    padded = _around(images, ends, -np.inf)
    Y, places = kernels.max_pool2d(padded, w.kernel, w.stride, 0, dilation=w.dilation)
    Y, places = Y[:, : counts[0], : counts[1]], places[:, : counts[0], : counts[1]]
    Y = to_first(Y, X)
    if len(node.outputs) < 2:
        return Y
    rows, columns = np.divmod(places.astype(np.int64), padded.shape[2])
    rows, columns = rows - ends[0][0], columns - ends[1][0]
    at = columns * H + rows if node.get("storage_order", 0) else rows * W + columns
    planes = np.arange(X.shape[0] * X.shape[1]).reshape(len(X), 1, 1, -1) * (H * W)
    return Y, to_first(at + planes, X.astype(np.int64))


@gradient("MaxPool")
def _max_pool_backward(node: Node, inputs: Any, outputs: Any, G: Any) -> Any:
    X = inputs[0]
    attributes = {name: value for name, value in node.attributes.items() if name != "storage_order"}
    _, places = _max_pool(node._replace(attributes=attributes, outputs=("Y", "I")), X)
    sums = np.bincount(places.reshape(-1), np.asarray(G[0], np.float64).reshape(-1), X.size)
    return (sums.reshape(X.shape).astype(X.dtype),)


def _means(node: Node, X: np.ndarray) -> list[Factor]:
    """The two matrices of the means of windows."""
    w, counted = window(node, X, node.get("kernel_shape")), bool(node.get("count_include_pad", 0))
    factors = []
    spans = zip(_counts(node, X, w), _plane(X), w.kernel, w.stride, w.dilation, w.ends, strict=True)
    for m, n, size, s, d, ends in spans:
        room(node, (m, size))
        places = np.arange(m)[:, None] * s - ends[0] + d * np.arange(size)
        inside = (places >= 0) & (places < n)
        counts = (places < n + ends[1] if counted else inside).sum(axis=1, keepdims=True)
        factors.append(Factor((m, n), np.arange(m)[:, None], np.clip(places, 0, n - 1), inside / np.maximum(counts, 1)))
    return factors


@operator("AveragePool", attributes=f"{_WINDOW} ceil_mode count_include_pad", kernels=True)
def _average_pool(node: Node, X: np.ndarray) -> np.ndarray:
    factors = _means(node, X)
    return to_first(kernels.resample(to_last(in_floats(X)[0]), factors[0], factors[1]), X)


@gradient("AveragePool")
def _average_pool_backward(node: Node, inputs: Any, outputs: Any, G: Any) -> Any:
    X = inputs[0]
    g = to_last(in_floats(G[0])[0])
    R, C = _means(node, X)
    return (to_first(kernels.resample(g, R.T, C.T), X),)


@operator("LpPool", attributes=f"{_WINDOW} ceil_mode p", kernels=True)
def _lp_pool(node: Node, X: np.ndarray) -> np.ndarray:
    p = node.get("p", 2)
    means = node._replace(attributes={**node.attributes, "count_include_pad": 1})
    R, C = (Factor(f.shape, f.rows, f.places, 1.0) for f in _means(means, X))
    sums = kernels.resample(to_last(in_floats(np.abs(X) ** p)[0]), R, C)
    return to_first(sums ** (1 / p), X)


@operator("GlobalAveragePool", kernels=True)
def _global_average(node: Node, X: np.ndarray) -> np.ndarray:
    if X.ndim not in (3, 4):
        return X.mean(axis=tuple(range(2, X.ndim)), keepdims=True)
    images = to_last(in_floats(X)[0])
    return to_first(kernels.avg_pool2d(images, images.shape[1:3]), X)


@operator("GlobalMaxPool", kernels=True)
def _global_max(node: Node, X: np.ndarray) -> np.ndarray:
    if X.ndim not in (3, 4):
        return X.max(axis=tuple(range(2, X.ndim)), keepdims=True)
    return to_first(kernels.adaptive_max_pool2d(to_last(in_floats(X)[0]), 1)[0], X)


@gradient("GlobalAveragePool")
def _global_average_backward(node: Node, inputs: Any, outputs: Any, G: Any) -> Any:
    X = inputs[0]
    return (np.broadcast_to(G[0] / np.prod(X.shape[2:]), X.shape).astype(X.dtype),)


@gradient("GlobalMaxPool")
def _global_max_backward(node: Node, inputs: Any, outputs: Any, G: Any) -> Any:
    X = inputs[0]
    flat, gX = X.reshape(*X.shape[:2], -1), np.zeros((*X.shape[:2], int(np.prod(X.shape[2:]))), X.dtype)
    np.put_along_axis(gX, flat.argmax(-1)[..., None], G[0].reshape(*X.shape[:2], 1), -1)
    return (gX.reshape(X.shape),)


@operator("Col2Im", attributes="dilations pads strides", kernels=True)
def _col2im(node: Node, U: np.ndarray, image: np.ndarray, block: np.ndarray) -> np.ndarray:
    if len(image) != 2:
        raise node.refusal(f"an image of {len(image)} axes", "images of two")
    H, W = ints(image)
    kh, kw = (int(n) for n in block)
    C = U.shape[1] // (kh * kw)
    probe = np.empty(room(node, (len(U), C, H, W)))
    w = window(node, probe, (kh, kw))
    if not w.even:
        raise node.refusal("unequal pads", "equal ones at both ends")
    columns = U.reshape(len(U), C, kh * kw, -1).transpose(0, 3, 2, 1).reshape(-1, kh * kw * C)
    given = in_floats(columns)[0]
    return to_first(
        k.col2im(given, (len(U), H, W, C), w.kernel, w.stride, w.padding, w.dilation), probe.astype(U.dtype)
    )


gradient("MaxUnpool")(moved(0))


@operator("MaxUnpool", attributes="kernel_shape pads strides")
def _max_unpool(node: Node, X: np.ndarray, places: np.ndarray, shape: Any = None) -> np.ndarray:
    w = window(node, X, node.get("kernel_shape"))
    spans = zip(X.shape[2:], w.stride[4 - X.ndim :], w.kernel[4 - X.ndim :], w.ends[4 - X.ndim :], strict=True)
    whole = room(node, [*X.shape[:2], *((n - 1) * s + size - a - b for n, s, size, (a, b) in spans)])
    Y = np.zeros(whole if shape is None else room(node, shape), X.dtype)
    Y[np.unravel_index(places.reshape(-1), whole)] = X.reshape(-1)
    return Y
