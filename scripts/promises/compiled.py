"""The rows of the evidence about what becomes of derivations: functions that run, records, graded lines."""

import re
from collections.abc import Callable

from promises.row import Row, run, written

VERIFIER = "tests/nnmat/calculus/verifying/test_verifier.py"
BUILTIN = "tests/nnmat/calculus/builtin"


def calculus() -> list[Row]:
    """Compiled value and gradients of the worked examples against PyTorch's autograd."""
    command = "python scripts/bench_compiled.py"
    rows = []
    for mean in written(command)["means"]:
        value = f"{mean['mean']:.2f}x, error {mean['error']:.0e}"
        bar = f"geometric mean {mean['bar']}x of autograd at its best thread count, error <= 1e-9"
        rows.append(Row(f"compiled derivations, size {mean['size']}", bar, value, mean["holds"], command))
    return rows


def records() -> Row:
    """Records of the worked examples and of random derivations accepted, changed ones refused."""
    command = f"python -m pytest -q -s {VERIFIER}"
    text = run(command, NNMAT_RANDOM="8").stdout
    accepted = sum(map(int, re.findall(r"records verified: (\d+)", text)))
    changed = [tuple(map(int, pair)) for pair in re.findall(r"tokens changed: (\d+) in (\d+) records", text)]
    if not accepted or not changed:
        raise OSError("evidence: the tests of records printed no figures")
    tokens, many = (sum(pair[i] for pair in changed) for i in (0, 1))
    value = f"{accepted} random records accepted; {tokens} changed tokens in {many} records refused or equal in value"
    bar = "1,000 random derivations accepted; changed tokens of 200 records refused or proven equal"
    return Row("records verified", bar, value, accepted >= 1000 and many >= 200, f"NNMAT_RANDOM=8 {command}")


def grading() -> Row:
    """Derivations with one misuse each: the line and the misuse that are named."""
    command = "python -m pytest -q -s tests/nnmat/calculus/grading/test_grade.py"
    found = re.findall(r"grading: (\d+) misuses, the right line in all, the right misuse in (\d+)", run(command).stdout)
    if not found:
        raise OSError("evidence: the tests of grading printed no figures")
    done, named = map(int, found[0])
    value = f"{done} misuses, the right line in all, the right misuse in {named}"
    bar = "100 derivations, the right line in all, the right misuse in 80 %"
    return Row("lines graded", bar, value, done >= 100 and named >= 0.8 * done, command)


def expressions() -> Row:
    """A network trained with a loss and an activation given as expressions beside the built-in ones."""
    command = "python scripts/bench_expressions.py"
    found = written(command)
    how = "as programs" if found["programs"] else "by hand"
    value = f"losses differ by {found['difference']:.0e}; {found['ratio']:.2f} times the time, {how}"
    bar = "the same curve to rounding (1e-5), at most 1.3 times the time"
    return Row("layers and losses as expressions", bar, value, found["holds"], command)


def layers() -> Row:
    """Built-in layers and losses whose compiled derivations are their backward, and whose records hold."""
    command = f"python -m pytest -q -s {BUILTIN}"
    found = re.findall(r"tied: (\d+) of (\d+) layers and losses, (\d+) gradients; without: (.*)", run(command).stdout)
    if not found:
        raise OSError("evidence: the tests of layers and losses printed no figures")
    tied, many, gradients, without = found[0]
    missing = len(without.split(", "))
    value = f"{tied} of {many} with {gradients} gradients; {without} have none, each with its reason"
    bar = "all but the listed ones, each with its reason"
    return Row("layers and losses tied to a record", bar, value, int(tied) + missing == int(many), command)


ROWS: dict[str, Callable[[], Row | list[Row]]] = {
    "compiled-calculus": calculus,
    "records": records,
    "grading": grading,
    "expressions": expressions,
    "layers-derived": layers,
}
