"""A layer beside the same function in the calculus' language: outputs and gradients that must be equal."""

from collections.abc import Callable

import numpy as np

from nnmat import Layer
from nnmat.calculus import derive, dim, evaluate, let, matrix, parse

ROWS, INPUTS = ("R", "N"), ("R", "D")
B, T = dim("B"), dim("T")
CASES: dict = {}  # by name, the layer that a case is about, and the case: it gives a `Beside` and the lines for `equal`


def about(kind):
    """Makes a case of a function."""

    def kept(case):
        CASES[case.__name__] = (kind, case)
        return case

    return kept


class Beside:
    """A built layer with drawn parameters, a batch X for it, and symbols that stand for their arrays.

    The rows of all samples lie below one another: X (B, T, N) is the matrix (B T, N).
    """

    def __init__(self, layer: Layer, shape, batch: int = 3, tokens: int = 0):
        self.rng = rng = np.random.default_rng(5)
        self.layer, self.batch = layer.build(shape, dtype=np.float64), batch
        for p in layer.parameters():
            p.value = rng.standard_normal(p.shape) / np.sqrt(p.shape[-1] if len(p.shape) > 1 else 1)
        several = isinstance(shape[0], tuple)
        sizes = [(batch, *one) for one in (shape if several else (shape,))]
        drawn = [rng.integers(0, tokens, size) if tokens else rng.standard_normal(size) for size in sizes]
        self.X = tuple(drawn) if several else drawn[0]
        self.training = True
        self.symbols: dict = {}
        self.arrays: dict = {}
        self.outputs: dict = {}  # by the name of a quantity, where in Y it stands; the last one and all of Y else
        self._found: dict[str, Callable] = {}  # how the gradient by a symbol is read from what backward gives
        self._size = 0

    def constant(self, name: str, size: tuple, A, **attributes: bool) -> None:
        """A symbol of the given dimensions that has no gradient."""
        assert name not in self.symbols, name
        rows, columns = [*size, 1, 1][:2]
        self.symbols[name] = matrix(name, rows, columns, **attributes)
        self.arrays[name] = _shaped(np.asarray(A, np.float64), len(size))

    def input(self, name: str, size: tuple, part: int | None = None, at=()) -> None:
        """X, or a part of it, or what stands at an index of it."""

        def of(A):
            return _shaped((A if part is None else A[part])[at], len(size))

        self.constant(name, size, of(self.X))
        self._found[name] = of

    def parameter(self, name: str, size: tuple, p, at=()) -> None:
        """A parameter, or what stands at an index of it."""
        self.constant(name, size, p.value[at])
        self._found[name] = lambda gX: _shaped(p.grad[at], len(size))
        self._size += p.value[at].size

    def equal(self, lines: str) -> None:
        """The function of the lines, "name = expression" each, has the layer's outputs and all its gradients."""
        layer = self.layer
        assert self._size == sum(p.size for p in layer.parameters()), "a parameter without a symbol"
        quantities: dict = {}
        for name, text in (line.strip().split(" = ") for line in lines.splitlines() if line.strip()):
            quantities[name] = let(name, parse(text, quantities, **self.symbols))
        Y = layer.forward(self.X, training=self.training, record=True)
        G = self.rng.standard_normal(Y.shape)
        gX = layer.backward(G)
        upstream = {}
        for name, at in (self.outputs or {list(quantities)[-1]: ()}).items():
            self._same(name, evaluate(quantities[name], **self.arrays), _shaped(Y[at], 2))
            upstream[f"G_{name}"] = matrix(f"G_{name}", *quantities[name].shape)
            self.arrays[f"G_{name}"] = _shaped(G[at], 2)
        f = parse(" + ".join(f"sum({g} * {g[2:]})" for g in upstream), quantities, **upstream)
        for name, found in self._found.items():
            self._same(name, np.asarray(evaluate(derive(f, name).gradient, **self.arrays)), found(gX))

    def _same(self, what: str, derived, ours) -> None:
        assert derived.shape == ours.shape, what
        assert np.abs(derived - ours).max() <= 1e-10 * max(1.0, np.abs(ours).max()), what


def _shaped(A, axes: int):
    return A.reshape(-1, A.shape[-1]) if axes == 2 else A.reshape(-1) if axes else A.reshape(())


def linear(both, layer, name="", out="N", into="D"):
    """Symbols W and b for a Linear."""
    both.parameter(f"W{name}", (out, into), layer.weight)
    if layer.bias is not None:
        both.parameter(f"b{name}", (out,), layer.bias)
