"""The rows of scripts/bench_kernels.py: what is right, what holds, and under which key."""

import argparse
import dataclasses

import numpy as np
import pytest

import nnmat_kernels
from bench import cases, kernels


def test_a_wrong_kernel_is_seen():
    right = next(case for case in cases.quick_cases() if case.name == "relu")

    def wrong(module, X, **outs):
        Y = right.call(module, X, **outs)
        return Y if module is not nnmat_kernels else Y * np.float32(1.001)

    options = argparse.Namespace(seed=0, quick=True, rounds=1, threads=1)
    peaks = {"GFLOP/s": 1.0, "GB/s": 1.0}
    for call, holds in ((right.call, True), (wrong, False)):
        case = dataclasses.replace(right, call=call)
        row = kernels.measure(case, kernels.twins(), peaks, None, options)
        assert row["pass"] == holds
        assert row["numpy_pass"]
        assert ("FAIL" in kernels.shown(row, None)) == (not holds)


def group(name, ratios):
    row = {"name": "k", "group": name, "torch_microseconds": 1.0}
    return [row | {"shape": str(i), "ratio": ratio} for i, ratio in enumerate(ratios)]


def test_a_group_holds_if_its_mean_and_its_smallest_ratio_do():
    (found,) = kernels.group_rows(group("conv", [1.0, 4.0]))
    assert (found["mean"], found["least"], found["where"], found["holds"]) == (pytest.approx(2.0), 1.0, "k 0", True)
    assert not kernels.group_rows(group("conv", [0.5, 8.0]))[0]["holds"]  # the smallest is below 0.85
    assert not kernels.group_rows(group("conv", [1.0, 1.2]))[0]["holds"]  # the mean is below 1.25
    assert kernels.group_rows(group("others", [1.0])) == []


def test_the_largest_error_is_relative_and_never_loses_a_nan():
    exact = [np.array([10.0, 1.0]), np.array([0.0])]
    assert kernels.largest_error([np.array([10.0, 2.0]), np.array([0.0])], exact) == pytest.approx(0.1)
    assert kernels.largest_error([np.array([10.0, 1.0]), np.array([0.5])], exact) == 0.5  # beside zeros: absolute
    assert np.isnan(kernels.largest_error([np.array([np.nan, 1.0]), np.array([0.0])], exact))


def test_large_products_are_judged_by_numpy():
    """The twin adds up outer products; where that would take a minute, NumPy's product in float64 stands for it."""
    A, B = np.random.default_rng(0).standard_normal((2, 1 << 16, 64))
    assert np.array_equal(kernels.twins().matmul(A, B, transpose_a=True), A.T @ B)


def test_a_row_has_the_key_of_its_case():
    every = kernels.every_case()
    assert [kernels.row_key({"name": case.name, "shape": case.shape}) for case in every] == [case.key for case in every]
    assert len({case.key for case in every}) == len(every)
