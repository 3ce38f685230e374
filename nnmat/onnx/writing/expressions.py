"""ONNX's nodes of expressions: each is a matrix there, (rows, columns), also where it has one row or one entry."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ...errors import ConfigError
from ...expressions.names import BATCH
from ...layers import Expression
from .writer import Value, Writer, writes

_FUNCTIONS = {
    "exp": "Exp", "log": "Log", "sigmoid": "Sigmoid", "tanh": "Tanh", "relu": "Relu", "abs": "Abs", "sign": "Sign",
    "softplus": "Softplus", "gelu": "Gelu", "sqrt": "Sqrt", "sin": "Sin", "cos": "Cos", "tan": "Tan",
    "arctan": "Atan", "cosh": "Cosh", "sinh": "Sinh", "erf": "Erf", "elu": "Elu",
}  # fmt: skip


@writes(Expression)
def _expression(w: Writer, layer: Expression, X: Value) -> Value:
    from ...calculus.laws.simplifier import simplify
    from ...calculus.parsing.parser import parse

    config = layer.config()
    declared: dict[str, Any] = {name: tuple(s) for name, s in config["parameters"].items()}
    f = parse(config["expression"], X=(BATCH, "N"), **declared)
    width = int(np.prod(layer.input_shape))
    rows = X.last() if len(layer.input_shape) == 1 else w.node("Reshape", X.last(), w.numbers(-1, width))
    symbols = {"X": rows}
    sizes = {**config["sizes"], "N": width}
    for p, name in zip(layer.own_parameters(), layer.shapes, strict=True):
        symbols[name] = w.parameter(p, _as(p.value.reshape(len(p.value), -1).shape), _as(p.value.shape))
    name = Entries(w, layer, symbols, sizes).value(simplify(f.inline()))
    shape = layer.output_shape(layer.input_shape)
    return Value(w, shape, w.node("Reshape", name, w.numbers(-1, *shape)))


def _as(shape: Any) -> Callable:
    return lambda A: A.reshape(shape)


class Entries:
    """The names of expressions; shared parts are written once."""

    def __init__(self, w: Writer, layer: Expression, symbols: dict[str, str], sizes: dict[str, int]):
        self.w, self.layer, self.symbols, self.sizes = w, layer, symbols, sizes
        self.known: dict[Any, str] = {}

    def value(self, e: Any) -> str:
        """The name of the matrix that an expression is."""
        from ...calculus.language.expr import ordered

        for x in ordered(e, until=self.known.__contains__):
            if x.op not in _WAYS:
                raise ConfigError(
                    f"{self.w.who}: expected operators with a form in ONNX, got {x.op} in {self.layer.who}. Supported: "
                    f"{', '.join(sorted(_WAYS))}, and the functions {', '.join(sorted(FUNCTIONS))}."
                )
            self.known[x] = _WAYS[x.op](self, x, *[self.known[a] for a in x.args])
        return self.known[e]

    def shape(self, e: Any) -> str:
        """The name of the two sizes of an expression; of the batch they are known only when it runs."""
        parts = []
        for d in e.shape:
            if BATCH in d.names:
                if str(d) != BATCH:
                    raise ConfigError(f"{self.w.who}: expected sizes without {BATCH} but {BATCH} itself, got {d}.")
                parts.append(self.w.node("Shape", self.symbols["X"], start=0, end=1))
            else:
                parts.append(self.w.numbers(d.value(self.sizes)))
        return self.w.node("Concat", *parts, axis=0)

    def fixed(self, e: Any) -> tuple[int, int] | None:
        """The two sizes, if they are known before it runs."""
        if any(BATCH in d.names for d in e.shape):
            return None
        rows, columns = (d.value(self.sizes) for d in e.shape)
        return rows, columns

    def number(self, value: float) -> str:
        """A number, as a matrix of one entry."""
        return self.w.constant(np.full((1, 1), float(value)))


def _full(value: float) -> Callable:
    def write(t: Entries, e: Any) -> str:
        sizes = t.fixed(e)
        return t.number(value) if sizes == (1, 1) else t.w.node("Expand", t.number(value), t.shape(e))

    return write


def _eye(t: Entries, e: Any) -> str:
    sizes = t.fixed(e)
    if sizes is not None:
        return t.w.constant(np.eye(*sizes))
    kind = int(t.w.helper.np_dtype_to_tensor_dtype(t.w.dtype))
    return t.w.node("EyeLike", t.w.node("Expand", t.number(0), t.shape(e)), dtype=kind)


def _dimension(t: Entries, e: Any) -> str:
    d = e.data
    if BATCH not in d.names:
        return t.number(d.value(t.sizes))
    if str(d) != BATCH:
        raise ConfigError(f"{t.w.who}: expected sizes without {BATCH} but {BATCH} itself, got {d}.")
    kind = int(t.w.helper.np_dtype_to_tensor_dtype(t.w.dtype))
    B = t.w.node("Cast", t.w.node("Shape", t.symbols["X"], start=0, end=1), to=kind)
    return t.w.node("Reshape", B, t.w.numbers(1, 1))


def _each(kind: str) -> Callable:
    def write(t: Entries, e: Any, *args: str) -> str:
        name = args[0]
        for other in args[1:]:
            name = t.w.node(kind, name, other)
        return name

    return write


def _power(t: Entries, e: Any, x: str) -> str:
    if e.data == -1:
        return t.w.node("Reciprocal", x)
    if e.data == 2:
        return t.w.node("Mul", x, x)
    return t.w.node("Pow", x, t.w.constant(float(e.data)))


def _sum(t: Entries, x: str, *axes: int) -> str:
    return t.w.node("ReduceSum", x, t.w.numbers(*axes))


def _softmax(kind: str) -> Callable:
    return lambda t, e, x: t.w.node(kind, x, axis=0 if e.data == "column" else 1)


def _log_sum(t: Entries, e: Any, x: str) -> str:
    return t.w.node("ReduceLogSumExp", x, t.w.numbers(0 if e.data == "column" else 1))


def _product(t: Entries, x: str, other: float) -> str:
    return t.w.node("Mul", x, t.number(other))


def _function(t: Entries, e: Any, x: str) -> str:
    if e.data not in FUNCTIONS:
        raise ConfigError(
            f"{t.w.who}: expected functions with a form in ONNX, got {e.data} in {t.layer.who}. Supported: "
            f"{', '.join(sorted(FUNCTIONS))}."
        )
    return FUNCTIONS[e.data](t, x)


def _step(t: Entries, x: str) -> str:
    return t.w.node("Relu", t.w.node("Sign", x))


def _distribution(t: Entries, x: str) -> str:
    """Φ(x) = ½ (1 + erf(x/√2))."""
    return _product(t, t.w.node("Add", t.w.node("Erf", _product(t, x, 0.5**0.5)), t.number(1)), 0.5)


def _density(t: Entries, x: str) -> str:
    return _product(t, t.w.node("Exp", _product(t, t.w.node("Mul", x, x), -0.5)), (2 * np.pi) ** -0.5)


def _clipped(t: Entries, x: str) -> str:
    return t.w.node("Clip", x, t.w.constant(-1.0), t.w.constant(1.0))


def _huber(t: Entries, x: str) -> str:
    c = _clipped(t, x)
    return t.w.node("Mul", c, t.w.node("Sub", x, _product(t, c, 0.5)))


def _plain(kind: str) -> Callable:
    return lambda t, x: t.w.node(kind, x)


FUNCTIONS: dict[str, Callable[[Entries, str], str]] = {name: _plain(kind) for name, kind in _FUNCTIONS.items()} | {
    "step": _step,
    "Phi": _distribution,
    "phi": _density,
    "silu": lambda t, x: t.w.node("Mul", x, t.w.node("Sigmoid", x)),
    "log1p": lambda t, x: t.w.node("Log", t.w.node("Add", x, t.number(1))),
    "clip": _clipped,
    "huber": _huber,
}
_WAYS: dict[str, Callable[..., str]] = {
    "sym": lambda t, e: t.symbols[e.name],
    "num": lambda t, e: t.number(e.data),
    "dim": _dimension,
    "ones": _full(1.0),
    "zeros": _full(0.0),
    "eye": _eye,
    "ref": lambda t, e, x: x,
    "add": _each("Add"),
    "mul": _each("Mul"),
    "matmul": _each("MatMul"),
    "T": lambda t, e, x: t.w.node("Transpose", x, perm=[1, 0]),
    "pow": _power,
    "fn": _function,
    "det": lambda t, e, x: t.w.node("Reshape", t.w.node("Det", x), t.w.numbers(1, 1)),
    "trace": lambda t, e, x: _sum(t, t.w.node("Mul", x, _eye(t, e.args[0])), 0, 1),
    "inner": lambda t, e, x, y: _sum(t, t.w.node("Mul", x, y), 0, 1),
    "sum": lambda t, e, x: _sum(t, x, 0, 1),
    "norm": lambda t, e, x: t.w.node("ReduceL2", x, t.w.numbers(0, 1)),
    "diag": lambda t, e, x: _sum(t, t.w.node("Mul", x, _eye(t, e.args[0])), 1),
    "diagm": lambda t, e, x: t.w.node("Mul", x, _eye(t, e)),
    "tril": lambda t, e, x: t.w.node("Trilu", x, upper=0),
    "reshape": lambda t, e, x: t.w.node("Reshape", x, t.shape(e)),
    "softmax": _softmax("Softmax"),
    "log_softmax": _softmax("LogSoftmax"),
    "lse": _log_sum,
}
