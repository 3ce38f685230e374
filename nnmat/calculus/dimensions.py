"""Dimensions: numbers, names, and what operators make of them (`M*N` of a Kronecker product, `H - k + 1` of a window).

A `Dim` is a polynomial with integer coefficients, kept in one normal form, so that equality is equality of the
normal forms. Its atoms are names and floors (of a strided convolution): `floor((H - k)/2)`.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral
from threading import Lock
from typing import Any, ClassVar, Union
from unicodedata import normalize
from weakref import WeakValueDictionary

from .errors import ShapeError

Atom = Union[str, "Floor"]
_lock = Lock()


@dataclass(frozen=True)
class Floor:
    """`floor(top / bottom)`, an atom of a dimension."""

    top: "Dim"
    bottom: int

    def __str__(self) -> str:
        return f"floor(({self.top})/{self.bottom})"


@dataclass(frozen=True, eq=False)
class Dim:
    """A polynomial: `terms` is a sorted tuple of (atoms, coefficient), without zeros. Equal ones are the same object.

    Arithmetic with anything but sizes makes an expression of it: `dim("N") * f`. Which one, `as_expression` says; the
    language sets it, once, where it says what an operand is (`lift`).
    """

    terms: tuple[tuple[tuple[Atom, ...], int], ...]
    as_expression: ClassVar[Callable[["Dim"], Any]]
    known: ClassVar[WeakValueDictionary[tuple, "Dim"]] = WeakValueDictionary()

    def __new__(cls, terms: tuple[tuple[tuple[Atom, ...], int], ...]):
        found = cls.known.get(terms)
        if found is None:
            with _lock:
                found = cls.known.setdefault(terms, super().__new__(cls))
        return found

    def __reduce__(self):
        return Dim, (self.terms,)

    @cached_property
    def constant(self) -> int | None:
        """The number, if the dimension is one."""
        if not self.terms:
            return 0
        return self.terms[0][1] if len(self.terms) == 1 and not self.terms[0][0] else None

    @cached_property
    def names(self) -> frozenset[str]:
        """The names that the dimension is made of."""
        atoms = [atom for product, _ in self.terms for atom in product]
        return frozenset().union(*({a} if isinstance(a, str) else a.top.names for a in atoms))

    def __add__(self, other):
        return _collect([*self.terms, *dim(other).terms]) if _is_size(other) else self.as_expression() + other

    def __sub__(self, other):
        return self + dim(other) * -1 if _is_size(other) else self.as_expression() - other

    def __rsub__(self, other):
        return self * -1 + other

    def __mul__(self, other):
        if not _is_size(other):
            return self.as_expression() * other
        theirs = dim(other).terms
        return _collect((tuple(sorted((*a, *b), key=str)), m * n) for a, m in self.terms for b, n in theirs)

    def __neg__(self):
        return self * -1

    def __pow__(self, exponent):
        return self.as_expression() ** exponent

    def __truediv__(self, other):
        return self.as_expression() / other

    def __rtruediv__(self, other):
        return other / self.as_expression()

    __radd__, __rmul__ = __add__, __mul__

    def floor_divided(self, bottom: int) -> "Dim":
        """`floor(self / bottom)`."""
        if bottom == 1:
            return self
        return dim(self.constant // bottom) if self.constant is not None else Dim((((Floor(self, bottom),), 1),))

    def value(self, sizes: Mapping[str, int]) -> int:
        """The number that it is when every name has its size."""
        total = 0
        for product, factor in self.terms:
            for atom in product:
                factor *= sizes[atom] if isinstance(atom, str) else atom.top.value(sizes) // atom.bottom
            total += factor
        return total

    def __str__(self) -> str:
        return self.written("*", str)

    __repr__ = __str__

    def written(self, times: str, symbol: Callable[[Atom], str]) -> str:
        """The sum of its terms, with `times` between factors, `symbol(atom)` for a name or a floor."""
        text = ""
        for product, factor in sorted(self.terms, key=lambda term: (not term[0], term[1] < 0)):
            number = [str(abs(factor))] if abs(factor) != 1 or not product else []
            size = times.join([*number, *(symbol(atom) for atom in product)])
            text += (" - " if factor < 0 else " + ") + size if text else ("-" if factor < 0 else "") + size
        return text or "0"


def _is_size(value: Any) -> bool:
    return isinstance(value, Dim | Integral | str)


def _collect(terms: Iterable[tuple[tuple[Atom, ...], int]]) -> Dim:
    sums: dict[tuple[Atom, ...], int] = {}
    for product, factor in terms:
        sums[product] = sums.get(product, 0) + factor
    return Dim(tuple(sorted(((p, f) for p, f in sums.items() if f), key=lambda term: [str(a) for a in term[0]])))


ONE = Dim((((), 1),))


def dim(value: "Dim | Integral | int | str") -> Dim:
    """A dimension from a name or a whole number. Raises ShapeError for anything else."""
    if isinstance(value, Dim):
        return value
    if isinstance(value, str) and value.isidentifier():
        return Dim((((normalize("NFKC", value),), 1),))
    if isinstance(value, Integral) and not isinstance(value, bool):
        return Dim((((), int(value)),) if value else ())
    if isinstance(value, str) and re.fullmatch("[0-9]{1,18}", value):
        return dim(int(value))
    raise ShapeError(f"dim: expected a name or a whole number, got {value!r:.60}. Try dim('N') or 3.")


def size(value: "Dim | int | str") -> Dim:
    """A dimension that a matrix can have: not zero and not negative. Raises ShapeError."""
    found = dim(value)
    if found.constant is not None and found.constant < 1:
        raise ShapeError(f"dim: expected a positive size, got {found}. Try a name, or a number from 1 on.")
    return found


Shape = tuple[Dim, Dim]


def show(shape: Shape) -> str:
    """A shape for people: `()` of a scalar, `(N)` of a column, `(M, N)` of a matrix."""
    if shape == (ONE, ONE):
        return "()"
    return f"({shape[0]})" if shape[1] == ONE else f"({shape[0]}, {shape[1]})"
