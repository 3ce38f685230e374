"""The plain recurrent network."""

from nnmat_kernels import unchecked as k

from ...calls import backward_equations, forward_equations
from .recurrence import Recurrence


class RNN(Recurrence):
    """A state that each step makes of the input and of the state before.

    Forward
        H_t = tanh(X_t W_xᵀ + 1 bᵀ + H_(t-1) W_hᵀ)
    Backward through time, for the upstream gradient G_t of every H_t, from the last step to the first, Δ_(T+1) = 0
        Δ_t = (G_t + Δ_(t+1) W_h) ⊙ (1 - H_t ⊙ H_t)
        gX_t = Δ_t W_x        gW_x = Σ_t Δ_tᵀ X_t        gW_h = Σ_t Δ_tᵀ H_(t-1)        gb = Σ_t Δ_tᵀ 1
    Shapes: X, gX (B, T, N_x), H, G (B, T, N), W_x = `in_proj.weight` (N, N_x), b = `in_proj.bias` (N,), W_h = `weight`
        (N, N); float32 or float64 as built. N_x = `in_features`, N = `hidden`.
    Errors: ConfigError (options), ShapeError, DtypeError.
    Derivation: docs/derivations/RNN.md.
    Reference: docs/equations.md, section 3.10; J. Elman, "Finding structure in time", 1990.

    `last=True` gives H_T (B, N) alone. `states=True`: X is a tuple, (X, H_0), and so is gX; else
    the first states are 0.
    """

    @forward_equations
    def forward(self, X, call):
        X, H0 = self.parted(X)
        A = self.in_proj.forward(X, call)  # A = X W_xᵀ + 1 bᵀ
        H = k.rnn(A, self.weight.value, H0)  # H_t = tanh(A_t + H_(t-1) W_hᵀ)
        call.keep(H=H, H0=H0)
        return self.given_back(H)

    @backward_equations
    def backward(self, G, call):
        G = self.of_all_steps(G, call.H.shape[1])
        gA, before, gH0 = k.rnn_backward(G, call.H, self.weight.value, call.H0)  # Δ_t, from the last to the first
        if gW := call.into(self.weight):
            k.matmul(gA, before, True, False, *gW)  # gW_h = Σ_t Δ_tᵀ H_(t-1)
        return self.input_gradients(gA, (gH0,), call)
