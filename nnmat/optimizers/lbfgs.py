"""L-BFGS: Newton's method with a Hessian guessed from the last steps, for the whole data at once."""

import math
from collections.abc import Callable

import numpy as np

from nnmat_kernels.runtime.launch import unrecordable

from ..checks import count
from ..descent import StrongWolfe
from ..descent.line_search import LineSearchError
from ..errors import ConfigError, NonFiniteError, StateError
from ..layers.base import Layer
from .base import Optimizer
from .groups import Groups

LEAST_CURVATURE = 1e-10  # a pair with less of it, sᵀy against yᵀy, is left out


class LBFGS(Optimizer):
    """Steps along -Hg, where H stands for the inverse Hessian and is made of the last pairs s, y.

        s = θₖ₊₁ - θₖ,  y = gₖ₊₁ - gₖ          kept if sᵀy > 0, the last `history` of them
        d = -Hg                               by two loops over the pairs, from H = (sᵀy/yᵀy) I of the newest
        θ ← θ + αd                            α > 0 from the line search

    A step needs the loss and its gradient at several points, for the same data:

        def evaluate():
            value = loss.forward(model.forward(X, training=True), y)
            model.backward(loss.backward())
            return value

        value = optimizer.step_by(evaluate)

    `line_search`: of `nnmat.descent`, None for StrongWolfe(c2=0.9); its first guess is min(1, 1/Σ|gᵢ|) at the first
    step, and 1 later. `weight_decay` λ is part of what is minimised: (λ/2)‖θ‖². All is computed in float64, by hand:
    there are no programs of it, and a Trainer, whose steps are of one evaluation, does not take it. If `evaluate`
    raises, the step is undone.
    Errors: ConfigError; StateError (`step`); NonFiniteError. Reference: docs/equations.md, section 5.11; Nocedal 1980.
    """

    instead_of_step = (
        "Write optimizer.step_by(evaluate) in a loop, where evaluate() runs forward, loss and backward for the whole "
        "data, and returns the loss."
    )

    def __init__(
        self,
        model: Layer,
        history: int = 10,
        line_search: Callable | None = None,
        weight_decay: float | dict[str, float] = 0.0,
        maximize: bool = False,
        groups: Groups | None = None,
    ):
        self.history = count("LBFGS", "history", history, hint="Common numbers are 5 to 100.")
        self.line_search = StrongWolfe(c2=0.9) if line_search is None else line_search
        if not callable(self.line_search) or isinstance(self.line_search, type):
            raise ConfigError(f"LBFGS: expected line_search as one of nnmat.descent, got {line_search!r:.60}.")
        super().__init__(model, 1.0, weight_decay, None, [], maximize, groups)
        if any(group.lr_factor != 1.0 for group in self.groups):
            raise ConfigError("LBFGS: expected groups without lr_factor, for the line search finds the step.")
        size = self._store.values.size
        self._more = {"s": np.zeros((self.history, size)), "y": np.zeros((self.history, size)), "pairs": np.zeros(1)}
        self._pairs_of: int | None = None  # the store's version, whose trainable parameters the pairs are of
        self.stalled = ""  # why the last step did not move, if it did not

    def apply(self, lr, gradient_norm=None):
        raise StateError(
            f"LBFGS: expected step_by(evaluate), for a step needs the loss at several points, got step. "
            f"{self.instead_of_step}"
        )

    def update(self, segment, lr, scale):
        self.apply(lr)

    def settings(self):
        return {"history": self.history, "line_search": repr(self.line_search)}

    def step_by(self, evaluate: Callable[[], float]) -> float:
        """One step; returns the loss before it. `stalled` says why the parameters did not move, if they did not.

        If `evaluate` raises, parameters and `steps` are what they were.
        """
        if not callable(evaluate):
            raise ConfigError(
                f"LBFGS.step_by: expected a function that runs forward, loss and backward, got {evaluate!r:.60}."
            )
        unrecordable("LBFGS computes in Python")
        if self._pairs_of not in (None, self._store.version):
            self._more["pairs"][0] = 0  # other parameters are trained now
        self._pairs_of = self._store.version
        point, x = _Points(self, evaluate), self._store.values.astype(np.float64)
        steps, pairs, stalled = self.steps, self._more["pairs"][0], self.stalled
        try:
            return self._step(point, x)
        except BaseException:
            point.write(x)
            self.steps, self._more["pairs"][0], self.stalled = steps, pairs, stalled
            raise

    def _step(self, point: "_Points", x: np.ndarray) -> float:
        loss, value, g = point.at(x)
        if not (math.isfinite(value) and np.isfinite(g).all()):
            raise NonFiniteError(
                f"LBFGS: expected the loss and its gradient to be finite, got a loss of {loss}. Nothing was updated."
            )
        self.steps += 1
        self.stalled = "the gradient is zero" if not g.any() else ""
        found = None if self.stalled else self._search(point, x, value, g)
        if found is None:
            point.write(x)
            return loss
        if point.segments and point.x is not None and not np.array_equal(point.x, found):
            point.at(found)
        self._remember(found - x, point.g - g)
        return loss

    def _search(self, point: "_Points", x: np.ndarray, value: float, g: np.ndarray) -> np.ndarray | None:
        """The next point; without pairs once more where a search along -Hg fails, and None where that fails too."""
        while True:
            first = self._more["pairs"][0] == 0
            guess = min(1.0, 1.0 / float(np.abs(g).sum())) if first else 1.0
            d = -self._product(g)
            try:
                return x + float(self.line_search(point.value, point.gradient, x, d, value, g, guess)) * d
            except LineSearchError as error:
                if first:
                    self.stalled = f"the line search failed: {error}"
                    return None
                self._more["pairs"][0] = 0

    def _product(self, g: np.ndarray) -> np.ndarray:
        """Hg by the two loops."""
        pairs = range(self.history - int(self._more["pairs"][0]), self.history)
        S, Y, q = self._more["s"], self._more["y"], g.copy()
        rho = {i: 1.0 / float(Y[i] @ S[i]) for i in pairs}
        alpha = {}
        for i in reversed(pairs):
            alpha[i] = rho[i] * float(S[i] @ q)
            q -= alpha[i] * Y[i]
        if pairs:
            q *= float(S[-1] @ Y[-1]) / float(Y[-1] @ Y[-1])
        for i in pairs:
            q += (alpha[i] - rho[i] * float(Y[i] @ q)) * S[i]
        return q

    def _remember(self, s: np.ndarray, y: np.ndarray) -> None:
        if not float(s @ y) > LEAST_CURVATURE * float(y @ y):  # also if a number is not finite
            return
        for name, row in (("s", s), ("y", y)):
            rows = self._more[name]
            rows[:-1] = rows[1:].copy()
            rows[-1] = row
        self._more["pairs"][0] = min(self._more["pairs"][0] + 1, self.history)


