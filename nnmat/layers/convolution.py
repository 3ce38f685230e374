"""The convolution layer, and the three ways to compute it."""

from typing import Any

import nnmat_kernels as k
from nnmat_kernels import unchecked
from nnmat_kernels.geometry import output_plane

from .. import initializers
from ..calls import backward_equations, forward_equations
from ..checks import count, flag, pair
from ..errors import ConfigError, ShapeError
from ..explicit_convolution import Pair, khat, khat_pattern
from ..parameters import Parameter
from .base import Layer
from .checks import batch_shape
from .linear import named_initializers

METHODS = ("auto", "im2col", "khat")


class Conv2d(Layer):
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
    Reference: docs/equations.md, section 3.2: LAW-9, TR-6, TR-7.

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
        padding: Pair = 0,
        dilation: Pair = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        method: str = "auto",
        weight_initializer: str | initializers.Initializer = "glorot_uniform",
        bias_initializer: str | initializers.Initializer = "zeros",
    ):
        super().__init__()
        self.in_channels = None if in_channels is None else count("Conv2d", "in_channels", in_channels)
        self.out_channels = count("Conv2d", "out_channels", out_channels)
        self.kernel_size = pair("Conv2d", "kernel_size", kernel_size)
        self.stride = pair("Conv2d", "stride", stride)
        self.padding = pair("Conv2d", "padding", padding, least=0)
        self.dilation = pair("Conv2d", "dilation", dilation)
        self.groups = count("Conv2d", "groups", groups)
        if method not in METHODS:
            raise ConfigError(f"Conv2d: unknown method {method!r}. Known: {', '.join(METHODS)}.")
        if method == "im2col" and self.groups != 1:
            raise ConfigError('Conv2d: method="im2col" takes groups=1. Use method="auto" for groups.')
        for name, channels in (("in_channels", self.in_channels), ("out_channels", self.out_channels)):
            if channels is not None and channels % self.groups:
                raise ConfigError(f"Conv2d: {name} = {channels} is not a multiple of groups = {self.groups}.")
        self.method = method
        self.weight_initializer = initializers.check("Conv2d", weight_initializer)
        self.bias_initializer = initializers.check("Conv2d", bias_initializer)
        self.weight = Parameter("weight", decay=True)
        self.bias = Parameter("bias", decay=False) if flag("Conv2d", "bias", bias) else None
        self._geometry = (self.stride, self.padding, self.dilation)

    @property
    def recordable(self):  # type: ignore[override]
        """The other methods compute with NumPy too."""
        return self.method == "auto"

    def output_shape(self, input_shape):
        if len(input_shape) != 3:
            raise ShapeError(
                f"{self.who}: expected images (B, H, W, C), got input of shape {batch_shape(input_shape)}."
            )
        H, W, Ci = input_shape
        if self.in_channels is not None and Ci != self.in_channels:
            raise ShapeError(
                f"{self.who}: expected {self.in_channels} input channels, got shape {batch_shape(input_shape)}. "
                "Images are channels-last: (B, H, W, C)."
            )
        if Ci % self.groups:
            raise ShapeError(f"{self.who}: {Ci} input channels are not a multiple of groups = {self.groups}.")
        return (*output_plane(self.who, (H, W), self.kernel_size, *self._geometry), self.out_channels)

    def own_parameters(self):
        return [self.weight] if self.bias is None else [self.weight, self.bias]

    def declare(self, input_shape, rng):
        (kh, kw), Co, Ci = self.kernel_size, self.out_channels, input_shape[2]
        fan_in, fan_out = kh * kw * Ci // self.groups, kh * kw * Co // self.groups
        fans = fan_in, fan_out
        self.weight.declare((Co, kh, kw, Ci // self.groups), initializers.with_fans(self.weight_initializer, *fans))
        if self.bias is not None:
            self.bias.declare((Co,), initializers.with_fans(self.bias_initializer, *fans))

    @forward_equations
    def forward(self, X, call, activation=None):
        K, b = self.weight.value, None if self.bias is None else self.bias.value
        Y = call.array("Y", (len(X), *self._output_shape), X.dtype)
        call.keep(X=X)
        if self.method == "auto":
            unchecked.conv2d(X, K, b, *self._geometry, self.groups, Y, activation)
        elif self.method == "im2col":
            U = k.im2col(X, self.kernel_size, *self._geometry)  # (B Ho Wo, kh kw Ci)
            k.matmul(U, self._K_mat(K), transpose_b=True, bias=b, out=Y.reshape(-1, Y.shape[3]))  # Y = U K_matᵀ + 1 bᵀ
            call.keep(U=U)
        else:
            K_hat = self._K_hat()
            x = X.reshape(len(X), K_hat.shape[1])
            k.matmul(x, K_hat, transpose_b=True, out=Y.reshape(len(X), K_hat.shape[0]))  # rows: y = x K̂ᵀ
            if b is not None:
                Y += b
            call.keep(x=x)
        return Y

    def can_apply(self, activation):
        return self.fusion_with(activation) is not None and self.method == "auto"

    @backward_equations
    def backward(self, G, call):
        methods = {"auto": self._backward_auto, "im2col": self._backward_im2col, "khat": self._backward_khat}
        return methods[self.method](G, call)

    def _backward_auto(self, G, call):
        X, K, options = call.X, self.weight.value, (*self._geometry, self.groups)
        if gK := call.into(self.weight):
            gb = None if self.bias is None else self.bias.grad  # on the way: gb = Σ_nij G
            unchecked.conv2d_weight_gradient(X, G, K.shape, *options, gK.out, gK.accumulate, gb)
        if not call.wants_input:
            return None
        gX = call.array("gX", X.shape, X.dtype)
        unchecked.conv2d_input_gradient(G, K, X.shape, *options, gX)
        return gX

    def _backward_bias(self, G, call):
        if self.bias is not None and (gb := call.into(self.bias)):
            k.column_sums(G.reshape(-1, G.shape[3]), *gb)  # gb = Σ_nij G

    def _backward_im2col(self, G, call):
        self._backward_bias(G, call)
        G = G.reshape(-1, G.shape[3])  # (B, Ho, Wo, Co) -> (B Ho Wo, Co)
        if gK := call.into(self.weight):
            k.matmul(G, call.U, transpose_a=True, out=self._K_mat(gK.out), accumulate=gK.accumulate)  # gK_mat = Gᵀ U
        if not call.wants_input:
            return None
        gU = k.matmul(G, self._K_mat(self.weight.value))  # gU = G K_mat
        return k.col2im(gU, call.X.shape, self.kernel_size, *self._geometry)  # gx = Sᵀ vec(gU)

    def _backward_khat(self, G, call):
        self._backward_bias(G, call)
        K, K_hat = self.weight.value, self._K_hat()
        g = G.reshape(len(G), K_hat.shape[0])
        if gK := call.into(self.weight):
            gK_hat = k.matmul(g, call.x, transpose_a=True)  # gK̂ = Σ_n g_n x_nᵀ
            P: Any = khat_pattern(K.shape, self.input_shape, *self._geometry, self.groups, form="triplets")
            gK.write(P.transpose_product(gK_hat.reshape(-1)).reshape(K.shape))  # vec gK = Pᵀ vec gK̂
        if not call.wants_input:
            return None
        return k.matmul(g, K_hat).reshape(call.X.shape)  # rows: gx = g K̂

    def _K_mat(self, K):
        return K.reshape(K.shape[0], -1)  # (Co, kh, kw, Ci) -> (Co, kh kw Ci)

    def _K_hat(self) -> Any:
        return khat(self.weight.value, self.input_shape, *self._geometry, self.groups)

    def flops(self):
        Ho, Wo, Co = self._output_shape
        (kh, kw), Ci = self.kernel_size, self.input_shape[2]
        return 2 * Ho * Wo * Co * kh * kw * Ci // self.groups

    def config(self):
        return {
            "in_channels": self.in_channels,
            "out_channels": self.out_channels,
            "kernel_size": list(self.kernel_size),
            "stride": list(self.stride),
            "padding": list(self.padding),
            "dilation": list(self.dilation),
            "groups": self.groups,
            "bias": self.bias is not None,
            "method": self.method,
            **named_initializers(self),
        }
