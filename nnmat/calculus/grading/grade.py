"""`grade` and `claim`: the first wrong line of somebody's derivation, and what was probably meant."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from ...errors import ConfigError
from ..derivation.derivation import Derivation
from ..derivation.derive import derived
from ..derivation.intermediates import names
from ..dimensions import show
from ..errors import DomainError, ParseError, ShapeError, UnverifiedError
from ..language.expr import Expr, dimensions, lift
from ..notation.code import code
from .lines import Known, Line, split
from .points import BY_QUOTIENTS, EQUAL, Place, close, places
from .repairs import MISUSES, repairs

ABOUT = ("f", "df", "gradient")  # of the function; every other line is about a quantity

MOST_REPAIRS = 200  # that are tried on a wrong line: of a long one they are too many


@dataclass(frozen=True)
class Verdict:
    """What became of lines. `right` says whether all hold; else `line` (from 1) is the first that does not.

    `misuse` names the misuse that explains it (a key of MISUSES), or is empty; `meant` is the line without it. `reason`
    has the counterexample. `finished` says whether all hold and the gradient is among them.
    """

    right: bool
    lines: int
    line: int = 0
    text: str = ""
    reason: str = ""
    misuse: str = ""
    meant: str = ""
    finished: bool = False

    def __bool__(self) -> bool:
        return self.right

    def __str__(self) -> str:
        hold = f"{self.lines} line{'s' * (self.lines != 1)} hold{'s' * (self.lines == 1)}"
        if self.right and self.finished:
            return f"right: {hold}"
        if self.right:
            return f"right so far: {hold}, and the gradient is not among them"
        guess = f"\n    probably {MISUSES[self.misuse]}: {self.meant}" if self.misuse else ""
        return f"line {self.line} is wrong: {self.text.strip()}\n    {self.reason}{guess}"


def grade(f: Expr, wrt: "Expr | str", lines: "str | Iterable[str]", seed: int = 0) -> Verdict:
    """Check the lines of a derivation of the gradient of `f` by `wrt`, one by one; the first wrong one is named.

    A line is `f = ...`, `df = ...` with dA or d(...) in it, `gradient = ...`, a quantity `r = ...` with `dr = ...`, or
    `= ...` that goes on with the line before. Raises ParseError with the line and the column for what cannot be read,
    and what `derive` raises.
    """
    return _graded("grade", f, wrt, lines, seed)


def _graded(who: str, f: Expr, wrt: "Expr | str", lines: "str | Iterable[str]", seed: int) -> Verdict:
    d = derived(who, f, wrt)
    texts = lines.splitlines() if isinstance(lines, str) else list(lines) if isinstance(lines, Iterable) else [lines]
    if not all(isinstance(text, str) for text in texts):
        raise ConfigError(f"grade: expected lines as a text or a list of texts, got {lines!r:.60}. Try 'df = ...'.")
    written = [(n, t.partition("#")[0]) for n, t in enumerate(texts, 1) if t.partition("#")[0].strip()]
    if not written:
        raise ShapeError("grade: expected lines such as 'df = ...' and 'gradient = ...', got none.")
    return _Grader(d, seed).graded(written)


def claim(f: Expr, wrt: "Expr | str", G: "Expr | str", seed: int = 0) -> Verdict:
    """Whether `G`, an expression or its text, is the gradient of `f` by `wrt`. Raises what `grade` raises."""
    f = lift(f, "claim")
    text = G if isinstance(G, str) else code(lift(G, "claim").inline(keep=names(f)))
    if "\n" in text.strip():
        raise ShapeError("claim: expected a gradient on one line, got several. Try grade.")
    return _graded("claim", f, wrt, [f"gradient = {text.strip()}"], seed)


class _Grader:
    """The lines of one derivation under judgement."""

    def __init__(self, d: Derivation, seed: int):
        self.d = d
        self.sizes = sorted(dimensions(d.root))
        self.known = Known(names(d.root), d.wrt, self.sizes)
        self.places = places(d.root, d.wrt, d.gradient, seed)
        self.about = ""

    def graded(self, lines: Sequence[tuple[int, str]]) -> Verdict:
        finished = False
        for n, text in lines:
            try:
                line = split(text)
                tree = line.tree
                wanted = self._about(line)
            except ParseError as error:
                raise ParseError(f"line {n}: {error.message}", error.text, error.column) from None
            try:
                e = self.known.expression(tree, line)
            except ParseError as error:
                if not self._fits(error):
                    raise ParseError(f"line {n}: {error.message}", error.text, error.column) from None
                return self._wrong(n, line, wanted, error.message, len(lines))
            wanted = wanted or self._guess(e)
            if wanted not in ABOUT and self._meaning(wanted) is None:
                self.known.define(wanted, e)
                continue
            fault = self._fault(e, wanted)
            if fault:
                return self._wrong(n, line, wanted, fault, len(lines))
            self.about = wanted
            finished = finished or wanted == "gradient"
        return Verdict(True, len(lines), finished=finished)

    def _fits(self, error: ParseError) -> bool:
        """Whether the fault is that shapes do not fit: such a line is wrong, and can be read."""
        return "expected names" not in error.message and any(
            word in error.message for word in ("of shape", "shapes", "columns on the left")
        )

    def _about(self, line: Line) -> str:
        """What a line says something about; empty where only its value can tell."""
        if line.about:
            return line.about
        return self.about

    def _guess(self, e: Expr) -> str:
        if e.has_differential:
            return "df"
        if e.shape == self.d.wrt.shape and not (e.is_scalar and not self.about):
            return "gradient"
        return "f"

    def _meaning(self, about: str) -> Expr | None:
        """What a name that is known stands for, or what a differential is that of."""
        if about in self.known.names:
            return self.known.names[about]
        return self.known.names.get(about[1:]) if about.startswith("d") else None

    def _wanted(self, place: Place, about: str) -> np.ndarray:
        """The value that a line has to have."""
        if about == "f":
            return place.value(self.d.root)
        if about == "gradient":
            return place.value(self.d.gradient)
        if about in self.known.names:
            return place.value(self.known.names[about])
        return place.differential(self.d.root if about == "df" else self.known.names[about[1:]])

    def _fault(self, e: Expr, about: str) -> str:
        """Why a line does not hold, with a counterexample; empty if it does."""
        meant = self._meaning(about) if about not in ABOUT else self.d.wrt if about == "gradient" else self.d.root
        expected = e.shape if meant is None else meant.shape
        if e.shape != expected:
            return f"expected the shape {show(expected)}, got {show(e.shape)}"
        for place in self.places:
            try:
                got = place.value(e)
            except DomainError:
                return f"the line has no finite value at {place}"
            wanted = self._wanted(place, about)
            if not close(got, wanted, BY_QUOTIENTS if e.has_differential or about[0] == "d" else EQUAL, place.noise):
                what = {"f": "f", "df": "df", "gradient": "the gradient"}.get(about, about)
                return f"{what} is {_shown(wanted)}, the line gives {_shown(got)}, at {_short(str(place))}"
        return ""

    def _wrong(self, n: int, line: Line, about: str, reason: str, many: int) -> Verdict:
        about = about or ("gradient" if "d" + self.d.wrt.name not in line.text else "df")
        if about not in ABOUT and self._meaning(about) is None:  # a quantity that has no value
            return Verdict(False, many, n, line.text, reason)
        found = repairs(line.tree, line.text[line.offset :], self.sizes)
        for misuse, tree in islice(found, MOST_REPAIRS):
            try:
                e = self.known.expression(tree, line)
                if not self._fault(e, about):
                    return Verdict(False, many, n, line.text, reason, misuse, code(e))
            except (ParseError, ShapeError, DomainError, UnverifiedError):
                continue
        return Verdict(False, many, n, line.text, reason)


def _shown(a: np.ndarray) -> str:
    if a.size == 1:
        return f"{float(a.flat[0]):.6g}"
    return " ".join(np.array2string(a, precision=3, threshold=12, separator=", ").split())


def _short(text: str) -> str:
    return text if len(text) <= 300 else text[:297] + "..."
