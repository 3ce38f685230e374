"""The value of a tree at a point, by NumPy. It says what each operator computes, once more and by itself."""

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from ..errors import DomainError, ShapeError
from .reader import Tree

Array = np.ndarray
STEP = 1e-3
LARGEST = 10**4  # of the numbers that stand for a size


def _cdf(x: Array) -> Array:
    return np.vectorize(math.erfc, otypes=[float])(-x / math.sqrt(2)) / 2


def _softmax(x: Array, axis: int) -> Array:
    y = np.exp(x - x.max(axis=axis, keepdims=True))
    return y / y.sum(axis=axis, keepdims=True)


def _logsumexp(x: Array, axis: int) -> Array:
    top = x.max(axis=axis, keepdims=True)
    return top + np.log(np.exp(x - top).sum(axis=axis, keepdims=True))


def _adjugate(x: Array) -> Array:
    n = len(x)
    minors = [[np.delete(np.delete(x, i, 0), j, 1) for i in range(n)] for j in range(n)]
    signs = (-1.0) ** np.add.outer(np.arange(n), np.arange(n))
    return signs * [[np.linalg.det(m) if n > 1 else 1.0 for m in row] for row in minors]


def _one(value: Any) -> Array:
    return np.array([[float(value)]])


ENTRIES: dict[str, Callable[[Array], Array]] = {
    **{name: getattr(np, name) for name in ("exp", "log", "tanh", "abs", "sign", "sqrt", "sin", "cos")},
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "relu": lambda x: np.maximum(x, 0),
    "step": lambda x: (x > 0) * 1.0,
    "softplus": lambda x: np.logaddexp(x, 0),
    "phi": lambda x: np.exp(-x * x / 2) / math.sqrt(2 * math.pi),
    "Phi": _cdf,
    "gelu": lambda x: x * _cdf(x),
    **{name: getattr(np, name) for name in ("tan", "arctan", "cosh", "sinh", "log1p")},
    "erf": np.vectorize(math.erf, otypes=[float]),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "clip": lambda x: np.clip(x, -1, 1),
    "huber": lambda x: np.where(np.abs(x) < 1, x * x / 2, np.abs(x) - 0.5),
    "lgamma": lambda x: np.vectorize(math.lgamma, otypes=[float])(np.where(x > 0, x, np.nan)),
}
SQUARE = {"inv", "det", "logdet", "adjugate", "trace", "diag", "tril"}
COLUMN = {"diagm", "softmax", "log_softmax", "logsumexp"}
OF_ONE: dict[str, Callable[[Array], Array]] = {
    "inv": np.linalg.inv,
    "det": lambda x: _one(np.linalg.det(x)),
    "logdet": lambda x: _one(np.linalg.slogdet(x)[1]),
    "adjugate": _adjugate,
    "trace": lambda x: _one(np.trace(x)),
    "sum": lambda x: _one(x.sum()),
    "frobenius": lambda x: _one(math.sqrt((x * x).sum())),
    "diag": lambda x: np.diag(x).reshape(-1, 1),
    "diagm": lambda x: np.diag(x[:, 0]),
    "tril": np.tril,
    "softmax": lambda x: _softmax(x, 0),
    "softmax_rows": lambda x: _softmax(x, 1),
    "log_softmax": lambda x: x - _logsumexp(x, 0),
    "log_softmax_rows": lambda x: x - _logsumexp(x, 1),
    "logsumexp": lambda x: _logsumexp(x, 0),
    "logsumexp_rows": lambda x: _logsumexp(x, 1),
}
OF_ONE |= {
    "pinv": np.linalg.pinv,
    "pinv_full": np.linalg.pinv,
    "transpose": lambda x: x.T,
    "cholesky": np.linalg.cholesky,
    "eigenvalues": lambda x: np.linalg.eigvalsh((x + x.T) / 2)[:, None],
    "singular_values": lambda x: np.linalg.svd(x, compute_uv=False)[:, None],
    "nuclear": lambda x: _one(np.linalg.svd(x, compute_uv=False).sum()),
    "spectral": lambda x: _one(np.linalg.svd(x, compute_uv=False)[0]),
    "at_max": lambda x: (x == x.max()) * 1.0,
    "at_max_rows": lambda x: (x == x.max(axis=1, keepdims=True)) * 1.0,
}
SQUARE |= {"cholesky", "eigenvalues"}
CHOICES: dict[str, Callable[..., Array]] = {
    "maximum": np.maximum,
    "minimum": np.minimum,
    "greater": lambda a, b: (a > b) * 1.0,
    "where": lambda c, a, b: (c > 0) * a + (c <= 0) * b,
}
STACKS: dict[str, Callable[..., Array]] = {"hstack": np.hstack, "vstack": np.vstack}
OF_SIZES = {"ones": np.ones, "zeros": np.zeros}
FUNCTIONS = {*ENTRIES, *OF_ONE, *OF_SIZES, "inner", "kron", "kron_left", "kron_right", "eye", "dim", "reshape"}
FUNCTIONS |= {*CHOICES, *STACKS, "max", "power", "padded", "commutation"}
FUNCTIONS |= {"conv", "conv_input", "conv_kernel", "d", "grad"}


