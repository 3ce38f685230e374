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

from nnmat_kernels.checks import canonical

from ..errors import BuildError, DtypeError, ShapeError, StateError
from ..parameters import Parameter, Segment, Store, allocate

Shape = tuple  # of ints, for one sample; or, for a layer of several inputs, a tuple of such tuples

_observers = threading.local()


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
        self._tied: list[Layer] = []  # of a root model only: the layers that use a parameter used elsewhere too
        self._accumulates = False  # set on those layers by the root, which clears their gradients beforehand
        self._batch: int | None = None
        self._recorded: Any = None
        self._workspace: dict[str, np.ndarray] = {}

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
        float32 or float64. Raises ShapeError, DtypeError, or BuildError if it (or a part of it) is built already.
        """
        dtype = _check_dtype(self.kind, dtype)
        input_shape = check_shape(self.kind, input_shape)
        rng = np.random.default_rng(0 if rng is None else rng)
        self._check_places({})
        self.output_shape(input_shape)  # raises before anything is changed
        self._prepare(input_shape, dtype, rng, "")
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
        self._store = allocate(list(uses), dtype, rng)
        self._tied = [layer for layers in uses.values() if len(layers) > 1 for layer in layers]
        for layer in self._tied:
            layer._accumulates = True
        return self

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
            if p.name == p.kind:  # not named yet: the first layer that uses it names it
                p.name = f"{path}.{p.kind}" if path else p.kind
        for name, child, shape in self._children(input_shape):
            child._prepare(shape, dtype, rng, f"{path}.{name}" if path else name)

    # ---- run -----------------------------------------------------------------------------------------------------

    def forward(self, X, training: bool = False, record: bool | None = None):
        """Y for a batch X (B, *input_shape) of the layer's dtype.

        `training` picks the mathematics (dropout, batch statistics). `record` (default: same as `training`) keeps what
        `backward` needs; with `record=False` nothing is written to the model and the arrays are fresh, so several
        threads may call it. Raises ShapeError, DtypeError, BuildError.
        """
        X = self._check(X, self.input_shape, "X")
        return self._run_forward(X, training, training if record is None else record)

    def backward(self, G, accumulate: bool = False, parameters: bool = True, input_gradient: bool = True):
        """gX = the derivative of the recorded forward applied to the upstream gradient G (of the shape of Y).

        Overwrites the parameters' gradients, or adds to them if `accumulate`; leaves them alone if not `parameters`.
        `input_gradient=False` skips gX and returns None. Raises StateError without a recorded forward.
        """
        if self._recorded is None:
            raise StateError(
                f"{self.who}: backward needs a recorded forward. Call forward(X, training=True), or record=True, first."
            )
        G = self._check(G, self._output_shape, "G", batch=self._batch)
        if parameters and not accumulate:
            for layer in self._tied:
                for p in layer._own_parameters():
                    p.grad[...] = 0
        return self._run_backward(G, accumulate, parameters, input_gradient)

    def _run_forward(self, X, training: bool, record: bool):
        Y = self._forward(X, training, record)
        if record:
            self._batch = len(X[0]) if type(X) is tuple else len(X)
        if (observe := getattr(_observers, "forward", None)) is not None:
            observe(self, Y)
        return Y

    def _run_backward(self, G, accumulate: bool, parameters: bool, input_gradient: bool):
        gX = self._backward(G, accumulate or self._accumulates, parameters, input_gradient)
        if (observe := getattr(_observers, "backward", None)) is not None:
            observe(self, gX)
        return gX

    def _array(self, key: str, shape: tuple, reuse: bool, dtype=None) -> np.ndarray:
        """An uninitialised array: fresh, or if `reuse` the layer's own of that key, made anew only when too small."""
        dtype = self.dtype if dtype is None else dtype
        if not reuse:
            return np.empty(shape, dtype)
        A = self._workspace.get(key)
        if A is None or A.shape[1:] != shape[1:] or len(A) < shape[0]:
            A = self._workspace[key] = np.empty(shape, dtype)
        return A if len(A) == shape[0] else A[: shape[0]]

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

    def _check(self, A, shape: Shape, name: str, batch: int | None = None):
        """`A` in canonical form if it is a batch of `shape` (of `batch` samples, if given), else a typed error."""
        if shape is None:
            raise BuildError(f"{self.kind}: it is not built yet. Call build(input_shape) first.")
        if shape and type(shape[0]) is tuple:  # several arrays
            if type(A) is not tuple or len(A) != len(shape):
                raise ShapeError(f"{self.who}: expected {name} to be a tuple of {len(shape)} arrays.")
            if len({len(a) for a in A}) > 1:
                raise ShapeError(f"{self.who}: expected all inputs of one batch size, got {[len(a) for a in A]}.")
            return tuple(
                self._check(a, s, f"{name}[{i}]", batch) for i, (a, s) in enumerate(zip(A, shape, strict=True))
            )
        if not isinstance(A, np.ndarray):
            raise DtypeError(
                f"{self.who}: expected {name} to be a NumPy array, got {type(A).__name__}. "
                f"Try np.asarray({name}, dtype=np.{self.dtype})."
            )
        if A.shape[1:] != shape or A.ndim == 0 or (batch is not None and len(A) != batch):
            expected = ", ".join(str(n) for n in ("B" if batch is None else batch, *shape))
            raise ShapeError(
                f"{self.who}: expected {name} of shape ({expected}{'' if shape else ','}), got {A.shape}."
                f"{_shape_hint(name, A.shape, shape)}"
            )
        if A.dtype != self.dtype:
            raise DtypeError(
                f"{self.who}: expected {name} of dtype {self.dtype}, got {A.dtype}. Try {name}.astype(np.{self.dtype})"
                f"{f', or build the model with dtype=np.{A.dtype}' if A.dtype in (np.float32, np.float64) else ''}."
            )
        return canonical(A)

    def __getstate__(self):
        # A copy or a pickle holds the parameters and buffers, not what was recorded for a backward.
        return {**self.__dict__, "_recorded": None, "_batch": None, "_workspace": {}}

    def __repr__(self) -> str:
        return f"{self.kind}({', '.join(f'{k}={v!r}' for k, v in self.config().items())})"


