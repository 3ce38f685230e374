"""The two steps of a generative adversarial network, by hand or as programs.

Each half is a forward of its own, with its backward before the next one: a layer holds one recorded forward.
"""

from collections.abc import Callable

import numpy as np

from nnmat_kernels.programs.listing import Listing

from ..layers.base import Layer
from ..losses import AdversarialLoss
from ..optimizers import Optimizer
from ..programs.compiled_function import CompiledFunction
from ..programs.recording import FIRST_ONES


class PlayerStep:
    """One player's step, a function of arrays; as a program once `compiles` is set."""

    def __init__(self, equations: Callable, profile: bool):
        self.equations, self.compiles = equations, False
        self._program = CompiledFunction(equations, profile)
        self._last: tuple[np.ndarray, ...] = ()  # the arrays of the last call
        self.listing: Listing | None = None  # of the program that made the last steps, once a run is over

    def __call__(self, *arrays: np.ndarray) -> tuple[float, ...]:
        """The losses, before the update."""
        self._last = arrays
        return self._program(*arrays) if self.compiles else tuple(map(float, self.equations(*arrays)))

    def why_not(self) -> str:
        """Why steps like the last one run by hand although they should not, or nothing."""
        reason = self._program.why_not(*self._last) if self.compiles and self._last else ""
        return "" if reason == FIRST_ONES else reason

    def end_run(self) -> None:
        """Forget the arrays of a run, and the programs that know their places."""
        program = self._program.program(*self._last) if self.compiles and self._last else None
        self.listing = program.listing() if program is not None else self.listing
        self._last = ()
        self._program.forget()


def discriminator_equations(G: Layer, D: Layer, loss: AdversarialLoss, optimizer: Optimizer) -> Callable:
    """gθ_D = D.vjp(X_r; g_r) + D.vjp(X_f; g_f): what G has made, X_f = G(Z), is a constant."""

    def discriminator_step(real, Z):
        fake = G.forward(Z, training=True)
        on_real = loss.discriminator_real.forward(D.forward(real, training=True))
        D.backward(loss.discriminator_real.backward(), input_gradient=False)
        on_fake = loss.discriminator_fake.forward(D.forward(fake, training=True))
        D.backward(loss.discriminator_fake.backward(), accumulate=True, input_gradient=False)
        optimizer.step()
        return on_real, on_fake

    return discriminator_step


def generator_equations(G: Layer, D: Layer, loss: AdversarialLoss, optimizer: Optimizer) -> Callable:
    """gX_f = D.vjp(X_f; g) with D's parameters left alone, then gθ_G = G.vjp(Z; gX_f)."""

    def generator_step(Z):
        fake = G.forward(Z, training=True)
        value = loss.generator.forward(D.forward(fake, training=True))
        gX = D.backward(loss.generator.backward(), parameters=False)
        G.backward(gX, input_gradient=False)
        optimizer.step()
        return (value,)

    return generator_step


def clip_weights(model: Layer, limit: float) -> None:
    """θ ← max(-c, min(c, θ)) for all parameters that are trained."""
    for p in model.parameters():
        if p.trainable:
            np.clip(p.value, -limit, limit, out=p.value)
