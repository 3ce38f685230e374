"""A derivation as text and as LaTeX: for each quantity the lines of df with their laws, then its gradient."""

from ..dimensions import show
from ..language.expr import Expr, add
from ..notation.latex import LatexWriter
from ..notation.text import Writer
from .record import Record, Stage, Step, replay


def _definitions(d: Record) -> list[tuple[str, Expr]]:
    return [(name, ref.args[0]) for name, ref in d.quantities.items()]


def report(d: Record, full: bool = False) -> str:
    """The derivation in Unicode text."""
    w = Writer()
    lines = [f"f = {w.write(d.root if not d.quantities else _named_root(d))}"]
    lines += [f"    {w.symbol(name)} = {w.write(e)}" for name, e in _definitions(d)]
    lines.append("    " + ", ".join(f"{w.symbol(s.name)} {show(s.shape)}" for s in _symbols(d.root)))
    for stage in d.stages:
        lines.append("")
        lines += _stage(d, stage, w, full)
    lines += ["", f"{w.gradient_of(f'{d.wrt.name} f')} = {w.write(d.gradient)}{_form(d)}"]
    return "\n".join(lines)


def _form(d: Record) -> str:
    words = {
        "manifold": "    (on the symmetric matrices)",
        "entries": "    (by the free entries of the lower triangle)",
        "diagonal": "    (on the diagonal matrices)",
    }
    return words.get(d.form, "")


def _named_root(d: Record) -> Expr:
    first = d.stages[0].lines[0]
    return first.terms_before[0].args[0]


def _symbols(e: Expr) -> list[Expr]:
    return sorted(e.free, key=lambda s: s.name)


def _stage(d: Record, stage: Stage, w: Writer, full: bool) -> list[str]:
    rows: list[tuple[str, str]] = []
    shown = [s for s in stage.lines if s.rule != "DEF-6"]
    left, sign, by = _line(stage, w, "df", "=", "→")
    if shown:
        rows.append((f"{left} = " + w.write(shown[0].before), ""))
    rows += [(f"   {sign} " + w.write(s.after), s.rule) for s in shown]
    rows = _without_repeats(rows)
    wide = min(max((len(body) for body, _ in rows), default=0), 88)
    lines = [f"{body:<{wide}}  {rule}".rstrip() for body, rule in rows]
    closed = {link.name: link.closed for link in d.chain}
    for reading in stage.readings:
        title = w.gradient_of(f"{reading.name} f")
        if full:
            lines.append(f"{title} = {w.write(reading.before)}  {by}")
            lines += [f"    = {w.write(s.after)}  {s.rule}" for s in replay(reading)]
        else:
            rules = list(dict.fromkeys(a.rule for a in reading.applied))
            lines.append(f"{title} = {w.write(reading.after)}  {', '.join([by, *rules])}")
        final = closed.get(reading.name, reading.after)
        if final is not reading.after and reading.name != d.wrt.name:
            lines.append(f"    = {w.write(final)}")
    return lines


def _line(stage: Stage, w: Writer, differential: str, equal: str, arrow: str) -> tuple[str, str, str]:
    """What the lines of a stage say: df, step by step equal, or one gradient turned into another, by an attribute."""
    if all(s.kind == "differential" for s in stage.lines):
        return differential, equal, "DEF-6"
    return w.gradient_of(f"{stage.of} f"), arrow, stage.lines[0].rule


def _without_repeats(rows: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """A line that looks like the one before it is left out, and its law stands with that one."""
    kept: list[tuple[str, str]] = []
    for body, rule in rows:
        same = kept and kept[-1][0].partition("= ")[2] == body.partition("= ")[2]
        if same:
            kept[-1] = (kept[-1][0], ", ".join(dict.fromkeys([r for r in (kept[-1][1], rule) if r])))
        else:
            kept.append((body, rule))
    return kept


def latex_report(d: Record, full: bool = False) -> str:
    """The derivation in LaTeX."""
    w = LatexWriter()
    given = r" \\ ".join(rf"{w.symbol(name)} &= {w.write(e)}" for name, e in _definitions(d))
    blocks = [rf"f &= {w.write(_named_root(d) if d.quantities else d.root)}" + (rf" \\ {given}" if given else "")]
    for stage in d.stages:
        rows = []
        shown = [s for s in stage.lines if s.rule != "DEF-6"]
        left, sign, by = _line(stage, w, r"\mathrm{d}f", "=", r"\to")
        if shown:
            rows.append(rf"{left} &= {w.write(shown[0].before)}")
        rows += [_row(w, add(*s.terms_after), s, sign) for s in shown]
        for reading in stage.readings:
            title = w.gradient_of(f"{reading.name} f")
            if full:
                rows.append(rf"{title} &= {w.write(reading.before)} && \text{{{by}}}")
                rows += [_row(w, s.after, s) for s in replay(reading)]
            else:
                rows.append(rf"{title} &= {w.write(reading.after)} && \text{{{by}}}")
        rows = [
            row for i, row in enumerate(rows) if i == 0 or row.partition(" && ")[0] != rows[i - 1].partition(" && ")[0]
        ]
        blocks.append(" \\\\\n".join(rows))
    blocks.append(rf"{w.gradient_of(f'{d.wrt.name} f')} &= {w.write(d.gradient)}")
    return "\n\n".join("\\begin{align*}\n" + b + "\n\\end{align*}" for b in blocks)


def _row(w: LatexWriter, e: Expr, step: Step, sign: str = "=") -> str:
    return rf"&{sign} {w.write(e)} && \text{{{step.rule}}}"
