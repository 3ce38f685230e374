"""Convolution as an explicit matrix: the shift matrices R_a and C_b, K̂ built from them, and the pattern P.

For images in channels-last order (row, column, channel) and x = vec X, the convolution is the matrix product

    y = K̂ x        K̂ = Σ_ab R_a ⊗ C_b ⊗ K̄_ab        (Ho Wo Co, H W Ci)

where ⊗ is the Kronecker product; R_a (Ho, H) and C_b (Wo, W) pick the rows and columns of the image that tap (a, b)
of the kernel sees; K̄_ab (Co, Ci) holds K[:, a, b, :] on the blocks of the channel groups and zeros elsewhere.
K̂ is linear in the kernel: vec K̂ = P vec K, so the gradient of the kernel is Pᵀ vec(g xᵀ), and the gradient of
the image is K̂ᵀ g. This module uses NumPy only and none of the kernels, so the two can be held against each other.
Reference: docs/equations.md, sections 2.7 and 3.2.
"""

import functools
import math
from typing import Literal, NamedTuple, overload

import numpy as np

from nnmat_kernels.geometry import output_plane
from nnmat_kernels.runtime.arrays import as_array
from nnmat_kernels.runtime.door import real_array

from .errors import ConfigError, ShapeError

MEMORY_LIMIT = 2**31  # bytes; a bigger dense matrix or list of triplets is refused

Pair = int | tuple[int, int] | list[int]


class Triplets(NamedTuple):
    """A sparse matrix: `values[i]` stands at `(rows[i], columns[i])`, each place at most once, zeros elsewhere."""

    rows: np.ndarray
    columns: np.ndarray
    values: np.ndarray
    shape: tuple[int, int]

    def dense(self) -> np.ndarray:
        """The matrix as an array."""
        _guard("Triplets.dense", self.shape[0] * self.shape[1] * self.values.itemsize, "the triplets")
        A = np.zeros(self.shape, self.values.dtype)
        A[self.rows, self.columns] = self.values
        return A

    def product(self, v: np.ndarray) -> np.ndarray:
        """A v, in float64."""
        return self._sums(self.rows, self.values * self._vector(v, 1)[self.columns], self.shape[0])

    def transpose_product(self, v: np.ndarray) -> np.ndarray:
        """Aᵀ v, in float64."""
        return self._sums(self.columns, self.values * self._vector(v, 0)[self.rows], self.shape[1])

    def _sums(self, places: np.ndarray, terms: np.ndarray, size: int) -> np.ndarray:
        # Of no terms at all bincount makes integers.
        return np.bincount(places, terms, minlength=size).astype(np.float64, copy=False)

    def _vector(self, v: np.ndarray, axis: int) -> np.ndarray:
        v = real_array("Triplets", "v", v)
        if v.shape != (self.shape[axis],):
            raise ShapeError(f"Triplets: expected a vector of shape ({self.shape[axis]},), got {v.shape}.")
        return v.astype(np.float64, copy=False)


