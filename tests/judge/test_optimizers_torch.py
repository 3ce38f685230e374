"""Optimizers against torch.optim in float64: 60 steps on random gradients, parameters to 1e-11 by norm."""

import numpy as np
import pytest
import torch

from nnmat import SGD, Adam, AdamW, Linear, RMSProp, Sequential, Sigmoid
from nnmat.schedules import Cosine, Step

STEPS = 60
TOLERANCE = 1e-11
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
    (RMSProp, torch.optim.RMSprop, RMS),
    (RMSProp, torch.optim.RMSprop, {**RMS, "weight_decay": 0.1}),
    (RMSProp, torch.optim.RMSprop, {**RMS, "momentum": 0.8}),
    (RMSProp, torch.optim.RMSprop, {**RMS, "centered": True, "momentum": 0.8}),
    (RMSProp, torch.optim.RMSprop, {**RMS, "centered": True}),
]


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
