"""The networks in nnmat; PyTorch's and scikit-learn's are compared with them under `make judge`."""

import importlib.util
import io
import subprocess
import sys

import numpy as np
import pytest

from bench import networks


@pytest.mark.parametrize("net", networks.NETS)
def test_the_pool_of_batches(net):
    pool = networks.batches(net, 4)
    assert len(pool) == networks.POOL
    X, y = pool[0]
    assert (X.shape, X.dtype, y.shape) == ((4, *networks.NETS[net]), np.float32, (4,))
    assert not np.array_equal(X, pool[1][0])
    assert np.array_equal(X, networks.batches(net, 4)[0][0])  # every contender has the same


@pytest.mark.parametrize("net", networks.NETS)
def test_a_step_trains(net):
    ours = networks.Nnmat()
    model = ours.model(net)
    before = model.flat_parameters.copy()
    step = ours.stepper(net, 8, model)
    losses = [step() for _ in range(10 * networks.POOL)]
    assert not np.array_equal(model.flat_parameters, before)
    assert np.mean(losses[-networks.POOL :]) < np.mean(losses[: networks.POOL])


def test_networks_that_stand_in_no_list():
    assert networks.unlisted(networks.SEED) == networks.UNLISTED
    assert len(networks.UNLISTED) == 3
    for net, batch in networks.UNLISTED:
        widths, activation = networks.dense(net)
        assert 2 <= len(widths) - 1 <= 5
        assert all(50 <= width <= 1000 for width in widths[:-1])
        assert (widths[-1], networks.NETS[net]) == (10, (widths[0],))
        assert activation in ("sigmoid", "relu", "tanh")
        assert batch >= 32
    assert networks.dense("16-32-10") == ([16, 32, 10], "sigmoid")


@pytest.mark.parametrize("kind", ["caller", "trainer"])
def test_the_same_steps_compiled(kind):
    made = getattr(networks.Nnmat(), kind)("16-32-10", 8)
    if kind == "trainer":
        assert 0 < made(0.01) < 1
        assert 0 < networks.Nnmat().trainer("16-32-10", 8, profile=True)(0.01) < 1
    else:
        losses = [made() for _ in range(40 * networks.POOL)]
        assert np.mean(losses[-networks.POOL :]) < np.mean(losses[: networks.POOL])


SCAN = """
import numpy as np
from bench import networks
ours, theirs, net = networks.Nnmat(), networks.Jax(), {net!r}
model, parameters = ours.model(net), theirs.parameters(net)
for own, given in zip(model.parameters(), [A for pair in parameters for A in pair], strict=True):
    own.value[...] = np.asarray(given).T
step, pool = ours.stepper(net, 8, model), networks.batches(net, 8)
X, y = (np.stack(arrays) for arrays in zip(*pool))
zeros = theirs.jax.tree.map(theirs.jax.numpy.zeros_like, parameters)
_, losses = theirs.trained(net, unroll=4)((parameters, zeros), X, y)
np.testing.assert_allclose(np.asarray(losses), [step() for _ in pool], rtol=1e-4)
assert 0 < theirs.trainer(net, 8, unroll=1)(0.01) < 1
print("same")
"""


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="jax is of the extra `bench`")
@pytest.mark.parametrize("net", ["16-32-10", networks.UNLISTED[1][0]])
def test_a_step_of_jax_is_the_same_step(net):
    """In a process of its own: JAX's threads forbid forks."""
    program = f"import sys; sys.path[:0] = {sys.path!r}\n" + SCAN.format(net=net)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("same\n", 0), done.stderr


def test_our_variants_are_those_of_a_user():
    assert networks.Nnmat().variants("cnn", 2) == [{"threads": 2}]


def test_progress_bars_are_drawn_into_nothing():
    real, sys.stderr = sys.stderr, io.StringIO()
    try:
        with networks.unseen():
            print("a bar", file=sys.stderr)
        assert sys.stderr.getvalue() == ""
    finally:
        sys.stderr = real
