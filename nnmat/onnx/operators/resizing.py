"""Images of other sizes: a matrix for each axis, applied by nnmat's kernels."""

from collections.abc import Callable
from typing import Any

import numpy as np

import nnmat_kernels as kernels
from nnmat_kernels.resampling.factors import Factor

from .table import FLOATS, Node, as_axes, gradient, in_floats, ints, operator, room

_ATTRIBUTES = (
    "antialias axes coordinate_transformation_mode cubic_coeff_a exclude_outside extrapolation_value "
    "keep_aspect_ratio_policy mode nearest_mode"
)
# The place in the input of place i in the output, for sizes n and m, a scale s, and the ends a and b of a region.
_AT: dict[str, Callable[..., Any]] = {
    "asymmetric": lambda i, n, m, s, a, b: i / s,
    "half_pixel": lambda i, n, m, s, a, b: (i + 0.5) / s - 0.5,
    "pytorch_half_pixel": lambda i, n, m, s, a, b: (i + 0.5) / s - 0.5 if m > 1 else 0.0 * i,
    "align_corners": lambda i, n, m, s, a, b: i * (n - 1) / (n * s - 1) if n * s > 1 else 0.0 * i,
    "half_pixel_symmetric": lambda i, n, m, s, a, b: n / 2 * (1 - m / (n * s)) + (i + 0.5) / s - 0.5,
    "tf_crop_and_resize": lambda i, n, m, s, a, b: (
        a * (n - 1) + i * (b - a) * (n - 1) / (m - 1) if m > 1 else 0.5 * (a + b) * (n - 1) + 0.0 * i
    ),
}
_NEAREST: dict[str, Callable[..., Any]] = {
    "round_prefer_floor": lambda x: np.ceil(x - 0.5),
    "round_prefer_ceil": lambda x: np.floor(x + 0.5),
    "floor": np.floor,
    "ceil": np.ceil,
}


def _linear(x: np.ndarray) -> np.ndarray:
    return np.maximum(1 - np.abs(x), 0)


def _cubic(a: float) -> Any:
    def weight(x: np.ndarray) -> np.ndarray:
        t = np.abs(x)
        inner = ((a + 2) * t - (a + 3)) * t * t + 1
        outer = ((a * t - 5 * a) * t + 8 * a) * t - 4 * a
        return np.where(t <= 1, inner, np.where(t < 2, outer, 0))

    return weight


