"""The convolution layer, and the three ways to compute it."""

import math
from typing import Any

from nnmat_kernels import unchecked as k
from nnmat_kernels.geometry import output_plane

from ... import initializers
from ...calls import backward_equations, forward_equations
from ...checks import pair
from ...errors import ConfigError
from ...explicit_convolution import Pair, khat, khat_pattern
from ..resampling.ends import Ends
from ..summary import options
from .base import Convolution
from .padding import Padding

METHODS = ("auto", "im2col", "khat")


class Conv2d(Convolution):
    """Two-dimensional convolution (cross-correlation) of channels-last images.

    Forward, per output channel o over the input channels c of its group
        Y_o = Σ_c Σ_ab K_oabc R_a X_c C_bᵀ + b_o           equivalently   vec Y = K̂ vec X + (1 ⊗ b)
    Backward, for the upstream gradient G = ∇_Y L
        gX_c = Σ_o Σ_ab K_oabc R_aᵀ G_o C_b                  vec gX = K̂ᵀ vec G
        gK_oabc = Σ_n ⟨G_no, R_a X_nc C_bᵀ⟩                  vec gK = Pᵀ vec(Σ_n g_n x_nᵀ)
        gb_o = Σ_nij G_nijo
    with the shift matrices R_a (Ho, H), C_b (Wo, W) that pick the rows and columns which tap (a, b) sees.
    Shapes: X (B, H, W, Ci), K = `weight` (Co, kh, kw, Ci/groups), b = `bias` (Co,), Y and G (B, Ho, Wo, Co),
        Ho = ⌊(H + 2p - δ(kh - 1) - 1)/s⌋ + 1; float32 or float64 as built. `kernel_size`, `stride`, `padding`,
        `dilation`: an int or a pair (rows, columns).
    Errors: ConfigError (options), ShapeError (channels, a kernel larger than the padded image), DtypeError.
    Derivation: docs/derivations/Conv2d.md.
    Reference: docs/equations.md, section 3.2: LAW-9, TR-6, TR-7.

    `padding` may also be ((top, bottom), (left, right)), "valid" (none), or "same" (stride 1), and the output has
    the size of the image. `padding_mode`: "zeros", or "reflect", "replicate", "circular", as those of `Pad`: then, and
    for unequal ends, the image gets its ends by `resample`, before the convolution.

    `method` chooses how the same numbers are computed: "auto" the fastest kernels; "im2col" the patch matrix U and
    its transpose, Y = U K_matᵀ, gU = G K_mat, gX = col2im(gU), gK = Gᵀ U (groups = 1); "khat" the explicit matrix K̂
    (small images only: it has Ho Wo Co x H W Ci entries).
    """

    def __init__(
        self,
        in_channels: int | None,
        out_channels: int,
        kernel_size: Pair,
        stride: Pair = 1,
        padding: str | Ends = 0,
        dilation: Pair = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        *,
        method: str = "auto",
        weight_initializer: str | initializers.Initializer = "glorot_uniform",
        bias_initializer: str | initializers.Initializer = "zeros",
    ):
        super().__init__(in_channels, out_channels, groups, bias, weight_initializer, bias_initializer)
        self.kernel_size = pair("Conv2d", "kernel_size", kernel_size)
        self.stride = pair("Conv2d", "stride", stride)
        self.dilation = pair("Conv2d", "dilation", dilation)
        options = padding, padding_mode, self.kernel_size, self.stride, self.dilation
        self._padding = Padding("Conv2d", *options)
        self.padding, self.padding_mode = self._padding.given, padding_mode
        if method not in METHODS:
            raise ConfigError(f"Conv2d: unknown method {method!r}. Known: {', '.join(METHODS)}.")
        if method == "im2col" and self.groups != 1:
            raise ConfigError('Conv2d: method="im2col" takes groups=1. Use method="auto" for groups.')
        self.method = method
        self._geometry = (self.stride, self._padding.inside, self.dilation)

    @property
    def zeros_around(self) -> tuple[int, int] | None:
        """Rows and columns of zeros at both ends of the image, in the kernels; None where its ends are others."""
        return None if self._padding.explicit else self._padding.inside

    @property
    def recordable(self):  # type: ignore[override]
        """The explicit matrix is made with NumPy."""
        return self.method != "khat"

    def output_shape(self, input_shape):
        plane = self._padding.plane(self.who, self.check_input(input_shape)[:2])
        return (*output_plane(self.who, plane, self.kernel_size, *self._geometry), self.out_channels)

    def declare(self, input_shape, rng):
        self._seen = (*self._padding.plane(self.who, input_shape[:2]), input_shape[2])
        self._ends = self._padding.factors(input_shape[:2])
        self._transposed = tuple(factor.T for factor in self._ends)
        Co, Cg, taps = self.out_channels, input_shape[2] // self.groups, math.prod(self.kernel_size)
        self.declare_weighted((Co, *self.kernel_size, Cg), taps * Cg, taps * Co // self.groups)

    @forward_equations
    def forward(self, X, call):
        X = k.resample(X, *self._ends) if self._ends else X  # R X_c Cᵀ: the image with its ends
        call.keep(X=X)
        K, b = self.weight.value, None if self.bias is None else self.bias.value
        if self.method == "auto":
            return k.conv2d(X, K, b, *self._geometry, self.groups)  # Y_o = Σ_c Σ_ab K_oabc R_a X_c C_bᵀ + b_o
        Y = self._forward_khat(X, b) if self.method == "khat" else self._forward_im2col(X, b, call)
        return Y.reshape(len(X), *self._output_shape)

    def _forward_im2col(self, X, b, call):
        call.keep(U=k.im2col(X, self.kernel_size, *self._geometry))  # (B Ho Wo, kh kw Ci)
        return k.matmul(call.U, _matrix(self.weight.value), transpose_b=True, bias=b)  # Y = U K_matᵀ + 1 bᵀ

    def _forward_khat(self, X, b):
        Y = k.matmul(_matrix(X), self._K_hat(), transpose_b=True)  # rows: y = x K̂ᵀ
        return Y if b is None else Y.reshape(-1, len(b)) + b

    @backward_equations
    def backward(self, G, call):
        ways = {"auto": self._backward_auto, "im2col": self._backward_im2col, "khat": self._backward_khat}
        gX = ways[self.method](G, call)
        return k.resample(gX, *self._transposed) if self._ends and call.wants_input else gX  # Rᵀ gX_c C

    def _backward_auto(self, G, call):
        K, options = self.weight.value, (*self._geometry, self.groups)
        if gK := call.into(self.weight):  # gK_oabc = Σ_n ⟨G_no, R_a X_nc C_bᵀ⟩ and gb = Σ_nij G
            k.conv2d_weight_gradient(call.X, G, K.shape, *options, *gK, None if self.bias is None else self.bias.grad)
        # gX_c = Σ_o Σ_ab K_oabc R_aᵀ G_o C_b
        return k.conv2d_input_gradient(G, K, call.X.shape, *options) if call.wants_input else None

    def _backward_im2col(self, G, call):
        if gb := call.into(self.bias):
            k.column_sums(G, *gb)  # gb = Σ_nij G
        if gK := call.into(self.weight):
            k.matmul(G, call.U, True, False, _matrix(gK.out), gK.accumulate)  # gK_mat = Gᵀ U
        gU = k.matmul(G.reshape(-1, self.out_channels), _matrix(self.weight.value))  # gU = G K_mat
        return k.col2im(gU, call.X.shape, self.kernel_size, *self._geometry)  # gx = Sᵀ vec(gU)

    def _backward_khat(self, G, call):
        if gb := call.into(self.bias):
            k.column_sums(G, *gb)  # gb = Σ_nij G
        if gK := call.into(self.weight):
            gK_hat = k.matmul(_matrix(G), _matrix(call.X), transpose_a=True)  # gK̂ = Σ_n g_n x_nᵀ
            P: Any = khat_pattern(gK.out.shape, self._seen, *self._geometry, self.groups)
            gK.write(P.transpose_product(gK_hat.reshape(-1)).reshape(gK.out.shape))  # vec gK = Pᵀ vec gK̂
        return k.matmul(_matrix(G), self._K_hat()).reshape(call.X.shape)  # rows: gx = g K̂

    def _K_hat(self) -> Any:
        return khat(self.weight.value, self._seen, *self._geometry, self.groups)

    def flops(self):
        return 2 * math.prod((*self._output_shape, *self.kernel_size, self.input_shape[2])) // self.groups

    def config(self):
        return (
            options(self, "kernel_size", "stride", "padding", "dilation", "padding_mode", "method") | super().config()
        )


def _matrix(A):
    return A.reshape(len(A), math.prod(A.shape[1:]))  # of images the rows, of K the filters
