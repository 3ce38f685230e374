"""The transposed convolution layer."""

import math

from nnmat_kernels import unchecked as k
from nnmat_kernels.geometry import transposed_plane

from ... import initializers
from ...calls import backward_equations, forward_equations
from ...checks import pair
from ...errors import ConfigError
from ...explicit_convolution import Pair
from ..summary import options
from .base import Convolution


class ConvTranspose2d(Convolution):
    """Transposed convolution of channels-last images: the map that takes a convolution's gradients back to its input.

    Forward, per output channel c over the input channels o of its group
        Y_c = Σ_o Σ_ab K_oabc R_aᵀ X_o C_b + b_c            equivalently   vec Y = K̂ᵀ vec X + (1 ⊗ b)
    Backward, for the upstream gradient G = ∇_Y L: an ordinary convolution
        gX_o = Σ_c Σ_ab K_oabc R_a G_c C_bᵀ                  vec gX = K̂ vec G
        gK_oabc = Σ_n ⟨X_no, R_a G_nc C_bᵀ⟩                  vec gK = Pᵀ vec(Σ_n x_n g_nᵀ)
        gb_c = Σ_nij G_nijc
    with K̂, P and the shift matrices R_a (H, Ho), C_b (W, Wo) of the convolution of images (Ho, Wo, Co) with K.
    Shapes: X (B, H, W, Ci), K = `weight` (Ci, kh, kw, Co/groups), b = `bias` (Co,), Y and G (B, Ho, Wo, Co),
        Ho = (H - 1)s - 2p + δ(kh - 1) + 1 + op; float32 or float64 as built. `kernel_size`, `stride`, `padding`,
        `output_padding` (op, below the stride), `dilation`: an int or a pair (rows, columns).
    Errors: ConfigError (options), ShapeError (channels, an empty output), DtypeError.
    Derivation: docs/derivations/ConvTranspose2d.md.
    Reference: docs/equations.md, section 3.2: LAW-9, TR-6, TR-7.

    `padding` takes rows and columns off the output, `output_padding` adds some at its end: of the sizes Ho that a
    convolution makes H of, it chooses one.
    """

    def __init__(
        self,
        in_channels: int | None,
        out_channels: int,
        kernel_size: Pair,
        stride: Pair = 1,
        padding: Pair = 0,
        output_padding: Pair = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Pair = 1,
        *,
        weight_initializer: str | initializers.Initializer = "glorot_uniform",
        bias_initializer: str | initializers.Initializer = "zeros",
    ):
        super().__init__(in_channels, out_channels, groups, bias, weight_initializer, bias_initializer)
        self.kernel_size = pair("ConvTranspose2d", "kernel_size", kernel_size)
        self.stride = pair("ConvTranspose2d", "stride", stride)
        self.padding = pair("ConvTranspose2d", "padding", padding, least=0)
        self.output_padding = pair("ConvTranspose2d", "output_padding", output_padding, least=0)
        self.dilation = pair("ConvTranspose2d", "dilation", dilation)
        if self.output_padding[0] >= self.stride[0] or self.output_padding[1] >= self.stride[1]:
            raise ConfigError(
                f"ConvTranspose2d: expected output_padding smaller than the stride, got {self.output_padding} and "
                f"stride {self.stride}. Try output_padding={min(self.stride) - 1}."
            )
        self._options = (self.stride, self.padding, self.dilation, self.groups)

    def output_shape(self, input_shape):
        plane = self.check_input(input_shape)[:2]
        sizes = (self.kernel_size, self.stride, self.padding, self.output_padding, self.dilation)
        return (*transposed_plane(self.who, plane, *sizes), self.out_channels)

    def declare(self, input_shape, rng):
        Ci, Cg, taps = input_shape[2], self.out_channels // self.groups, math.prod(self.kernel_size)
        fan_in = max(1, taps * Ci // (self.groups * math.prod(self.stride)))  # a pixel sees every s-th tap
        self.declare_weighted((Ci, *self.kernel_size, Cg), fan_in, taps * Cg, self.out_channels)

    @forward_equations
    def forward(self, X, call):
        call.keep(X=X)
        K, b, shape = self.weight.value, None if self.bias is None else self.bias.value, (len(X), *self._output_shape)
        return k.conv2d_input_gradient(X, K, shape, *self._options, None, b)  # Y_c = Σ_o Σ_ab K_oabc R_aᵀ X_o C_b + b_c

    @backward_equations
    def backward(self, G, call):
        if gb := call.into(self.bias):
            k.column_sums(G, *gb)  # gb = Σ_nij G
        if gK := call.into(self.weight):
            k.conv2d_weight_gradient(
                G, call.X, gK.out.shape, *self._options, *gK
            )  # gK_oabc = Σ_n ⟨X_no, R_a G_nc C_bᵀ⟩
        return k.conv2d(G, self.weight.value, None, *self._options) if call.wants_input else None  # vec gX = K̂ vec G

    def flops(self):
        return 2 * math.prod((*self.input_shape, *self.kernel_size, self.out_channels)) // self.groups

    def config(self):
        names = "kernel_size", "stride", "padding", "output_padding", "dilation"
        return options(self, *names) | super().config()
