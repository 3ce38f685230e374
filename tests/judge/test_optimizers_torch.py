"""Optimizers against torch.optim in float64: 60 steps on random gradients, parameters to 1e-12 by norm."""

import numpy as np
import pytest
import torch

from nnmat import (
    LBFGS,
    SGD,
    Adagrad,
    Adam,
    AdamW,
    Linear,
    MeanSquaredError,
    Muon,
    NAdam,
    RMSProp,
    Sequential,
    Sigmoid,
    Tanh,
)
from nnmat.descent import FixedStep
from nnmat.schedules import Cosine, Step

STEPS = 60
TOLERANCE = 1e-12
ADAM = {"lr": 0.01, "betas": (0.8, 0.95), "eps": 1e-8}
RMS = {"lr": 0.01, "alpha": 0.9, "eps": 1e-8}
# ours, theirs, options of both
CASES = [
    (SGD, torch.optim.SGD, {"lr": 0.1}),
    (SGD, torch.optim.SGD, {"lr": 0.1, "weight_decay": 0.05}),
    (SGD, torch.optim.SGD, {"lr": 0.1, "momentum": 0.9}),
    (SGD, torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "dampening": 0.4, "weight_decay": 0.05}),
    (SGD, torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.05}),
    (Adam, torch.optim.Adam, ADAM),
    (Adam, torch.optim.Adam, {"lr": 0.001}),
    (Adam, torch.optim.Adam, {**ADAM, "weight_decay": 0.1}),
    (AdamW, torch.optim.AdamW, {**ADAM, "weight_decay": 0.1}),
    (AdamW, torch.optim.AdamW, {}),
    (Adam, torch.optim.Adam, {**ADAM, "amsgrad": True, "weight_decay": 0.1}),
    (AdamW, torch.optim.AdamW, {**ADAM, "amsgrad": True, "weight_decay": 0.1}),
    (SGD, torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.05, "maximize": True}),
    (AdamW, torch.optim.AdamW, {**ADAM, "weight_decay": 0.1, "maximize": True}),
    (NAdam, torch.optim.NAdam, {**ADAM, "weight_decay": 0.1}),
    (NAdam, torch.optim.NAdam, {}),
    (Adagrad, torch.optim.Adagrad, {"lr": 0.1}),
    (Adagrad, torch.optim.Adagrad, {"lr": 0.1, "eps": 1e-8, "weight_decay": 0.1, "maximize": True}),
    (RMSProp, torch.optim.RMSprop, RMS),
    (RMSProp, torch.optim.RMSprop, {**RMS, "weight_decay": 0.1}),
    (RMSProp, torch.optim.RMSprop, {**RMS, "momentum": 0.8}),
    (RMSProp, torch.optim.RMSprop, {**RMS, "centered": True, "momentum": 0.8}),
    (RMSProp, torch.optim.RMSprop, {**RMS, "centered": True}),
]


@pytest.fixture(autouse=True)
def in_float64():
    """NAdam keeps a product of its own in torch's default dtype."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def make_model():
    return Sequential([Linear(7, 5), Sigmoid(), Linear(5, 3)], input_shape=(7,), seed=0, dtype=np.float64)


def twins(model):
    """The model's parameters as torch tensors of their own."""
    return {p.name: torch.nn.Parameter(torch.tensor(p.value.copy())) for p in model.parameters()}


def groups(tensors, weight_decay):
    """Weights decay, biases do not, unless a dict says otherwise."""
    by_kind = weight_decay if isinstance(weight_decay, dict) else {"weight": weight_decay, "bias": 0.0}
    return [
        {"params": [t for name, t in tensors.items() if name.endswith(kind)], "weight_decay": decay}
        for kind, decay in by_kind.items()
    ]


def run(model, optimizer, tensors, oracle, rng, clip=None, after=None):
    """The largest distance in 60 steps, as a share of the parameters' norm."""
    worst = 0.0
    for k in range(STEPS):
        model.flat_gradients[...] = rng.normal(size=model.flat_gradients.size)
        for p in model.parameters():
            tensors[p.name].grad = torch.tensor(p.grad.copy())
        if clip is not None:
            torch.nn.utils.clip_grad_norm_(tensors.values(), clip)
        if after is not None:
            oracle.param_groups[0]["lr"] = oracle.param_groups[1]["lr"] = after(k)
        optimizer.step()
        oracle.step()
        theirs = np.concatenate([tensors[p.name].detach().numpy().reshape(-1) for p in model.parameters()])
        ours = np.concatenate([p.value.reshape(-1) for p in model.parameters()])
        worst = max(worst, np.linalg.norm(ours - theirs) / np.linalg.norm(theirs))
    return worst


@pytest.mark.parametrize(("ours", "theirs", "options"), CASES)
def test_sixty_steps(ours, theirs, options, rng):
    model = make_model()
    tensors = twins(model)
    others = {name: value for name, value in options.items() if name != "weight_decay"}
    decay = options.get("weight_decay", 0.01 if ours is AdamW else 0.0)
    assert run(model, ours(model, **options), tensors, theirs(groups(tensors, decay), **others), rng) < TOLERANCE


@pytest.mark.parametrize(("ours", "theirs", "options"), CASES[::3])
def test_sixty_steps_with_decay_by_kind_clipping_and_schedule(ours, theirs, options, rng):
    model = make_model()
    tensors = twins(model)
    decay = {"weight": 0.1, "bias": 0.02}
    schedule = Cosine(0.02, steps=40, final=0.001)
    others = {name: value for name, value in options.items() if name not in ("weight_decay", "lr")}
    optimizer = ours(model, **{**options, "lr": schedule, "weight_decay": decay, "clip_norm": 3.0})
    oracle = theirs(groups(tensors, decay), lr=0.02, **others)
    assert run(model, optimizer, tensors, oracle, rng, clip=3.0, after=schedule) < TOLERANCE


