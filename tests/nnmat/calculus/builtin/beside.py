"""A layer beside its description: outputs and gradients that must be equal."""

from collections.abc import Callable

import numpy as np

from nnmat import Layer
from nnmat.calculus import compile, evaluate
from nnmat.calculus.builtin.catalogue import DESCRIPTIONS
from nnmat.calculus.builtin.description import Description
from nnmat.calculus.language.expr import dimensions


class Beside:
    """A built layer with drawn parameters, a batch X for it, and arrays for the symbols of its description.

    The rows of all samples lie below one another, unless `turned` says how a batch becomes the matrix of a symbol.
    """

    def __init__(self, description: str | Description, layer: Layer, shape, batch: int = 3, tokens: int = 0, **sizes):
        self.about = DESCRIPTIONS[description] if isinstance(description, str) else description
        self.rng = rng = np.random.default_rng(5)
        self.layer, self.batch, self.sizes = layer.build(shape, dtype=np.float64), batch, sizes
        for p in layer.parameters():
            p.value = rng.standard_normal(p.shape) / np.sqrt(p.shape[-1] if len(p.shape) > 1 else 1)
        several = isinstance(shape[0], tuple)
        drawn = [
            rng.integers(0, tokens, (batch, *one)) if tokens else rng.standard_normal((batch, *one))
            for one in (shape if several else (shape,))
        ]
        self.X = tuple(drawn) if several else drawn[0]
        self.training = True
        self.arrays: dict = {}
        self.outputs: dict = {}  # by the name of a result, where in Y it stands, or how Y becomes it
        self._found: dict[str, Callable] = {}  # how the gradient by a symbol is read from what backward gives
        self._size = 0

    def constants(self, **arrays) -> None:
        """Arrays of symbols that have no gradient."""
        self.arrays |= {name: np.asarray(A, np.float64) for name, A in arrays.items()}

    def input(
        self, name: str, turned: Callable = lambda A: A.reshape(-1, A.shape[-1]), part: int | None = None
    ) -> None:
        """X, or a part of it."""
        read = turned if part is None else lambda A: turned(A[part])
        self.constants(**{name: read(self.X)})
        self._found[name] = read

    def parameter(self, name: str, p, at=()) -> None:
        """A parameter, or what stands at an index of it."""
        A = p.value[at]
        self.constants(**{name: A})
        self._found[name] = lambda gX: p.grad[at]
        self._size += A.size

    def linear(self, layer, name: str = "") -> None:
        """Symbols W and b for a Linear."""
        self.parameter(f"W{name}", layer.weight)
        if layer.bias is not None:
            self.parameter(f"b{name}", layer.bias)

    def equal(self) -> None:
        """What is described has the layer's outputs, and what is compiled from it all gradients."""
        layer, about = self.layer, self.about
        assert self._size == sum(p.size for p in layer.parameters()), "a parameter without a symbol"
        assert sorted(self._found) == sorted(about.wrt)
        Y = layer.forward(self.X, training=self.training, record=True)
        G = self.rng.standard_normal(Y.shape)
        gX = layer.backward(G)
        compiled = compile(about.function, about.wrt)
        sizes = {n: size for n, size in self.sizes.items() if n in compiled.dimensions}
        for upstream, (name, e) in about.upstream.items():
            turned = self.outputs.get(name, lambda A: A.reshape(-1, A.shape[-1]))
            if turned is None:  # a state that the layer keeps to itself
                self.arrays[upstream] = np.zeros_like(self.arrays[f"{name[0]}0"])
                continue
            self.arrays[upstream] = turned(G)
            given = {s.name: self.arrays[s.name] for s in e.free}
            given |= {n: size for n, size in self.sizes.items() if n in dimensions(e)}
            self._same(name, evaluate(e, **given), turned(Y))
        value, gradients = compiled(**self.arrays, **sizes)
        assert abs(value - (Y * G).sum()) <= 1e-10 * np.abs(Y * G).sum()
        for name, found in self._found.items():
            self._same(name, gradients[name], found(gX))

    def _same(self, what: str, derived, ours) -> None:
        derived = np.asarray(derived)
        assert derived.size == np.size(ours), what
        gap = np.abs(derived.reshape(np.shape(ours)) - ours).max()
        assert gap <= 1e-10 * max(1.0, np.abs(ours).max()), f"{what} of {self.about.name}: {gap}"


class Cases(dict):
    """The cases of a family by their names: functions that give a `Beside` ready to be compared."""

    def case(self, function: Callable) -> Callable:
        self[function.__name__] = function
        return function

    def names(self) -> set[str]:
        """The descriptions that are held against layers."""
        return {case().about.name for case in self.values()}
