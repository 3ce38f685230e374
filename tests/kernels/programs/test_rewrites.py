"""Every rule: it fires, it does not where it must not, and the bits stay."""

import numpy as np
import pytest

from nnmat_kernels import unchecked as k
from nnmat_kernels.programs.rewrites import RULES, improve
from nnmat_kernels.runtime.config import settings
from tests.kernels.programs.recordings import array, entries_of, improved

CONVOLUTION = ((1, 1), (0, 0), (1, 1), 1)
POOL = ((2, 2), (2, 2), (0, 0))
# Small, and where a JIT runs, on the other side of the sizes from which kernels are parallel.
ROWS = (5,) if settings.DISABLE_JIT else (5, 300)


def test_every_rule_tells_what_it_does():
    for rule in RULES:
        assert rule.name
        assert rule.pattern
        assert rule.becomes
        assert rule.why
    assert len({rule.name for rule in RULES}) == len(RULES)


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("f", ["relu", "sigmoid", "tanh"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_activation_becomes_part_of_the_product(f, rows, dtype):
    X, W, b = array(rows, 70, dtype=dtype), array(90, 70, dtype=dtype), array(90, dtype=dtype)
    fired, operations, same = improved(lambda: getattr(k, f)(k.matmul(X, W, False, True, bias=b)))
    assert (fired, operations, same) == (["activation"], ["matmul"], True)


@pytest.mark.parametrize("f", ["relu", "sigmoid", "tanh"])
def test_an_activation_becomes_part_of_the_convolution(f):
    X, K = array(3, 9, 9, 2), array(4, 3, 3, 2)
    fired, operations, same = improved(lambda: getattr(k, f)(k.conv2d(X, K, None, *CONVOLUTION)))
    assert (fired, operations, same) == (["activation"], ["conv2d"], True)


def test_an_activation_after_a_view_of_the_product():
    X, W = array(4, 3, 7), array(5, 7)
    fired, operations, same = improved(lambda: k.relu(k.matmul(X, W, False, True).reshape(12, 5)))
    assert (fired, operations, same) == (["activation"], ["matmul"], True)


def _read_twice(X, W):
    H = k.matmul(X, W, False, True)
    return k.relu(H), k.copy(H)


def _wanted_itself(X, W):
    H = k.matmul(X, W, False, True)
    return k.relu(H), H


def _a_part_of_it(X, W):
    return k.relu(k.matmul(X, W, False, True)[:2])


def _of_something_else(X, W):
    return k.relu(X), k.matmul(X, W, False, True)


def _twice_activated(X, W):
    return k.gelu(k.matmul(X, W, False, True))


def _given_memory(X, W):
    return k.relu(k.matmul(X, W, False, True, GIVEN))


GIVEN = np.empty((5, 6), np.float32)


@pytest.mark.parametrize(
    "work", [_wanted_itself, _a_part_of_it, _of_something_else, _twice_activated, _given_memory, _read_twice]
)
def test_an_activation_stays_alone_where_its_argument_is_wanted_too(work):
    X, W = array(5, 4), array(6, 4)
    fired, operations, same = improved(lambda: work(X, W))
    assert "activation" not in fired
    assert {"relu", "gelu"} & set(operations)
    assert same


def _pooled(X, K, G, after=None, overlapping=False, of=None):
    kernel, stride, padding = ((3, 3), (2, 2), (0, 0)) if overlapping else POOL
    H = k.relu(k.conv2d(X, K, None, *CONVOLUTION))
    Y, indices = k.max_pool2d(H, kernel, stride, padding)
    gH = k.max_pool2d_backward(G, indices, H.shape, kernel, stride, padding)
    gX = k.relu_backward(gH, H if of is None else of)
    return (gX, Y) if after is None else (gX, Y, gH)


@pytest.mark.parametrize("overlapping", [False, True])
def test_the_gradient_of_a_relu_before_pooling(overlapping):
    X, K, G = array(2, 11, 11, 1), array(3, 3, 3, 1), array(2, 4, 4, 3)
    fired, operations, same = improved(lambda: _pooled(X, K, G, overlapping=overlapping))
    assert "pooling before ReLU" in fired
    assert operations == ["conv2d", "max_pool2d", "max_pool2d_backward"]
    assert same


@pytest.mark.parametrize("options", [{"after": True}, {"of": array(2, 9, 9, 3)}])
def test_the_gradient_of_a_relu_stays_where_it_is_of_something_else(options):
    X, K, G = array(2, 11, 11, 1), array(3, 3, 3, 1), array(2, 4, 4, 3)
    fired, operations, same = improved(lambda: _pooled(X, K, G, **options))
    assert "pooling before ReLU" not in fired
    assert operations[-1] == "relu_backward"
    assert same


def test_a_copy_goes():
    X, W = array(5, 4), array(6, 4)
    fired, operations, same = improved(lambda: k.sigmoid(k.copy(k.matmul(X, W, False, True))))
    assert (fired, operations, same) == (["copy", "activation"], ["matmul"], True)


def test_a_copy_stays_where_its_source_is_written_afterwards():
    X = array(5, 4)

    def work():
        Y = k.copy(X)
        k.fill(X, 0.0)
        Z = k.add(Y, Y)
        k.copy(Z, X)
        return None

    fired, operations, same = improved(work)
    assert (fired, operations, same) == ([], ["copy", "fill", "add", "copy"], True)


def test_a_copy_to_another_dtype_stays():
    X = array(5, 4)
    fired, operations, _ = improved(lambda: k.relu(k.copy(X, np.empty(X.shape))))
    assert (fired, operations) == ([], ["copy", "relu"])


def test_what_nobody_reads_goes():
    X = array(5, 4)

    def work():
        k.gelu(k.sigmoid(X))
        return k.tanh(X)

    fired, operations, same = improved(work)
    assert (fired, operations, same) == (["unread", "unread"], ["tanh"], True)


def test_what_is_written_for_others_stays():
    X, out = array(5, 4), np.empty((5, 4), np.float32)

    def work():
        k.relu(X, out)
        return None

    assert improved(work) == ([], ["relu"], True)


def test_numbers_stay():
    X = array(5, 4)

    def work():
        k.sum_of_squares(X)
        return None

    assert improved(work) == ([], ["sum_of_squares"], True)


def test_a_copy_stays_where_it_is_written_afterwards():
    X = array(5, 4)
    before = X.copy()

    def work():
        Y = k.copy(X)
        k.relu(Y, Y)
        return k.sigmoid(Y)

    fired, operations, same = improved(work)
    assert (fired, operations, same) == ([], ["copy", "relu", "sigmoid"], True)
    assert X.tobytes() == before.tobytes()


def test_a_copy_of_what_is_given_stays_where_it_comes_back():
    X = array(5, 4)
    assert improved(lambda: k.copy(X)) == ([], ["copy"], True)


class Norm:
    """A batch norm of some images, and its backward pass."""

    def __init__(self, seed=0, shape=(4, 5, 5, 6)):
        self.X, self.G = array(*shape, seed=seed), array(*shape, seed=seed + 1)
        self.gamma, self.beta, self.mean = (array(shape[-1], seed=seed + i) for i in (2, 3, 4))
        self.variance, self.gg, self.gb = np.ones(shape[-1], np.float32), *np.empty((2, shape[-1]), np.float32)

    def forward(self, training=True):
        if not training:
            return k.batch_norm_evaluation(self.X, self.gamma, self.beta, 1e-5, self.mean, self.variance)
        own = np.empty_like(self.mean), np.empty_like(self.variance)
        return k.batch_norm(self.X, self.gamma, self.beta, 1e-5, 0.1, *own)

    def backward(self, G, statistics, training=True):
        return k.batch_norm_backward(G, self.X, statistics, self.gamma, training, None, self.gg, self.gb)


MASKED = "ReLU before BatchNorm's gradient"


@pytest.mark.parametrize("training", [True, False])
def test_a_relu_becomes_part_of_the_batch_norm(training):
    n = Norm()
    name = "batch_norm" if training else "batch_norm_evaluation"
    fired, operations, same = improved(lambda: k.relu(n.forward(training)[0]))
    assert (fired, operations, same) == (["ReLU after BatchNorm"], [name], True)


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("training", [True, False])
def test_a_residual_connection_becomes_part_of_the_batch_norm(training, first):
    n, A = Norm(), array(4, 5, 5, 6, seed=9)

    def work():
        H = n.forward(training)[0]
        return k.relu(k.add(H, A) if first else k.add(A, H))

    fired, operations, same = improved(work)
    assert fired == ["addition after BatchNorm", "ReLU after BatchNorm"]
    assert (len(operations), same) == (1, True)


def test_of_two_batch_norms_the_later_one_adds():
    n, m = Norm(), Norm(7)
    fired, operations, same = improved(lambda: k.add(m.forward()[0], k.relu(n.forward()[0])))
    assert sorted(fired) == ["ReLU after BatchNorm"]  # the first one's ReLU comes after the second one
    assert (operations, same) == (["batch_norm", "batch_norm", "add"], True)

    def work():
        H = n.forward()[0]
        return k.add(m.forward()[0], H)

    assert improved(work) == (["addition after BatchNorm"], ["batch_norm", "batch_norm"], True)


def _values_wanted(n):
    H = n.forward()[0]
    return k.relu(H), H


def _values_read_twice(n):
    H = n.forward()[0]
    return k.relu(H), k.sigmoid(H)


def _part_of_the_values(n):
    return k.relu(n.forward()[0][:2])


def _twice_the_values(n):
    H = n.forward()[0]
    return k.add(H, H)


def _added_before_it_is_there(n):
    H = n.forward()[0]
    return k.add(H, k.sigmoid(n.G))


def _added_but_written_meanwhile(n):
    A = k.sigmoid(n.G)
    H = n.forward()[0]
    k.fill(A, 2.0)
    return k.add(H, A)


def _rectified_before_it_is_added(n):
    return k.add(n.G, k.tanh(n.forward()[0]))


@pytest.mark.parametrize(
    "work",
    [
        _values_wanted, _values_read_twice, _part_of_the_values, _twice_the_values, _added_before_it_is_there,
        _added_but_written_meanwhile, _rectified_before_it_is_added,
    ],
)  # fmt: skip
def test_what_follows_a_batch_norm_stays_alone_where_its_values_are_wanted_too(work):
    n = Norm()
    fired, operations, same = improved(lambda: work(n))
    assert fired == []
    assert same
    assert len(operations) > 1


@pytest.mark.parametrize("training", [True, False])
def test_the_gradient_of_a_relu_behind_a_batch_norm(training):
    n = Norm()

    def work():
        H, statistics = n.forward(training)
        Y = k.relu(H)
        return n.backward(k.relu_backward(k.add(n.G, n.G), Y), statistics, training), Y, n.gg, n.gb

    fired, operations, same = improved(work)
    assert fired == ["ReLU after BatchNorm", MASKED]
    assert operations[1:] == ["add", "batch_norm_backward"]
    assert same


@pytest.mark.parametrize("branches", [1, 2])
def test_the_gradient_of_a_relu_behind_a_residual_connection(branches):
    n, m = Norm(), Norm(7)

    def work():
        (H, of_n), (S, of_m) = n.forward(), m.forward()
        Y = k.relu(k.add(S, H))
        gH = k.relu_backward(n.G, Y)
        made = [n.backward(gH, of_n), n.gg, n.gb]
        made += [m.backward(gH, of_m), m.gg, m.gb] if branches == 2 else []
        return (*made, Y)

    fired, operations, same = improved(work)
    assert fired == ["addition after BatchNorm", "ReLU after BatchNorm", MASKED]
    assert operations == ["batch_norm"] * 2 + ["batch_norm_backward"] * branches
    assert same


def test_the_gradient_of_a_relu_behind_a_batch_norm_that_is_given_by_its_output():
    """What it lets through is wanted besides, or shift and gain are others by then."""
    n = Norm()

    def twice():
        H, statistics = n.forward()
        gH = k.relu_backward(n.G, k.relu(H))
        return n.backward(gH, statistics), k.sigmoid(gH)

    def shifted():
        n.beta[:] = 1
        H, statistics = n.forward()
        Y = k.relu(H)
        k.fill(n.beta, 3.0)
        return n.backward(k.relu_backward(n.G, Y), statistics), Y

    for work in (twice, shifted):
        entries = entries_of(work)
        improve(entries)
        backward = next(e for e in entries.list if e.name == "batch_norm_backward")
        assert backward.arguments["relu"]
        assert backward.arguments["Y"] is not None
        assert "relu_backward" not in [e.name for e in entries.list]
    assert improved(twice)[2]


def _gradient_written_meanwhile(n):
    H, statistics = n.forward()
    G = k.sigmoid(n.G)
    gH = k.relu_backward(G, k.relu(H))
    k.fill(G, 2.0)
    return n.backward(gH, statistics), G


def _gradient_read_before(n):
    H, statistics = n.forward()
    gH = k.relu_backward(n.G, k.relu(H))
    return k.sigmoid(gH), n.backward(gH, statistics)


def _gradient_of_a_part(n):
    H, statistics = n.forward()
    gH = k.relu_backward(np.concatenate([n.G, n.G]), np.concatenate([n.X, n.X]))
    return n.backward(gH[:4], statistics), k.relu(H)


@pytest.mark.parametrize("work", [_gradient_written_meanwhile, _gradient_read_before, _gradient_of_a_part])
def test_the_gradient_of_a_relu_stays_where_a_batch_norm_cannot_take_it(work):
    n = Norm()
    fired, operations, same = improved(lambda: work(n))
    assert MASKED not in fired
    assert "relu_backward" in operations
    assert same
