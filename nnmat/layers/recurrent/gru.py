"""Gated recurrent units."""

from nnmat_kernels import unchecked as k

from ... import initializers
from ...calls import backward_equations, forward_equations
from ...parameters import Parameter
from .recurrence import Recurrence


class GRU(Recurrence):
    """A state of which a gate keeps a part, and replaces the rest.

    Forward, in PyTorch's form: the gate r acts behind the product
        A = X_t W_xᵀ + 1 bᵀ        [u_r u_z q] = H_(t-1) W_hᵀ + 1 b_hᵀ        [r z] = σ(A_rz + [u_r u_z])
        n = tanh(A_n + r ⊙ q)        H_t = (1 - z) ⊙ n + z ⊙ H_(t-1)
    Backward through time, for the upstream gradient G_t of every H_t, from the last step to the first
        dH = G_t + dU W_h + dH ⊙ z        (dU, dH ⊙ z: of step t+1)
        dn = dH⊙(1-z)⊙(1-n⊙n)        dz = dH⊙(H_(t-1)-n)⊙z⊙(1-z)        dr = dn⊙q⊙r⊙(1-r)
        dA = [dr dz dn]        dU = [dr dz dn⊙r]        gX_t = dA W_x        gW_x = Σ_t dAᵀ X_t        gb = Σ_t dAᵀ 1
        gW_h = Σ_t dUᵀ H_(t-1)        gb_h = Σ_t dUᵀ 1
    Shapes: X, gX (B, T, N_x), H, G (B, T, N), W_x = `in_proj.weight` (3 N, N_x),
        b = `in_proj.bias` (3 N,), W_h = `weight` (3 N, N), b_h = `bias` (3 N,);
        float32 or float64 as built. N_x = `in_features`, N = `hidden`.
    Errors: ConfigError (options), ShapeError, DtypeError.
    Derivation: docs/derivations/GRU.md.
    Reference: docs/equations.md, section 3.10; K. Cho et al., "Learning phrase representations using RNN
        encoder-decoder", 2014.

    `last=True` gives H_T (B, N) alone. `states=True`: X is a tuple, (X, H_0), and so is gX; else
    the first states are 0.
    """

    gates = 3

    def __init__(
        self,
        in_features: int,
        hidden: int,
        bias: bool = True,
        *,
        last: bool = False,
        states: bool = False,
        weight_initializer: str | initializers.Initializer = "glorot_uniform",
    ):
        super().__init__(
            in_features, hidden, bias, last=last, states=states, weight_initializer=weight_initializer
        )  # fmt: skip
        self.bias = Parameter("bias", decay=False) if bias else None

    def own_parameters(self):
        return [self.weight] if self.bias is None else [self.weight, self.bias]

    def declare(self, input_shape, rng):
        super().declare(input_shape, rng)
        if self.bias is not None:
            self.bias.declare((3 * self.hidden,), initializers.zeros)

    @forward_equations
    def forward(self, X, call):
        X, H0 = self.parted(X)
        A = self.in_proj.forward(X, call)  # A = X W_xᵀ + 1 bᵀ
        b = None if self.bias is None else self.bias.value
        H, gates = k.gru(A, self.weight.value, b, H0)  # H_t = (1 - z) ⊙ n + z ⊙ H_(t-1)
        call.keep(H=H, gates=gates, H0=H0)
        return self.given_back(H)

    @backward_equations
    def backward(self, G, call):
        G = self.of_all_steps(G, call.H.shape[1])
        # dA and dU of every step, from the last to the first, and H_(t-1)
        gA, gU, before, gH0 = k.gru_backward(G, call.H, call.gates, self.weight.value, call.H0)
        if gW := call.into(self.weight):
            k.matmul(gU, before, True, False, *gW)  # gW_h = Σ_t dUᵀ H_(t-1)
        if gb := call.into(self.bias):
            k.column_sums(gU, *gb)  # gb_h = Σ_t dUᵀ 1
        return self.input_gradients(gA, (gH0,), call)