class World:
    """A point: sizes, arrays of symbols, definitions of quantities (trees), and gradients by name (trees).

    `held` are values that stand under names, whatever their definitions say. `direction`, of the variable `wrt`, is
    what `d(...)` is along.
    """

    def __init__(
        self,
        sizes: Mapping[str, int],
        arrays: Mapping[str, Array],
        quantities: Mapping[str, Tree],
        gradients: Mapping[str, Tree],
        held: Mapping[str, Array] | None = None,
    ):
        self.sizes, self.arrays, self.quantities, self.gradients = sizes, arrays, quantities, gradients
        self.held = dict(held or {})
        self.known: dict[int, tuple[Tree, Array]] = {}
        self.named: dict[str, Array] = {}
        self.near: dict[float, World] = {}
        self.wrt, self.direction = "", np.zeros((1, 1))

    def along(self, wrt: str, direction: Array) -> "World":
        """The same point, with a direction for differentials."""
        self.wrt, self.direction = wrt, direction
        return self

    def at(self, step: float) -> "World":
        """The point moved along the direction; a named quantity is moved by itself."""
        if step not in self.near:
            arrays, held = dict(self.arrays), dict(self.held)
            place = arrays if self.wrt in arrays else held
            place[self.wrt] = self.name(self.wrt) + step * self.direction
            self.near[step] = World(self.sizes, arrays, self.quantities, {}, held)
        return self.near[step]

    def quotient(self, tree: Tree, h: float = STEP) -> Array:
        """The differential of a tree along the direction."""
        a, b, c, d = (self.at(k * h).value(tree) for k in (-2, -1, 1, 2))
        return (8 * (c - b) - (d - a)) / (12 * h)

    def name(self, name: str) -> Array:
        """The value under a name."""
        if name in self.held:
            return self.held[name]
        if name in self.arrays:
            return self.arrays[name]
        if name not in self.named:
            if name not in self.quantities:
                raise ShapeError(f"verify: expected names that the record declares, got {name}.")
            self.named[name] = self.value(self.quantities[name])
        return self.named[name]

    def value(self, tree: Tree, local: Mapping[str, Array] | None = None) -> Array:
        """The array (rows, columns) of a tree. Raises ShapeError for what does not fit, DomainError for no number."""
        if local is None and id(tree) in self.known:
            return self.known[id(tree)][1]
        try:
            with np.errstate(all="ignore"):
                found = self._value(tree, local or {})
        except np.linalg.LinAlgError as error:
            raise DomainError(f"verify: {error}.") from None
        if not np.isfinite(found).all():
            raise DomainError("verify: NaN or infinity.")
        if local is None:
            self.known[id(tree)] = tree, found
        return found

    def _value(self, t: Tree, local: Mapping[str, Array]) -> Array:
        if t.kind == "lines":
            names = dict(local)
            for name, part in zip(t.data, t.parts, strict=False):
                names[name] = self._value(part, names)
            return self._value(t.parts[-1], names)
        if t.kind == "num":
            return _one(t.data)
        if t.kind == "name":
            return local[t.data] if t.data in local else self.name(t.data)
        if t.kind == "call":
            return self._call(t, local)
        if t.kind == "**" and not is_constant(t.parts[1]):
            return _entrywise("**", *[self._value(p, local) for p in t.parts])
        if t.kind == "**":
            return self._power(self._value(t.parts[0], local), constant(t.parts[1]))
        if t.kind == "places":
            return self._block(self._value(t.parts[0], local), t.parts[1:])
        args = [self._value(p, local) for p in t.parts]
        if t.kind == "T":
            return args[0].T
        if t.kind == "neg":
            return -args[0]
        if t.kind == "@":
            return _product(*args)
        if t.kind in ("+", "-", "*", "/"):
            return _entrywise(t.kind, *args)
        raise ShapeError(f"verify: expected an expression, got a {t.kind}.")

    def _power(self, x: Array, p: Fraction) -> Array:
        return x ** (int(p) if p.denominator == 1 else float(p))

    def _call(self, t: Tree, local: Mapping[str, Array]) -> Array:
        name = t.data
        if name not in FUNCTIONS:
            raise ShapeError(f"verify: expected a function of the language, got {name}.")
        if name in CHOICES or name in STACKS:
            return _chosen(name, [self._value(p, local) for p in t.parts])
        if t.options and not name.startswith("conv") and name != "max":
            raise ShapeError(f"verify: expected no options of {name}.")
        if name in OF_SIZES or name in ("eye", "dim"):
            sizes = [self.size(p) for p in t.parts]
            if len(sizes) != (2 if name in OF_SIZES else 1):
                raise ShapeError(f"verify: expected the sizes of {name}.")
            return OF_SIZES[name](sizes) if name in OF_SIZES else np.eye(sizes[0]) if name == "eye" else _one(sizes[0])
        if name == "commutation":
            return _commutation(*[self.size(p) for p in t.parts])
        if name == "grad":
            return self._gradient(t)
        if name == "d":
            return self._differential(t, local)
        many = {"inner": 2, "kron": 2, "kron_left": 2, "kron_right": 2}.get(name, 2 if name.startswith("conv") else 1)
        more = {"power": 1, "padded": 4}.get(name, 0)
        more = 2 if name in ("reshape", "kron_left", "kron_right", "conv_input", "conv_kernel") else more
        if len(t.parts) != many + more:
            raise ShapeError(f"verify: expected {many + more} arguments of {name}, got {len(t.parts)}.")
        args = [self._value(p, local) for p in t.parts[:many]]
        shape = tuple(self.size(p) for p in t.parts[many:])
        return self._applied(t, name, args, shape)

    def _applied(self, t: Tree, name: str, args: list[Array], shape: tuple[int, ...]) -> Array:
        x = args[0]
        if name in SQUARE and x.shape[0] != x.shape[1]:
            raise ShapeError(f"verify: expected a square matrix in {name}, got shape {x.shape}.")
        if name in COLUMN and x.shape[1] != 1:
            raise ShapeError(f"verify: expected a column in {name}, got shape {x.shape}.")
        if name in ENTRIES:
            return ENTRIES[name](x)
        if name in OF_ONE:
            return OF_ONE[name](x)
        if name == "inner":
            if x.shape != args[1].shape:
                raise ShapeError(f"verify: expected equal shapes in inner, got {x.shape} and {args[1].shape}.")
            return _one((x * args[1]).sum())
        if name == "reshape":
            if shape[0] * shape[1] != x.size:
                raise ShapeError(f"verify: expected as many entries in reshape, got {x.shape} for {shape}.")
            return x.reshape(shape)
        if name == "max":
            return self._largest(t, x)
        if name == "power":
            return np.linalg.matrix_power(x, shape[0])
        if name == "padded":
            return _padded(x, *shape)
        if name == "kron":
            return np.kron(x, args[1])
        if name.startswith("kron"):
            return _blocks(name, x, args[1], shape)
        return _windows(name, x, args[1], shape, self._setting(t))

    def _largest(self, t: Tree, x: Array) -> Array:
        if not t.options:
            return _one(x.max())
        if len(t.options) != 1 or t.options[0][0] != "axis" or constant(t.options[0][1]) != 1:
            raise ShapeError("verify: expected max(A) or max(A, axis=1).")
        return x.max(axis=1, keepdims=True)

    def _block(self, x: Array, places: tuple[Tree, ...]) -> Array:
        """The rows and columns of a block; of a column or a row, its entries."""
        full = Tree("at")
        if len(places) == 1:
            places = (full, *places) if x.shape[0] == 1 != x.shape[1] else (*places, full)
        ends = []
        for at, length in zip(places, x.shape, strict=True):
            found = [self.size(p) for p in at.parts] or [0, length]
            first, last = found if len(found) == 2 else (found[0], found[0] + 1)
            if not 0 <= first < last <= length:
                raise ShapeError(f"verify: expected places inside {x.shape}, got {first} to {last}.")
            ends.append(slice(first, last))
        return x[tuple(ends)]

    def _setting(self, t: Tree) -> list[tuple[int, int]]:
        found = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1)}
        for word, value in t.options:
            if word not in found:
                raise ShapeError(f"verify: expected options among {', '.join(found)}, got {word}.")
            numbers = [int(constant(p)) for p in (value.parts if value.kind == "pair" else (value, value))]
            if min(numbers) < (0 if word == "padding" else 1):
                raise ShapeError(f"verify: expected {word} of at least {int(word != 'padding')}.")
            found[word] = numbers[0], numbers[1]
        return list(found.values())

    def _gradient(self, t: Tree) -> Array:
        if len(t.parts) != 1 or t.parts[0].kind != "name" or t.parts[0].data not in self.gradients:
            raise ShapeError("verify: expected the gradient of a quantity that the record derives.")
        return self.value(self.gradients[t.parts[0].data])

    def _differential(self, t: Tree, local: Mapping[str, Array]) -> Array:
        if len(t.parts) != 1 or local or not self.wrt:
            raise ShapeError("verify: expected d of one expression, in a line.")
        return self.quotient(t.parts[0])

    def size(self, t: Tree) -> int:
        """A dimension: names, whole numbers, sums, products, floors."""
        if t.kind == "num" and t.data.denominator == 1 and t.data <= LARGEST:
            return int(t.data)
        if t.kind == "name" and t.data in self.sizes:
            return self.sizes[t.data]
        if t.kind == "neg":
            return -self.size(t.parts[0])
        if t.kind in ("+", "-", "*"):
            a, b = map(self.size, t.parts)
            return a + b if t.kind == "+" else a - b if t.kind == "-" else a * b
        if t.kind == "call" and t.data == "floor" and len(t.parts) == 1 and t.parts[0].kind == "/":
            a, b = map(self.size, t.parts[0].parts)
            return a // b
        raise ShapeError("verify: expected a dimension: a name that the record declares, a number, a sum or product.")


