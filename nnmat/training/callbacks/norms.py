"""The norms of weights and gradients, layer by layer."""

from typing import Any

import numpy as np

from nnmat_kernels import unchecked as k

from ...checks import count, flag
from ...errors import ConfigError
from ...parameters import Parameter
from .base import Callback, next_multiple
from .states import is_count, is_number


class Norms(Callback):
    """The norm of each layer's parameters, and of their gradients: ‖θ_l‖ and ‖∇_{θ_l} L‖, after a step.

    They are among the figures of an epoch, those of its last step, as `weight_norm/<layer>` and
    `gradient_norm/<layer>`: callbacks that come after this one, such as `Log` and `TensorBoard`, write them.
    `every_steps=k`: `history` also has those of every k-th step, else of the last step of each epoch alone.

    A gradient is that of the step before the update, without clipping and weight decay. A layer is named by its path
    in the model, in a run of several models behind the model's name. A shared parameter counts where it stands first.
    """

    adds_figures = True

    def __init__(self, weights: bool = True, gradients: bool = True, every_steps: int | None = None):
        self.weights, self.gradients = flag("Norms", "weights", weights), flag("Norms", "gradients", gradients)
        if not (self.weights or self.gradients):
            raise ConfigError("Norms: expected weights or gradients to be True, got neither. Leave the callback out.")
        self.every_steps = None if every_steps is None else count("Norms", "every_steps", every_steps)
        self._forget()

    def _forget(self) -> None:
        self.history: dict[str, list] = {}  # `step`, and each norm after it
        self._layers: dict[str, list[Parameter]] = {}
        self._step = 0
        self._resumed: dict[str, float] = {}  # norms at a checkpoint, which keeps no gradients, until the next step

    def on_train_begin(self, trainer):
        self._forget()
        models = trainer.held().models
        for name, model in models.items():
            self._layers |= _layers_of(model, f"{name}." if len(models) > 1 else "")

    def next_step(self, step):
        return next_multiple(step, self.every_steps)

    def on_step_end(self, trainer, step, loss):
        self._step, self._resumed = step, {}
        if self.every_steps is not None and step % self.every_steps == 0:
            self._keep(step, self.measure())

    def on_epoch_end(self, trainer, epoch, figures):
        found = self._resumed or self.measure()
        figures |= found
        if self.every_steps is None or self._step % self.every_steps:
            self._keep(self._step, found)

    def measure(self) -> dict[str, float]:
        """The norms as they are now."""
        found = {}
        for kind, wanted, what in (("weight_norm", self.weights, "value"), ("gradient_norm", self.gradients, "grad")):
            if wanted:
                for name, parameters in self._layers.items():
                    found[f"{kind}/{name}"] = float(k.norm([getattr(p, what).reshape(-1) for p in parameters]))
        return found

    def _keep(self, step: int, found: dict[str, float]) -> None:
        for name, value in {"step": step, **found}.items():
            self.history.setdefault(name, []).append(value)

    def config(self):
        return {"weights": self.weights, "gradients": self.gradients, "every_steps": self.every_steps}

    def state(self):
        last = {"step": self._step, **(self._resumed or self.measure())}
        return {"history": {name: list(column) for name, column in self.history.items()}, "last": last}

    def load_state(self, state):
        self.history = {name: list(column) for name, column in state["history"].items()}
        self._resumed = dict(state["last"])
        self._step = int(self._resumed.pop("step"))

    def state_rules(self, state, model):
        history, last = state.get("history"), state.get("last")
        columns: list[Any] = list(history.values()) if isinstance(history, dict) else [None]
        holds = all(isinstance(c, list) and len(c) == len(columns[0]) and all(map(is_number, c)) for c in columns)
        known = isinstance(last, dict) and last.keys() == {"step", *self.measure()}
        counted = known and is_count(last.get("step")) and all(map(is_number, last.values()))
        return {
            "history": (holds, "lists of numbers, of one length"),
            "last": (counted, "a step and the norms after it"),
        }


def _layers_of(model, before: str) -> dict[str, list[Parameter]]:
    """The parameters of each layer that has some of its own."""
    found: dict[str, list[Parameter]] = {}
    seen: set[Parameter] = set()
    for layer in model.modules():
        own = [p for p in layer.own_parameters() if p not in seen and np.prod(p.shape)]
        seen.update(own)
        if own:
            found[before + (layer.path or layer.kind)] = own
    return found
