"""What a step is made of, found while it runs: its operations, its parts, and what changes from step to step."""

import copy
import operator
import os
import threading
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from nnmat_kernels.programs.program import CountSlot, FloatSlot
from nnmat_kernels.runtime.launch import Operation, Recorder

from ..errors import StateError
from ..layers.base import Layer
from ..losses import Loss
from ..optimizers import Optimizer
from ..parameters import Parameter, Store

PROGRAMS = 16  # situations that a step keeps a program for; the oldest makes room
WORTH_A_PROGRAM = 10  # steps
CHECKED = 2  # steps that run both ways before a program is trusted
FIRST_ONES = "the first of such steps run by hand, are recorded and checked"


class StepRecorder(Recorder):
    """Records a step, with the learning rates and step numbers of all optimizers left open."""

    def __init__(self) -> None:
        super().__init__()
        self.optimizers: list[Optimizer] = []  # one for each step that it makes

    def learning_rate(self, optimizer) -> float:
        """A slot for it; the number of the step becomes one, too."""
        name = str(len(self.optimizers))
        self.optimizers.append(optimizer)
        lr = optimizer.lr
        optimizer.steps = CountSlot(f"steps {name}", int(optimizer.steps))
        return FloatSlot(f"lr {name}", lr)

    def __exit__(self, *exception):
        super().__exit__(*exception)
        for optimizer in self.optimizers:
            optimizer.steps = int(optimizer.steps)

    def slots(self) -> list[str]:
        """The names of the learning rates, which some kernel must take."""
        return [f"lr {i}" for i in range(len(self.optimizers))]


