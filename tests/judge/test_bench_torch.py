"""The benches compare like with like: PyTorch's part of a case gives the kernels' results, every net trains alike."""

import numpy as np
import pytest
import torch

import bench_kernels
from bench import cases as bench_cases
from bench import groups as bench_groups
from bench import networks as bench_networks
from bench import torch_peer as bench_torch
from nnmat import convert

SMALL = [case for case in bench_groups.cases() if case.flops < 1e9 and case.shape != "1024x1000"]
CASES = [case for case in [*bench_cases.quick_cases(), *SMALL] if case.torch]


def layouts(case):
    return ("NCHW", "channels_last") if case.group == "conv" else ("NCHW",)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.key)
def test_pytorch_computes_what_the_case_says(case):
    arrays = case.arrays(np.random.default_rng(0))
    exact = bench_kernels.results(case.call(bench_kernels.twins(), *bench_kernels.copies(arrays, np.float64)))
    for layout in layouts(case):
        found = bench_torch.computation(arrays, layout=layout, **case.torch)()
        found = [A.permute(0, 2, 3, 1) if A.ndim == 4 else A for A in (found if isinstance(found, tuple) else (found,))]
        assert bench_kernels.largest_error([A.numpy() for A in found], exact) < 1e-5


@pytest.mark.parametrize("net", bench_networks.NETS)
@pytest.mark.parametrize("optimizer", ["plain", "foreach", "fused"])
def test_a_step_is_the_same_step(net, optimizer):
    ours, theirs = bench_networks.Nnmat(), bench_networks.Torch()
    theirs.torch.manual_seed(0)
    for layout in ("NCHW", "channels_last") if net == "cnn" else ("NCHW",):
        model, their_model = ours.model(net), theirs.model(net)
        state = {k: torch.from_numpy(v) for k, v in convert.to_torch(model).items()}
        their_model.load_state_dict(dict(zip(their_model.state_dict(), state.values(), strict=True)))
        step = ours.stepper(net, 32, model=model)
        their_step = theirs.stepper(net, 32, layout, optimizer, their_model)
        for _ in range(bench_networks.POOL + 2):
            assert step() == pytest.approx(their_step().item(), rel=1e-4)
