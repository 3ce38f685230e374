"""The benches compare like with like: PyTorch's part of a case gives the kernels' results, every net trains alike."""

import numpy as np
import pytest
import torch

import nnmat
from bench import cases, groups, kernels, networks, torch_peer
from bench.models import language
from nnmat import convert
from train_transformer import optimizer_for

SMALL = [case for case in groups.cases() if case.flops < 1e9 and case.shape != "1024x1000"]
CASES = [case for case in [*cases.quick_cases(), *SMALL] if case.torch]


def layouts(case):
    return ("NCHW", "channels_last") if case.group == "conv" else ("NCHW",)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.key)
def test_pytorch_computes_what_the_case_says(case):
    arrays = case.arrays(np.random.default_rng(0))
    exact = kernels.results(case.call(kernels.twins(), *kernels.copies(arrays, np.float64)))
    for layout in layouts(case):
        found = torch_peer.computation(arrays, layout=layout, **case.torch)()
        found = found if isinstance(found, tuple) else (found,)
        if case.group == "conv":
            found = [A.permute(0, 2, 3, 1) if A.ndim == 4 else A for A in found]
        assert kernels.largest_error([A.numpy() for A in found], exact) < 1e-5


@pytest.mark.parametrize("net", networks.NETS)
@pytest.mark.parametrize("optimizer", ["plain", "foreach", "fused"])
def test_a_step_is_the_same_step(net, optimizer):
    ours, theirs = networks.Nnmat(), networks.Torch()
    theirs.torch.manual_seed(0)
    for layout in ("NCHW", "channels_last") if net == "cnn" else ("NCHW",):
        model, their_model = ours.model(net), theirs.model(net)
        state = {k: torch.from_numpy(v) for k, v in convert.to_torch(model).items()}
        their_model.load_state_dict(dict(zip(their_model.state_dict(), state.values(), strict=True)))
        step = ours.stepper(net, 32, model=model)
        their_step = theirs.stepper(net, 32, layout, optimizer, their_model)
        for _ in range(networks.POOL + 2):
            assert step() == pytest.approx(their_step().item(), rel=1e-4)


@pytest.mark.parametrize("optimizer", ["foreach", "fused"])
def test_a_step_of_the_language_model_is_the_same_step(optimizer):
    net, T = "tiny", language.NETS["tiny"]["context"]
    ours, theirs = language.Nnmat(), language.Torch()
    model = ours.model(net)
    their_step = theirs.stepper(net, 4, optimizer, theirs.weights(net, model))
    loss, update = nnmat.SoftmaxCrossEntropy(), optimizer_for(model, language.options(net))
    rng, tokens = np.random.default_rng(0), language.text(100_000)
    for _ in range(networks.POOL):
        at = rng.integers(0, len(tokens) - T, (4, 1)) + np.arange(T)
        value = loss.forward(model.forward(tokens[at], training=True), tokens[at + 1])
        model.backward(loss.backward(), input_gradient=False)
        update.step()
        assert value == pytest.approx(their_step().item(), rel=1e-4)


def test_text_is_written_from_the_same_logits():
    theirs, model = language.Torch(), language.Nnmat().model("tiny")
    seen, logits = theirs.written("tiny", theirs.weights("tiny", model))()
    T = language.NETS["tiny"]["context"]
    since = (language.WRITTEN - T) % (T // 2 + 1)  # tokens drawn since half a context was read again, 0: it is full
    places = T // 2 + since - 1 if since else T
    context = np.zeros((1, T), np.int64)
    context[0, :places] = seen[-1 - places : -1]
    assert np.allclose(model.forward(context)[0, places - 1], logits.numpy(), atol=1e-5)