def constant(t: Tree) -> Fraction:
    """An exponent or an option: a number."""
    if t.kind == "num":
        return t.data
    if t.kind == "neg":
        return -constant(t.parts[0])
    if t.kind == "/" and constant(t.parts[1]):
        return constant(t.parts[0]) / constant(t.parts[1])
    raise ShapeError("verify: expected a number as an exponent or an option.")


def is_constant(t: Tree) -> bool:
    """A number, as an exponent is written."""
    return t.kind == "num" or (t.kind in ("neg", "/") and all(map(is_constant, t.parts)))


def _chosen(name: str, args: list[Array]) -> Array:
    """Choices between entries, and matrices beside or below one another."""
    if name in CHOICES:
        shapes = {a.shape for a in args if a.shape != (1, 1)}
        if len(shapes) > 1 or len(args) != (3 if name == "where" else 2):
            raise ShapeError(f"verify: expected equal shapes in {name}.")
        return CHOICES[name](*args)
    if len({a.shape[name == "vstack"] for a in args}) != 1:
        raise ShapeError(f"verify: expected shapes that fit in {name}.")
    return STACKS[name](args)


def _commutation(rows: int = 0, columns: int = 0) -> Array:
    """K with K vec(A) = vec(Aᵀ), rows first, for A (rows, columns)."""
    if min(rows, columns) < 1:
        raise ShapeError("verify: expected the two sizes of commutation.")
    return np.eye(rows * columns)[np.arange(rows * columns).reshape(rows, columns).T.ravel()]


