"""Long short-term memory."""

from nnmat_kernels import unchecked as k

from ...calls import backward_equations, forward_equations
from .recurrence import Recurrence


class LSTM(Recurrence):
    """A state and a cell, which gates forget, fill and show.

    Forward, with the gates in PyTorch's order
        [i f g o] = [σ σ tanh σ](X_t W_xᵀ + 1 bᵀ + H_(t-1) W_hᵀ)
        C_t = f ⊙ C_(t-1) + i ⊙ g        H_t = o ⊙ tanh C_t
    Backward through time, for the upstream gradient G_t of every H_t, from the last step to the first
        dH = G_t + dA W_h        τ = tanh C_t        dC = dC ⊙ f + dH ⊙ o ⊙ (1 - τ ⊙ τ)        (dA, dC ⊙ f: of step t+1)
        dA = [dC⊙g⊙i⊙(1-i)   dC⊙C_(t-1)⊙f⊙(1-f)   dC⊙i⊙(1-g⊙g)   dH⊙τ⊙o⊙(1-o)]
        gX_t = dA W_x        gW_x = Σ_t dAᵀ X_t        gW_h = Σ_t dAᵀ H_(t-1)        gb = Σ_t dAᵀ 1
    Shapes: X, gX (B, T, N_x), H, G (B, T, N), W_x = `in_proj.weight` (4 N, N_x),
        b = `in_proj.bias` (4 N,), W_h = `weight` (4 N, N);
        float32 or float64 as built. N_x = `in_features`, N = `hidden`.
    Errors: ConfigError (options), ShapeError, DtypeError.
    Derivation: docs/derivations/LSTM.md.
    Reference: docs/equations.md, section 3.10; S. Hochreiter, J. Schmidhuber, "Long short-term memory", 1997.

    `last=True` gives H_T (B, N) alone. `states=True`: X is a tuple, (X, H_0, C_0), and so is gX; else
    the first states are 0.

    PyTorch has two biases, of which only the sum counts.
    """

    gates = 4
    states_of = 2

    @forward_equations
    def forward(self, X, call):
        X, H0, C0 = self.parted(X)
        A = self.in_proj.forward(X, call)  # A = X W_xᵀ + 1 bᵀ
        H, C, gates = k.lstm(A, self.weight.value, H0, C0)  # C_t = f ⊙ C_(t-1) + i ⊙ g, H_t = o ⊙ tanh C_t
        call.keep(H=H, C=C, gates=gates, H0=H0, C0=C0)
        return self.given_back(H)

    @backward_equations
    def backward(self, G, call):
        G = self.of_all_steps(G, call.H.shape[1])
        # dA of every step, from the last to the first, and H_(t-1)
        found = k.lstm_backward(G, call.H, call.C, call.gates, self.weight.value, call.H0, call.C0)
        gA, before, gH0, gC0 = found
        if gW := call.into(self.weight):
            k.matmul(gA, before, True, False, *gW)  # gW_h = Σ_t dAᵀ H_(t-1)
        return self.input_gradients(gA, (gH0, gC0), call)
