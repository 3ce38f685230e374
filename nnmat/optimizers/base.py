"""The contract of an optimizer, and what all of them share: schedules, weight decay by kind, clipping, state."""

import abc
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from nnmat_kernels import unchecked as k
from nnmat_kernels.runtime.door import array, dtype_remedy
from nnmat_kernels.runtime.launch import part_of_a_step, recorder

from ..checks import flag, number, renamed_methods
from ..errors import ConfigError, DtypeError, ShapeError
from ..habits import OF_OPTIMIZERS, check_arguments, refuse_attributes
from ..layers.base import Layer
from ..parameters import ParameterSlice
from ..schedules import Constant, as_schedule, schedule_config, schedule_from_config
from .groups import Groups, parameter_groups

_RENAMED = {"_update": "update(self, segment, lr, scale)", "_settings": "settings(self)", "stretches": "segments(self)"}
Rate = float | Callable[[int], float]  # a learning rate: a number, or a schedule


class Segment(NamedTuple):
    """Neighbouring trainable parameters of equal settings, one kernel call: views of the flat vectors."""

    part: slice
    weight_decay: float
    values: np.ndarray
    gradients: np.ndarray
    vectors: dict[str, np.ndarray]  # of the optimizer
    lr_factor: float = 1.0
    rule: Any = None  # what `Optimizer.rule` says of its parameters


