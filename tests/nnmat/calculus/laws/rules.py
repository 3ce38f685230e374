"""What a rule has to do: an equal expression, of the same shape, or None."""

import numpy as np

from nnmat.calculus import evaluate
from nnmat.calculus.checking.sampling import points


def equal_values(rule, e, form):
    """`rule` makes of `e` what is printed as `form`, with the same value; or it does not apply (None)."""
    new = rule(e)
    if form is None:
        assert new is None or new is e, f"{rule.__name__} made {new} of {e}"
        return
    assert new is not None, f"{rule.__name__} did not apply to {e}"
    assert str(new) == form
    assert new.shape == e.shape
    for point in points(e, np.random.default_rng(0), 3):
        values = {**{s.name: a for s, a in point.arrays.items()}, **point.sizes}
        assert np.allclose(evaluate(new, **values), evaluate(e, **values), rtol=1e-9)
