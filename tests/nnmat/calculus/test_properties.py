"""Random expressions, every operator in every place: no wrong gradient, hardly any refusal."""

from nnmat.calculus import NotDerivable, UnverifiedError, derive
from nnmat.calculus.checking.differences import compare
from nnmat.calculus.language.operators import inner
from tests.nnmat.calculus.generator import OPERATORS, PLACES, samples

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
