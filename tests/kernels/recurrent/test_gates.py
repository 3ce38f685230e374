"""The loops over the numbers of a gate, against NumPy."""

import numpy as np
import pytest

from nnmat_kernels.recurrent import gates


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1, 15, 16, 17, 70])
def test_loops(size, dtype, rng):
    x, y, s = rng.standard_normal((3, size)).astype(dtype)
    s, t = 1 / (1 + np.exp(-s)), np.tanh(s)
    eps = 20 * np.finfo(dtype).eps
    rows = [
        (gates.copy, (x,), x),
        (gates.add, (x,), y + x),
        (gates.times, (x,), y * x),
        (gates.tangents_of, (x,), np.tanh(x)),
        (gates.add_product, (x, s), y + x * s),
        (gates.mix, (s, x), (1 - s) * x + s * y),
        (gates.remember, (s, x, t), s * y + x * t),
        (gates.through_tangent, (x, s, t), y + x * s * (1 - t**2)),
        (gates.before_sigmoid, (x, t, s), x * t * s * (1 - s)),
        (gates.before_tangent, (x, s, t), x * s * (1 - t**2)),
        (gates.before_tangent_of_rest, (x, s, t), x * (1 - s) * (1 - t**2)),
        (gates.difference, (x, s), x - s),
    ]
    for loop, arguments, expected in rows:
        out = y.copy()
        loop(*arguments, out)
        np.testing.assert_allclose(out, expected, rtol=eps, atol=eps, err_msg=str(loop))
    for loop, expected in ((gates.sigmoids, 1 / (1 + np.exp(-x))), (gates.tangents, np.tanh(x))):
        out = x.copy()
        loop(out)
        np.testing.assert_allclose(out, expected, rtol=eps)
