"""The convolution layer of sequences."""

from nnmat_kernels import unchecked as k
from nnmat_kernels.geometry import output_plane

from ... import initializers
from ...calls import backward_equations, forward_equations
from ...checks import count
from ...errors import ShapeError
from ...explicit_convolution import Pair
from ..checks import batch_shape
from ..summary import options
from .base import Convolution
from .padding import Padding, ends_of_axis


class Conv1d(Convolution):
    """Convolution (cross-correlation) of sequences, channels last: `Conv2d` of images of one row.

    Forward, per output channel o over the input channels c of its group
        Y_o = Σ_c Σ_b K_obc C_b X_c + b_o
    Backward, for the upstream gradient G = ∇_Y L
        gX_c = Σ_o Σ_b K_obc C_bᵀ G_o
        gK_obc = Σ_n ⟨G_no, C_b X_nc⟩
        gb_o = Σ_ni G_nio
    with the shift matrices C_b (To, T) that pick the places which tap b sees.
    Shapes: X (B, T, Ci), K = `weight` (Co, k, Ci/groups), b = `bias` (Co,), Y and G (B, To, Co),
        To = ⌊(T + 2p - δ(k - 1) - 1)/s⌋ + 1; float32 or float64 as built. `kernel_size`, `stride`, `dilation`: ints;
        `padding`: an int, (before, after), "same" or "valid", and `padding_mode`, as in `Conv2d`.
    Errors: ConfigError (options), ShapeError (channels, a kernel larger than the padded sequence), DtypeError.
    Derivation: docs/derivations/Conv1d.md.
    Reference: docs/equations.md, section 3.2.
    """

    layout = "Sequences are channels-last: (B, T, C)."

    def __init__(
        self,
        in_channels: int | None,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: str | Pair = 0,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        *,
        weight_initializer: str | initializers.Initializer = "glorot_uniform",
        bias_initializer: str | initializers.Initializer = "zeros",
    ):
        super().__init__(in_channels, out_channels, groups, bias, weight_initializer, bias_initializer)
        self.kernel_size = count("Conv1d", "kernel_size", kernel_size)
        self.stride = count("Conv1d", "stride", stride)
        self.dilation = count("Conv1d", "dilation", dilation)
        own = ends_of_axis("Conv1d", padding)
        sizes = (1, self.kernel_size), (1, self.stride), (1, self.dilation)
        self._padding = Padding("Conv1d", own, padding_mode, *sizes)
        self.padding = own if isinstance(own, str) else own[1]
        self.padding_mode = padding_mode
        self._kernel, (stride_, dilation_) = sizes[0], sizes[1:]
        self._options = (stride_, self._padding.inside, dilation_, self.groups)

    def output_shape(self, input_shape):
        if len(input_shape) != 2:
            raise ShapeError(
                f"{self.who}: expected sequences (B, T, C), got input of shape {batch_shape(input_shape)}."
            )
        self.check_channels(input_shape)
        plane = self._padding.plane(self.who, (1, input_shape[0]))
        return output_plane(self.who, plane, self._kernel, *self._options[:3])[1], self.out_channels

    def declare(self, input_shape, rng):
        self._ends = self._padding.factors((1, input_shape[0]))
        self._transposed = tuple(factor.T for factor in self._ends)
        Co, Cg, taps = self.out_channels, input_shape[1] // self.groups, self.kernel_size
        self.declare_weighted((Co, taps, Cg), taps * Cg, taps * Co // self.groups)

    @forward_equations
    def forward(self, X, call):
        X, K, b = _of_one_row(X), _of_one_row(self.weight.value), None if self.bias is None else self.bias.value
        X = k.resample(X, *self._ends) if self._ends else X  # X_c Cᵀ: the sequence with its ends
        call.keep(X=X)
        return k.conv2d(X, K, b, *self._options).reshape(
            len(X), *self._output_shape
        )  # Y_o = Σ_c Σ_b K_obc C_b X_c + b_o

    @backward_equations
    def backward(self, G, call):
        G, K = _of_one_row(G), _of_one_row(self.weight.value)
        if gK := call.into(self.weight):  # gK_obc = Σ_n ⟨G_no, C_b X_nc⟩ and gb = Σ_ni G
            gb, out = None if self.bias is None else self.bias.grad, _of_one_row(gK.out)
            k.conv2d_weight_gradient(call.X, G, K.shape, *self._options, out, gK.accumulate, gb)
        if not call.wants_input:
            return None
        gX = k.conv2d_input_gradient(G, K, call.X.shape, *self._options)  # gX_c = Σ_o Σ_b K_obc C_bᵀ G_o
        gX = k.resample(gX, *self._transposed) if self._ends else gX  # gX_c C
        return gX.reshape(len(G), *self.input_shape)

    def flops(self):
        places, Co = self._output_shape
        return 2 * places * Co * self.kernel_size * (self.input_shape[1] // self.groups)

    def config(self):
        return options(self, "kernel_size", "stride", "padding", "dilation", "padding_mode") | super().config()


def _of_one_row(A):
    return A.reshape(len(A), 1, *A.shape[1:])  # sequences (B, T, C), and kernels (Co, k, C), as images
