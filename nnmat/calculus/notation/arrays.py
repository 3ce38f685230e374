"""Expressions as code for NumPy: every value is an array of two axes, a column (n, 1), a number (1, 1)."""

from keyword import iskeyword

import numpy as np

from ..dimensions import Dim, Floor
from ..errors import NotDerivable
from .code import ATOM, MINUS, POWER, PRODUCT, Coder
from .names import decimal
from .node import Node

# Code of one argument; what is called without `np.` is defined above the function, by the text in HELPERS.
CALLS = {
    "inv": "np.linalg.inv({0})",
    "det": "np.linalg.det({0})",
    "logdet": "np.linalg.slogdet({0})[1]",
    "trace": "np.trace({0})",
    "sum": "np.sum({0})",
    "inner": "np.sum({0} * {1})",
    "norm": "np.linalg.norm({0})",
    "diag": "np.diag({0}).reshape(-1, 1)",
    "diagm": "np.diagflat({0})",
    "tril": "np.tril({0})",
    "kron": "np.kron({0}, {1})",
    "adj": "adjugate({0})",
    "softmax": "softmax({0}, {axis})",
    "log_softmax": "log_softmax({0}, {axis})",
    "lse": "logsumexp({0}, {axis})",
    "kron_left": "kron_left({0}, {1})",
    "kron_right": "kron_right({0}, {1})",
    "conv": "conv({0}, {1}, {setting})",
    "conv_input": "conv_input({0}, {1}, ({shape}), {setting})",
    "conv_kernel": "conv_kernel({0}, {1}, ({shape}), {setting})",
    "commutation": "np.eye({size})[np.arange({size}).reshape({first}).T.ravel()]",
    "mpow": "np.linalg.matrix_power({0}, {exponent})",
    "xpow": "({0}) ** ({1})",
    "pinv": "np.linalg.pinv({0})",
    "pinv_full": "np.linalg.pinv({0})",
    "cholesky": "np.linalg.cholesky({0})",
    "eigenvalues": "np.linalg.eigvalsh({0}).reshape(-1, 1)",
    "singular_values": "np.linalg.svd({0}, compute_uv=False).reshape(-1, 1)",
    "nuclear": 'np.linalg.norm({0}, "nuc")',
    "spectral": "np.linalg.norm({0}, 2)",
    "maximum": "np.maximum({0}, {1})",
    "greater": "np.heaviside({0} - ({1}), 0.5)",
    "where": "np.where({0} > 0, {1}, {2})",
    "hstack": "np.hstack(({operands}))",
    "vstack": "np.vstack(({operands}))",
    "slice": "({0})[{places}]",
    "embed": "embed({0}, {first}, ({shape}))",
    "max": "np.max({0}, {over}, keepdims=True)",
    "at_max": "at_max({0}, {over})",
}
FUNCTIONS = {
    "relu": "np.maximum({0}, 0)",
    "step": "np.heaviside({0}, 0)",
    "softplus": "np.logaddexp({0}, 0)",
    "sigmoid": "sigmoid({0})",
    "phi": "phi({0})",
    "Phi": "Phi({0})",
    "gelu": "gelu({0})",
    "erf": "np.vectorize(math.erf)({0})",
    "lgamma": "np.vectorize(math.lgamma)({0})",
    "silu": "silu({0})",
    "elu": "elu({0})",
    "clip": "np.clip({0}, -1, 1)",
    "huber": "huber({0})",
}
HELPERS = {
    "sigmoid": "def sigmoid(x):\n    return np.exp(-np.logaddexp(0, -x))",
    "phi": "def phi(x):\n    return np.exp(-x * x / 2) / np.sqrt(2 * np.pi)",
    "Phi": "def Phi(x):\n    return np.vectorize(math.erfc)(-x / np.sqrt(2)) / 2",
    "gelu": "def gelu(x):\n    return x * np.vectorize(math.erfc)(-x / np.sqrt(2)) / 2",
    "silu": "def silu(x):\n    return x * np.exp(-np.logaddexp(0, -x))",
    "elu": "def elu(x):\n    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))",
    "huber": "def huber(x):\n    near = np.clip(x, -1, 1)\n    return near * (x - near / 2)",
    "embed": "def embed(A, row, column, shape):\n    large = np.zeros(shape)\n"
    "    large[row : row + A.shape[0], column : column + A.shape[1]] = A\n    return large",
    "at_max": "def at_max(A, axis):\n    return (A == A.max(axis=axis, keepdims=True)).astype(float)",
    "logsumexp": "def logsumexp(x, axis):\n    top = x.max(axis=axis, keepdims=True)\n"
    "    return top + np.log(np.exp(x - top).sum(axis=axis, keepdims=True))",
    "log_softmax": "def log_softmax(x, axis):\n    y = x - x.max(axis=axis, keepdims=True)\n"
    "    return y - np.log(np.exp(y).sum(axis=axis, keepdims=True))",
    "softmax": "def softmax(x, axis):\n    y = np.exp(x - x.max(axis=axis, keepdims=True))\n"
    "    return y / y.sum(axis=axis, keepdims=True)",
    "adjugate": "def adjugate(A):\n    n = len(A)\n"
    "    minors = [[np.delete(np.delete(A, i, 0), j, 1) for i in range(n)] for j in range(n)]\n"
    "    signs = (-1.0) ** np.add.outer(np.arange(n), np.arange(n))\n"
    "    return signs * [[np.linalg.det(m) if n > 1 else 1.0 for m in row] for row in minors]",
    "kron_left": "def kron_left(G, B):\n    (m, n), (p, q) = G.shape, B.shape\n"
    '    return np.einsum("iajb,ab->ij", G.reshape(m // p, p, n // q, q), B)',
    "kron_right": "def kron_right(G, A):\n    (m, n), (p, q) = G.shape, A.shape\n"
    '    return np.einsum("iajb,ij->ab", G.reshape(p, m // p, q, n // q), A)',
    "windows": "def windows(X, kernel, setting):\n    (s, t), (p, q), (d, e) = setting\n"
    "    span = (kernel[0] - 1) * d + 1, (kernel[1] - 1) * e + 1\n"
    "    padded = np.pad(X, ((p, p), (q, q)))\n"
    "    return np.lib.stride_tricks.sliding_window_view(padded, span)[::s, ::t, ::d, ::e]",
    "conv": 'def conv(X, K, setting):\n    return np.einsum("ijab,ab->ij", windows(X, K.shape, setting), K)',
    "conv_kernel": "def conv_kernel(H, X, shape, setting):\n"
    '    return np.einsum("ijab,ij->ab", windows(X, shape, setting), H)',
    "conv_input": "def conv_input(H, K, shape, setting):\n    (s, t), (p, q), (d, e) = setting\n"
    "    padded = np.zeros((shape[0] + 2 * p, shape[1] + 2 * q))\n    m, n = H.shape\n"
    "    for a, b in np.ndindex(K.shape):\n"
    "        padded[a * d : a * d + m * s : s, b * e : b * e + n * t : t] += K[a, b] * H\n"
    "    return padded[p : p + shape[0], q : q + shape[1]]",
}
ELEMENTWISE = {"add", "mul", "pow", "fn"}


