"""The row of the evidence about derivations that run: compiled gradients beside PyTorch's autograd."""

from collections.abc import Callable

from promises.row import Row, written


def calculus() -> list[Row]:
    """Compiled value and gradients of the worked examples against PyTorch's autograd."""
    command = "python scripts/bench_compiled.py"
    rows = []
    for mean in written(command)["means"]:
        value = f"{mean['mean']:.2f}x, error {mean['error']:.0e}"
        bar = f"geometric mean {mean['bar']}x of autograd at its best thread count, error <= 1e-9"
        rows.append(Row(f"compiled derivations, size {mean['size']}", bar, value, mean["holds"], command))
    return rows


ROWS: dict[str, Callable[[], Row | list[Row]]] = {"compiled-calculus": calculus}