def test_schedules_equal_those_of_torch():
    p = torch.nn.Parameter(torch.zeros(1))
    for ours, make in [
        (Step(0.5, every=7, factor=0.3), lambda o: torch.optim.lr_scheduler.StepLR(o, 7, 0.3)),
        (Cosine(0.5, steps=30, final=0.01), lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 30, 0.01)),
    ]:
        optimizer = torch.optim.SGD([p], lr=0.5)
        scheduler = make(optimizer)
        for k in range(31):
            assert ours(k) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-12)
            optimizer.step()
            scheduler.step()


@pytest.mark.parametrize(
    ("ours", "theirs", "options"),
    [
        (Adam, torch.optim.AdamW, {**ADAM, "weight_decay": 0.1}),
        (AdamW, torch.optim.Adam, {**ADAM, "weight_decay": 0.1}),
        (SGD, torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "dampening": 0.1}),
    ],
)
def test_the_comparison_sees_a_wrong_update(ours, theirs, options, rng):
    model = make_model()
    tensors = twins(model)
    others = {name: value for name, value in options.items() if name not in ("weight_decay", "dampening")}
    oracle = theirs(groups(tensors, options.get("weight_decay", 0.0)), **others)
    assert run(model, ours(model, **options), tensors, oracle, rng) > 1e-4


def test_decoupled_decay_of_nadam_and_an_initial_sum_of_adagrad(rng):
    for ours, theirs in [
        (
            lambda m: NAdam(m, lr=0.01, momentum_decay=0.02, weight_decay=0.1, decoupled=True),
            lambda t: torch.optim.NAdam(groups(t, 0.1), lr=0.01, momentum_decay=0.02, decoupled_weight_decay=True),
        ),
        (
            lambda m: Adagrad(m, lr=0.1, initial=0.3),
            lambda t: torch.optim.Adagrad(t.values(), lr=0.1, initial_accumulator_value=0.3),
        ),
    ]:
        model = make_model()
        tensors = twins(model)
        assert run(model, ours(model), tensors, theirs(tensors), rng) < TOLERANCE


def test_groups(rng):
    model = make_model()
    tensors = twins(model)
    optimizer = AdamW(
        model, lr=0.01, groups=[{"parameters": ["0.bias", "2.weight"], "lr_factor": 0.3, "weight_decay": 0.2}]
    )
    oracle = torch.optim.AdamW(
        [
            {"params": [tensors["0.weight"]]},
            {"params": [tensors["2.bias"]], "weight_decay": 0.0},
            {"params": [tensors["0.bias"], tensors["2.weight"]], "lr": 0.003, "weight_decay": 0.2},
        ],
        lr=0.01,
        weight_decay=0.01,
    )
    assert run(model, optimizer, tensors, oracle, rng) < TOLERANCE


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("scaling", ["rms", "width"])
def test_muon(nesterov, scaling, rng, monkeypatch):
    """torch rounds the matrices to bfloat16 first; without that both are the same iteration."""
    monkeypatch.setattr(torch.Tensor, "bfloat16", torch.Tensor.clone)
    layers = [Linear(7, 5, bias=False), Sigmoid(), Linear(5, 5, bias=False), Linear(5, 8, bias=False)]
    model = Sequential(layers, input_shape=(7,), seed=0, dtype=np.float64)
    tensors = twins(model)
    theirs = {"rms": "match_rms_adamw", "width": "original"}[scaling]
    oracle = torch.optim.Muon(
        tensors.values(), lr=0.02, weight_decay=0.1, momentum=0.9, nesterov=nesterov, adjust_lr_fn=theirs
    )
    optimizer = Muon(model, lr=0.02, weight_decay=0.1, momentum=0.9, nesterov=nesterov, scaling=scaling)
    assert run(model, optimizer, tensors, oracle, rng) < TOLERANCE


def test_lbfgs(rng):
    """With steps of one size; torch's line search is another one."""
    model = Sequential([Linear(4, 6), Tanh(), Linear(6, 3)], input_shape=(4,), seed=0, dtype=np.float64)
    tensors, loss = twins(model), MeanSquaredError()
    X, Y = rng.standard_normal((20, 4)), 0.1 * rng.standard_normal((20, 3))
    A, B = torch.tensor(X), torch.tensor(Y)
    model.flat_parameters[...] *= 0.1  # so that the first gradient is below 1, where torch takes the step as it is
    with torch.no_grad():
        for tensor in tensors.values():
            tensor *= 0.1
    oracle = torch.optim.LBFGS(tensors.values(), lr=0.3, max_iter=1, history_size=4, tolerance_change=0.0)
    optimizer = LBFGS(model, history=4, line_search=FixedStep(0.3))

    def evaluate():
        value = loss.forward(model.forward(X, training=True), Y)
        model.backward(loss.backward())
        return value

    def closure():
        oracle.zero_grad()
        H = torch.tanh(A @ tensors["0.weight"].T + tensors["0.bias"])
        value = ((H @ tensors["2.weight"].T + tensors["2.bias"] - B) ** 2).mean()
        value.backward()
        return value

    evaluate()
    assert np.abs(model.flat_gradients).sum() < 1
    for _ in range(30):
        value, other = optimizer.step_by(evaluate), float(oracle.step(closure).detach())
        assert value == pytest.approx(other, rel=1e-11)
    theirs = np.concatenate([tensors[p.name].detach().numpy().ravel() for p in model.parameters()])
    ours = np.concatenate([p.value.ravel() for p in model.parameters()])
    assert np.linalg.norm(ours - theirs) < 1e-10 * np.linalg.norm(theirs)
