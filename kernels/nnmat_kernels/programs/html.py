"""Tables as notebooks show them."""

from collections.abc import Sequence
from html import escape

LEFT = ' style="text-align: left"'


def html_table(head: Sequence[str], rows: Sequence[Sequence[str]], left: int = 0, foot: int = 0) -> str:
    """A table of texts, with a head; the first `left` columns begin at the left, the others are numbers.

    Spaces at the beginning of a cell are kept; the last `foot` rows are set apart.
    """
    lines = ["<table>", f"<thead>{_row('th', head, left)}</thead>", "<tbody>"]
    lines += [_row("td", row, left) for row in rows[: len(rows) - foot]]
    lines.append("</tbody>")
    if foot:
        lines.append(f"<tfoot>{''.join(_row('th', row, left) for row in rows[len(rows) - foot :])}</tfoot>")
    return "\n".join([*lines, "</table>"])


def _row(kind: str, cells: Sequence[str], left: int) -> str:
    return f"<tr>{''.join(_cell(kind, cell, i < left) for i, cell in enumerate(cells))}</tr>"


def _cell(kind: str, cell: str, left: bool) -> str:
    spaces = len(cell) - len(cell.lstrip(" "))
    return f"<{kind}{LEFT if left else ''}>{'&nbsp;' * spaces}{escape(cell[spaces:])}</{kind}>"
