"""Random expressions, every operator in every place: no wrong gradient, hardly any refusal."""

import re

from nnmat.calculus import NotDerivable, UnverifiedError, derive, parse
from nnmat.calculus.checking.differences import compare
from nnmat.calculus.language.operators import inner
from tests.nnmat.calculus.generator import OPERATORS, PLACES, Generator, samples

REFUSED = 0.01


def test_random_expressions():
    """What `derive` returns is compared again, at other points; a wrong gradient is no refusal."""
    each, derived, refused = 6, 0, []
    for e, G, wrt in samples(each, seed=20):
        try:
            gradient = derive(e, wrt, G=G).gradient
        except (NotDerivable, UnverifiedError) as error:
            if "expected the derivative" in str(error):
                raise AssertionError(f"wrong: {e!r} by {wrt.name}") from error
            refused.append(f"{e!r} by {wrt.name}: {error}")
            continue
        root = e if G is None else inner(G, e)
        assert compare(root, gradient, wrt, seed=12345, trials=1) < 1e-4
        derived += 1
    print(f"derived {derived}, refused {len(refused)}")
    assert derived + len(refused) == each * len(OPERATORS) * len(PLACES)
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