def _padded(x: Array, row: int, column: int, rows: int, columns: int) -> Array:
    if min(row, column) < 0 or row + x.shape[0] > rows or column + x.shape[1] > columns:
        raise ShapeError("verify: expected a block inside the matrix in padded.")
    found = np.zeros((rows, columns))
    found[row : row + x.shape[0], column : column + x.shape[1]] = x
    return found


def _product(a: Array, b: Array) -> Array:
    if a.shape[1] != b.shape[0]:
        raise ShapeError(f"verify: expected shapes that fit in @, got {a.shape} and {b.shape}.")
    return a @ b


def _entrywise(sign: str, a: Array, b: Array) -> Array:
    if a.shape != b.shape and (1, 1) not in (a.shape, b.shape):
        raise ShapeError(f"verify: expected equal shapes in {sign}, got {a.shape} and {b.shape}.")
    return {"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, "**": np.power}[sign](a, b)


def _blocks(name: str, g: Array, other: Array, shape: tuple[int, ...]) -> Array:
    inside = other.shape if name == "kron_left" else shape
    if g.shape != (shape[0] * other.shape[0], shape[1] * other.shape[1]):
        raise ShapeError(f"verify: expected shapes that fit in {name}.")
    blocks = g.reshape(g.shape[0] // inside[0], inside[0], g.shape[1] // inside[1], inside[1])
    return np.einsum("iajb,ab->ij" if name == "kron_left" else "iajb,ij->ab", blocks, other)


def _windows(name: str, a: Array, b: Array, shape: tuple[int, ...], setting: list[tuple[int, int]]) -> Array:
    """The convolution of an image and a kernel, and what its inner product with H is linear in, entry by entry."""
    (s, t), (p, q), (d, e) = setting
    image = a.shape if name == "conv" else shape if name == "conv_input" else b.shape
    kernel = shape if name == "conv_kernel" else b.shape
    out = [
        (n + 2 * pad - (k - 1) * gap - 1) // step + 1
        for n, k, step, pad, gap in zip(image, kernel, *setting, strict=True)
    ]
    if min(out) < 1 or (name != "conv" and a.shape != tuple(out)):
        raise ShapeError(f"verify: expected shapes that fit in {name}.")
    padded = np.zeros((image[0] + 2 * p, image[1] + 2 * q))
    inside = (slice(p, p + image[0]), slice(q, q + image[1]))
    if name != "conv_input":
        padded[inside] = a if name == "conv" else b
    found = np.zeros(out if name == "conv" else kernel)
    for u in range(kernel[0]):
        for v in range(kernel[1]):
            window = padded[u * d : u * d + out[0] * s : s, v * e : v * e + out[1] * t : t]
            window = window[: out[0], : out[1]]
            if name == "conv":
                found += b[u, v] * window
            elif name == "conv_kernel":
                found[u, v] = (a * window).sum()
            else:
                window += b[u, v] * a
    return padded[inside] if name == "conv_input" else found
