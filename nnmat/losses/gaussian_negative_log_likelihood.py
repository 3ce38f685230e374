"""The likelihood of numbers under Gaussians."""

import numpy as np

from nnmat_kernels import unchecked as k
from nnmat_kernels.losses.gaussian import COVARIANCES, shape_of_targets, weighted_gaussian
from nnmat_kernels.losses.targets import as_array_of_targets, as_targets

from ..calls import loss_equations
from ..checks import flag, positive, shown
from ..errors import ConfigError
from .base import Loss, output_rows


class GaussianNegativeLogLikelihood(Loss):
    """Mean negative log-likelihood of y under Gaussians whose means and covariances are outputs.

    A row of H (..., K) holds M means μ, and behind them, by `covariance`,
        "diagonal"     M variances v                           K = 2 M
        "spherical"    one variance for all M                  K = M + 1
        "cholesky"     the lower triangle of Λ by rows, Σ = Λ Λᵀ        K = M + M (M + 1)/2
    Forward, with r = y - μ, u = Λ⁻¹ r
        l_bm   = ½ (log v_bm + r_bm²/v_bm)                     value = (1/D) Σ_b s_b (1/M) Σ_m l_bm
        loss_b = Σ_i log |Λ_ii| + ½ ‖u‖²                       value = (1/D) Σ_b s_b loss_b
    For `reduction="sum"` 1 stands for D and M; "none" gives s_b l_bm as y, or s_b loss_b of shape (...).
    Backward, but for the factor s_b/(D M), or s_b/D
        ∂/∂μ = -r/v      ∂/∂v = ½ (1/v - r²/v²)
        ∂/∂μ = -p        ∂/∂Λ = lower(diag(1/Λ_ii) - p uᵀ)     p = Λ⁻ᵀ u
    Shapes: H (..., K) float32 or float64; y (..., M), or (...) if M = 1; s = `sample_weight` of shape (...), or, unless
        "cholesky", for entries (..., M); G as H.
    Errors: DataError (a variance below 0, a 0 on the diagonal of Λ, weights), LabelError (a target that is NaN or
        infinite), ShapeError, DtypeError, ConfigError (options), StateError.
    Derivation: docs/derivations/GaussianNegativeLogLikelihood.md.
    Reference: docs/equations.md, sections 4.8 and 2.3 (the source's example EX-2-3).

    A variance below `eps` counts as `eps`. `full` adds ½ log 2π for each number. One Gaussian for all samples is a
    `Linear(1, K)` on ones.
    """

    recordable = True

    def __init__(self, covariance: str = "diagonal", eps: float = 1e-6, full: bool = False, reduction: str = "mean"):
        super().__init__(reduction)
        who = "GaussianNegativeLogLikelihood"
        if not isinstance(covariance, str) or covariance not in COVARIANCES:
            known = ", ".join(map(repr, COVARIANCES))
            raise ConfigError(f"{who}: expected covariance as one of {known}, got {shown(covariance)}.")
        self.covariance, self.full = covariance, flag(who, "full", full)
        self.eps = positive(who, "eps", eps)

    @loss_equations
    def forward(self, H, y, call):
        value, call.G, call.divisor = weighted_gaussian(
            H,
            y,
            self.covariance,
            self.eps,
            self.full,
            call.sample_weight,
            None,
            self.reduction,
            "GaussianNegativeLogLikelihood",
        )
        return value

    def times_cotangent(self, G, C):
        if self.covariance == "cholesky":
            return k.scale_rows(G, C)
        M = C.shape[-1]
        columns = 2 * M if self.covariance == "diagonal" else M + 1
        gH = k.gaussian_chain(G.reshape(-1, 2 * M), C.reshape(-1, M), columns)
        return gH.reshape(*C.shape[:-1], columns)

    def check_targets(self, y, output_shape):
        who = "GaussianNegativeLogLikelihood"
        y = as_array_of_targets(who, y, booleans=True)
        shape = shape_of_targets(who, y.shape, output_rows(who, y, output_shape), self.covariance)
        as_targets(who, y, shape, np.dtype(np.float64))

    def target_shape(self, output_shape):
        return shape_of_targets("GaussianNegativeLogLikelihood", None, output_shape, self.covariance)

    def config(self):
        return {"covariance": self.covariance, "eps": self.eps, "full": self.full, **super().config()}
