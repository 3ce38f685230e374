"""The contract of a layer: build, forward, backward, parameters, buffers.

`Layer` is abstract and concrete layers are final. A concrete layer implements `output_shape`, `_forward` and
`_backward`; if it has parameters it creates them in `__init__`, lists them in `_own_parameters` and declares their
shapes in `_declare`. A layer made of layers lists them in `_children` and calls their `forward` and `backward`.
"""

import abc
import contextlib
import threading
from typing import Any

import numpy as np

from ..checks import generator
from ..errors import BuildError, StateError
from ..parameters import Parameter, Segment, Store, allocate
from .checks import Shape, check_batch, check_dtype, check_shape


class _Observers(threading.local):
    """Who looks at the passes of this Python thread (class attributes: reading a missing one would take 1 us)."""

    forward: Any = None
    backward: Any = None


_observers = _Observers()
_observing = 0  # `observe` blocks that are open, in all threads; with none, nobody has to be looked for
_counting = threading.Lock()
_running = threading.local()  # `stores`: those of the models with tied layers whose backward is in progress


class Layer(abc.ABC):
    """A differentiable map with parameters, from a batch X (B, ...) to a batch Y (B, ...).

    Life: construct; `build(input_shape)` (a model builds its layers), after which shapes and dtype are fixed; then
    `forward` and `backward` as often as wanted. A layer holds one recorded forward. Arrays that a recorded forward or
    a backward returns belong to the layer and are valid until its next recorded forward or backward; arrays that the
    caller passes in are never written to.
    """

    def __init__(self):
        self.path = ""
        self.input_shape: Any = None  # a Shape once built
        self.dtype: Any = None  # a numpy.dtype once built
        self._output_shape: Any = None
        self._store: Store | None = None  # of a root model only
        self._accumulates = False  # of a tied layer: one that uses a parameter used elsewhere too, or is inside such
        self._tied: list[Parameter] = []  # those of the tied layers from here down: backward clears, they add
        self._batch: int | None = None
        self._recorded: Any = None
        self._workspace: dict[str, np.ndarray] = {}
        self._lent_Y: Any = None  # what the last recorded forward and the last backward returned to a caller, into
        self._lent_gX: Any = None  # which the next ones write
        self._lent: set[int] = set()  # the ids of the arrays that hold their memory

    _foreign = False  # a class from outside of nnmat: what its passes return is checked
    fusion: str | None = None  # of an element-wise activation: its name to kernels that can apply it themselves

    def __init_subclass__(cls, **arguments):
        super().__init_subclass__(**arguments)
        cls._foreign = not cls.__module__.startswith("nnmat.")

    # ---- what a concrete layer implements -----------------------------------------------------------------------

    @abc.abstractmethod
    def output_shape(self, input_shape: Shape) -> Shape:
        """The shape of one output sample for an input sample of `input_shape`; raises ShapeError if it cannot be."""

    @abc.abstractmethod
    def _forward(self, X, training: bool, record: bool):
        """Y for checked input X. If `record`, set `self._recorded` to what `_backward` needs; else write nothing."""

    @abc.abstractmethod
    def _backward(self, G, accumulate: bool, parameters: bool, input_gradient: bool):
        """gX for checked G, writing parameter gradients if `parameters` (adding to them if `accumulate`)."""

    def config(self) -> dict:
        """The constructor's arguments as JSON-able values, so that a saved model can be made again."""
        return {}

    def _can_apply(self, activation: "Layer") -> bool:
        """Whether `_forward` takes the name of this activation and applies it while its results are in the cache."""
        return False

    def _can_differentiate(self, activation: "Layer") -> bool:
        """Whether `_backward_with` can apply the derivative of this activation, which stands before the layer."""
        return False

    def _backward_with(self, activation: "Layer", G, accumulate: bool, parameters: bool):
        """What `_backward` and then the activation's give, to the bit."""
        return activation._backward(self._backward(G, accumulate, parameters, True), accumulate, parameters, True)

    def _fusion_with(self, activation: "Layer") -> str | None:
        """What kernels call the activation; None for classes from outside, which may do something else."""
        return None if self._foreign or activation._foreign else activation.fusion

    def _own_parameters(self) -> list[Parameter]:
        """The parameters that this layer itself uses, shared ones included."""
        return []

    def _declare(self, input_shape: Shape, rng: np.random.Generator) -> None:
        """Declare the shapes of the own parameters and make the own buffers."""

    def _own_buffers(self) -> dict[str, np.ndarray]:
        """State without gradient that is saved with the model, by name; loading copies into these arrays."""
        return {}

    def _children(self, input_shape: Shape) -> list[tuple[str, "Layer", Shape]]:
        """The layers that this one is made of: name, layer, and the input shape that each gets."""
        return []

    def flops(self) -> int:
        """Floating-point operations of one sample's forward (a multiply-add is 2; element-wise work is left out)."""
        return sum(child.flops() for _, child, _ in self._children(self.input_shape))

    # ---- build ---------------------------------------------------------------------------------------------------

    def build(self, input_shape: Shape, *, rng: np.random.Generator | int | None = None, dtype=np.float32) -> "Layer":
        """Check all shapes, allocate the flat parameter and gradient vectors, draw the initial values; returns self.

        `input_shape`: of one sample, without the batch axis. `rng`: a Generator or a seed (None: seed 0). `dtype`:
        float32 or float64. Raises ShapeError, DtypeError, ConfigError (rng), or BuildError if it (or a part of it) is
        built already; after an error nothing is built.
        """
        dtype = check_dtype(self.kind, dtype)
        input_shape = check_shape(self.kind, input_shape)
        rng = generator(self.kind, "rng", 0 if rng is None else rng)
        self._check_places({})
        self.output_shape(input_shape)
        try:
            self._prepare(input_shape, dtype, rng, "")
            uses = self._uses()
            self._store = allocate(list(uses), dtype, rng)
        except BaseException:
            self._forget()
            raise
        users = [layer for layers in uses.values() if len(layers) > 1 for layer in layers]
        for layer in {part for user in users for part in user.leaves()}:
            layer._accumulates = True
        for layer in self.leaves():
            tied = [leaf for leaf in layer.leaves() if leaf._accumulates]
            layer._tied = list(dict.fromkeys(p for leaf in tied for p in leaf._own_parameters()))
        return self

    def _uses(self) -> dict[Parameter, list["Layer"]]:
        """The parameters in order of declaration with the layers that use each, checked."""
        uses: dict[Parameter, list[Layer]] = {}
        for layer in self.leaves():
            for p in layer._own_parameters():
                uses.setdefault(p, []).append(layer)
        names: dict[str, Parameter] = {}
        for p in uses:
            if p.shape is None or p.bound:
                raise BuildError(
                    f"{self.kind}: parameter {p.name!r} is shared, but its owner is not part of this model."
                )
            if names.setdefault(p.name, p) is not p:
                owner = uses[p][0].kind
                raise BuildError(f"{owner}: two parameters are called {p.name!r}. Give Parameter(...) another name.")
        return uses

    def _check_places(self, seen: dict) -> None:
        if self.built:
            raise BuildError(
                f"{self.kind}: it is built already{f' as {self.path!r} of a model' if self.path else ''}. "
                "Make a new layer, or copy.deepcopy this one's model."
            )
        if id(self) in seen:
            raise BuildError(
                f"{self.kind}: one layer object stands at two places of the model. Make two layers, or share a "
                "parameter explicitly by passing it to a second layer."
            )
        seen[id(self)] = self
        for child in self._parts():
            child._check_places(seen)

    def _parts(self) -> list["Layer"]:
        """The direct children, without their shapes (known before the build)."""
        return []

    def _prepare(self, input_shape: Shape, dtype: np.dtype, rng: np.random.Generator, path: str) -> None:
        self.input_shape, self.dtype, self.path = input_shape, dtype, path
        self._output_shape = self.output_shape(input_shape)
        self._declare(input_shape, rng)
        for p in self._own_parameters():
            if p.name == p.kind and not p.bound:  # not named yet: the first layer that uses it names it
                p.name = f"{path}.{p.kind}" if path else p.kind
        for name, child, shape in self._children(input_shape):
            child._prepare(shape, dtype, rng, f"{path}.{name}" if path else name)

    def _forget(self) -> None:
        """Undo `_prepare`; parameters that a built model owns stay as they are."""
        for layer in self.leaves():
            layer.input_shape = layer.dtype = layer._output_shape = None
            layer.path = ""
            for p in layer._own_parameters():
                if not p.bound:
                    p.forget()

    # ---- run -----------------------------------------------------------------------------------------------------

    def forward(self, X, training: bool = False, record: bool | None = None):
        """Y for a batch X (B, *input_shape) of the layer's dtype.

        `training` picks the mathematics (dropout, batch statistics). `record` (default: same as `training`) keeps what
        `backward` needs; with `record=False` nothing is written to the model and the arrays are fresh, so several
        threads may call it. Raises ShapeError, DtypeError, BuildError.
        """
        X = check_batch(self, X, self.input_shape, "X")
        if not (training if record is None else record):
            return self._run_forward(X, training, False)
        Y = self._run_forward(_apart(X, self._lent), training, True)
        if Y is not self._lent_Y:
            self._lend(Y, self._lent_gX)
        return Y

    def __call__(self, X, training: bool = False, record: bool | None = None):
        """The same as `forward`."""
        return self.forward(X, training, record)

    def backward(self, G, accumulate: bool = False, parameters: bool = True, input_gradient: bool = True):
        """gX = the derivative of the recorded forward applied to the upstream gradient G (of the shape of Y).

        Overwrites the parameters' gradients, or adds to them if `accumulate`; leaves them alone if not `parameters`.
        `input_gradient=False` skips gX and returns None. Raises StateError without a recorded forward.
        """
        if self._recorded is None:
            raise StateError(
                f"{self.who}: backward needs a recorded forward. Call forward(X, training=True), or record=True, first."
            )
        G = check_batch(self, G, self._output_shape, "G", batch=self._batch)
        G = _apart(G, self._lent)
        if self._tied and parameters:
            gX = self._run_tied_backward(G, accumulate, input_gradient)
        else:
            gX = self._run_backward(G, accumulate, parameters, input_gradient)
        if input_gradient and gX is not self._lent_gX:
            self._lend(self._lent_Y, gX)
        return gX

    def _lend(self, Y, gX) -> None:
        self._lent_Y, self._lent_gX = Y, gX
        self._lent = {id(A) for A in _memory(Y) + _memory(gX)}

    def _run_forward(self, X, training: bool, record: bool):
        Y = self._forward(X, training, record)
        if self._foreign or record:
            batch = len(X[0]) if type(X) is tuple else len(X)
            if self._foreign:
                Y = check_batch(self, Y, self._output_shape, "the result of _forward", batch)
            if record:
                self._batch = batch
        if _observing and _observers.forward is not None:
            _observers.forward(self, Y)
        return Y

    def _run_forward_with(self, activation: "Layer", X, training: bool, record: bool):
        """What the forwards of this layer and of the activation behind it give, to the bit, in one pass."""
        forward: Any = self._forward  # a layer that can apply an activation takes its name too
        Y = forward(X, training, record, activation.fusion)
        if record:
            self._batch = activation._batch = len(X)
            activation._recorded = Y
        return Y

    def _run_backward(self, G, accumulate: bool, parameters: bool, input_gradient: bool):
        gX = self._backward(G, accumulate or self._accumulates, parameters, input_gradient)
        if self._foreign and input_gradient:
            gX = check_batch(self, gX, self.input_shape, "the result of _backward", self._batch)
        if _observing and _observers.backward is not None:
            _observers.backward(self, gX)
        return gX

    def _run_tied_backward(self, G, accumulate: bool, input_gradient: bool):
        """Tied layers add to their gradients; the outermost call on a model, and no call inside it, clears these."""
        running = _running.__dict__.setdefault("stores", set())
        store = self._tied[0].store
        if store in running:
            return self._run_backward(G, accumulate, True, input_gradient)
        running.add(store)
        try:
            if not accumulate:
                for p in self._tied:
                    p.grad[...] = 0
            return self._run_backward(G, accumulate, True, input_gradient)
        finally:
            running.remove(store)

    def _array(self, key: str, shape: tuple, reuse: bool, dtype=None) -> np.ndarray:
        """An uninitialised array: fresh, or if `reuse` the layer's own of that key, made anew only when too small."""
        dtype = self.dtype if dtype is None else dtype
        if not reuse:
            return np.empty(shape, dtype)
        A = self._workspace.get(key)
        if A is not None and A.shape == shape:  # the usual case
            return A
        whole = A if A is None or A.base is None else A.base
        if whole is None or whole.shape[1:] != shape[1:] or len(whole) < shape[0]:
            whole = np.empty(shape, dtype)
        A = self._workspace[key] = whole if len(whole) == shape[0] else whole[: shape[0]]
        return A

    # ---- look ----------------------------------------------------------------------------------------------------

    @property
    def kind(self) -> str:
        """The name of the layer's class."""
        return type(self).__name__

    @property
    def who(self) -> str:
        """The layer's name in error messages."""
        return f"{self.kind} {self.path!r}" if self.path else self.kind

    @property
    def built(self) -> bool:
        """Whether shapes and dtype are fixed."""
        return self.dtype is not None

    def leaves(self) -> list["Layer"]:
        """This layer and all layers inside it, in order of declaration, containers before their parts."""
        return [self, *(leaf for child in self._parts() for leaf in child.leaves())]

    def parameters(self) -> list[Parameter]:
        """The parameters in order of declaration, shared ones once."""
        return list(dict.fromkeys(p for layer in self.leaves() for p in layer._own_parameters()))

    def buffers(self) -> dict[str, np.ndarray]:
        """State without gradient by path; copying into these arrays restores it."""
        return {
            f"{layer.path}.{name}" if layer.path else name: A
            for layer in self.leaves()
            for name, A in layer._own_buffers().items()
        }

    @property
    def flat_parameters(self) -> np.ndarray:
        """All parameters of a root model in one vector, of which every `p.value` is a view."""
        return self._root_store().values

    @property
    def flat_gradients(self) -> np.ndarray:
        """All gradients of a root model in one vector, of which every `p.grad` is a view."""
        return self._root_store().gradients

    @property
    def parameters_version(self) -> int:
        """Changes whenever a parameter's `trainable` or `decay` is set."""
        return self._root_store().version

    def parameter_segments(self) -> list[Segment]:
        """One segment for each parameter, in the order of the flat vectors."""
        self._root_store()
        return sorted((Segment(p) for p in self.parameters()), key=lambda s: s.slice.start)

    def _root_store(self) -> Store:
        if self._store is None:
            if self.built:
                raise BuildError(f"{self.who}: the flat vectors belong to the model that this layer is a part of.")
            raise BuildError(f"{self.kind}: it is not built yet. Call build(input_shape) first.")
        return self._store

    def __getstate__(self):
        # A copy or a pickle holds the parameters and buffers, not what was recorded for a backward.
        lent: dict = {"_lent_Y": None, "_lent_gX": None, "_lent": set()}
        return {**self.__dict__, "_recorded": None, "_batch": None, "_workspace": {}, **lent}

    def __repr__(self) -> str:
        return f"{self.kind}({', '.join(f'{k}={v!r}' for k, v in self.config().items())})"


def _memory(A) -> list:
    """The arrays that hold the memory of an array, of a tuple of arrays, or of None."""
    if type(A) is tuple:
        return [root for B in A for root in _memory(B)]
    return [] if A is None else [A if A.base is None else A.base]


def _apart(A, lent: set):
    """`A`, copied if it lies in the memory of arrays lent to the caller: what a pass records must not change."""
    if type(A) is tuple:
        return tuple(_apart(B, lent) for B in A)
    return A.copy() if id(A if A.base is None else A.base) in lent else A


def observed() -> bool:
    """Whether somebody looks at the single layers' passes in this Python thread."""
    return _observing > 0 and (_observers.forward is not None or _observers.backward is not None)


@contextlib.contextmanager
def observe(forward=None, backward=None):
    """While open, call `forward(layer, Y)` and `backward(layer, gX)` after every layer's pass in this Python thread."""
    before = _observers.forward, _observers.backward
    _count(1)
    _observers.forward, _observers.backward = forward, backward
    try:
        yield
    finally:
        _observers.forward, _observers.backward = before
        _count(-1)


def _count(change: int) -> None:
    global _observing
    with _counting:
        _observing += change
