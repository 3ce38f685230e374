"""The lines of a compiled function: NumPy code of every value, what it costs, and the plan that shows both."""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from keyword import iskeyword
from typing import NamedTuple

from ...checks import counted
from ..dimensions import Dim, Floor
from ..language.expr import Expr
from ..notation.arrays import CALLS
from .helpers import TEXTS, entry_code, helper_texts
from .ordering import LARGE, Order, inverting, solving
from .values import Value

SUM, PRODUCT, SIGN, POWER, ATOM = range(5)
WIDE = 90  # signs of a line
INLINE = {"add", "mul", "pow", "fn", "outer", "scaled", "T"}  # computed inside the one line that needs it
ALWAYS = {"sym", "num", "dim", "full", "rows", "columns"}  # never a line of its own
SPREAD = {"rows", "columns", "full"}
BIG = 200.0**3  # products of m n k from which the kernels win


class Step(NamedTuple):
    """One line: a name, its code, the shape of its array, the flops and why it is done so."""

    name: str
    code: str
    shape: tuple[Dim, ...]
    flops: float
    why: str


class Writer:
    """Writes the values of one function as lines; `kernels` takes large products from nnmat_kernels."""

    def __init__(self, symbols: list[Expr], names: Mapping[Value, str], sizes: Mapping[str, int], kernels: bool):
        self.sizes, self.kernels = sizes, kernels
        self.used = {"np", "math", "matmul", "value_and_gradients", *TEXTS}
        self.arguments = {s.name: self.fresh(s.name) for s in symbols}
        self.dims: dict[str, str] = {}
        self.given: list[str] = []
        self.rows = [s.name for s in symbols if s.shape[0].constant == 1 != s.shape[1].constant]  # (1, n)
        self._find_sizes(symbols)
        self.names = {v: self.fresh(name) for v, name in names.items()}
        self.placed: dict[Value, str] = {}
        self.uses: dict[Value, int] = {}
        self.steps: list[Step] = []
        self.called: set[str] = set()
        self.mentioned: set[str] = set()
        self.flops = 0.0
        self.orders: Mapping[Value, Order] = {}

    def fresh(self, name: str) -> str:
        """A name that nothing else has here."""
        while name in self.used or iskeyword(name):
            name += "_"
        self.used.add(name)
        return name

    def _find_sizes(self, symbols: list[Expr]) -> None:
        """Which argument shows the size of each dimension; what none shows is an argument itself."""
        for s in symbols:
            for axis, d in enumerate(d for d in s.shape if d.constant != 1):
                name = str(d)
                if name in d.names and name not in self.dims:
                    self.dims[name] = f"{self.arguments[s.name]}.shape[{axis}]"

    def size(self, d: Dim) -> str:
        """A dimension as code."""

        def atom(a: "str | Floor") -> str:
            if not isinstance(a, str):
                return f"(({self.size(a.top)}) // {a.bottom})"
            self.mentioned.add(a)
            return self.dims.get(a, self.arguments.get(a, a)) if a in self.dims else self._given(a)

        return d.written(" * ", atom)

    def _given(self, name: str) -> str:
        if name not in self.given:
            self.given.append(name)
        return name

    def shape(self, v: Value) -> str:
        return f"({', '.join(map(self.size, v.shape))}{',' * (len(v.shape) == 1)})"

    # ---- lines ----

    def write(self, outputs: Mapping[str, Value], order: Iterable[Value], orders: Mapping[Value, Order]) -> list[str]:
        """The lines for all outputs, each under its name; what the function returns is the last."""
        self.orders = orders
        order = list(order)
        for v in order:
            for a in v.args:
                self.uses[a] = self.uses.get(a, 0) + 1
        for v in outputs.values():
            self.uses[v] = self.uses.get(v, 0) + 1
        for v in order:
            if self._has_line(v):
                self._line(v, self.names.get(v) or self.fresh(self._next()))
        results: dict[str, str] = {}
        seen: set[Value] = set()
        for name, v in outputs.items():
            self.flops = 0.0
            body = self.output(v, v in seen)
            seen |= {v}
            if body not in self.used or self.flops:
                target = self.fresh(name)
                self.steps.append(Step(target, body, v.shape, self.flops, self._why(v)))
                body = target
                self.placed.setdefault(v, target)
            results[name] = body
        value, *gradients = results.items()
        pairs = ", ".join(f"{name[5:]!r}: {body}{'[None, :]' * (name[5:] in self.rows)}" for name, body in gradients)
        rows = [self.arguments[name] for name in self.rows]
        lines = [f"{name} = np.reshape({name}, -1)" for name in rows]
        return [*lines, *(f"{s.name} = {s.code}" for s in self.steps), f"return {value[1]}, {{{pairs}}}"]

    def _next(self) -> str:
        at = 1
        while f"t{at}" in self.used:
            at += 1
        return f"t{at}"

    def _has_line(self, v: Value) -> bool:
        if v.op in ALWAYS or (v.op == "T" and v.args[0].op != "T"):
            return False
        if v in self.names or v.op not in INLINE:
            return True
        return self.uses.get(v, 0) != 1 or len(self.expression(v, dry=True)) > WIDE

    def _line(self, v: Value, name: str) -> None:
        self.flops = 0.0
        code = self.expression(v)
        self.steps.append(Step(name, code, v.shape, self.flops, self._why(v)))
        self.placed[v] = name

    def _why(self, v: Value) -> str:
        o = self.orders.get(v)
        if o is not None and o.best < max(o.left, o.right):
            others = [f"{words} {n:,.0f}" for words, n in (("left", o.left), ("right", o.right)) if n > o.best]
            return f"this order: {o.best:,.0f} flops more" + "".join(f", from the {other}" for other in others)
        if v.op == "solve":
            return "solved with, which is cheaper here than the inverse"
        if v.op == "inv":
            uses = self.uses.get(v, 0)
            return f"inverted: {counted(uses, 'line')} need{'s' * (uses == 1)} it" if uses else "inverted"
        if self.uses.get(v, 0) > 1 and v.op not in ALWAYS:
            return f"once for {self.uses[v]} uses"
        return ""

    def output(self, v: Value, again: bool) -> str:
        """A result: an array of its own."""
        if v.op in SPREAD:
            body = self.at(v.args[0], 0)
            if v.op == "full":
                return f"np.full({self.shape(v)}, {body}{'.0' * body.isdigit()})"
            inside = self.at(v, 0)
            return f"np.broadcast_to({inside}, {self.shape(v)}).copy()"
        body = self.at(v, 0)
        inner = v.args[0] if v.op == "T" else v
        if v.shape and (
            inner.op in ("sym", "reshape", "diag") or again or (v.op == "T" and self.uses.get(inner, 0) > 1)
        ):
            return f"{self.at(v, ATOM)}.copy()"
        return f"float({body})" if not v.shape and v.op in ("num", "dim", "sym") else body

    # ---- code of one value ----

    def at(self, v: Value, least: int) -> str:
        """The code of an operand, in parentheses where it binds less than `least`."""
        if v in self.placed:
            return self.placed[v]
        text, strength = self.compose(v)
        return f"({text})" if strength < least else text

    def expression(self, v: Value, dry: bool = False) -> str:
        """The code of a value that has no name yet."""
        before = self.flops, set(self.called), list(self.given), set(self.mentioned)
        text, _ = self.compose(v)
        if dry:
            self.flops, self.called, self.given, self.mentioned = before
        return text

    def numeric(self, shape: tuple[Dim, ...]) -> float:
        found = 1.0
        for d in shape:
            found *= d.value(self.sizes)
        return found

    def compose(self, v: Value) -> tuple[str, int]:
        """The code of a value, and how strongly it binds."""
        if v.op not in ("T", *ALWAYS, "product", "solve", "inv"):
            work = max([self.numeric(v.shape), *(self.numeric(a.shape) for a in v.args)])
            cube = v.args[0].shape[0].value(self.sizes) ** 3 * 2 / 3 if v.op in ("det", "logdet") else 0.0
            self.flops += cube + work * max(len(v.args) - 1, 1) * (2 if v.op in ("dot", "norm", "diagdot") else 1)
        way = getattr(self, f"_{v.op}", None)
        if way is not None:
            return way(v)
        return self._called(v), ATOM

    def _sym(self, v: Value) -> tuple[str, int]:
        return self.arguments[v.data], ATOM

    def _num(self, v: Value) -> tuple[str, int]:
        q: Fraction = v.data
        if q.denominator == 1 and abs(q) < 10**16:
            return str(q.numerator), SIGN if q < 0 else ATOM
        exact = repr(float(q))
        if Fraction(exact) == q or q.denominator > 10**9:
            return exact, SIGN if q < 0 else ATOM
        return f"{q.numerator} / {q.denominator}", PRODUCT

    def _dim(self, v: Value) -> tuple[str, int]:
        body = self.size(v.data)
        return (body, ATOM) if len(v.data.terms) == 1 and " " not in body else (f"({body})", ATOM)

    def _full(self, v: Value) -> tuple[str, int]:
        body = self.at(v.args[0], 0)
        return f"np.full({self.shape(v)}, {body}{'.0' * body.isdigit()})", ATOM

    def _filled(self, v: Value) -> tuple[str, int]:
        return self._full(v)

    def _rows(self, v: Value) -> tuple[str, int]:
        return self.at(v.args[0], ATOM), ATOM

    def _columns(self, v: Value) -> tuple[str, int]:
        return f"{self.at(v.args[0], ATOM)}[:, None]", ATOM

    def array(self, v: Value, least: int = 0) -> str:
        """An operand of a function that needs the whole matrix."""
        if v.op in ("rows", "columns"):
            return f"np.broadcast_to({self.at(v, 0)}, {self.shape(v)})"
        return self.at(v, least)

    def _T(self, v: Value) -> tuple[str, int]:
        return f"{self.at(v.args[0], ATOM)}.T", ATOM

    def _add(self, v: Value) -> tuple[str, int]:
        terms = [self.term(a) for a in v.args]
        first = next((i for i, t in enumerate(terms) if not t.startswith("-")), 0)
        terms.insert(0, terms.pop(first))
        return terms[0] + "".join(f" - {t[1:]}" if t.startswith("-") else f" + {t}" for t in terms[1:]), SUM

    def term(self, a: Value) -> str:
        """A term of a sum; the sign of a vector that is spread stands in front."""
        v = a.args[0] if a.op in SPREAD else a
        if a.op not in ("rows", "columns") or v.op != "mul" or v.data >= 0 or v in self.placed:
            return self.at(a, PRODUCT)
        positive = Value("mul", v.args, -v.data, v.shape, -1)
        body = self.at(v.args[0] if v.data == -1 and len(v.args) == 1 else positive, ATOM)
        return f"-{body}[:, None]" if a.op == "columns" else f"-{body}"

    def _mul(self, v: Value) -> tuple[str, int]:
        small = [a for a in v.args if not a.shape]
        large = [a for a in v.args if a.shape]
        front = self._quotient(v.data, small, bool(large))
        if not large:
            return front, PRODUCT
        above = [a for a in large if not (a.op == "pow" and a.data == -1 and a not in self.placed)]
        below = [a for a in large if a not in above]
        body = " * ".join(self.at(a, SIGN) for a in above)
        if not above:
            body, front = front or "1", ""
        if front == "-":
            body = f"-{self.at(above[0], SIGN)}" + "".join(f" * {self.at(a, SIGN)}" for a in above[1:])
        elif front:
            body = f"({front}) * {body}" if "/" in front else f"{front} * {body}"
        return body + "".join(f" / {self.at(a.args[0], SIGN)}" for a in below), PRODUCT

    def _quotient(self, coefficient: Fraction, small: list[Value], beside: bool) -> str:
        """The scalar factors: c a / b; of the coefficients 1 and -1 beside others, only the sign."""
        below = [a for a in small if a.op == "pow" and a.data == -1 and a not in self.placed]
        above = [a for a in small if a not in below]
        number = self._num(Value("num", (), coefficient, (), 0))[0]
        factors = [self.at(a, SIGN) for a in above]
        if coefficient == -1 and (factors or (beside and not below)):
            text = "-" + " * ".join(factors)
        elif coefficient == 1 and (factors or (beside and not below)):
            text = " * ".join(factors)
        else:
            text = " * ".join([f"({number})" if "/" in number else number, *factors])
        return text + "".join(f" / {self.at(a.args[0], SIGN)}" for a in below)

    def _pow(self, v: Value) -> tuple[str, int]:
        p, x = v.data, v.args[0]
        inside = self.at(x, POWER)
        if p == -1:
            return f"1 / {inside}", PRODUCT
        if p == 2 and (x in self.placed or x.op in ALWAYS):
            return f"{inside} * {inside}", PRODUCT
        if abs(p) == Fraction(1, 2):
            root = f"np.sqrt({self.at(x, 0)})"
            return (root, ATOM) if p > 0 else (f"1 / {root}", PRODUCT)
        if not x.shape and p.denominator != 1:  # of a number below 0 Python makes a complex one, NumPy NaN
            return f"np.power({self.at(x, 0)}, {float(p)})", ATOM
        return f"{self.at(x, ATOM)} ** {p if p.denominator == 1 and p > 0 else f'({float(p)})'}", POWER

    def _fn(self, v: Value) -> tuple[str, int]:
        text = entry_code(v.data)
        self.called |= ({text.partition("(")[0]} & set(TEXTS)) | ({"math"} if "math." in text else set())
        return text.format(self.at(v.args[0], 0)), ATOM

    def _outer(self, v: Value) -> tuple[str, int]:
        return f"{self.at(v.args[0], ATOM)}[:, None] * {self.at(v.args[1], SIGN)}", PRODUCT

    def _scaled(self, v: Value) -> tuple[str, int]:
        vector, matrix = self.at(v.args[0], ATOM), self.array(v.args[1], SIGN)
        return (f"{vector}[:, None] * {matrix}" if v.data == "rows" else f"{matrix} * {vector}"), PRODUCT

    def _product(self, v: Value) -> tuple[str, int]:
        a, b = v.args
        inner = a.shape[-1].value(self.sizes)
        work = self.numeric(v.shape) * inner
        self.flops += 2 * work
        if self.kernels and work >= BIG and len(a.shape) == len(b.shape) == 2:
            return f"matmul({self.array(a)}, {self.array(b)})", ATOM
        return f"{self.array(a, POWER)} @ {self.array(b, POWER)}", PRODUCT

    def _solve(self, v: Value) -> tuple[str, int]:
        matrix, right = v.args
        k = 1.0 if len(right.shape) == 1 else right.shape[1].value(self.sizes)
        self.flops += solving(matrix.shape[0].value(self.sizes), k)
        return f"np.linalg.solve({self.array(matrix)}, {self.array(right)})", ATOM

    def _inv(self, v: Value) -> tuple[str, int]:
        n = v.shape[0].value(self.sizes)
        self.flops += inverting(n)
        if n >= LARGE:
            self.called.add("inverse")
            return f"inverse({self.array(v.args[0])})", ATOM
        return f"np.linalg.inv({self.array(v.args[0])})", ATOM

    def _dot(self, v: Value) -> tuple[str, int]:
        a, b = v.args
        plain = not any(x.op in ("T", *SPREAD) for x in v.args)
        if plain:
            return f"np.vdot({self.at(a, 0)}, {self.at(b, 0)})", ATOM
        return f"np.sum({self.at(a, SIGN)} * {self.at(b, SIGN)})", ATOM

    def _norm(self, v: Value) -> tuple[str, int]:
        return f"np.linalg.norm({self.array(v.args[0])})", ATOM

    def _called(self, v: Value) -> str:
        """The operators that are one call."""
        args = [self.array(a, ATOM if v.op in METHODS else 0) for a in v.args]
        if v.op in METHODS:
            return METHODS[v.op].format(*args, axis=v.data)
        if v.op == "max":
            return f"{self.array(v.args[0], ATOM)}.max({'axis=1' if v.shape else ''})"
        if v.op == "eye":
            return f"np.eye({self.size(v.shape[0])})"
        if v.op == "reshape":
            return f"{self.array(v.args[0], ATOM)}.reshape({self.shape(v)})"
        return self._helper(v, args)

    def _helper(self, v: Value, args: list[str]) -> str:
        """Operators of matrices: vectors become what they stand for there, and the result one again."""
        op, data, shape, inside = v.data
        full = [self._matrix(a, text, s) for a, text, s in zip(v.args, args, inside, strict=True)]
        text = CALLS[op]
        self.called |= {text.partition("(")[0]} & set(TEXTS)
        first = [self.size(d) for d in data] if op in ("slice", "embed", "commutation") else []
        last = [self.size(d + n) for d, n in zip(data, shape, strict=True)] if op == "slice" else []
        body = text.format(
            *full,
            shape=", ".join(map(self.size, shape)),
            size=self.size(shape[0]),
            setting=data if op == "conv" else data[0] if op.startswith("conv") else "",
            over="axis=1" if data == "rows" else "axis=None",
            operands=", ".join(full),
            exponent=self.size(data) if op == "mpow" else "",
            first=", ".join(first),
            places=", ".join(f"{a} : {b}" for a, b in zip(first, last, strict=False)),
        )
        one = f"({body})" if op in ("xpow", "slice") and not body.endswith("]") else body
        return one if len(v.shape) == 2 else f"{one}.ravel()" if v.shape else f"{one}.item()"

    def _matrix(self, a: Value, text: str, shape: tuple[Dim, Dim]) -> str:
        if len(a.shape) == 2:
            return text
        if not a.shape:
            return f"np.full((1, 1), {text})"
        rows, columns = ("1" if d.constant == 1 else "-1" for d in shape)
        return f"np.reshape({text}, ({rows}, {columns}))"

    def functions(self) -> list[str]:
        """The definitions above the function."""
        return helper_texts(self.called)


METHODS = {
    "det": "np.linalg.det({0})",
    "logdet": "np.linalg.slogdet({0})[1]",
    "trace": "np.trace({0})",
    "diag": "{0}.diagonal()",
    "diagm": "np.diag({0})",
    "tril": "np.tril({0})",
    "sum": "{0}.sum()",
    "sums": "{0}.sum(axis={axis})",
    "diagdot": "np.einsum('ij,ji->i', {0}, {1})",
}
