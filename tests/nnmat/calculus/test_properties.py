"""Random expressions, every operator in every place: no wrong gradient, hardly any refusal."""

import re

import pytest

from nnmat.calculus import NotDerivable, UnverifiedError, derive, parse
from nnmat.calculus.differences import compare
from nnmat.calculus.functions import inner
from tests.nnmat.calculus.generator import OPERATORS, PLACES, Generator

REFUSED = 0.01


def run(each: int, seed: int) -> tuple[int, list[str]]:
    """`each` samples for every operator and place; how many were derived, and which were refused.

    What `derive` returned is compared again, at other points. A wrong gradient raises AssertionError.
    """
    generator, derived, refused = Generator(seed), 0, []
    for _ in range(each):
        for op in OPERATORS:
            for place in PLACES:
                e, G, wrt = generator.sample(op, place)
                try:
                    gradient = derive(e, wrt, G=G).gradient
                except (NotDerivable, UnverifiedError) as error:
                    if "expected the derivative" in str(error):
                        raise AssertionError(f"wrong: {e!r} by {wrt.name}") from error
                    refused.append(f"{e!r} by {wrt.name}: {error}")
                    continue
                root = e if G is None else inner(G, e)
                if wrt in root.free:
                    try:
                        assert compare(root, gradient, wrt, seed=12345, trials=1) < 1e-4
                    except UnverifiedError as error:
                        raise AssertionError(f"wrong: {e!r} by {wrt.name}") from error
                derived += 1
    return derived, refused


def test_random_expressions():
    derived, refused = run(each=2, seed=20)
    print(f"derived {derived}, refused {len(refused)}")
    assert derived + len(refused) == 2 * len(OPERATORS) * len(PLACES)
    assert len(refused) <= REFUSED * derived, "\n".join(refused)


@pytest.mark.slow
def test_many_random_expressions():
    """At least 5,000 in all, and 200 of each operator over the three places; `run(200, seed)` has 200 in each place."""
    each = 67
    derived, refused = run(each, seed=1)
    print(f"derived {derived}, refused {len(refused)}")
    assert derived >= 5000
    assert each * len(PLACES) >= 200
    assert len(refused) <= REFUSED * derived, "\n".join(refused)


def test_what_looks_alike_is_alike():
    """No two expressions have the same text, but for sizes of 0, 1 and I, and factors of one."""
    generator = Generator(5)
    seen: dict[str, str] = {}
    for op in OPERATORS * 4:
        for place in PLACES:
            stack = [generator.sample(op, place)[0]]
            while stack:
                x = stack.pop()
                stack += x.args
                if x.op == "mul" and x.args[0].op == "num":
                    continue
                code = re.sub(r"(eye|ones|zeros)\([^()]*\)(\.T)?", r"\1", repr(x)).replace("ones", "1")
                code = re.sub(r"reshape\(([^,]*), [^)]*\)", r"vec(\1)", code)
                if "1 * " not in code and "2 * (" not in code:
                    assert seen.setdefault(str(x), code) == code


def test_code_reads_back():
    generator = Generator(3)
    for op in OPERATORS:
        for place in PLACES:
            e, _, _ = generator.sample(op, place)
            symbols = {s.name: s for s in e.free}
            assert parse(repr(e), **symbols) is e