class ArrayCoder(Coder):
    """Writes code for NumPy, and notes which helpers it calls."""

    def __init__(self) -> None:
        super().__init__()
        self.called: set[str] = set()

    def safe(self, name: str) -> str:
        """A name that Python lets stand for an array here."""
        return f"{name}_" if iskeyword(name) or name in HELPERS or name in ("np", "math", "gradient") else name

    def array(self, s: Node) -> str:
        """The argument for a symbol, with two axes."""
        rows, columns = ("1" if d.constant == 1 else "-1" for d in s.shape)
        if "1" in (rows, columns):
            return f"np.reshape({self.safe(s.name)}, ({rows}, {columns}))"
        return f"np.asarray({self.safe(s.name)})"

    def returned(self, e: Node, name: str) -> str:
        """The result as `evaluate` gives it: a float, a column of one axis, a matrix."""
        rows, columns = (d.constant == 1 for d in e.shape)
        return f"float(np.sum({name}))" if rows and columns else f"np.ravel({name})" if columns else name

    def helpers(self) -> list[str]:
        """The definitions of what is called."""
        needed = self.called | ({"windows"} if self.called & {"conv", "conv_kernel"} else set())
        first = ["import math"] if needed & {"Phi", "gelu", "math"} else []
        return [*first, *(f"\n\n{text}" for name, text in HELPERS.items() if name in needed)]

    def sizes(self, e: Node) -> tuple[Dim, ...]:
        """The dimensions that the code of a node mentions."""
        if e.op in ("ones", "zeros", "eye", "reshape", "conv_input", "conv_kernel"):
            return e.shape
        if e.op in ("slice", "embed", "commutation"):
            return (*e.data, *e.shape)
        return (e.data,) if e.op in ("dim", "mpow") else ()

    def size(self, d: Dim) -> str:
        """A dimension as an integer expression."""

        def atom(a: "str | Floor") -> str:
            return self.safe(a) if isinstance(a, str) else f"(({self.size(a.top)}) // {a.bottom})"

        return d.written(" * ", atom)

    def compose(self, e: Node) -> tuple[str, int]:
        if e.op in ("sym", "ref"):
            return self.safe(e.name), ATOM
        if e.op == "num":
            if e.data.denominator == 1 or decimal(e.data):
                return decimal(e.data) or str(e.data), MINUS if e.data < 0 else ATOM
            return f"{e.data.numerator} / {e.data.denominator}", PRODUCT
        if e.op == "dim":
            return f"({self.size(e.data)})", ATOM
        if e.op in ("ones", "zeros"):
            return f"np.{e.op}(({self.shape(e)}))", ATOM
        if e.op == "eye":
            return f"np.eye({self.size(e.shape[0])})", ATOM
        if e.op == "matmul":
            return " @ ".join(self.at(a, POWER) if not a.is_scalar else self.whole(a) for a in e.args), PRODUCT
        if e.op == "T" and e.is_scalar:
            return self.at(e.args[0], ATOM), ATOM
        if e.op == "pow":
            p = e.data
            return f"{self.at(e.args[0], ATOM)} ** {p if p.denominator == 1 and p > 0 else f'({float(p)})'}", POWER
        if e.op == "reshape":
            return f"np.reshape({self.whole(e.args[0])}, ({self.shape(e)}))", ATOM
        if e.op == "slice":  # of two axes, also where it is one row
            places = [f"{self.size(d)} : {self.size(d + n)}" for d, n in zip(e.data, e.shape, strict=True)]
            return f"{self.at(e.args[0], ATOM)}[{', '.join(places)}]", ATOM
        return super().compose(e)

    def shape(self, e: Node) -> str:
        return f"{self.size(e.shape[0])}, {self.size(e.shape[1])}"

    def whole(self, e: Node) -> str:
        """An operand that has to be an array of two axes."""
        return f"np.reshape({self.at(e, 0)}, (1, 1))" if e.is_scalar else self.at(e, 0)

    def call(self, e: Node) -> str:
        if e.op == "fn":
            text = FUNCTIONS.get(e.data) or (f"np.{e.data}({{0}})" if hasattr(np, e.data) else "")
            args = [self.at(a, 0) for a in e.args]
        else:
            text = CALLS.get(e.op, "")
            args = [self.at(a, MINUS) if e.op == "inner" else self.whole(a) for a in e.args]
        if not text:
            raise NotDerivable(e, f"no NumPy form of {e.data if e.op == 'fn' else e.op} is known. Try to_python().")
        self.called |= {text.partition("(")[0]} & set(HELPERS) | ({"math"} if "math." in text else set())
        setting = e.data if e.op == "conv" else e.data[0] if e.op in ("conv_input", "conv_kernel") else None
        first = [self.size(d) for d in e.data] if e.op in ("embed", "commutation") else []
        return text.format(
            *args,
            axis=0 if e.data == "column" else 1,
            over="axis=1" if e.data == "rows" else "axis=None",
            shape=self.shape(e),
            setting=setting,
            size=self.size(e.shape[0]),
            operands=", ".join(args),
            exponent=self.size(e.data) if e.op == "mpow" else "",
            first=", ".join(first),
        )