def slot_values(optimizers: Sequence[Optimizer], count: int) -> dict[str, Any]:
    """The values of the slots for the coming steps; fewer than `count` if a schedule raises, but for the first."""
    values: dict[str, Any] = {}
    every = {id(o): sum(other is o for other in optimizers) for o in optimizers}  # how often it steps in a step
    seen: dict[int, int] = {}
    for i, o in enumerate(optimizers):
        each, own = every[id(o)], seen.setdefault(id(o), 0)
        seen[id(o)] += 1
        rates = o.rates(count * each)
        values[f"lr {i}"] = rates[own::each][: len(rates) // each]
        values[f"steps {i}"] = np.arange(o.steps + own + 1, o.steps + own + 1 + count * each, each)
    fewest = min((len(v) for v in values.values()), default=count)
    return {name: v[:fewest] for name, v in values.items()}


class Parts:
    """The layers, losses and optimizers that take part in a step, each once, and what is theirs."""

    def __init__(self, parts: Sequence[Any]):
        own: dict[int, Any] = {}
        for part in parts:
            for p in part.modules() if isinstance(part, Layer) else [part]:
                own.setdefault(id(p), p)
        self.layers = [p for p in own.values() if isinstance(p, Layer)]
        self.losses = [p for p in own.values() if isinstance(p, Loss)]
        self.optimizers = [p for p in own.values() if isinstance(p, Optimizer)]
        stores: dict[int, Store] = {}
        self._parameters: dict[int, dict[Parameter, None]] = {}  # of each store, by its id
        for layer in self.layers:
            for p in layer.own_parameters():
                if (store := p.store) is not None:
                    stores[id(store)] = store
                    self._parameters.setdefault(id(store), {})[p] = None
        self.stores = list(stores.values())

    def refusal(self) -> str:
        """Why their steps cannot be compiled, or nothing."""
        for part in (*self.layers, *self.losses, *self.optimizers):
            if not records(part):
                name = part.who if isinstance(part, Layer) else type(part).__name__
                return f"{name} computes in Python (recordable is False)"
        return ""

    def settings(self) -> tuple:
        """All that a program of them takes as constant."""
        return (
            [[(p.trainable, p.decay) for p in self._parameters[id(store)]] for store in self.stores],
            [o.constants() for o in self.optimizers],
            [loss.config() for loss in self.losses],
            [layer.config() for layer in self.layers if not layer.children()],
        )

    def state(self) -> dict[str, np.ndarray]:
        """The arrays that steps change, by name."""
        found: dict[str, np.ndarray] = {}
        for i, store in enumerate(self.stores):
            found |= {f"parameters {i}": store.values, f"gradients {i}": store.gradients}
        for i, o in enumerate(self.optimizers):
            found |= {f"{name} of optimizer {i}": A for name, A in o.state_vectors().items()}
        for i, layer in enumerate(self.layers):
            found |= {f"{name} of {layer.who} ({i})": A for name, A in layer.own_buffers().items()}
        return found

    def known(self) -> list[np.ndarray]:
        """The arrays that their operations may read: the state, constants, and what they hold as attributes."""
        held = [A for p in (*self.layers, *self.losses, *self.optimizers) for A in vars(p).values()]
        parts: list[Any] = [*self.layers, *self.losses]
        constants = [A for p in parts for A in p.constant_arrays()]
        return [*self.state().values(), *constants, *(A for A in held if isinstance(A, np.ndarray))]

    def held(self) -> dict[str, np.ndarray]:
        """The arrays that parts from outside hold as attributes: a step by hand may write to them."""
        outside = [p for p in (*self.layers, *self.losses, *self.optimizers) if not _is_own(p)]
        return {f"{i}.{n}": A for i, p in enumerate(outside) for n, A in vars(p).items() if isinstance(A, np.ndarray)}

    def forget_passes(self) -> None:
        """What layers and losses have kept of a pass by hand is not of the last step: no backward may follow."""
        for layer in self.layers:
            layer.drop_record()
        for loss in self.losses:
            loss.drop_record()

    def are_own(self) -> bool:
        """Whether all of them are of nnmat itself."""
        return all(map(_is_own, (*self.layers, *self.losses, *self.optimizers)))


class Comparison:
    """A step done by hand, and then again from the same state by a program, which writes to these arrays."""

    def __init__(self, parts: Parts, written: Sequence[np.ndarray]):
        self.parts = parts
        state = {n: A for n, A in parts.state().items() if any(np.may_share_memory(A, B) for B in written)}
        self._names, self._arrays = list(state), [*state.values(), *parts.held().values()]
        self._before, self._steps = self._copies(), [o.steps for o in parts.optimizers]
        self._after, self._steps_after = self._before, self._steps

    def _copies(self) -> list[np.ndarray]:
        return [A.copy() for A in self._arrays]

    def _restore(self, copies: list[np.ndarray], steps: list[int]) -> None:
        for A, was in zip(self._arrays, copies, strict=True):
            A[...] = was
        for optimizer, done in zip(self.parts.optimizers, steps, strict=True):
            optimizer.steps = done

    def back(self) -> None:
        """From the state after the step to the one before it."""
        self._after, self._steps_after = self._copies(), [o.steps for o in self.parts.optimizers]
        self._restore(self._before, self._steps)

    def forward(self) -> None:
        """To the state after the step by hand."""
        self._restore(self._after, self._steps_after)

    def differences(self) -> list[str]:
        """What has other bits than after the step by hand."""
        found = zip(self._names, self._arrays, self._after, strict=False)
        wrong = [name for name, A, B in found if A.tobytes() != B.tobytes()]
        same = [o.steps for o in self.parts.optimizers] == self._steps_after
        return wrong if same else [*wrong, "step numbers"]

    def refuse(self, who: str, wrong: list[str]) -> str:
        """Leave the state of the step by hand, and say what is wrong: an error if it is a class from outside."""
        self.forward()
        what = f"{who}: the program gave other {', '.join(wrong)} than the equations."
        if not self.parts.are_own():
            raise StateError(
                f"{what} A layer, loss or optimizer computes something in Python: set its class's recordable = False, "
                "or compiled=False."
            )
        warnings.warn(f"{what} Such steps run by hand from here on. Please report it.", RuntimeWarning, stacklevel=2)
        return "the program gave other bits than the equations"


_OPEN = {"steps", "divisor", "schedule", "looked"}  # attributes that may change without being settings


class Unchanged:
    """Whether parts of nnmat have the settings that they had, without asking each for its `config`."""

    def __init__(self, parts: Parts):
        self._versions = [(store, store.version) for store in parts.stores]
        self._values = []
        self._arrays = []
        for part in (*parts.layers, *parts.losses, *parts.optimizers):
            own = vars(part)
            names = [name for name in own if not name.startswith("_") and name not in _OPEN]
            self._arrays += [(own, name, own[name]) for name in names if isinstance(own[name], np.ndarray)]
            if names := [name for name in names if not isinstance(own[name], np.ndarray)]:
                values = operator.itemgetter(*names)
                self._values.append((own, values, _frozen(values(own))))

    def __call__(self) -> bool:
        for store, version in self._versions:
            if store.version != version:
                return False
        for own, values, before in self._values:
            if values(own) != before:
                return False
        return all(own[name] is A for own, name, A in self._arrays)


def _frozen(value):
    """The same for comparisons, whatever becomes of its lists and dicts."""
    if type(value) is tuple:
        return tuple(map(_frozen, value))
    return copy.copy(value) if type(value) in (list, dict) else value


class Turn:
    """The memory of a step's programs, which one call at a time has; who finds it taken runs by hand."""

    def __init__(self) -> None:
        self._lock, self._process = threading.Lock(), os.getpid()

    def take(self) -> bool:
        """Whether it was free, and now is the caller's."""
        if self._process != os.getpid():  # a forked child: who had it then does not live here
            self.__init__()  # type: ignore[misc]
        return self._lock.acquire(blocking=False)

    def give_back(self) -> None:
        """Free again."""
        self._lock.release()

    def __getstate__(self):
        return {}

    def __setstate__(self, state):
        self.__init__()  # type: ignore[misc]


def share_memory(arrays: Sequence[np.ndarray]) -> bool:
    """Whether two of them may."""
    return any(np.may_share_memory(A, B) for i, A in enumerate(arrays) for B in arrays[:i])


def stranger(operations: Sequence[Operation], known: Sequence[np.ndarray]) -> str:
    """The first array that an operation reads, and that is neither known nor written by one before; or nothing."""
    places = [(A.ctypes.data, A.ctypes.data + A.nbytes) for A in known if A.size]
    for o in operations:
        for name, argument in o.arguments.items():
            for A in argument if isinstance(argument, list | tuple) else (argument,):
                if not isinstance(A, np.ndarray) or not A.size or name in o.driver.writes:
                    continue
                first, last = A.ctypes.data, A.ctypes.data + A.nbytes
                if not any(start <= first and last <= end for start, end in places):
                    whose = f"{o.place}: " if o.place else ""
                    return f"{whose}{o.name} reads {name} of shape {A.shape}, which Python has made"
        made = [A for name, A in {**o.arguments, **o.made}.items() if name in o.driver.writes]
        places += [(A.ctypes.data, A.ctypes.data + A.nbytes) for A in made if isinstance(A, np.ndarray) and A.size]
    return ""


def records(part) -> bool:
    """Whether the passes of a layer, a loss or an optimizer consist of kernels: what a class itself says."""
    if _is_own(part):
        return part.recordable
    return type(part).__dict__.get("recordable", False) is True  # not what it inherits: it may do something else


def _is_own(part) -> bool:
    return f"{type(part).__module__}.".startswith("nnmat.")


def target_dtype(loss: Loss, y: np.ndarray, dtype: np.dtype) -> np.dtype:
    """What targets are cast to: labels to int64, numbers to the model's dtype; for a loss of one's own they stay."""
    if y.dtype.kind == "f":
        return dtype
    if y.dtype.kind in "iu" and loss.labels:
        return np.dtype(np.int64)
    return dtype if _is_own(loss) and not loss.labels and y.dtype.kind in "iub" else y.dtype
