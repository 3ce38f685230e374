"""The contract of a layer: build, forward, backward, parameters, buffers.

`Layer` is abstract and concrete layers are final. A concrete layer implements `output_shape` and its equations,
`forward(self, X, call)` and `backward(self, G, call)`; if it has parameters it creates them in `__init__`, lists them
in `own_parameters` and declares their shapes in `declare`. A layer made of layers lists them in `named_children` and
calls their `forward(X, call)` and `backward(G, call)` with its own call.

When a class is made, checks are put round its equations. They act on calls from outside, which have other arguments:
`forward(X, training=False, record=None)` and `backward(G, accumulate=False, parameters=True, input_gradient=True,
keep=False)`.
"""

import abc
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ..calls import Call, Inputs
from ..checks import equations, generator, renamed_methods
from ..errors import BuildError, ConfigError, ShapeError
from ..habits import OF_MODELS, check_arguments, refuse_attributes
from ..parameters import Parameter, ParameterSlice, Store, allocate
from .checks import Shape, batch_shape, check_dtype, check_shape, is_several
from .passes import Passes
from .summary import table, table_of_html

_RENAMED = {  # what classes defined in earlier versions, and what stands for it
    "_forward": "forward(self, X, call)",
    "_backward": "backward(self, G, call)",
    "_declare": "declare(self, input_shape, rng)",
    "_own_parameters": "own_parameters(self)",
    "_own_buffers": "own_buffers(self)",
    "_parts": "named_children(self)",
    "_children": "named_children(self) and, if not every child gets input_shape, child_shapes(self, input_shape)",
    "leaves": "modules(self), which Layer has",
}