class _Points:
    """What is minimised, and its gradient, at points x: the last one is kept, for line searches ask for both."""

    def __init__(self, optimizer: LBFGS, evaluate: Callable[[], float]):
        self.evaluate, self.sign = evaluate, -1.0 if optimizer.maximize else 1.0
        self.segments, self.store = optimizer.segments(), optimizer.model.store
        self.x: np.ndarray | None = None
        self.loss, self.f, self.g = 0.0, 0.0, np.zeros(0)

    def at(self, x: np.ndarray) -> tuple[float, float, np.ndarray]:
        """The loss, the value with weight decay, and its gradient, which is 0 where nothing is trained."""
        if self.x is None or not np.array_equal(self.x, x):
            self.write(x)
            self.loss = _loss(self.evaluate())
            self.f, self.g = self.sign * self.loss, np.zeros(x.size)
            for segment in self.segments:
                part, decay = segment.part, segment.weight_decay
                self.g[part] = self.sign * segment.gradients + decay * x[part]
                self.f += decay / 2 * float(x[part] @ x[part])
            self.x = x.copy()
        return self.loss, self.f, self.g

    def write(self, x: np.ndarray) -> None:
        """Give the parameters that are trained the values of x."""
        for segment in self.segments:
            segment.values[...] = x[segment.part]

    def value(self, x: np.ndarray) -> float:
        """f(x)."""
        return self.at(x)[1]

    def gradient(self, x: np.ndarray) -> np.ndarray:
        """∇f(x)."""
        return self.at(x)[2]


def _loss(value) -> float:
    """What `evaluate` returned, as a number."""
    try:
        return float(value)
    except (TypeError, ValueError):
        raise ConfigError(
            f"LBFGS.step_by: expected evaluate() to return the loss, a number, got {value!r:.60}. Nothing was updated."
        ) from None
