"""Every rule: it fires, it does not where it must not, and the bits stay."""

import numpy as np
import pytest

from nnmat_kernels import unchecked as k
from nnmat_kernels.programs.rewrites import RULES
from nnmat_kernels.runtime.config import settings
from tests.kernels.programs.recordings import array, improved

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
