"""All that a run changes, kept so that it can be put back."""

from typing import Any

import numpy as np

from ...schedules import schedule_config
from .states import part


class Snapshot:
    """Parameters, gradients, buffers, optimizers and generators of `trainer.held()`, as they were when it was made."""

    def __init__(self, held):
        self.held = held
        self.arrays: dict[str, np.ndarray] = {name: A.copy() for name, A in _arrays(held).items()}
        self.steps = {name: optimizer.steps for name, optimizer in held.optimizers.items()}
        self.schedules = {name: optimizer.schedule for name, optimizer in held.optimizers.items()}
        self.generators: dict[str, Any] = {name: dict(rng.bit_generator.state) for name, rng in held.generators.items()}

    def restore(self) -> None:
        """Put all of it back, to the last bit."""
        for name, A in _arrays(self.held).items():
            A[...] = self.arrays[name]
        for name, optimizer in self.held.optimizers.items():
            optimizer.schedule = self.schedules[name]
            vectors = part(self.arrays, f"optimizer/{name}/")
            config = schedule_config(optimizer.schedule)
            optimizer.load_state({"steps": self.steps[name], "schedule": config, **vectors})
        for name, rng in self.held.generators.items():
            rng.bit_generator.state = self.generators[name]

    def state(self) -> dict:
        """What a checkpoint keeps of it; schedules are the optimizers' own."""
        return {"steps": self.steps, "generators": self.generators, **self.arrays}

    def load_state(self, state: dict) -> None:
        """Become what another one was."""
        self.steps, self.generators = state["steps"], state["generators"]
        self.arrays = {name: state[name].copy() for name in self.arrays}


def _arrays(held) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    for name, model in held.models.items():
        found |= {f"model/{name}/parameters": model.flat_parameters, f"model/{name}/gradients": model.flat_gradients}
        found |= {f"model/{name}/buffer/{key}": A for key, A in model.buffers().items()}
    for name, optimizer in held.optimizers.items():
        found |= {f"optimizer/{name}/{key}": A for key, A in optimizer.state_vectors().items()}
    return found
