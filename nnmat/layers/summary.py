"""A model as a table, a layer as its options."""

from html import escape
from typing import Any

from nnmat_kernels.programs.html import html_table

from .checks import batch_shape


def table(model: Any) -> str:
    """The table of a built layer: see `Layer.summary`."""
    rows = _rows(model)
    widths = [max(len(row[c]) for row in rows) for c in range(4)]
    lines = [
        f"{r[0]:<{widths[0]}}  {r[1]:<{widths[1]}}  {r[2]:>{widths[2]}}  {r[3]:>{widths[3]}}".rstrip() for r in rows
    ]
    rule = "-" * max(map(len, lines))
    return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])


def table_of_html(model: Any) -> str:
    """The same for a notebook; of a layer that is not built, what it is."""
    if not model.built:
        return f"<code>{escape(repr(model))}</code> (not built)"
    head, *rows = _rows(model)
    return html_table(head, rows, left=2, foot=1)


def _rows(model: Any) -> list[tuple[str, ...]]:
    """The head of the table, its lines, and the total."""
    rows: list[tuple[str, ...]] = [("layer", "output shape", "parameters", "flops forward")]
    rows.append(("input", batch_shape(model.input_shape), "", ""))
    seen: set = set()
    if model.children():
        _add_parts(rows, model, 0, seen)
    else:
        _add(rows, model, model.kind, 0, seen)
    total = sum(p.size for p in model.parameters())
    rows.append(("total", batch_shape(_output(model)), f"{total:,}", f"{model.flops():,}"))
    return rows


def options(layer: Any, *names: str) -> dict:
    """The attributes of these names as JSON-able values."""
    return {name: list(value) if type(value := getattr(layer, name)) is tuple else value for name in names}


def _add_parts(rows: list, layer: Any, depth: int, seen: set) -> None:
    own = [p for p in layer.own_parameters() if p not in seen]
    if own:
        seen.update(own)
        rows.append(("  " * depth + "its own", "", f"{sum(p.size for p in own):,}", ""))
    for name, child in layer.named_children():
        _add(rows, child, f"{name} {child.kind}", depth, seen)


def _add(rows: list, layer: Any, name: str, depth: int, seen: set) -> None:
    inside = layer.parameters()
    fresh = [p for p in inside if p not in seen]
    size = f"{sum(p.size for p in fresh):,}" + (" (tied)" if inside and not fresh else "")
    rows.append(("  " * depth + name, batch_shape(_output(layer)), size, f"{layer.flops():,}"))
    if layer.children():
        _add_parts(rows, layer, depth + 1, seen)
    seen.update(inside)


def _output(layer: Any) -> tuple:
    return layer.output_shape(layer.input_shape)