@contextlib.contextmanager
def observe(forward=None, backward=None):
    """While open, call `forward(layer, Y)` and `backward(layer, gX)` after every layer's pass in this Python thread."""
    before = getattr(_observers, "forward", None), getattr(_observers, "backward", None)
    _observers.forward, _observers.backward = forward, backward
    try:
        yield
    finally:
        _observers.forward, _observers.backward = before


def check_shape(who: str, shape) -> Shape:
    """`shape` as a tuple of ints (or a tuple of such tuples); an int n stands for (n,)."""
    if isinstance(shape, int | np.integer) and not isinstance(shape, bool):
        shape = (shape,)
    if isinstance(shape, list | tuple):
        if len(shape) > 0 and all(isinstance(part, list | tuple) for part in shape):
            return tuple(check_shape(who, part) for part in shape)
        if all(isinstance(n, int | np.integer) and not isinstance(n, bool) and n > 0 for n in shape):
            return tuple(int(n) for n in shape)
    raise ShapeError(
        f"{who}: expected input_shape as a tuple of positive integers without the batch axis, such as (28, 28, 1), "
        f"got {shape!r}."
    )


def _check_dtype(who: str, dtype) -> np.dtype:
    try:
        found = np.dtype(dtype)
    except TypeError:
        found = None
    if dtype is None or found is None or found not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise DtypeError(f"{who}: expected dtype float32 or float64, got {dtype!r}. Try dtype=np.float32.")
    return found


def _shape_hint(name: str, given: tuple, shape: tuple) -> str:
    if given == shape:
        return f" Is it one sample? Add the batch axis: {name}[np.newaxis]."
    if len(given) == 2 and len(shape) == 1 and given[0] == shape[0]:
        return f" Did you pass {name}.T?"
    if len(given) == 4 and len(shape) == 3 and (given[2], given[3], given[1]) == shape:
        return f" Images are channels-last: try {name}.transpose(0, 2, 3, 1)."
    if len(given) == 3 and len(shape) == 3 and shape[2] == 1 and given[1:] == shape[:2]:
        return f" Add the channel axis: {name}[..., np.newaxis]."
    if len(shape) == 1 and int(np.prod(given[1:])) == shape[0]:
        return f" Flatten it: {name}.reshape(len({name}), -1)."
    return ""
