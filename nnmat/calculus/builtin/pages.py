"""What stands in docs/derivations: for each layer and loss its records and a page to read, and an index of all."""

from ..dimensions import show
from ..records.exchange import records_text
from ..records.record import Link
from .catalogue import DESCRIPTIONS, EXCEPTIONS, LEFT_OUT, forms
from .description import Description

COMMAND = "scripts/write_derivations.py"
WIDE = 72  # signs of a gradient in the index
FEW = 5  # lines that are shown there
HEAD = f"""\
# Where the gradients of layers and losses come from

Every layer and loss of nnmat as an expression of the calculus, its gradients derived line by line, each line with its
law. A test compiles each expression and holds what comes out against the layer's `backward`, to 1e-10; the records are
judged by a verifier that shares no code with what derives ([running_derivations.md](../running_derivations.md)).
`python {COMMAND}` wrote this folder; `nnmat derive --layer Linear` prints a page of it anywhere.

A layer computes Y, and f = ⟨G, Y⟩ with the upstream gradient G, so that ∇_X f is what `backward` returns for X. A loss
is f itself. Sizes are letters; where something must be counted, the taps of a window, heads, branches, there are two to
four of them, and of a recurrent layer there is one step. The rows of all samples lie below one another; `1` is a column
of ones, ⊙ the product of entries, ⊗ that of Kronecker, `kron_right(M, A)` the sum of the blocks of M, each times its
entry of A. Gradients that are long stand here in terms of the gradient before them, such as ∇_Z f, or on their page
only. `nnmat laws` lists the laws.
"""
TABLE = ["| name | expression | gradients |", "|---|---|---|"]


def files() -> dict[str, str]:
    """The text of every file by its name."""
    found = {}
    rows: dict[bool, list[str]] = {False: [], True: []}
    for d in DESCRIPTIONS.values():
        if not d.kept:
            rows[d.scalar].append(f"| {d.name} | {_lines(d)} | `nnmat derive --layer {d.name}` |")
            continue
        found[f"{d.name}.json"], found[f"{d.name}.md"], gradients = written(d)
        rows[d.scalar].append(f"| [{d.name}]({d.name}.md) | {_lines(d)} | {'<br>'.join(map(_code, gradients))} |")
    found["README.md"] = "\n".join(
        [
            HEAD,
            *("## Layers", "", *TABLE, *rows[False], ""),
            *("## Losses", "", *TABLE, *rows[True], ""),
            *("## Without a record", "", "| | reason |", "|---|---|"),
            *(f"| `{name}` | {reason} |" for name, reason in EXCEPTIONS.items()),
            *("", "Left out of the records:", "", "| | reason |", "|---|---|"),
            *(f"| {name} | {reason} |" for name, reason in LEFT_OUT.items()),
            "",
        ]
    )
    return found


def written(d: Description) -> tuple[str, str, list[str]]:
    """The records of a description, its page, and its gradients as lines for the index."""
    derivations = d.derivations(check=False)  # what is stored is judged by the verifier, and the same on every machine
    shown: dict[str, None] = {}
    lines = [f"# {d.name}", "", "```text", symbols_of(d), "```", ""]
    for found in derivations:
        new = [block for block in str(found).split("\n\n") if block not in shown]
        shown.update(dict.fromkeys(new))
        lines += [f"## By {found.wrt.name}", "", "```text", "\n\n".join(new), "```", ""]
    others = [f"[{other.name}]({other.name}.md)" for other in forms(d.of) if other.kept and other is not d]
    if others:
        lines += [f"Other forms: {', '.join(others)}.", ""]
    lines += [
        f"Records: [{d.name}.json]({d.name}.json), one for each gradient; `nnmat verify` judges them. What was shown "
        "once is not repeated here.",
        "",
    ]
    return records_text(derivations) + "\n", "\n".join(lines), [_gradient(x.chain[-1]) for x in derivations]


def symbols_of(d: Description) -> str:
    """What is computed, in the language, and what its symbols are."""
    roles = [(d.inputs, "input"), (d.parameters, "parameter"), (d.constants, "constant")]
    rows = [(name, shape, kind) for shapes, kind in roles for name, shape in shapes.items()]
    rows += [] if d.scalar else [(G, show(Y.shape)[1:-1], "upstream gradient") for G, (_, Y) in d.upstream.items()]
    rows += [(n, show(e.shape)[1:-1], "quantity") for n, e in d.quantities.items() if n in d.words]
    wide = [max(len(row[at]) for row in rows) for at in (0, 1)]
    lines = []
    for name, shape, kind in rows:
        words = f"{kind}: {d.words[name]}" if name in d.words else kind
        lines.append(f"    {name:<{wide[0]}}  {shape:<{wide[1]}}  {words}")
    return "\n".join([*d.rows, *lines])


def opening(d: Description) -> str:
    """Name, other forms, lines and symbols, above the derivations of `nnmat derive --layer`."""
    others = [other.name for other in forms(d.of) if other is not d]
    return "\n".join([f"{d.name} (other forms: {', '.join(others)})" if others else d.name, symbols_of(d)])


def contents() -> str:
    """Every layer and loss, with its last line, as `nnmat derive --layers` prints it."""
    wide = max(map(len, (*DESCRIPTIONS, *EXCEPTIONS)))
    rows = [f"{d.name:<{wide}}  {d.last}" for d in DESCRIPTIONS.values()]
    return "\n".join([*rows, *(f"{name:<{wide}}  none: {reason}" for name, reason in EXCEPTIONS.items())])


def _gradient(link: Link) -> str:
    """A gradient in one line: closed, in terms of the one before it, or only named."""
    texts = [str(e) for e in (link.closed, link.local)]
    short = [text for text in texts if len(text) <= WIDE and "\n" not in text]
    return f"∇_{link.name} f = {short[0]}" if short else f"∇_{link.name} f"


def _lines(d: Description) -> str:
    """The lines of a description in a cell of a table: all, or the last."""
    return "<br>".join(map(_code, d.rows if len(d.rows) <= FEW else [d.last]))


def _code(text: str) -> str:
    """Code in a cell of a table."""
    return f"`{text}`".replace("|", "\\|")
