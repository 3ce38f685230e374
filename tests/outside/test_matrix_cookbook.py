"""Every row of the Matrix Cookbook's section on derivatives: right by value, and printed about as short as the book."""

import re
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from nnmat.calculus import derive, dim, hessian, jacobian, let, matrix, parse, simplify, text, tril
from nnmat.calculus.checking.differences import ATTEMPTS
from nnmat.calculus.checking.sampling import points
from nnmat.calculus.dimensions import ONE
from nnmat.calculus.errors import DomainError
from nnmat.calculus.evaluation.evaluator import Evaluation
from nnmat.calculus.language.expr import nodes
from nnmat.calculus.language.operators import inner
from nnmat.calculus.language.vocabulary import known_functions
from nnmat.calculus.notation.names import IN_FORMULAS
from nnmat.calculus.notation.text import Writer
from tests.outside.matrix_cookbook import EXCEPTIONS, LONGER, MISPRINTED, ROWS

FIRST, LAST = 32, 144
BAR = 1.2
WORDS = {*known_functions(), *IN_FORMULAS.values(), "adj"}


def symbols(row):
    """The symbols of a row, and the dX of its variable."""
    found = {}
    for part in row.shapes.split():
        name, _, rest = part.partition("=")
        sizes, _, words = rest.partition(":")
        rows, columns = [dim("N") + "K" if letter == "T" else letter for letter in (*sizes, "1", "1")[:2]]
        found[name] = matrix(name, rows, columns, **dict.fromkeys(filter(None, words.split(",")), True))
    found.setdefault(f"d{row.wrt}", matrix(f"d{row.wrt}", *found[row.wrt].shape))
    return found


def results(row):
    """What is derived, and what the book says."""
    known = symbols(row)
    lets = {}
    for name, body in row.lets:
        lets[name] = let(name, parse(body, lets, **known))
    book = parse(row.book, lets, **known)
    book = tril(book) if row.kind == "entries" else book
    f, wrt = parse(row.f, lets, **known), known[row.wrt]
    if row.kind in ("Hessian", "Jacobian"):
        ours = (hessian if row.kind == "Hessian" else jacobian)(f, wrt).matrix
    elif row.kind == "differential":
        ours = simplify(jacobian(f, wrt).along(known[f"d{row.wrt}"]))
    else:
        ours = derive(f, wrt, symmetric="entries" if row.kind == "entries" else "manifold").gradient
    if row.kind == "second derivative":
        ours = derive(ours, wrt).gradient
    if row.of:
        ours = simplify(parse(row.of, {"G": ours}, **known))
    return ours, book


def distance(a, b):
    """The largest relative distance of two expressions at three random points."""
    worst, count = 0.0, 0
    for point in points(inner(a, a) * inner(b, b), np.random.default_rng(5), ATTEMPTS):
        try:
            at = Evaluation(point.arrays, point.sizes)
            x, y = at.value(a), at.value(b)
        except DomainError:
            continue
        assert x.shape == y.shape
        worst = max(worst, float(np.abs(x - y).max() / max(np.abs(x).max(), np.abs(y).max(), 1e-3)))
        count += 1
        if count == 3:
            return worst
    raise AssertionError("no points")


def in_the_book(e):
    """The expression as the book prints it: with no names for what is repeated."""
    w = Writer()
    w.know(e)
    return w.at(e, 0)


def count(written, e):
    """The symbols of what is printed: names, numbers, operators, exponents; a pair of brackets is one, and a product
    whose factors stand beside one another has no operator."""
    names = sorted({*(s.name for s in e.free), *WORDS}, key=len, reverse=True)
    token = "|".join([*map(re.escape, names), r"\d+(?:\.\d+)?", "⁻ᵀ|⁻?[⁰¹²³⁴-⁹]+|\\^⊙", r"\S"])
    found = [t for t in re.findall(token, re.sub(r"\b(with|and)\b", " ", written)) if t not in ",)]⟩"]
    return len(found) - sum(t in "|‖" for t in found) // 2


def definitions(row):
    """The symbols of `v = ...` for the names that only the book's form has."""
    known, lets, total = symbols(row), {}, 0
    for name, body in row.lets:
        lets[name] = let(name, parse(body, lets, **known))
        if not re.search(rf"\b{name}\b", " ".join((row.f, *(b for n, b in row.lets if n != name)))):
            total += 2 + count(in_the_book(lets[name].args[0]), lets[name].args[0])
    return total


def dyads(e):
    """How many factors a bᵀ of longer products stand in brackets, which the book leaves out."""
    products = [x for x in nodes(e) if x.op == "matmul" and len(x.args) > 2]
    return sum(any(a.shape[0] == ONE for a in x.args[1:]) for x in products)


@lru_cache
def lengths(row):
    """What is printed, and the symbols of it and of the book's form."""
    ours, book = results(row)
    return text(ours), count(text(ours), ours), count(in_the_book(book), book) - dyads(book) + definitions(row)


NUMBERED = pytest.mark.parametrize("row", ROWS, ids=str)


@NUMBERED
def test_a_row_is_right(row):
    ours, book = results(row)
    assert distance(ours, book) < 1e-7


@NUMBERED
def test_a_row_is_as_short_as_the_book(row):
    written, ours, book = lengths(row)
    most, same = LONGER.get(str(row), (BAR * book, book))
    assert book == same, written
    assert ours <= most, written


def test_a_misprint_is_found():
    ours, book = results(MISPRINTED)
    assert distance(ours, book) > 0.01


def test_every_number_is_a_row_or_an_exception():
    numbers = {row.number for row in ROWS}
    assert numbers.isdisjoint(EXCEPTIONS)
    assert numbers | set(EXCEPTIONS) == {str(n) for n in range(FIRST, LAST + 1)}
    assert len(set(map(str, ROWS))) == len(ROWS)
    assert set(LONGER) <= set(map(str, ROWS))


def figures():
    """The counts over all rows, and a line for each."""
    found = [(row, *lengths(row)) for row in ROWS]
    ratios = sorted(ours / book for _, _, ours, book in found)
    equations = len({row.number for row in ROWS})
    counts = f"{len(ROWS)} rows of {equations} equations right, {len(EXCEPTIONS)} exceptions"
    short = f"{sum(r <= BAR for r in ratios)} rows at most {BAR} times as long as the book"
    lines = [f"({row.number}) {ours}/{book} {said}".replace("\n   ", ",") for row, said, ours, book in found]
    return counts, f"{short}, median {ratios[len(ratios) // 2]:.2f}", f"longest {ratios[-1]:.2f}", lines


def test_the_list():
    """Every row with its lengths, for the evidence."""
    counts, short, longest, lines = figures()
    print("\n".join(lines))
    print(f"cookbook: {counts}; {short}, {longest}")


def test_the_page_says_so():
    page = (Path(__file__).parents[2] / "docs" / "calculus.md").read_text(encoding="utf-8")
    counts, short, *_ = figures()
    assert f"| {counts} |" in page
    least, median = re.findall(r"at least (\d+) rows no longer than .*, (median [\d.]+) \|", page)[0]
    assert int(short.split()[0]) >= int(least)
    assert short.endswith(median)


@pytest.mark.parametrize(
    ("written", "symbols"),
    [("2 Xᵀ(Xw - t)", 8), ("|X| X⁻ᵀ", 4), ("‖x‖²", 3), ("kron_left(G, Y)", 4), ("A^⊙(-1)", 5), ("0.5 ⟨A, B⟩", 4)],
)
def test_how_symbols_are_counted(written, symbols):
    e = matrix("X", "N", "N") @ matrix("kron", "N", "N")
    assert count(written, e) == symbols
