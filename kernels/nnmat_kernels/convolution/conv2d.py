"""Convolution of channels-last images, its input gradient and its weight gradient, without a patch matrix.

      forward           Y  = windows of X · K_matᵀ + 1 bᵀ         `implicit_gemm`
      input gradient    gX = windows of G · K turned by 180°       `implicit_gemm`
      weight gradient   gK = (windows of X)ᵀ G, gbias = 1ᵀ G       `weight_gradient`

and all three with vectors of channels in `depthwise`. Where more than LARGE_WINDOW numbers are one sum, forward and
input gradient are made of convolutions with parts of the kernel, so that rounding does not grow with the window.
`im2col` and `col2im` are the same maps with their matrix.

A `Convolution` holds what the kernels need to know of one set of shapes and options. The public functions check, which
gives a `Window`, and the `unchecked` ones go by the shapes and options as they are; both keep the last plans.
"""

import functools
import numbers

import numpy as np

from ..codegen.builder import NONE, RELU
from ..elementwise.activations import relu_unchecked, sigmoid_unchecked, tanh_unchecked
from ..errors import ShapeError
from ..geometry import Window, image_shape, window
from ..products.matmul import PARALLEL_FLOPS, matmul_unchecked
from ..reductions.sums import column_sums_unchecked
from ..runtime.arrays import as_array, checked_out, same_dtype
from ..runtime.launch import launch, operation, unrecordable
from .launch import product, weights
from .plan import Plan, WeightPlan, is_depthwise, plan, weight_plan

LARGE_WINDOW = 16_384  # numbers of a sum beyond which it is made of partial sums, of PART_SIZE numbers about
_IN_PARTS = "a window of so many numbers is summed in parts, with NumPy"
PART_SIZE = 4_096
CONV_ACTIVATIONS = (None, "relu", "sigmoid", "tanh")
ACTIVATE = {"relu": relu_unchecked, "sigmoid": sigmoid_unchecked, "tanh": tanh_unchecked}
NO_BIAS_OF = {np.dtype(d): np.empty(0, d) for d in (np.float32, np.float64)}


def checked_window(who: str, name: str, shape, kernel_shape, stride, padding, dilation, groups) -> Window:
    """The window of a convolution of images of `shape` with weights of `kernel_shape`, checked with its groups."""
    if isinstance(groups, bool) or not isinstance(groups, numbers.Integral) or groups < 1:
        raise ShapeError(f"{who}: expected groups to be an integer of at least 1, got {groups!r}. Try groups=1.")
    Co, kh, kw, width = kernel_shape
    if shape[3] != width * groups:
        raise ShapeError(
            f"{who}: expected {name} with {width * groups} channels (weights {tuple(kernel_shape)}, groups {groups}), "
            f"got {tuple(shape)}. Images are (B, H, W, C), weights (Co, kh, kw, Ci/groups)."
        )
    if Co % groups:
        raise ShapeError(f"{who}: expected a number of output channels divisible by groups={groups}, got {Co}.")
    return window(who, shape, (kh, kw), stride, padding, dilation)


