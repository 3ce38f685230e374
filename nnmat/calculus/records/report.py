"""A derivation as text and as LaTeX: for each quantity the lines of df with their laws, then its gradient.

Every line is short. A line of many terms shows the one that a law worked on; a quantity to which the same laws came
before is shown by its gradient; what stands in an expression more than once gets a name there. `full` shows all.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ...checks import counted
from ..dimensions import show
from ..language.expr import Expr
from ..notation.latex import LatexWriter
from ..notation.text import HADAMARD, Writer
from .record import Reading, Record, Stage, replay

WIDE = 110  # signs of a line that is shown with all its terms
LONG = 600  # signs of a sum that is shown without its middle, if it is not the result
ROWS = 24  # laws on the line of one quantity
ALIKE = 3  # quantities with the same laws that are shown line by line
FEW = 12  # so many are in any case
LISTED = 100  # quantities that are shown at all


def report(d: Record, full: bool = False) -> str:
    """The derivation in Unicode text."""
    return _Text(d, Writer(), full).whole()


def latex_report(d: Record, full: bool = False) -> str:
    """The derivation in LaTeX."""
    return _Latex(d, LatexWriter(), full).whole()


class Row(NamedTuple):
    """`left = body`, by these rules; without `left` it goes on with the row above. Rows that are `inside` are set
    back; a row without a sign says something in words."""

    left: str
    sign: str
    body: str
    rules: tuple[str, ...] = ()
    inside: bool = False


class Report:
    """Which rows there are, in either format."""

    differential, whole_differential, becomes = "df", "d(f)", "→"

    def __init__(self, d: Record, w: Writer, full: bool):
        self.d, self.w, self.full = d, w, full
        w.know(d.root, *d.quantities.values())
        self.closed = {link.name: link.closed for link in d.chain}

    def words(self, text: str, symbol: str = "") -> Row:
        """A row in words; how it is written depends on the format."""
        raise NotImplementedError

    def row(self, left: str, e: Expr, rules: Iterable[str] = (), sign: str = "=", inside: bool = False) -> list[Row]:
        """`left = e`, then what the names in it stand for that are new."""
        return self.line(left, e.args if e.op == "add" else (e,), e, rules, sign, inside)

    def line(
        self, left: str, terms: Sequence[Expr], whole: Expr, rules: Iterable[str], sign: str, inside: bool = False
    ) -> list[Row]:
        """`left =` the sum of the terms, without its middle if it is long."""
        short = self.full or len(terms) <= 4 or sum(map(self.w.size, terms)) <= LONG
        if short and len(terms) > 1 and terms is whole.args:
            body, meanings = self.w.page(whole)
            return [Row(left, sign, body, tuple(rules), inside), *self.meanings(meanings)]
        parts, meanings = [], []
        for t in terms if short else (*terms[:2], terms[-1]):
            if t.op == "d" and self.w.size(t) > LONG and not self.full:
                parts.append(self.whole_differential)
                continue
            meanings += self.w.page(t)[1]
            parts.append(self.w.spread(self.w.at(t, HADAMARD if len(terms) > 1 else 0), t, whole))
        if not short:
            parts.insert(2, self.w.dots)
        body = self.w.joined(parts)
        return [Row(left, sign, body, tuple(rules), inside), *self.meanings(meanings)]

    def meanings(self, found: list[tuple[str, str]]) -> list[Row]:
        """What names stand for."""
        return [Row(f"{self.w.word('with')} {name}", "=", body, (), True) for name, body in found]

    def head(self) -> list[Row]:
        """The function and its quantities."""
        d, w = self.d, self.w
        rows = self.row("f", d.stages[0].start[0].args[0] if d.quantities else d.root)
        given = list(d.quantities.items())
        most = len(given) if self.full else LISTED
        for name, ref in given[:most]:
            rows += self.row(w.symbol(name), ref.args[0], inside=True)
        if len(given) > most:
            rows.append(self.words(f"{len(given) - most} more, up to", w.symbol(given[-1][0])))
        return rows

    def laws(self, stage: Stage) -> list[Row]:
        """The line of df, law by law. Lines that look alike are one, with the laws of both."""
        shown = [e for e in stage.edits if e.rule != "DEF-6"]
        if not shown:
            return []
        differential = stage.kind == "differential"
        sign = "=" if differential else self.becomes
        left = self.differential if differential else self.w.gradient_of(f"{stage.of} f")
        terms = list(stage.start)
        rows = self.line(left, terms, terms[0], (), "=")
        most = len(shown) if self.full else ROWS
        for edit in shown[:most]:
            before = len(terms)
            edit.apply(terms)
            if max(before, len(terms)) <= 3 or sum(map(self.w.size, terms)) <= WIDE:
                more = self.line("", terms, terms[0], (edit.rule,), sign)
            else:
                before_text = self.row("", edit.before[0])
                more = self.line(before_text[0].body, edit.after, edit.after[0], (edit.rule,), sign, True)
                more += before_text[1:]
            if more[0].body == rows[-1].body and len(more) == 1:
                rows[-1] = rows[-1]._replace(rules=(*rows[-1].rules, *more[0].rules))
            else:
                rows += more
        if len(shown) > most:
            rules = ", ".join(dict.fromkeys(e.rule for e in shown[most:]))
            rows.append(self.words(f"{counted(len(shown) - most, 'line')} more, by {rules}"))
        return rows

    def gradients(self, stage: Stage) -> list[Row]:
        """The gradients that were read off, and by which rules they are simple."""
        rows: list[Row] = []
        first = "DEF-6" if stage.kind == "differential" else stage.edits[0].rule
        for reading in stage.readings:
            title = self.w.gradient_of(f"{reading.name} f")
            if self.full:
                rows += self.steps(title, reading, first)
            else:
                rows += self.row(title, reading.after, dict.fromkeys([first, *(a.rule for a in reading.applied)]))
            final = self.closed.get(reading.name, reading.after)
            other = final is not reading.after and reading.name != self.d.wrt.name
            if other and (self.full or self.w.size(final) <= WIDE):
                rows += self.row("", final, inside=True)
        return rows

    def steps(self, title: str, reading: Reading, first: str) -> list[Row]:
        """Every rule on a row of its own: the whole gradient, or what of it a rule changed where that is long."""
        rows = self.row(title, reading.before, (first,))
        if self.w.size(reading.before) <= LONG:
            for s in replay(reading):
                rows += self.row("", s.after, (s.rule,), inside=True)
            return rows
        for a in reading.applied:
            before = self.row("", a.before)
            rows += [*self.row(before[0].body, a.after, (a.rule,), inside=True), *before[1:]]
        return [*rows, *self.row(title, reading.after)]

    def stages(self) -> list[list[Row]]:
        """The rows of every quantity that is shown: what is alike is shown by its gradients only, then not at all."""
        seen: Counter[tuple[str, ...]] = Counter()
        blocks: list[list[Row]] = []
        alike = False
        for at, stage in enumerate(self.d.stages):
            laws = tuple(e.rule for e in stage.edits)
            seen[laws] += 1
            last = at >= len(self.d.stages) - 1
            if self.full or last or at < FEW or (seen[laws] <= ALIKE and at < LISTED):
                blocks.append([*self.aligned(self.laws(stage)), *self.gradients(stage)])
                alike = False
            elif at < LISTED:
                blocks[-1:] = [[*blocks[-1], *self.gradients(stage)]] if alike else [blocks[-1], self.gradients(stage)]
                alike = True
        if len(self.d.stages) > LISTED and not self.full:
            left_out = len(self.d.stages) - LISTED - 1
            blocks.insert(-1, [self.words(f"{counted(left_out, 'quantity')} more, in the same way")])
        return blocks

    def aligned(self, rows: list[Row]) -> list[Row]:
        return rows

    def result(self) -> list[Row]:
        """The gradient, with all names that stand in it."""
        before = self.w
        self.w = type(self.w)()
        self.w.used, self.w.given = before.used, before.names
        body, meanings = self.w.page(self.d.gradient)
        return [Row(self.w.gradient_of(f"{self.d.wrt.name} f"), "=", body), *self.meanings(meanings)]


class _Text(Report):
    """Lines of text."""

    def words(self, text: str, symbol: str = "") -> Row:
        return Row("", "", f"… {text} {symbol}".rstrip(), (), True)

    def aligned(self, rows: list[Row]) -> list[Row]:
        """The laws in one column."""
        written = [self.written(row._replace(rules=())) for row in rows]
        wide = min(max(map(len, written), default=0), 88)
        return [
            Row("", "", f"{w:<{wide}}  {', '.join(dict.fromkeys(row.rules))}".rstrip())
            for w, row in zip(written, rows, strict=True)
        ]

    def written(self, row: Row) -> str:
        front = "    " if row.inside else "   " if row.sign and not row.left else ""
        body = " ".join(part for part in (row.left, row.sign, row.body) if part)
        return f"{front}{body}  {', '.join(dict.fromkeys(row.rules))}".rstrip()

    def whole(self) -> str:
        d, w = self.d, self.w
        head = self.head()
        symbols = sorted(d.root.free, key=lambda s: s.name)
        lines = [self.written(row) for row in head]
        lines.append("    " + ", ".join(f"{w.symbol(s.name)} {show(s.shape)}" for s in symbols))
        if d.assumed:
            lines.append(f"    assumed, from their use: the shapes of {', '.join(map(w.symbol, d.assumed))}")
        for block in self.stages():
            lines += ["", *map(self.written, block)]
        result = [self.written(row) for row in self.result()]
        return "\n".join([*lines, "", result[0] + self.form(), *result[1:]])

    def form(self) -> str:
        words = {
            "manifold": "    (on the symmetric matrices)",
            "entries": "    (by the free entries of the lower triangle)",
            "diagonal": "    (on the diagonal matrices)",
            "lower": "    (on the lower triangular matrices)",
        }
        return words.get(self.d.form, "")


class _Latex(Report):
    """An align* environment for each quantity."""

    differential, whole_differential, becomes = r"\mathrm{d}f", r"d\left(f\right)", r"\to"

    def words(self, text: str, symbol: str = "") -> Row:
        return Row("", "", rf"\text{{\dots\ {text} }}{symbol}")

    def meanings(self, found: list[tuple[str, str]]) -> list[Row]:
        return [Row("", "", rf"\text{{with }} {name} = {body}") for name, body in found]

    def written(self, row: Row) -> str:
        by = rf" && \text{{{', '.join(dict.fromkeys(row.rules))}}}" if row.rules else ""
        return rf"{row.left} &{row.sign} {row.body}{by}".strip()

    def shape(self, s: Expr) -> str:
        """The shape of a symbol, a column as (n), as `show` gives it."""
        sizes = s.shape[:1] if s.shape[1].constant == 1 else s.shape
        return ", ".join(map(self.w.dimension, () if s.is_scalar else sizes))

    def whole(self) -> str:
        d, w = self.d, self.w
        rows = [self.written(row) for row in self.head()]
        symbols = sorted(d.root.free, key=lambda s: s.name)
        shapes = [rf"{w.symbol(s.name)}\ ({self.shape(s)})" for s in symbols[: None if self.full else LISTED]]
        rows.append("& " + r",\ ".join([*shapes, *([w.dots] if len(shapes) < len(symbols) else [])]))
        if d.assumed:
            assumed = r",\ ".join(map(w.symbol, d.assumed))
            rows.append(rf"& \text{{assumed, from their use: the shapes of }} {assumed}")
        blocks = [" \\\\ ".join(rows)]
        blocks += [" \\\\\n".join(map(self.written, block)) for block in self.stages() if block]
        blocks.append(" \\\\\n".join(map(self.written, self.result())))
        return "\n\n".join("\\begin{align*}\n" + b + "\n\\end{align*}" for b in blocks)
