"""The cases: inputs, flops, and a case for every kernel."""

import numpy as np

import nnmat_kernels
from bench import cases


def test_every_kernel_has_a_case():
    kernels = {name for name in nnmat_kernels.__all__ if name.islower()}
    kernels -= {"get_num_threads", "max_num_threads", "set_num_threads"}
    for some in (cases.quick_cases(), cases.cases()):
        assert {case.name for case in some} == kernels
        assert len({case.key for case in some}) == len(some)


def test_a_product_s_work_and_arrays():
    case = cases.product(2, 3, 4, transpose_a=True)
    A, B = case.arrays(np.random.default_rng(0))
    assert (A.shape, B.shape, A.dtype, B.dtype) == ((4, 2), (4, 3), np.float32, np.float32)
    assert (case.key, case.flops, case.terms) == ("matmul TN 2x3x4", 2 * 2 * 3 * 4, 4)


def test_a_bound_call_is_the_call():
    case = cases.product(2, 3, 4, transpose_b=True)
    A, B = case.arrays(np.random.default_rng(0))
    C = case.call(nnmat_kernels, A, B)
    out = np.empty_like(C)
    assert np.array_equal(case.bind(nnmat_kernels, A, B, out=out)(), C)
    assert np.array_equal(out, C)
    assert np.allclose(case.bind_peer(A, B, out=np.empty_like(C))(), C)


def test_the_convolutions_work_is_that_of_their_product():
    (conv,) = (case for case in cases.convolutions(2, 9, 3, 4, 3, stride=2, padding=1) if case.name == "conv2d")
    X, K = conv.arrays(np.random.default_rng(0))
    assert conv.call(nnmat_kernels, X, K).shape == (2, 5, 5, 4)
    assert (conv.flops, conv.terms) == (2 * (2 * 5 * 5) * 4 * (3 * 3 * 3), 3 * 3 * 3)
