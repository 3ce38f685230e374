"""A program as a table: whose each operation is, what it comes to, what is fused into it, its work and its time."""

import difflib
import math
from html import escape
from typing import Any, NamedTuple

import numpy as np

from .entries import Entry
from .html import html_table

HEAD = ("", "whose", "operation", "kernels", "arrays", "open", "flops", "bytes")


History = list[tuple[str, list[str]]]  # what was done ("recorded", or a rule), and the operations after it


class Row(NamedTuple):
    """One entry. `seconds` are those of a step, None if they were not measured."""

    place: str
    operation: str
    kernels: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    open: tuple[str, ...]  # what it takes from the step, or from an entry before
    flops: int
    bytes: int
    seconds: float | None


class Listing:
    """The rows of a program; `print` shows them as a table."""

    def __init__(self, rows: list[Row], history: History, size: int, steps: int = 0, seconds: float = 0.0):
        self.rows, self.history, self.bytes = rows, history, size
        self.steps, self.seconds = steps, seconds  # that were measured, calls included

    @property
    def rules(self) -> list[str]:
        """The rules that have improved it, in order."""
        return [name for name, _ in self.history[1:]]

    def story(self) -> str:
        """The operations as they were recorded, and what each rule has made of them."""
        (first, before), *rest = self.history or [("", [])]
        lines = [first, *(f"    {text}" for text in before)]
        for name, after in rest:
            lines.append(name)
            for tag, a, b, c, d in difflib.SequenceMatcher(a=before, b=after, autojunk=False).get_opcodes():
                if tag != "equal":
                    lines += [f"  - {text}" for text in before[a:b]] + [f"  + {text}" for text in after[c:d]]
            before = after
        return "\n".join(lines)

    @property
    def share_outside(self) -> float:
        """The share of the measured time that is not an entry's: what the runner and Python take between them."""
        inside = sum(row.seconds or 0.0 for row in self.rows) * self.steps
        return 1.0 - inside / self.seconds if self.seconds else 0.0

    def _cells(self) -> list[tuple[str, ...]]:
        """The head and the rows, as texts."""
        measured = any(row.seconds is not None for row in self.rows)
        table = [HEAD + (("us", "GFLOP/s") if measured else ())]
        for i, row in enumerate(self.rows):
            shapes = ", ".join("x".join(map(str, shape)) for shape in row.shapes)
            cells = [str(i), row.place, row.operation, ", ".join(row.kernels), shapes, ", ".join(row.open)]
            cells += [_short(row.flops), _short(row.bytes)]
            if measured:
                seconds = row.seconds or 0.0
                cells += [f"{seconds * 1e6:.2f}", f"{row.flops / seconds / 1e9:.1f}" if seconds else ""]
            table.append(tuple(cells))
        return table

    def _foot(self) -> str:
        rules = ", ".join(dict.fromkeys(self.rules)) or "none"
        foot = f"rules that improved it: {rules}; memory of its own: {_short(self.bytes)}B"
        if self.steps:
            foot += f"; {self.seconds / self.steps * 1e6:.2f} us a step, {self.share_outside:.0%} outside the kernels"
        return foot

    def __str__(self) -> str:
        table = self._cells()
        widths = [max(len(cells[c]) for cells in table) for c in range(len(table[0]))]
        lines = ("  ".join(f"{text:<{w}}" for text, w in zip(cells, widths, strict=True)).rstrip() for cells in table)
        return "\n".join([*lines, self._foot()])

    def _repr_html_(self) -> str:
        head, *rows = self._cells()
        return f"{html_table(head, rows, left=6)}\n<p>{escape(self._foot())}</p>"


def operation_text(e: Entry) -> str:
    """What is computed of the arguments, with what is fused into it."""
    a = e.arguments
    if e.name == "column_sums":
        text = "Aᵀ 1"
    elif e.name == "matmul":
        text = f"{'Aᵀ' if a['transpose_a'] else 'A'} {'Bᵀ' if a['transpose_b'] else 'B'}"
        text += "" if a["bias"] is None else " + 1 bᵀ"
    else:
        return " + ".join([*e.before, e.name, *e.fused])
    text = f"out + {text}" if a["accumulate"] else text
    return f"{a['activation']}({text})" if a.get("activation") else text


def flops(e: Entry) -> int:
    """Floating-point operations: of products and convolutions two for each multiply-add, else one for each number."""
    a: dict[str, Any] = e.arguments
    if e.name == "matmul":
        inner = math.prod(a["A"].shape[:-1]) if a["transpose_a"] else a["A"].shape[-1]
        return 2 * a["out"].size * inner
    if e.name == "batched_matmul":
        return 2 * a["out"].size * a["A"].shape[-2 if a["transpose_a"] else -1]
    if e.name == "conv2d":
        return 2 * a["out"].size * a["K"].size // len(a["K"])
    if e.name == "conv2d_input_gradient":
        return 2 * a["G"].size * a["K"].size // len(a["K"])
    if e.name == "conv2d_weight_gradient":
        return 2 * a["G"].size * a["out"].size // len(a["out"])
    return sum(A.size for A in e.written() or e.reads())


def traffic(e: Entry) -> int:
    """Bytes that it reads and writes; of a gather, the rows that it takes alone."""
    if e.name == "gather":
        return 2 * e.arguments["out"].nbytes + e.arguments["rows"].nbytes
    return size_of(list(e.arrays().values()))


def size_of(arrays: list[np.ndarray]) -> int:
    """The bytes of some arrays, each counted once."""
    return sum({(A.ctypes.data, A.nbytes): A.nbytes for A in arrays}.values())


def _short(number: int) -> str:
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number} "