class Convolution:
    """One convolution, for a checked window, filters and groups: the three kernels without checks.

    Arrays are C-contiguous, aligned and of `dtype`, `out` is required, shapes are the plan's: nothing is checked.
    A plan holds sizes only and never changes, the kernels bring their own scratch: any number of threads may use one.
    """

    def __init__(self, w: Window, filters: int, groups: int = 1, dtype=np.float32):
        self.window, self.filters, self.groups, self.dtype = w, int(filters), int(groups), np.dtype(dtype)
        self.output_shape = (w.B, w.Ho, w.Wo, self.filters)
        self._by_channels = is_depthwise(w, self.filters, self.groups)
        work = 2 * w.B * w.Ho * w.Wo * self.filters * w.kh * w.kw * (w.C // self.groups)
        self._parallel = work >= PARALLEL_FLOPS
        self._no_bias = NO_BIAS_OF[self.dtype]
        self._plans: dict[tuple[bool, bool], Plan] = {}
        # 1 x 1 without stride and padding: images are matrices of pixels and channels, and this is their product.
        self._is_product = (w.kh, w.kw, w.sh, w.sw, w.ph, w.pw, self.groups) == (1, 1, 1, 1, 0, 0, 1)
        self._pixels = w.B * w.H * w.W
        taps = 0 if self._is_product else w.kh * w.kw
        self._in_parts = taps * (w.C // self.groups) > LARGE_WINDOW
        self._gradient_in_parts = taps * (self.filters // self.groups) > LARGE_WINDOW

    @functools.cached_property
    def _product(self):
        return product(self.dtype, self._by_channels, self._parallel)

    @functools.cached_property
    def _weights(self):
        return weights(self.dtype, self._by_channels, self._parallel)

    def plan(self, gradient: bool, merge: bool) -> Plan:
        """The plan of the forward pass or of the input gradient, made when it is first asked for."""
        if (gradient, merge) not in self._plans:
            own = plan(self.window, self.filters, self.groups, self.dtype, gradient, merge)
            self._plans[gradient, merge] = own
        return self._plans[gradient, merge]

    @functools.cached_property
    def weight_plan(self) -> WeightPlan:
        return weight_plan(self.window, self.filters, self.groups, self.dtype)

    def _run(self, X, K, bias, out, gradient, activation):
        for merge in (True, False):  # the second does what the first cannot
            if launch(self._product, X, K, bias, out, *self.plan(gradient, merge), activation):
                return

    def _matrix(self, images):
        return images.reshape(self._pixels, images.shape[3])  # (B, H, W, C) -> (B H W, C)

    def forward(self, X, K, bias, out, activation=None):
        """`conv2d` into `out`; `bias` may be None."""
        if self._is_product:
            A, B = self._matrix(X), K.reshape(K.shape[0], K.shape[3])
            matmul_unchecked(A, B, False, True, self._matrix(out), False, bias, activation)
            return
        if self._in_parts:
            self._forward_in_parts(X, K, bias, out)
            if activation is not None:
                ACTIVATE[activation](out, out)
            return
        terms = self._no_bias if bias is None else bias
        self._run(X, K, terms, out, False, RELU if activation == "relu" else NONE)
        if activation == "sigmoid":
            sigmoid_unchecked(out, out)
        elif activation == "tanh":
            tanh_unchecked(out, out)

    def input_gradient(self, G, K, out, bias=None):
        """`conv2d_input_gradient` into `out`; `bias` may be None."""
        if self._pixels == 0:  # images without pixels, which padding alone may make windows of
            return
        if self._is_product:
            B = K.reshape(K.shape[0], K.shape[3])
            matmul_unchecked(self._matrix(G), B, False, False, self._matrix(out), False, bias)
            return
        if self._gradient_in_parts:
            self._input_gradient_in_parts(G, K, bias, out)
            return
        self._run(G, K, self._no_bias if bias is None else bias, out, True, NONE)

    def _parts(self, width: int):
        """Parts of the kernel of PART_SIZE numbers about, `width` to a tap: slices of rows and columns, the rows and
        columns of the images that they see (in part padding), and the slices of those that lie in the image and there.
        """
        w = self.window
        columns = min(w.kw, max(1, PART_SIZE // width))
        rows = max(1, PART_SIZE // (columns * width)) if columns == w.kw else 1
        for a in range(0, w.kh, rows):
            top, bottom = a * w.dh - w.ph, (min(a + rows, w.kh) - 1) * w.dh - w.ph + (w.Ho - 1) * w.sh + 1
            for b in range(0, w.kw, columns):
                left, right = b * w.dw - w.pw, (min(b + columns, w.kw) - 1) * w.dw - w.pw + (w.Wo - 1) * w.sw + 1
                inside = slice(max(top, 0), min(bottom, w.H)), slice(max(left, 0), min(right, w.W))
                if inside[0].start < inside[0].stop and inside[1].start < inside[1].stop:  # else padding alone
                    there = tuple(slice(s.start - at, s.stop - at) for s, at in zip(inside, (top, left), strict=True))
                    yield (slice(a, a + rows), slice(b, b + columns)), (bottom - top, right - left), inside, there

    def _forward_in_parts(self, X, K, bias, out):
        unrecordable(_IN_PARTS)
        w, total = self.window, np.zeros(out.shape)
        for taps, plane, inside, there in self._parts(w.C // self.groups):
            source, part = np.zeros((w.B, *plane, w.C), self.dtype), np.empty_like(out)
            source[:, *there] = X[:, *inside]
            kernel = np.ascontiguousarray(K[:, *taps])
            conv2d_unchecked(source, kernel, None, (w.sh, w.sw), (0, 0), (w.dh, w.dw), self.groups, part)
            total += part
        out[...] = total if bias is None else total + bias

    def _input_gradient_in_parts(self, G, K, bias, out):
        unrecordable(_IN_PARTS)
        w, total = self.window, np.zeros(out.shape)
        for taps, plane, inside, there in self._parts(self.filters // self.groups):
            shape, kernel = (w.B, *plane, w.C), np.ascontiguousarray(K[:, *taps])
            part = np.empty(shape, self.dtype)
            conv2d_input_gradient_unchecked(
                G, kernel, shape, (w.sh, w.sw), (0, 0), (w.dh, w.dw), self.groups, part
            )  # fmt: skip
            total[:, *inside] += part[:, *there]
        out[...] = total if bias is None else total + bias

    def weight_gradient(self, X, G, out, accumulate=False, bias_gradient=None, accumulate_bias=None):
        """`conv2d_weight_gradient` into `out`; into `bias_gradient`, if it is given, the sums of G over the pixels.

        Both are added to what is there with `accumulate`, the latter by `accumulate_bias` if that is not None.
        """
        gbias = self._no_bias if bias_gradient is None else bias_gradient
        also = accumulate if accumulate_bias is None else accumulate_bias
        if self._is_product:
            gK = out.reshape(self.filters, self.window.C)
            matmul_unchecked(self._matrix(G), self._matrix(X), True, False, gK, accumulate)
            if bias_gradient is not None:
                column_sums_unchecked(self._matrix(G), bias_gradient, also)
            return
        launch(self._weights, X, G, out, gbias, *self.weight_plan, int(accumulate), int(also))


@functools.lru_cache(maxsize=64)
def planned(w: Window, filters: int, groups: int, dtype: np.dtype) -> Convolution:
    """The plan of a checked window, filters and groups; the last ones are kept."""
    return Convolution(w, filters, groups, dtype)


@functools.lru_cache(maxsize=64)
def _planned_for(input_shape, kernel_shape, stride, padding, dilation, groups, dtype) -> Convolution:
    """The same by shapes and options as they are given: a caller that has checked them need not do so again."""
    w = checked_window("Convolution", "images", input_shape, kernel_shape, stride, padding, dilation, groups)
    return planned(w, kernel_shape[0], groups, dtype)


@operation("out", refuses=True)
def conv2d_unchecked(X, K, bias, stride, padding, dilation, groups, out=None, activation=None) -> np.ndarray:
    """`conv2d` without its checks: canonical arrays, options as numbers or tuples."""
    own = _planned_for(X.shape, K.shape, stride, padding, dilation, groups, X.dtype)
    out = np.empty((len(X), own.window.Ho, own.window.Wo, len(K)), X.dtype) if out is None else out
    own.forward(X, K, bias, out, activation)
    return out


@operation("out", refuses=True)
def conv2d_input_gradient_unchecked(
    G, K, input_shape, stride, padding, dilation, groups, out=None, bias=None
) -> np.ndarray:
    """`conv2d_input_gradient` without its checks, as above."""
    out = np.empty(input_shape, G.dtype) if out is None else out
    _planned_for(input_shape, K.shape, stride, padding, dilation, groups, G.dtype).input_gradient(G, K, out, bias)
    return out


@operation("out", "bias_gradient")
def conv2d_weight_gradient_unchecked(
    X, G, kernel_shape, stride, padding, dilation, groups, out, accumulate=False, bias_gradient=None
) -> None:
    """`conv2d_weight_gradient` without its checks, as above."""
    own = _planned_for(X.shape, kernel_shape, stride, padding, dilation, groups, X.dtype)
    own.weight_gradient(X, G, out, accumulate, bias_gradient)


def conv2d(
    X: np.ndarray,
    K: np.ndarray,
    bias: np.ndarray | None = None,
    stride=1,
    padding=0,
    dilation=1,
    groups: int = 1,
    out: np.ndarray | None = None,
    activation: str | None = None,
) -> np.ndarray:
    """Convolution (cross-correlation) of channels-last images, and if wanted an activation of the result.

    Forward:   Y[n, i, j, o] = bias[o] + Σ_abc Xpad[n, i sh + a dh, j sw + b dw, c] K[o, a, b, c], c in the group of o:
               Y = U K_matᵀ + 1 biasᵀ for each group; Y = f(...) with `activation` f = "relu", "sigmoid" or "tanh"
    Backward:  `conv2d_input_gradient`, `conv2d_weight_gradient`; gbias = the sum of G over n, i, j
    Shapes:    X (B, H, W, Ci), K (Co, kh, kw, Ci/groups), bias (Co,), Y (B, Ho, Wo, Co); one dtype, float32 or float64
    Errors:    ShapeError, DtypeError, ValueError (`out` overlapping an input, an unknown `activation`)
    Reference: docs/equations.md, section 3.2

    With an activation the result has the bits of the activation's own kernel afterwards.
    """
    who = "conv2d"
    if activation not in CONV_ACTIVATIONS:
        raise ValueError(
            f"{who}: expected activation to be one of {', '.join(map(repr, CONV_ACTIVATIONS))}, got {activation!r}. "
            'Try activation="relu".'
        )
    given = X, K, bias
    X, K = as_array(who, "X", X, 4), as_array(who, "K", K, 4)
    if bias is not None:
        bias = as_array(who, "bias", bias, 1)
    dtype = same_dtype(who, X=X, K=K, bias=bias)
    w = checked_window(who, "X", X.shape, K.shape, stride, padding, dilation, groups)
    Co = K.shape[0]
    _check_bias(who, bias, Co)
    out = checked_out(who, out, (w.B, w.Ho, w.Wo, Co), dtype, *given)
    planned(w, Co, int(groups), dtype).forward(X, K, bias, out, activation)
    return out


def _check_bias(who: str, bias: np.ndarray | None, channels: int) -> None:
    if bias is not None and bias.shape != (channels,):
        raise ShapeError(
            f"{who}: expected bias of shape {(channels,)}, got {bias.shape}. It has one entry per output channel."
        )


def _check_upstream(who: str, G: np.ndarray, w: Window, Co: int) -> None:
    expected = (w.B, w.Ho, w.Wo, Co)
    if G.shape != expected:
        raise ShapeError(
            f"{who}: expected G of shape {expected}, the convolution's output, got {G.shape}. "
            "Try the same stride, padding, dilation and groups as in conv2d."
        )


def conv2d_input_gradient(
    G: np.ndarray,
    K: np.ndarray,
    input_shape,
    stride=1,
    padding=0,
    dilation=1,
    groups: int = 1,
    out: np.ndarray | None = None,
    bias: np.ndarray | None = None,
) -> np.ndarray:
    """Gradient of a convolution with respect to its input: the transposed linear map, applied to G.

    Forward:   gU = G K_mat, vec gX = Sᵀ vec gU (`col2im`), for each group; + bias in each channel, if there is one,
               which makes it a transposed convolution
    Backward:  linear in G and in K: with upstream T, gG = `conv2d(T, K)`, gK = `conv2d_weight_gradient(T, G)`
    Shapes:    G (B, Ho, Wo, Co), K (Co, kh, kw, Ci/groups), bias (Ci,), gX and T of `input_shape` (B, H, W, Ci);
               one dtype, float32 or float64
    Errors:    ShapeError, DtypeError, ValueError (`out` overlapping an input)
    Reference: docs/equations.md, section 3.2
    """
    who = "conv2d_input_gradient"
    given = G, K, bias
    G, K = as_array(who, "G", G, 4), as_array(who, "K", K, 4)
    if bias is not None:
        bias = as_array(who, "bias", bias, 1)
    dtype = same_dtype(who, G=G, K=K, bias=bias)
    shape = image_shape(who, "input_shape", input_shape)
    w = checked_window(who, "input_shape", shape, K.shape, stride, padding, dilation, groups)
    Co = K.shape[0]
    _check_upstream(who, G, w, Co)
    _check_bias(who, bias, w.C)
    out = checked_out(who, out, shape, dtype, *given)
    planned(w, Co, int(groups), dtype).input_gradient(G, K, out, bias)
    return out


def conv2d_weight_gradient(
    X: np.ndarray,
    G: np.ndarray,
    kernel_shape,
    stride=1,
    padding=0,
    dilation=1,
    groups: int = 1,
    out: np.ndarray | None = None,
    accumulate: bool = False,
    bias_gradient: np.ndarray | None = None,
) -> np.ndarray:
    """Gradient of a convolution with respect to its weights, and if wanted to its bias, nearly for nothing.

    Forward:   gK_mat = Gᵀ U for each group (gK += ... with `accumulate`), that is
               gK[o, a, b, c] = Σ_nij G[n, i, j, o] Xpad[n, i sh + a dh, j sw + b dw, c];
               into `bias_gradient`, if it is given, gbias[o] = Σ_nij G[n, i, j, o] (+= ... with `accumulate`)
    Backward:  linear in G and in X: with upstream T, gG = `conv2d(X, T)`, gX = `conv2d_input_gradient(G, T)`
    Shapes:    X (B, H, W, Ci), G (B, Ho, Wo, Co), gK and T of `kernel_shape` (Co, kh, kw, Ci/groups),
               gbias (Co,); one dtype, float32 or float64
    Errors:    ShapeError, DtypeError, ValueError (`accumulate` without `out`, overlapping arrays)
    Reference: docs/equations.md, section 3.2
    """
    who = "conv2d_weight_gradient"
    given = X, G
    X, G = as_array(who, "X", X, 4), as_array(who, "G", G, 4)
    dtype = same_dtype(who, X=X, G=G)
    kernel_shape = image_shape(who, "kernel_shape", kernel_shape)
    w = checked_window(who, "X", X.shape, kernel_shape, stride, padding, dilation, groups)
    Co = kernel_shape[0]
    _check_upstream(who, G, w, Co)
    if accumulate and out is None:
        raise ValueError(f"{who}: expected out with accumulate=True, got None. Pass the array to add to.")
    out = checked_out(who, out, kernel_shape, dtype, *given)
    if bias_gradient is not None:
        checked_out(f"{who} (bias_gradient)", bias_gradient, (Co,), dtype, *given, out)
    planned(w, Co, int(groups), dtype).weight_gradient(X, G, out, bool(accumulate), bias_gradient)
    return out