class Optimizer(abc.ABC):
    """Updates a model's flat parameter vector from its flat gradient vector.

    `lr`: a number or a schedule (a function of the step number, counted from 0). `weight_decay`: a number λ for the
    parameters declared with decay (weights, not biases), or a dict by kind, the last part of the parameter's name:
    `{"weight": 1e-4, "bias": 0}`. `clip_norm`: the largest allowed norm c of the whole gradient, which is scaled by
    min(1, c/(n + 1e-6)), n² = Σ g² over the trainable parameters. Scalars are computed in float64 and rounded once.

    `maximize`: go uphill, by -g in the place of g. `groups`: parameters with settings of their own, a list of dicts
    with "parameters" (names, `Parameter`s, or a function of a parameter that says True), and "lr_factor" (their
    learning rate as a multiple of `lr`) or "weight_decay" (of all of them) or both; the rest is in no group.

    Parameters that are not trainable keep their values and their state. A concrete optimizer implements
    `update` and `settings`.
    """

    recordable = False  # whether `update` consists of kernels alone, so that a program can do without Python
    instead_of_step = ""  # what to write instead of `step`, where a step needs more than one gradient

    def __init__(
        self,
        model: Layer,
        lr: Rate,
        weight_decay: float | dict[str, float],
        clip_norm: float | None,
        vectors: list[str],
        maximize: bool = False,
        groups: Groups | None = None,
    ):
        who = type(self).__name__
        if not isinstance(model, Layer):
            raise ConfigError(
                f"{who}: expected a built model, got {type(model).__name__}. Pass the model itself, not its parameters."
            )
        self.model = model
        self.schedule: Callable[[int], float] = as_schedule(who, lr)
        self.weight_decay = self._check_decay(weight_decay)
        self.clip_norm = (
            None if clip_norm is None else number(who, "clip_norm", clip_norm, 0.0, hint="Try 1.0 or None.")
        )
        self.maximize = flag(who, "maximize", maximize)
        self.groups = parameter_groups(who, model, groups)
        self._group_of = {name: group for group in self.groups for name in group.names}
        self.steps = 0  # done so far
        self._store = model.store  # raises if the model is not built
        self._vectors = {name: np.zeros_like(self._store.values) for name in vectors}
        self._more: dict[str, np.ndarray] = {}  # state of another shape than the parameters'
        self._segments: list[Segment] = []
        self._trainable: list[slice] = []  # merged whatever their weight decay: the norm does not depend on that
        self._version: int | None = None

    def __init_subclass__(cls, **arguments):
        super().__init_subclass__(**arguments)
        renamed_methods(cls, _RENAMED)
        check_arguments(cls)

    @abc.abstractmethod
    def update(self, segment: Segment, lr: float, scale: float) -> None:
        """Update one segment of the flat vectors; `scale` multiplies the gradient, `self.steps` counts this step."""

    @abc.abstractmethod
    def settings(self) -> dict:
        """The constructor's arguments beside those that all optimizers have."""

    def prepare(self) -> None:
        """What is done once in a step, before the first `update`: nothing, for most."""

    def rule(self, place: ParameterSlice) -> Any:
        """Neighbours of different rules are no one segment; all parameters have the same, for most."""

    @property
    def lr(self) -> float:
        """The learning rate of the coming step; assigning a number or a schedule replaces the schedule."""
        return self.rate_at(self.steps)

    @lr.setter
    def lr(self, value) -> None:
        self.schedule = as_schedule(type(self).__name__, value)

    def rate_at(self, step: int) -> float:
        """The learning rate of the step after so many."""
        found = self.schedule(step)
        try:
            value = float(found)
        except (TypeError, ValueError):
            raise ConfigError(
                f"{type(self).__name__}: expected the schedule to return a number, got {found!r:.60} for step {step}. "
                "It is called with the number of the step, from 0 on."
            ) from None
        if not 0.0 <= value < math.inf:
            raise ConfigError(
                f"{type(self).__name__}: expected a finite learning rate >= 0, the schedule gave {value} for step "
                f"{step}."
            )
        return value

    def rates(self, count: int) -> list[float]:
        """The learning rates of the coming steps; fewer if the schedule raises, but for the first."""
        if isinstance(self.schedule, Constant):
            return [self.lr] * count
        steps, found = self.steps, []
        try:
            for _ in range(count):
                found.append(self.lr)
                self.steps += 1
        except Exception:  # of a schedule of one's own, raised again when its step comes
            if not found:
                raise
        finally:
            self.steps = steps
        return found

    def gradient_norm(self) -> float:
        """The norm of the gradient over all trainable parameters, summed in float64 in a fixed order."""
        self.segments()
        g = self._store.gradients
        return k.norm([g[part] for part in self._trainable])

    def step(self, gradient_norm: float | None = None) -> None:
        """One update from the present gradients; pass `gradient_norm` if it is known, to save a pass over them."""
        found = recorder()
        self.apply(self.lr if found is None else found.learning_rate(self), gradient_norm)

    def apply(self, lr: float, gradient_norm: float | None = None) -> None:
        """`step` with the learning rate `lr`, whatever the schedule says."""
        if type(lr) is float and (found := recorder()) is not None:  # a number that Python knows
            found.refused = found.refused or f"{type(self).__name__}.apply(lr): use step(), with a schedule"
        part_of_a_step(self, self._apply, lr, gradient_norm)

    def _apply(self, lr: float, gradient_norm: float | None) -> None:
        scale = sign = -1.0 if self.maximize else 1.0
        if self.clip_norm is not None:
            norm = self.gradient_norm() if gradient_norm is None else gradient_norm
            scale = k.clip_scale(norm, self.clip_norm, sign)
        self.steps = self.steps + 1
        self.prepare()
        rates = {1.0: lr}
        for segment in self._segments if self._version == self._store.version else self.segments():
            if segment.lr_factor not in rates:
                rates[segment.lr_factor] = k.times(lr, segment.lr_factor)
            self.update(segment, rates[segment.lr_factor], scale)

    def segments(self) -> list[Segment]:
        """The parts of the flat vectors that are updated, each with its weight decay; neighbours are merged."""
        if self._version != self._store.version:
            parts: list[tuple[slice, tuple]] = []
            for place in self.model.parameter_slices():
                if not place.trainable:
                    continue
                group = self._group_of.get(place.name)
                factor = 1.0 if group is None else group.lr_factor
                part, settings = place.slice, (self._decay_of(place), factor, self.rule(place))
                if parts and parts[-1][0].stop == part.start and parts[-1][1] == settings:
                    part = slice(parts.pop()[0].start, part.stop)
                parts.append((part, settings))
            values, gradients = self._store.values, self._store.gradients
            self._segments = [
                Segment(
                    part, decay, values[part], gradients[part], {k: v[part] for k, v in self._vectors.items()}, *others
                )
                for part, (decay, *others) in parts
            ]
            self._trainable = _merged([part for part, _ in parts])
            self._version = self._store.version
        return self._segments

    def __getstate__(self):
        # Views do not survive a copy or a pickle as views: they are made anew.
        return {**self.__dict__, "_segments": [], "_trainable": [], "_version": None}

    def _decay_of(self, place: ParameterSlice) -> float:
        group = self._group_of.get(place.name)
        if group is not None and group.weight_decay is not None:
            return group.weight_decay
        if isinstance(self.weight_decay, dict):
            return self.weight_decay.get(_kind(place), 0.0)
        return self.weight_decay if place.decay else 0.0

    def _check_decay(self, weight_decay) -> float | dict[str, float]:
        who, hint = type(self).__name__, "Common values are between 0 and 0.1."
        if not isinstance(weight_decay, dict):
            return number(who, "weight_decay", weight_decay, 0.0, hint=hint)
        kinds = sorted({_kind(place) for place in self.model.parameter_slices()})
        for kind in weight_decay:
            if kind not in kinds:
                raise ConfigError(
                    f"{who}: expected the keys of weight_decay among the model's kinds of parameters "
                    f"({', '.join(kinds)}), got {kind!r}. A kind is the last part of a parameter's name."
                )
        return {kind: number(who, f"weight_decay[{kind!r}]", x, 0.0, hint=hint) for kind, x in weight_decay.items()}

    def config(self) -> dict:
        """The kind and all settings, as JSON-able values."""
        return {"kind": type(self).__name__, "lr": schedule_config(self.schedule), **self._settings_of_all()}

    def constants(self) -> tuple:
        """What steps do not change, and a program of them takes as it is."""
        return self.clip_norm, self.weight_decay, self.maximize, self.groups, self.settings()

    def _settings_of_all(self) -> dict:
        settings = {**self.settings(), "weight_decay": self.weight_decay, "clip_norm": self.clip_norm}
        if self.maximize:
            settings["maximize"] = True
        if self.groups:
            settings["groups"] = [group.config() for group in self.groups]
        return settings

    def state_vectors(self) -> dict[str, np.ndarray]:
        """The optimizer's own vectors by name, as they are."""
        return {**self._vectors, **self._more}

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps: the steps done, the schedule's config, and copies of the optimizer's vectors."""
        vectors = {name: vector.copy() for name, vector in self.state_vectors().items()}
        return {"steps": self.steps, "schedule": schedule_config(self.schedule), **vectors}

    def load_state(self, state: dict) -> None:
        """Continue from a `state()` of an optimizer of this kind and settings for a model of this size."""
        who, expected = type(self).__name__, {"steps", "schedule", *self.state_vectors()}
        if set(state) != expected:
            raise ConfigError(
                f"{who}: expected a state with {sorted(expected)}, got {sorted(state)}. "
                "Was it saved by an optimizer of another kind or with other settings?"
            )
        steps = np.asarray(state["steps"])
        if steps.shape != () or steps.dtype.kind not in "iu" or steps < 0:
            raise ConfigError(f"{who}: expected steps in the state as an integer >= 0, got {state['steps']!r}.")
        for name, vector in self.state_vectors().items():
            loaded = array(who, f"state[{name!r}]", state[name])
            if loaded.shape != vector.shape:
                raise ShapeError(
                    f"{who}: expected {name} in the state of shape {vector.shape}, got {loaded.shape}. "
                    "Was it saved for another model?"
                )
            if loaded.dtype.newbyteorder("=") != vector.dtype:
                raise DtypeError(
                    f"{who}: expected {name} in the state of dtype {vector.dtype}, got {loaded.dtype}. "
                    "Build the model with the dtype that it was saved with. "
                    f"{dtype_remedy(f'state[{name!r}]', loaded.dtype, str(vector.dtype))}"
                )
        schedule: Callable[[int], float] | None = self.schedule
        if state["schedule"] != schedule_config(self.schedule):  # it was replaced during the run
            schedule = schedule_from_config(state["schedule"])
        if schedule is None:
            raise ConfigError(
                f"{who}: expected the schedule in the state to be of nnmat.schedules or the one that this optimizer "
                f"has, got {state['schedule']!r}. Set lr to that function before."
            )
        for name, vector in self.state_vectors().items():
            vector[...] = array(who, name, state[name])
        self.steps, self.schedule = int(steps), schedule

    def __repr__(self) -> str:
        settings = {"lr": self.schedule, **self._settings_of_all()}
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in settings.items())})"


refuse_attributes(Optimizer, OF_OPTIMIZERS)


def _merged(parts: list[slice]) -> list[slice]:
    merged: list[slice] = []
    for part in parts:
        if merged and merged[-1].stop == part.start:
            part = slice(merged.pop().start, part.stop)
        merged.append(part)
    return merged


def _kind(place: ParameterSlice) -> str:
    return place.name.rpartition(".")[2]
