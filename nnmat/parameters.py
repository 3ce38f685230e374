"""Parameters, and the two flat vectors of a model that all of them are views of."""

from typing import Any

import numpy as np

from nnmat_kernels.runtime.door import array, dtype_remedy

from .errors import BuildError, ConfigError, DtypeError, ShapeError


class Store:
    """One flat vector of values and one of gradients: what an optimizer, a checkpoint or an all-reduce works on."""

    def __init__(self, size: int, dtype: np.dtype):
        self.values = np.zeros(size, dtype)
        self.gradients = np.zeros(size, dtype)
        self.version = 0  # counts the changes of `trainable` and `decay`, so that optimizers can follow


class Parameter:
    """A trainable array of a layer.

    A layer creates it in its constructor (`Parameter("weight", decay=True)`) and declares its shape when it is built;
    the root model then binds it to a part of its flat vectors. Two layers share a parameter by holding the same object.

    Attributes: `name` (the path in the model, such as `0.weight`; before the build its kind, `weight`), `shape`,
    `decay` (whether weight decay applies unless the optimizer says otherwise: to weights, not to biases), `trainable`
    (an optimizer leaves a parameter alone that is not). `value` and `grad` are views; assigning copies into them.
    """

    def __init__(self, kind: str, *, decay: bool = True, trainable: bool = True):
        self.kind = kind
        self.name = kind
        self.shape: tuple[int, ...] | None = None
        self._decay = decay
        self._trainable = trainable
        self._initialize: Any = None
        self._store: Any = None
        self._offset = 0
        self._value: Any = None
        self._grad: Any = None

    def declare(self, shape: tuple[int, ...], initialize) -> None:
        """Set the shape, and `initialize(rng, shape) -> array`, with which the root model fills the value.

        A shared parameter is declared at each of its places: the first initializer counts. Raises ConfigError;
        ShapeError if another place has declared another shape.
        """
        if not callable(initialize):
            raise ConfigError(
                f"Parameter {self.name!r}: expected initialize as a function (rng, shape), got {initialize!r}. "
                "nnmat.initializers.with_fans makes one from a name."
            )
        if self.shape not in (None, tuple(shape)):
            raise ShapeError(
                f"Parameter {self.name!r}: it is shared, and expected to have one shape at all its places, got "
                f"{self.shape} at the first and {tuple(shape)} at another one. Give both layers inputs of one width."
            )
        if self.shape is None:  # of a shared one the first layer decides
            self.shape, self._initialize = tuple(shape), initialize

    def forget(self) -> None:
        """Undo `declare`, and the name that a layer gave."""
        self.name, self.shape, self._initialize = self.kind, None, None

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """The initial value, checked."""
        A = self._initialize(rng, self.shape)
        rule = f"Parameter {self.name!r}: expected its initializer to return an array of"
        remedy = "It is called as initializer(rng, shape, fan_in, fan_out)."
        values = array(f"The initializer of parameter {self.name!r}", "values", A)
        if values.shape != self.shape:
            raise ShapeError(f"{rule} shape {self.shape}, got {values.shape}. {remedy}")
        if values.dtype.kind not in "fiu":
            raise DtypeError(
                f"{rule} real numbers, got {values.dtype}. {remedy} {dtype_remedy('values', values.dtype)}"
            )
        return values

    def bind(self, store: Store, offset: int) -> None:
        """Become a view of `store` from `offset` on."""
        self._store, self._offset = store, offset
        self._make_views()

    def _make_views(self) -> None:
        own = slice(self._offset, self._offset + self.size)
        self._value = self._store.values[own].reshape(self.shape)
        self._grad = self._store.gradients[own].reshape(self.shape)

    @property
    def size(self) -> int:
        """The number of entries."""
        if self.shape is None:
            raise BuildError(f"Parameter {self.name!r}: it has no shape yet. Build the model first.")
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def bound(self) -> bool:
        """Whether a built model owns it."""
        return self._store is not None

    @property
    def store(self) -> Store | None:
        """The flat vectors of which it is a part, once a model is built."""
        return self._store

    @property
    def value(self) -> np.ndarray:
        """The value: a view of the model's `flat_parameters`."""
        if self._value is None:
            raise BuildError(f"Parameter {self.name!r}: it has no value yet. Build the model first.")
        return self._value

    @value.setter
    def value(self, A) -> None:
        self._copy(self.value, A, "value")

    @property
    def grad(self) -> np.ndarray:
        """The gradient that the last `backward` left: a view of the model's `flat_gradients`."""
        if self._grad is None:
            raise BuildError(f"Parameter {self.name!r}: it has no gradient yet. Build the model first.")
        return self._grad

    @grad.setter
    def grad(self, A) -> None:
        self._copy(self.grad, A, "grad")

    def _copy(self, view: np.ndarray, A, what: str) -> None:
        A = array(f"Parameter {self.name!r}", what, A)
        if A.shape != view.shape:
            raise ShapeError(f"Parameter {self.name!r}: expected a {what} of shape {view.shape}, got {A.shape}.")
        if A.dtype.kind not in "fiu":
            raise DtypeError(
                f"Parameter {self.name!r}: expected a {what} of real numbers, got dtype {A.dtype}. "
                f"{dtype_remedy(what, A.dtype, str(view.dtype))}"
            )
        view[...] = A

    @property
    def decay(self) -> bool:
        """Whether weight decay applies by default."""
        return self._decay

    @decay.setter
    def decay(self, flag: bool) -> None:
        self._decay = bool(flag)
        self._changed()

    @property
    def trainable(self) -> bool:
        """Whether optimizers update it."""
        return self._trainable

    @trainable.setter
    def trainable(self, flag: bool) -> None:
        self._trainable = bool(flag)
        self._changed()

    def _changed(self) -> None:
        if self._store is not None:
            self._store.version += 1

    def __getstate__(self):
        # Views do not survive a copy or a pickle as views: a copied model would train a vector that nobody reads.
        return {**self.__dict__, "_value": None, "_grad": None, "_initialize": None if self.bound else self._initialize}

    def __setstate__(self, state):
        self.__dict__.update(state)
        if self._store is not None:
            self._make_views()

    def __repr__(self) -> str:
        return f"Parameter({self.name!r}, shape={self.shape})"


class ParameterSlice:
    """Where one parameter stands in the flat vectors, with its settings."""

    def __init__(self, parameter: Parameter):
        self.slice = slice(parameter._offset, parameter._offset + parameter.size)
        self.name = parameter.name
        self.trainable = parameter.trainable
        self.decay = parameter.decay


def allocate(parameters: list[Parameter], dtype: np.dtype, rng: np.random.Generator) -> Store:
    """Bind all parameters to a new store and initialise them.

    Values are drawn in the order given; in the flat vectors equal settings (trainable, decay) stand together, so that
    an optimizer needs one kernel call for each segment of equal settings.
    """
    store = Store(sum(p.size for p in parameters), dtype)
    offsets, offset = {}, 0
    for p in sorted(parameters, key=lambda p: (not p.trainable, not p.decay)):
        offsets[id(p)] = offset
        offset += p.size
    for p in parameters:  # all values first: if one cannot be drawn, no parameter is bound
        store.values[offsets[id(p)] :][: p.size] = p.draw(rng).ravel()
    for p in parameters:
        p.bind(store, offsets[id(p)])
    return store
