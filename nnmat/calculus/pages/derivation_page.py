"""A derivation in HTML: the function, the chain of gradients, every step with its law, the evidence, and the code.

Formulas are MathML; there is nothing that a browser would have to fetch. In each line the part is marked that the law
of the next line works on.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from html import escape
from importlib.resources import files
from itertools import zip_longest

from ..dimensions import show
from ..errors import NotDerivable
from ..language.expr import Expr, nodes
from ..notation.latex import LatexWriter
from ..notation.mathml import mathml
from ..notation.text import HADAMARD, SUM
from ..records.programs import numpy_code, python_code
from ..records.record import STATEMENTS, Record, Stage, replay
from ..records.report import LISTED, ROWS, WIDE, Report, Row, latex_report
from .marked import MarkedWriter


def page(d: Record, evidence: str = "") -> str:
    """The whole page. `evidence`: how the derivation was checked, in words."""
    title = escape(f"The gradient by {d.wrt.name}")
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<link rel="icon" href="data:,">\n'
        f"<style>\n{static('style.css')}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n{fragment(d, evidence)}\n"
        f"</main>\n<script>\n{static('copying.js')}</script>\n</body>\n</html>\n"
    )


def fragment(d: Record, evidence: str = "") -> str:
    """The article alone, for another page."""
    return _Article(d).whole(evidence)


def cell(d: Record) -> str:
    """The article for a notebook, with a style for it alone; buttons, which would need a script, are hidden."""
    return f"<style>\n{static('notebook.css')}</style>\n{fragment(d)}"


@cache
def static(name: str) -> str:
    """A file of this folder."""
    return (files(__package__) / name).read_text(encoding="utf-8")


class _Article(Report):
    """One derivation, by the rows of all reports; in those of short lines parts are marked."""

    differential, whole_differential, becomes = r"\mathrm{d}f", r"d\left(f\right)", r"\to"

    def __init__(self, d: Record):
        super().__init__(d, LatexWriter(), full=False)

    def whole(self, evidence: str) -> str:
        """The gradient stands above the steps, which most readers want second."""
        head = _table(self.head())
        below = [self.chain(), self.step_by_step(), self.evidence(evidence), self.code()]
        function = _section("function", "Function and gradient", f"{head}\n{self.shapes()}\n{self.answer()}")
        return '<article class="derivation">\n' + "\n".join(filter(None, [function, *below])) + "\n</article>"

    def shapes(self) -> str:
        symbols = sorted(self.d.root.free, key=lambda s: s.name)
        found = ", ".join(
            f"{mathml(self.w.symbol(s.name))} {escape(show(s.shape))}{' *' * (s.name in self.d.assumed)}"
            for s in symbols
        )
        return f'<p class="shapes">{found}{" (* found from its use)" if self.d.assumed else ""}</p>'

    def answer(self) -> str:
        return f'<div class="gradient">{_table(self.result())}</div>'

    def chain(self) -> str:
        """The gradient of every quantity on the way, in terms of those before it."""
        links = self.d.chain[: LISTED + 1]
        rows = [row for link in links for row in self.row(self.w.gradient_of(f"{link.name} f"), link.local)]
        if len(self.d.chain) > len(links):
            rows.append(self.words(f"{len(self.d.chain) - len(links)} gradients more"))
        return _section("chain", "The chain", _table(rows)) if len(links) > 1 else ""

    def step_by_step(self) -> str:
        return _section("steps", "Step by step", "\n".join(_table(block) for block in self.stages() if block))

    def evidence(self, words: str) -> str:
        return _section("evidence", "Evidence", f"<p>{escape(words)}</p>") if words else ""

    def words(self, text: str, symbol: str = "") -> Row:
        return Row("", "", rf"\text{{\dots\ {text}}}\ {symbol}", (), True)

    def meanings(self, found: list[tuple[str, str]]) -> list[Row]:
        return [Row(rf"\text{{with}}\ {name}", "=", body, (), True) for name, body in found]

    def laws(self, stage: Stage) -> list[Row]:
        edits = [e for e in stage.edits if e.rule != "DEF-6"]
        if stage.kind != "differential" or len(edits) > ROWS or sum(map(self.w.size, stage.start)) > WIDE:
            return super().laws(stage)
        steps = [s for s in stage.lines if s.rule != "DEF-6"]
        if any(sum(map(self.w.size, s.terms_after)) > WIDE for s in steps):
            return super().laws(stage)
        rows = self.marked(self.differential, stage.start, steps[0].on) if steps else []
        for step, after in zip_longest(steps, steps[1:]):
            rows += self.marked("", step.terms_after, after.on if after else None, (step.rule,))
        return rows

    def gradients(self, stage: Stage) -> list[Row]:
        if stage.kind != "differential" or any(self.w.size(r.before) > WIDE for r in stage.readings):
            return super().gradients(stage)
        rows: list[Row] = []
        for reading in stage.readings:
            steps = replay(reading)
            left = self.w.gradient_of(f"{reading.name} f")
            rows += self.marked(left, (reading.before,), steps[0].on if steps else None, ("DEF-6",))
            for step, after in zip_longest(steps, steps[1:]):
                rows += self.marked("", step.terms_after, after.on if after else None, (step.rule,))
        return rows

    def marked(self, left: str, terms: Sequence[Expr], part: Expr | None, rules: tuple[str, ...] = ()) -> list[Row]:
        """`left =` the sum of the terms, with the part marked that the next law works on."""
        meanings = [m for t in terms for m in self.w.page(t)[1]]
        there = part is not None and any(x is part for t in terms for x in nodes(t))
        w = MarkedWriter(self.w, part) if part is not None and there else self.w
        strength = HADAMARD if len(terms) > 1 else SUM
        body = w.joined([w.spread(w.at(t, strength), t, terms[0]) for t in terms])
        return [Row(left, "=", body, rules), *self.meanings(meanings)]

    def code(self) -> str:
        """The gradient to copy: LaTeX, the language of `parse`, NumPy."""
        d = self.d
        texts = [("LaTeX", latex_report(d)), ("nnmat", python_code(d))]
        try:
            texts.append(("NumPy", numpy_code(d)))
        except NotDerivable as error:
            texts.append(("NumPy", f"# {error}"))
        boxes = [
            f'<details class="code"><summary>{name}</summary><button type="button" class="copy">Copy</button>'
            f"<pre><code>{escape(text)}</code></pre></details>"
            for name, text in texts
        ]
        return _section("copies", "To copy", "\n".join(boxes))


def _section(name: str, title: str, body: str) -> str:
    head = f"<h2>{title}</h2>\n" if title else ""
    return f'<section class="{name}">\n{head}{body}\n</section>'


def _table(rows: Iterable[Row]) -> str:
    return '<table class="lines">\n' + "\n".join(map(_row, rows)) + "\n</table>"


def _row(row: Row) -> str:
    rules = list(dict.fromkeys(row.rules))
    said = STATEMENTS.get(rules[0], "") if len(rules) == 1 else ""
    law = f"<b>{escape(', '.join(rules))}</b> {escape(said)}" if rules else ""
    left, sign = (mathml(text) if text else "" for text in (row.left, row.sign))
    kind = ' class="inside"' if row.inside else ""
    return (
        f"<tr{kind}><td>{left}</td><td>{sign}</td>"
        f'<td class="formula">{mathml(row.body)}</td><td class="law">{law}</td></tr>'
    )