class Geometry(NamedTuple):
    """Everything about a convolution but its numbers."""

    kernel_shape: tuple[int, int, int, int]  # Co, kh, kw, Ci / groups
    input_shape: tuple[int, int, int]  # H, W, Ci
    output_shape: tuple[int, int, int]  # Ho, Wo, Co
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    groups: int

    @property
    def matrix_shape(self) -> tuple[int, int]:
        """(Ho Wo Co, H W Ci)."""
        return math.prod(self.output_shape), math.prod(self.input_shape)

    def taps(self, axis: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """The places of the ones of every shift matrix of one axis: R_a for axis 0, C_b for axis 1."""
        size, out, kernel = self.input_shape[axis], self.output_shape[axis], self.kernel_shape[1 + axis]
        options = self.stride[axis], self.padding[axis], self.dilation[axis]
        return [_ones(size, out, tap, *options) for tap in range(kernel)]


class KhatOperator:
    """K̂ as a linear map that is applied without being stored: `A @ x`, `X @ A.T`, `A.T @ g`, `A.shape`.

    Operands are vectors or matrices; the product keeps their dtype where it is at least the kernel's.
    """

    __array_ufunc__ = None  # so that `ndarray @ operator` comes here

    def __init__(self, K: np.ndarray, geometry: Geometry, transposed: bool = False):
        self.K, self.geometry, self.transposed = K, geometry, transposed
        rows, columns = geometry.matrix_shape
        self.shape = (columns, rows) if transposed else (rows, columns)
        self.dtype = K.dtype

    @property
    def T(self) -> "KhatOperator":
        """The transpose."""
        return KhatOperator(self.K, self.geometry, not self.transposed)

    def matvec(self, x: np.ndarray) -> np.ndarray:
        """The product with a vector, or with every column of a matrix."""
        x = real_array("KhatOperator", "x", x)
        if x.ndim not in (1, 2) or x.shape[0] != self.shape[1]:
            raise ShapeError(
                f"KhatOperator: expected {self.shape[1]} rows in the right operand of @, got shape {x.shape}. "
                "Images are flattened in the order (row, column, channel)."
            )
        return self._apply(x.reshape(len(x), -1)).reshape(self.shape[0], *x.shape[1:])

    def __matmul__(self, x: np.ndarray) -> np.ndarray:
        return self.matvec(x)

    def __rmatmul__(self, X: np.ndarray) -> np.ndarray:
        return self.T.matvec(real_array("KhatOperator", "X", X).T).T

    def _apply(self, x: np.ndarray) -> np.ndarray:
        g = self.geometry
        source, target = (g.output_shape, g.input_shape) if self.transposed else (g.input_shape, g.output_shape)
        Co, Ci = g.output_shape[2] // g.groups, g.kernel_shape[3]
        X = x.reshape(*source, -1)  # (rows, columns, channels, operands)
        Y = np.zeros((*target, X.shape[-1]), np.result_type(self.K, x))
        for a, (i, m) in enumerate(g.taps(0)):
            for b, (j, n) in enumerate(g.taps(1)):
                for group in range(g.groups):  # Y += R_a X C_bᵀ, mixed by the group's block of K̄_ab
                    o, c = slice(group * Co, (group + 1) * Co), slice(group * Ci, (group + 1) * Ci)
                    Kbar = self.K[o, a, b, :]
                    if self.transposed:
                        Y[m[:, None], n, c] += Kbar.T @ X[i[:, None], j, o]
                    else:
                        Y[i[:, None], j, o] += Kbar @ X[m[:, None], n, c]
        return Y.reshape(math.prod(target), -1)

    def __repr__(self) -> str:
        return f"KhatOperator(shape={self.shape}, dtype={self.dtype})"


def shift_matrix(size: int, tap: int, kernel_size: int, stride: int = 1, padding: int = 0, dilation: int = 1):
    """R_a (or C_b) for tap a, of shape (size_out, size): 1 at (i, m) where m = i stride + a dilation - padding, else 0.

    Output rows whose tap falls into the padding are zero.
    """
    if not 0 <= tap < kernel_size:
        raise ConfigError(f"shift_matrix: expected tap from 0 to {kernel_size - 1}, got {tap}.")
    out = (size + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1
    R = np.zeros((max(out, 0), size))
    R[_ones(size, max(out, 0), tap, stride, padding, dilation)] = 1
    return R


@overload
def khat(
    K: np.ndarray, input_shape: tuple[int, ...], stride: Pair = ..., padding: Pair = ...,
    dilation: Pair = ..., groups: int = ..., form: Literal["dense"] = ...,
) -> np.ndarray: ...  # fmt: skip


@overload
def khat(
    K: np.ndarray, input_shape: tuple[int, ...], stride: Pair = ..., padding: Pair = ...,
    dilation: Pair = ..., groups: int = ..., *, form: Literal["triplets"],
) -> Triplets: ...  # fmt: skip


@overload
def khat(
    K: np.ndarray, input_shape: tuple[int, ...], stride: Pair = ..., padding: Pair = ...,
    dilation: Pair = ..., groups: int = ..., *, form: Literal["operator"],
) -> KhatOperator: ...  # fmt: skip


@overload
def khat(
    K: np.ndarray, input_shape: tuple[int, ...], stride: Pair = ..., padding: Pair = ...,
    dilation: Pair = ..., groups: int = ..., *, form: str,
) -> np.ndarray | Triplets | KhatOperator: ...  # fmt: skip


def khat(
    K: np.ndarray,
    input_shape: tuple[int, ...],
    stride: Pair = 1,
    padding: Pair = 0,
    dilation: Pair = 1,
    groups: int = 1,
    form: str = "dense",
) -> np.ndarray | Triplets | KhatOperator:
    """The matrix K̂ (Ho Wo Co, H W Ci) with vec(conv2d(X, K)) = K̂ vec X, for one image in order (H, W, C).

    `K (Co, kh, kw, Ci / groups)` float32 or float64, `input_shape` = (H, W, Ci); stride, padding and dilation are
    ints or pairs (rows, columns). `form`: "dense" an array, "triplets" the entries that can be non-zero, "operator"
    an object for products only. For a batch: Y = X K̂ᵀ with one flattened image per row. A kernel (kh, kw) and images
    (H, W), as the source has them, are those of one channel: K[None, :, :, None] and (H, W, 1).
    Raises ShapeError, DtypeError, and ConfigError for wrong options and for a form that would not fit into memory.
    """
    K = as_array("khat", "K", K)
    geometry = _geometry("khat", K.shape, input_shape, stride, padding, dilation, groups)
    K = K.reshape(geometry.kernel_shape)
    if form == "operator":
        return KhatOperator(K, geometry)
    _check_form("khat", form, ("dense", "triplets", "operator"))
    rows, columns = geometry.matrix_shape
    if form == "dense":
        _guard("khat", rows * columns * K.itemsize, 'form="triplets" or form="operator"')
    places = _places(geometry, 'form="operator"')
    triplets = Triplets(places.rows, places.columns, K.ravel()[places.entries], geometry.matrix_shape)
    return triplets if form == "triplets" else triplets.dense()


@overload
def khat_pattern(
    kernel_shape: tuple[int, ...], input_shape: tuple[int, ...], stride: Pair = ..., padding: Pair = ...,
    dilation: Pair = ..., groups: int = ..., form: Literal["triplets"] = ...,
) -> Triplets: ...  # fmt: skip


@overload
def khat_pattern(
    kernel_shape: tuple[int, ...], input_shape: tuple[int, ...], stride: Pair = ..., padding: Pair = ...,
    dilation: Pair = ..., groups: int = ..., *, form: Literal["dense"],
) -> np.ndarray: ...  # fmt: skip


@overload
def khat_pattern(
    kernel_shape: tuple[int, ...], input_shape: tuple[int, ...], stride: Pair = ..., padding: Pair = ...,
    dilation: Pair = ..., groups: int = ..., *, form: str,
) -> np.ndarray | Triplets: ...  # fmt: skip


def khat_pattern(
    kernel_shape: tuple[int, ...],
    input_shape: tuple[int, ...],
    stride: Pair = 1,
    padding: Pair = 0,
    dilation: Pair = 1,
    groups: int = 1,
    form: str = "triplets",
) -> np.ndarray | Triplets:
    """The 0/1 matrix P with vec K̂ = P vec K, of shape (Ho Wo Co H W Ci, Co kh kw Ci / groups), vec row by row.

    Its columns have disjoint supports, so PᵀP is diagonal: tap (a, b) counts how often it meets the image.
    The gradient of the kernel is Pᵀ vec(g xᵀ). Arguments and errors as for `khat`.
    """
    geometry = _geometry("khat_pattern", kernel_shape, input_shape, stride, padding, dilation, groups)
    _check_form("khat_pattern", form, ("dense", "triplets"))
    rows, columns = geometry.matrix_shape
    shape = (rows * columns, math.prod(geometry.kernel_shape))
    if form == "dense":
        _guard("khat_pattern", shape[0] * shape[1] * 8, 'form="triplets"')
    places = _places(geometry, "a smaller image")
    P = Triplets(places.rows * columns + places.columns, places.entries, np.ones(len(places.rows)), shape)
    return P if form == "triplets" else P.dense()


class _Places(NamedTuple):
    """K̂[rows[i], columns[i]] = vec K[entries[i]]; all other entries are zero."""

    rows: np.ndarray
    columns: np.ndarray
    entries: np.ndarray


def _places(geometry: Geometry, remedy: str) -> _Places:
    (R, C), (Co, _, _, Ci) = (geometry.taps(0), geometry.taps(1)), geometry.kernel_shape
    count = sum(len(i) for i, _ in R) * sum(len(j) for j, _ in C) * Co * Ci
    _guard("khat", count * 32, remedy)
    return _assemble(geometry)


@functools.lru_cache(maxsize=4)  # a layer that multiplies by K̂ asks for the same places at every step
def _assemble(geometry: Geometry) -> _Places:
    """The Kronecker products of the non-zero places: those of R_a, of C_b, and of the blocks of K̄_ab."""
    (_, W, Ci), (_, Wo, _), (Co, kh, kw, Cg) = geometry.input_shape, geometry.output_shape, geometry.kernel_shape
    o, c = (index.ravel() for index in np.indices((Co, Cg)))  # entry (o, c) of K[:, a, b, :] ...
    channel = o // (Co // geometry.groups) * Cg + c  # ... stands in this column of K̄_ab
    parts = []
    for a, (i, m) in enumerate(geometry.taps(0)):
        for b, (j, n) in enumerate(geometry.taps(1)):
            rows = (np.add.outer(i * Wo, j).ravel()[:, None] * Co + o).ravel()
            columns = (np.add.outer(m * W, n).ravel()[:, None] * Ci + channel).ravel()
            entries = np.tile(((o * kh + a) * kw + b) * Cg + c, len(i) * len(j))
            parts.append((rows, columns, entries))
    places = _Places(*(np.concatenate(part) for part in zip(*parts, strict=True)))
    for A in places:
        A.flags.writeable = False  # shared between calls
    return places


def _ones(size: int, out: int, tap: int, stride: int, padding: int, dilation: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows i and columns m of the ones of a shift matrix."""
    i = np.arange(out)
    m = i * stride + tap * dilation - padding
    inside = (m >= 0) & (m < size)
    return i[inside], m[inside]


def _geometry(who: str, kernel_shape, input_shape, stride, padding, dilation, groups) -> Geometry:
    if isinstance(kernel_shape, tuple | list) and len(kernel_shape) == 2:  # one channel, as in the source
        kernel_shape = (1, *kernel_shape, 1)
        if isinstance(input_shape, tuple | list) and len(input_shape) == 2:
            input_shape = (*input_shape, 1)
    kernel_shape = _integers(
        who, "K's shape (Co, kh, kw, Ci / groups), or (kh, kw) for one channel,", kernel_shape, 4,
        "One filter is K[None], one input channel K[..., None].",
    )  # fmt: skip
    given = (
        f"({', '.join(map(str, input_shape))}, {kernel_shape[3]})"
        if isinstance(input_shape, tuple | list)
        else "(H, W, Ci)"
    )
    input_shape = _integers(who, "input_shape (H, W, Ci)", input_shape, 3, f"Images have a channel axis: try {given}.")
    stride, dilation = _pair(who, "stride", stride, 1), _pair(who, "dilation", dilation, 1)
    padding = _pair(who, "padding", padding, 0)
    (Co, kh, kw, Cg), (H, W, Ci) = kernel_shape, input_shape
    if isinstance(groups, bool) or not isinstance(groups, (int, np.integer)) or groups < 1:
        raise ConfigError(f"{who}: expected groups to be a whole number >= 1, got {groups!r}.")
    if Co % groups or Ci != Cg * groups:
        raise ShapeError(
            f"{who}: expected K of shape (Co, kh, kw, Ci / groups) with Co a multiple of groups, got {kernel_shape} "
            f"for {Ci} input channels and groups = {groups}."
        )
    size = [
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip((H, W), (kh, kw), stride, padding, dilation, strict=True)
    ]
    if min(size) < 1:
        output_plane(who, (H, W), (kh, kw), stride, padding, dilation)  # raises
    return Geometry(kernel_shape, input_shape, (size[0], size[1], Co), stride, padding, dilation, int(groups))


def _integers(who: str, what: str, shape, length: int, hint: str) -> tuple:
    found = tuple(shape) if isinstance(shape, (tuple, list)) else ()
    if len(found) != length or any(isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1 for n in found):
        missing = f" {hint}" if len(found) == length - 1 else ""
        raise ShapeError(f"{who}: expected {what} of {length} whole numbers >= 1, got {shape!r}.{missing}")
    return tuple(int(n) for n in found)


def _pair(who: str, name: str, value, least: int) -> tuple[int, int]:
    found = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    if len(found) != 2 or any(isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < least for n in found):
        raise ConfigError(f"{who}: expected {name} to be a whole number >= {least} or a pair of them, got {value!r}.")
    return int(found[0]), int(found[1])


def _check_form(who: str, form: str, allowed: tuple[str, ...]) -> None:
    if form not in allowed:
        raise ConfigError(f"{who}: expected form to be one of {', '.join(allowed)}, got {form!r}.")


def _guard(who: str, size: int, remedy: str) -> None:
    if size > MEMORY_LIMIT:
        raise ConfigError(
            f"{who}: expected a matrix of at most {MEMORY_LIMIT / 2**30:.0f} GiB, this one takes "
            f"{size / 2**30:.1f} GiB. Use {remedy}."
        )