def _matrix(node: Node, n: int, m: int, scale: float, region: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """The matrix (m, n) of one axis, and which outputs lie outside of the input."""
    room(node, (m, n))
    at = _AT[node.get("coordinate_transformation_mode", "half_pixel")](np.arange(m), n, m, scale, *region)
    outside = (at < 0) | (at > n - 1)
    R, rows = np.zeros((m, n)), np.arange(m)
    mode = node.get("mode", "nearest")
    if mode == "nearest":
        places = _NEAREST[node.get("nearest_mode", "round_prefer_floor")](np.round(at, 9))
        R[rows, np.clip(places, 0, n - 1).astype(int)] = 1
        return R, outside
    half, weight = (1, _linear) if mode == "linear" else (2, _cubic(node.get("cubic_coeff_a", -0.75)))
    narrow = min(1.0, scale) if node.get("antialias", 0) else 1.0
    reach = int(np.ceil(half / narrow))
    first = np.floor(at).astype(int)
    for step in range(-reach, reach + 2):
        places = first + step
        w = weight((places - at) * narrow)
        if node.get("exclude_outside", 0):
            w = np.where((places >= 0) & (places < n), w, 0)
        np.add.at(R, (rows, np.clip(places, 0, n - 1)), w)
    return R / R.sum(axis=1, keepdims=True), outside


def _sizes(node: Node, X: np.ndarray, roi: Any, scales: Any, sizes: Any) -> tuple[list, list, list, list]:
    """The axes that change, their sizes, scales and regions."""
    axes = list(as_axes(node, node.get("axes", range(X.ndim)), X.ndim))
    regions = [(0.0, 1.0)] * len(axes)
    if roi is not None and roi.size:
        half = len(roi) // 2
        regions = [(float(a), float(b)) for a, b in zip(roi[:half], roi[half:], strict=True)]
    if sizes is not None and sizes.size:
        wanted = ints(sizes)
        factors = [m / X.shape[a] for m, a in zip(wanted, axes, strict=True)]
        policy = node.get("keep_aspect_ratio_policy", "stretch")
        if policy != "stretch":
            factor = min(factors) if policy == "not_larger" else max(factors)
            factors = [factor] * len(axes)
            wanted = [int(factor * X.shape[a] + 0.5) for a in axes]
    else:
        factors = [float(s) for s in scales]
        wanted = [int(np.floor(X.shape[a] * s + 1e-9)) for a, s in zip(axes, factors, strict=True)]
    return axes, wanted, factors, regions


def _factors(node: Node, X: np.ndarray, roi: Any, scales: Any, sizes: Any) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    mode, how = node.get("mode", "nearest"), node.get("coordinate_transformation_mode", "half_pixel")
    if mode not in ("nearest", "linear", "cubic") or how not in _AT:
        raise node.refusal(f"mode {mode!r} with {how!r}", f"nearest, linear, cubic with {', '.join(_AT)}")
    found = {}
    for axis, m, s, region in zip(*_sizes(node, X, roi, scales, sizes), strict=True):
        if m != X.shape[axis] or s != 1 or how == "tf_crop_and_resize":
            found[axis] = _matrix(node, X.shape[axis], m, s, region)
    return found


def _apply(X: np.ndarray, factors: dict[int, np.ndarray]) -> np.ndarray:
    """Each axis times its matrix: images by one kernel, other arrays axis by axis."""
    A = in_floats(X)[0]
    if A.ndim == 4 and set(factors) <= {2, 3}:
        rows, columns = (Factor.of(factors.get(axis, np.eye(A.shape[axis]))) for axis in (2, 3))
        images = np.ascontiguousarray(A.transpose(0, 2, 3, 1))
        return np.ascontiguousarray(kernels.resample(images, rows, columns).transpose(0, 3, 1, 2))
    for axis, R in factors.items():
        last = np.ascontiguousarray(np.moveaxis(A, axis, -1))
        product = kernels.matmul(last.reshape(-1, A.shape[axis]), R.astype(A.dtype), transpose_b=True)
        A = np.moveaxis(product.reshape(*last.shape[:-1], len(R)), -1, axis)
    return np.ascontiguousarray(A)


@operator("Resize", attributes=_ATTRIBUTES, kernels=True)
def _resize(node: Node, X: np.ndarray, roi: Any = None, scales: Any = None, sizes: Any = None) -> np.ndarray:
    if node.version < 11:
        roi, scales = None, roi
        node = node._replace(attributes={"coordinate_transformation_mode": "asymmetric", **node.attributes,
                                         "nearest_mode": "floor"})  # fmt: skip
    found = _factors(node, X, roi, scales, sizes)
    room(node, [len(found[axis][0]) if axis in found else n for axis, n in enumerate(X.shape)])
    Y = _apply(X, {axis: R for axis, (R, _) in found.items()})
    if node.get("coordinate_transformation_mode") == "tf_crop_and_resize":
        value = node.get("extrapolation_value", 0.0)
        for axis, (_, outside) in found.items():
            np.moveaxis(Y, axis, 0)[outside] = value
    whole = X.dtype not in FLOATS and X.dtype.kind in "iu"
    return (np.round(Y) if whole else Y).astype(X.dtype, copy=False)


@gradient("Resize")
def _resize_backward(node: Node, inputs: Any, outputs: Any, G: Any) -> Any:
    if node.version < 11 or node.get("coordinate_transformation_mode") == "tf_crop_and_resize":
        raise node.refusal("the gradient of a region, or before version 11", "that of whole images")
    X, *rest = inputs
    found = _factors(node, X, *(*rest, None, None, None)[:3])
    gX = _apply(G[0], {axis: np.ascontiguousarray(R.T) for axis, (R, _) in found.items()})
    return (gX.astype(X.dtype), *(None for _ in rest))


@operator("Upsample", attributes="mode scales", kernels=True)
def _upsample(node: Node, X: np.ndarray, scales: Any = None) -> np.ndarray:
    own = {"mode": node.get("mode", "nearest"), "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    scales = np.asarray(node.get("scales") if scales is None else scales)
    return _resize(node._replace(kind="Resize", attributes=own, version=13), X, None, scales)
