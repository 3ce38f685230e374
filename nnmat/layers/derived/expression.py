"""A layer given as an expression: forward is what it says, backward is derived."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nnmat_kernels import unchecked as k

from ... import initializers
from ...calls import backward_equations, forward_equations
from ...errors import ConfigError, ShapeError
from ...expressions.names import BATCH
from ...parameters import Parameter
from ..base import Layer
from ..checks import batch_shape

WIDTH = "N"  # of the input

Sizes = Mapping[str, int]
Shapes = Mapping[str, Sequence[Any]]


class Expression(Layer):
    """A function of X and of parameters, in the language of `nnmat.calculus`.

    Forward
        Y = f(X, θ)
    Backward, for the upstream gradient G = ∇_Y L, each derived from ⟨G, f⟩ and compared with difference quotients
        gX = ∇_X ⟨G, f⟩        gθ = ∇_θ ⟨G, f⟩
    Shapes: X (B, N) in the expression, the axes of a sample lying side by side; Y (B, M). An element-wise function
        takes samples of any shape and gives the same shape. float32 or float64 as built.
    Errors: ConfigError (names, sizes), ParseError, NotDerivable, ShapeError, DtypeError.
    Reference: docs/calculus.md; `layer.derivations` has the derivations, step by step.

        Expression("X * sigmoid(X)")
        Expression("X @ W.T + ones(B) @ b.T", parameters={"W": ("M", "N"), "b": ("M",)}, sizes={"M": 10})

    `parameters`: the shape of each, () for a number; `sizes`: of dimensions other than B and N. What the kernels know
    runs as them, element-wise parts by one that walks through a list of operations; for some other operators, such
    as `inv` (`by_hand` names the first), NumPy does it, in steps by hand. Matrices are drawn by `weight_initializer`,
    others begin at 0.
    """

    def __init__(
        self,
        expression: str,
        *,
        parameters: Shapes | None = None,
        sizes: Sizes | None = None,
        weight_initializer: str | initializers.Initializer = "glorot_uniform",
    ):
        from ...calculus.dimensions import dim  # 0.2 s: only who has an expression loads the calculus
        from ...expressions.derived import Derived

        super().__init__()
        self.weight_initializer = initializers.check(self.kind, weight_initializer)
        if not isinstance(parameters, Mapping | None):
            raise ConfigError(
                f"{self.kind}: expected parameters such as {{'W': ('M', 'N'), 'b': ('M',)}}, got {parameters!r:.60}."
            )
        self.shapes = {name: _shape(self.kind, name, shape) for name, shape in (parameters or {}).items()}
        if "X" in self.shapes:
            raise ConfigError(f"{self.kind}: expected parameters beside X, the input, got one called X.")
        if batched := [name for name, shape in self.shapes.items() if any(BATCH in dim(d).names for d in shape)]:
            raise ConfigError(
                f"{self.kind}: expected parameters of one size for every batch, got {batched[0]}: "
                f"{self.shapes[batched[0]]}, where {BATCH} is the number of samples. Call its dimension otherwise."
            )
        self._dimensions = {name: tuple(map(dim, shape)) for name, shape in self.shapes.items()}
        symbols = {"X": (BATCH, WIDTH), **self.shapes}
        self._derived = Derived(self.kind, expression, symbols, symbols, {} if sizes is None else sizes)
        f = self._derived.f
        if unused := [name for name in symbols if name not in self._derived.derivations]:
            raise ConfigError(f"{self.kind}: expected an expression with {unused[0]} in it, got {expression!r:.80}.")
        if f.shape[0] != dim(BATCH):
            raise ShapeError(
                f"{self.kind}: expected an expression with a row for each of the {BATCH} samples, got one of shape "
                f"({', '.join(map(str, f.shape))}). X is ({BATCH}, {WIDTH})."
            )
        if BATCH in f.shape[1].names:
            raise ShapeError(
                f"{self.kind}: expected as many columns for each batch, got an expression of shape "
                f"({', '.join(map(str, f.shape))}): {BATCH} is the number of samples."
            )
        self._derived.check_sizes((BATCH, WIDTH))
        self._own = {name: Parameter(name, decay=len(shape) == 2) for name, shape in self.shapes.items()}
        self._plan(2, np.dtype(np.float64))  # refuses what has no kernel

    @property
    def derivations(self) -> dict[str, Any]:
        """How each gradient was found, by the name of its symbol."""
        return self._derived.derivations

    @property
    def by_hand(self) -> str:
        """The first operator without a kernel, for which steps run by hand; empty if there is none."""
        return self._plan(2, np.dtype(np.float64) if self.dtype is None else self.dtype).by_hand()

    def own_parameters(self):
        return list(self._own.values())

    def output_shape(self, input_shape):
        f = self._derived.f
        if str(f.shape[1]) == WIDTH:
            return input_shape
        if len(input_shape) != 1:
            raise ShapeError(
                f"{self.who}: expected input of shape (B, N), got {batch_shape(input_shape)}. Put Flatten() before it."
            )
        return (f.shape[1].value({**self._derived.sizes, WIDTH: input_shape[0]}),)

    def declare(self, input_shape, rng):
        sizes = {**self._derived.sizes, WIDTH: int(np.prod(input_shape))}
        for name, p in self._own.items():
            shape = tuple(d.value(sizes) for d in self._dimensions[name]) or (1,)
            initializer = self.weight_initializer if len(shape) == 2 else "zeros"
            p.declare(shape, initializers.with_fans(initializer, shape[-1], shape[0]))

    def _plan(self, batch: int, dtype) -> Any:
        width = 2 if self.input_shape is None else int(np.prod(self.input_shape))
        return self._derived.plan(batch, dtype, (tuple(self._own), ("X",)), **{WIDTH: width})

    @forward_equations
    def forward(self, X, call):
        if not len(X):  # nothing to compute, and no means
            call.keep(plan=None)
            return np.empty((0, *self._output_shape), X.dtype)
        plan = self._plan(len(X), X.dtype)
        given = {"X": X.reshape(len(X), -1)} | {name: p.value for name, p in self._own.items()}
        arrays = {v: given[name] for name, v in plan.symbols.items() if name in given}  # what cancels is no symbol
        Y = plan.run(0, arrays)[""]
        call.keep(arrays=arrays, plan=plan)
        return Y.reshape(len(X), *self._output_shape)

    @backward_equations
    def backward(self, G, call):
        if call.plan is None:
            for into in filter(None, map(call.into, self._own.values())):
                if not into.accumulate:
                    k.fill(into.out, 0.0)
            return np.empty((0, *self.input_shape), G.dtype)
        plan, arrays = call.plan, call.arrays
        if (upstream := plan.symbols.get(self._derived.upstream)) is not None:
            arrays[upstream] = G.reshape(len(G), -1)
        found = plan.run(1, arrays)
        for name, p in self._own.items():
            if into := call.into(p):
                gradient = found[name].reshape(p.shape)
                if into.accumulate:
                    k.add(into.out, gradient, into.out)
                else:
                    k.copy(gradient, into.out)
        return plan.run(2, arrays)["X"].reshape(len(G), *self.input_shape) if call.wants_input else None

    def constant_arrays(self):
        return self._derived.constant_arrays()

    def config(self):
        named = isinstance(self.weight_initializer, str)
        return {
            "expression": self._derived.text,
            "parameters": {name: list(shape) for name, shape in self.shapes.items()},
            "sizes": dict(self._derived.sizes),
        } | ({"weight_initializer": self.weight_initializer} if named else {})


def layer_from_expression(
    f: Any, *, parameters: Shapes | None = None, sizes: Sizes | None = None, **options
) -> Expression:
    """The layer of an expression of `nnmat.calculus`, or of its text; the other arguments are those of `Expression`.

    The parameters of an expression need no shapes: its symbols beside X have them. A step of training leaves no matrix
    symmetric and no number positive: parameters with attributes are refused, ConfigError says what to write instead.
    Those of X are about the input, and change nothing.
    """
    from ...calculus.language.expr import Expr
    from ...expressions.derived import text_of

    if isinstance(f, Expr):
        _check_attributes(sorted((s for s in f.free if s.name != "X"), key=lambda s: s.name))
    if isinstance(f, Expr) and parameters is None:
        symbols = sorted((s for s in f.free if s.name != "X"), key=lambda s: s.name)
        parameters = {s.name: tuple(str(d) for d in s.shape if d.constant != 1) for s in symbols}
    return Expression(
        text_of("layer_from_expression", f, {"X": (BATCH, WIDTH)}), parameters=parameters, sizes=sizes, **options
    )


INSTEAD = {  # of a parameter with the attribute
    "symmetric": "({0} + {0}.T) / 2",
    "positive_definite": "{0} @ {0}.T",
    "diagonal": "diagm of a column",
    "lower_triangular": "tril({0})",
    "positive": "exp({0})",
    "sums_to_one": "softmax({0}), or softmax_rows({0}),",
}


def _check_attributes(symbols: Sequence[Any]) -> None:
    """Raise ConfigError for a parameter that was declared to be what training does not keep."""
    for s in symbols:
        for word in s.data[1]:
            hint = INSTEAD.get(word, "")
            remedy = f"Take {hint.format(s.name)} of a plain {s.name}." if hint else "Declare it without."
            raise ConfigError(
                f"layer_from_expression: expected parameters without attributes, got {s.name}, declared {word}: "
                f"training does not keep it. {remedy}"
            )


def _shape(who: str, name: Any, shape: Any) -> tuple:
    if isinstance(shape, str | int):
        shape = (shape,)
    fine = isinstance(shape, tuple | list) and len(shape) <= 2 and all(isinstance(d, str | int) for d in shape)
    if not isinstance(name, str) or not fine:
        raise ConfigError(
            f"{who}: expected parameters such as {{'W': ('M', 'N'), 'b': ('M',)}}, got {name!r}: {shape!r}."
        )
    return tuple(shape)