class Layer(Passes):
    """A differentiable map with parameters, from a batch X (B, ...) to a batch Y (B, ...).

    Life: construct; `build(input_shape)` (a model builds its layers), after which shapes and dtype are fixed; then
    `forward` and `backward` as often as wanted. A layer holds one recorded forward, the last one: that is what
    `backward` differentiates, and it uses it up (unless `keep`), so that a second backward without a new forward is an
    error and never the gradient of something else. Arrays that a call returns are the caller's and stay what they are.
    Arrays that the caller passes in are never written to; a recorded X is read again by backward, so leave it as it is
    until then.
    """

    # Whether the passes consist of kernels alone, so that a program can do without Python. A class from outside says so
    # itself, or it is False: what is inherited may have changed.
    recordable: bool = True
    least_batch: int = 1  # samples that a forward in training takes at least
    # Whether X may be a tuple: else shapes of several inputs are refused before `output_shape`. Classes from outside
    # may take one, unless they say False.
    takes_several: bool = False

    def __init_subclass__(cls, **arguments: Any) -> None:
        renamed_methods(cls, _RENAMED)
        super().__init_subclass__(**arguments)
        check_arguments(cls)
        if cls._foreign:
            cls.recordable = cls.__dict__.get("recordable", False)
            cls.takes_several = cls.__dict__.get("takes_several", True)

    # ---- what a concrete layer implements -----------------------------------------------------------------------

    @abc.abstractmethod
    def output_shape(self, input_shape: Shape) -> Shape:
        """The shape of one output sample for an input sample of `input_shape`; raises ShapeError if it cannot be."""

    @abc.abstractmethod
    @equations
    def forward(self, X, training: bool | Call = False, record: bool | None = None):
        """Y for a batch X (B, *input_shape) of the layer's dtype.

        `training` picks the mathematics (dropout, batch statistics). `record` (default: same as `training`) keeps what
        `backward` needs; with `record=False` nothing is written to the model, so several threads may call it. Y is the
        caller's in any case. Raises ShapeError, DtypeError, BuildError.

        A class defines it as `forward(self, X, call)`: Y for checked X, with `call.training`, and `call.keep(X=X)` for
        what backward reads as `call.X`. Containers call their parts' `forward(X, call)`, in the same pass.
        """

    @abc.abstractmethod
    @equations
    def backward(
        self,
        G,
        accumulate: bool | Call = False,
        parameters: bool = True,
        input_gradient: bool = True,
        keep: bool = False,
    ):
        """gX = the derivative of the recorded forward applied to the upstream gradient G (of the shape of Y).

        Overwrites the parameters' gradients, or adds to them if `accumulate`; leaves them alone if not `parameters`.
        `input_gradient=False` skips gX and returns None. The record of the forward is used up, that of all parts
        included; `keep=True` leaves it for another backward. Raises StateError without a recorded forward.

        A class defines it as `backward(self, G, call)`: gX for checked G, with the parameters' gradients written to
        `call.into(parameter)` where that is not None. gX may be None if not `call.wants_input`. Containers call their
        parts' `backward(G, call)`, in the same pass; `input_gradient=False` then leaves out what nobody reads.
        """

    def config(self) -> dict:
        """The constructor's arguments as JSON-able values, so that a saved model can be made again."""
        return {}

    def own_parameters(self) -> list[Parameter]:
        """The parameters that this layer itself uses, shared ones included."""
        return []

    def declare(self, input_shape: Shape, rng: np.random.Generator) -> None:
        """Declare the shapes of the own parameters and make the own buffers."""

    def own_buffers(self) -> dict[str, np.ndarray]:
        """State without gradient that is saved with the model, by name; loading copies into these arrays."""
        return {}

    def constant_arrays(self) -> list[np.ndarray]:
        """Arrays beside attributes and buffers that passes read and nobody changes."""
        return []

    def named_children(self) -> list[tuple[str, "Layer"]]:
        """The layers that this one is made of, each with its name in paths; known before the build."""
        return []

    def child_shapes(self, input_shape: Shape) -> list[Shape]:
        """The input shape that each child gets, in the order of `named_children`: the layer's own by default."""
        return [input_shape for _ in self.named_children()]

    def input_dtypes(self) -> Any:
        """What X is made of: the layer's dtype, int64 for tokens, bool for flags; of several inputs also a tuple.

        Such inputs have no gradient: `backward` returns None in their place.
        """
        return self.dtype

    def hiding_inputs(self) -> Any:
        """Whether X may hold -inf, as additive masks do; of several inputs a tuple. Data sets are checked by that."""
        return False

    def flops(self) -> int:
        """Floating-point operations of one sample's forward (a multiply-add is 2; element-wise work is left out)."""
        return sum(child.flops() for child in self.children())

    # ---- build ---------------------------------------------------------------------------------------------------

    def build(
        self,
        input_shape: int | Shape | list,
        *,
        rng: np.random.Generator | int | None = None,
        dtype: npt.DTypeLike = np.float32,
    ) -> Self:
        """Check all shapes, allocate the flat parameter and gradient vectors, draw the initial values; returns self.

        `input_shape`: of one sample, without the batch axis. `rng`: a Generator or a seed (None: seed 0). `dtype`:
        float32 or float64. Raises ShapeError, DtypeError, ConfigError (rng), or BuildError if it (or a part of it) is
        built already; after an error nothing is built.
        """
        dtype = check_dtype(self.kind, dtype)
        input_shape = check_shape(self.kind, input_shape)
        rng = generator(self.kind, "rng", 0 if rng is None else rng)
        self._check_places({})
        self.checked_output_shape(input_shape)
        try:
            self._prepare(input_shape, dtype, rng, "")
            uses = self._uses()
            self._store = allocate(list(uses), dtype, rng)
        except BaseException:
            self._forget()
            raise
        users = [layer for layers in uses.values() if len(layers) > 1 for layer in layers]
        for layer in {part for user in users for part in user.modules()}:
            layer._accumulates = True
        for layer in self.modules():
            layer._any_foreign = any(part._foreign for part in layer.modules())
            tied = [part for part in layer.modules() if part._accumulates]
            layer._tied = list(dict.fromkeys(p for part in tied for p in part.own_parameters()))
        return self

    def checked_output_shape(self, input_shape: Shape) -> Shape:
        """`output_shape` for a shape that comes from outside of the layer; a ShapeError for several inputs too many."""
        if is_several(input_shape) and not self.takes_several:
            raise ShapeError(
                f"{self.who}: takes one input, got {len(input_shape)}, of shapes {batch_shape(input_shape)}. Add() and "
                "Concatenate() make one of several."
            )
        return self.output_shape(input_shape)

    def _uses(self) -> dict[Parameter, list["Layer"]]:
        """The parameters in order of declaration with the layers that use each, checked."""
        uses: dict[Parameter, list[Layer]] = {}
        for layer in self.modules():
            for p in layer.own_parameters():
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
                f"{self.kind}: one layer object stands at two places of the model. Make two layers, or put "
                "nnmat.Tied(layer) at the second place: it computes the same with the same parameters."
            )
        seen[id(self)] = self
        for child in self.children():
            child._check_places(seen)

    def _prepare(self, input_shape: Shape, dtype: np.dtype, rng: np.random.Generator, path: str) -> None:
        self.input_shape, self.dtype, self.path = input_shape, dtype, path
        self._output_shape = self.checked_output_shape(input_shape)
        self.declare(input_shape, rng)
        for p in self.own_parameters():
            if p.name == p.kind and not p.bound:  # not named yet: the first layer that uses it names it
                p.name = f"{path}.{p.kind}" if path else p.kind
        for (name, child), shape in zip(self.named_children(), self.child_shapes(input_shape), strict=True):
            child._prepare(shape, dtype, rng, f"{path}.{name}" if path else name)
        self.input_dtype = self.input_dtypes()

    def _forget(self) -> None:
        """Undo `_prepare`; parameters that a built model owns stay as they are."""
        for layer in self.modules():
            layer.input_shape = layer.dtype = layer.input_dtype = layer._output_shape = None
            layer.path = ""
            for p in layer.own_parameters():
                if not p.bound:
                    p.forget()

    # ---- run -----------------------------------------------------------------------------------------------------

    def __call__(self, X: Inputs, training: bool = False, record: bool | None = None) -> np.ndarray:
        """The same as `forward`."""
        return self.forward(X, training, record)

    # ---- look ----------------------------------------------------------------------------------------------------

    def spec(self) -> dict:
        """The layer as a JSON-able dict: its class and its constructor's arguments."""
        return {"type": self.kind, **self.config()}

    @property
    def built(self) -> bool:
        """Whether shapes and dtype are fixed."""
        return self.dtype is not None

    def children(self) -> list["Layer"]:
        """The layers that this one is made of."""
        return [child for _, child in self.named_children()]

    def modules(self) -> list["Layer"]:
        """This layer and all layers inside it, in order of declaration, containers before their parts."""
        return [self, *(part for child in self.children() for part in child.modules())]

    def parameters(self) -> list[Parameter]:
        """The parameters in order of declaration, shared ones once."""
        return list(dict.fromkeys(p for layer in self.modules() for p in layer.own_parameters()))

    def buffers(self) -> dict[str, np.ndarray]:
        """State without gradient by path; copying into these arrays restores it."""
        return {
            f"{layer.path}.{name}" if layer.path else name: A
            for layer in self.modules()
            for name, A in layer.own_buffers().items()
        }

    @property
    def flat_parameters(self) -> np.ndarray:
        """All parameters of a root model in one vector, of which every `p.value` is a view."""
        return self.store.values

    @property
    def flat_gradients(self) -> np.ndarray:
        """All gradients of a root model in one vector, of which every `p.grad` is a view."""
        return self.store.gradients

    @property
    def parameters_version(self) -> int:
        """Changes whenever a parameter's `trainable` or `decay` is set."""
        return self.store.version

    def parameter_slices(self) -> list[ParameterSlice]:
        """Where each parameter stands in the flat vectors, in their order."""
        self.store  # raises if there is none  # noqa: B018
        return sorted((ParameterSlice(p) for p in self.parameters()), key=lambda s: s.slice.start)

    @property
    def store(self) -> Store:
        """The flat vectors of a root model."""
        if self._store is None:
            if self.built:
                raise BuildError(f"{self.who}: the flat vectors belong to the model that this layer is a part of.")
            raise BuildError(f"{self.kind}: it is not built yet. Call build(input_shape) first.")
        return self._store

    def summary(self) -> str:
        """A table of the layers inside: name, output shape, number of parameters, floating-point operations forward.

        Parts are indented below the layer that they are in, and counted there too; a shared parameter is counted where
        it stands first. Raises BuildError for a layer that is not built.
        """
        if not self.built:
            raise BuildError(f"{self.kind}: it is not built yet, so it has no shapes. Give input_shape.")
        return table(self)

    def _repr_html_(self) -> str:
        return table_of_html(self)

    def __repr__(self) -> str:
        return f"{self.kind}({', '.join(f'{k}={v!r}' for k, v in self.config().items())})"


refuse_attributes(Layer, OF_MODELS)


def check_layers(who: str, layers: list, also: str = "") -> None:
    """Raise ConfigError for what is no layer; None is let through where `also` says what it stands for."""
    for i, layer in enumerate(layers):
        if not isinstance(layer, Layer) and (layer is not None or not also):
            hint = f" Did you forget the parentheses: {layer.__name__}()?" if isinstance(layer, type) else ""
            raise ConfigError(f"{who}: expected layers{also}, got {layer!r} at place {i}.{hint}")
