"""Parameter groups: who is in them, and that each moves by its own settings."""

import json

import numpy as np
import pytest

from nnmat import SGD, Adam, AdamW, ConfigError, Linear, Sequential
from nnmat.optimizers.groups import Group, parameter_groups, select


@pytest.fixture
def model():
    return Sequential([Linear(3, 4), Linear(4, 2)], input_shape=(3,), seed=0, dtype=np.float64)


def named(model):
    return {p.name: p for p in model.parameters()}


def test_names_parameters_and_functions_select(model):
    p = named(model)
    assert select("X", "them", model, ["0.bias", p["1.weight"], "0.bias"]) == ("0.bias", "1.weight")
    assert select("X", "them", model, lambda p: p.name.endswith("bias")) == ("0.bias", "1.bias")
    for chosen, text in [
        ("0.bias", r"^X: expected them as a list of names or of parameters, or a function, got '0\.bias'"),
        (["0.wieght"], r"among the model's parameters \(0\.weight, .*\), got '0\.wieght'"),
        ([], r"at least one parameter, got none"),
        (lambda p: False, r"at least one parameter, got none"),
    ]:
        with pytest.raises(ConfigError, match=text):
            select("X", "them", model, chosen)


def test_each_group_moves_by_its_settings(model, rng):
    """As models do that hold these parameters alone."""
    groups = [
        {"parameters": ["0.weight", "0.bias"], "lr_factor": 0.5},
        {"parameters": ["1.bias"], "lr_factor": 0.0, "weight_decay": 0.3},
    ]
    optimizer = AdamW(model, lr=0.1, weight_decay=0.2, groups=groups)
    twins = {}
    for name, p in named(model).items():
        twin = Sequential([Linear(1, p.value.size, bias=False)], input_shape=(1,), dtype=np.float64)
        twin.flat_parameters[...] = p.value.ravel()
        lr = {"0": 0.05, "1.bias": 0.0}.get(name if name == "1.bias" else name[0], 0.1)
        twins[name] = twin, AdamW(twin, lr=lr, weight_decay={"0.weight": 0.2, "1.weight": 0.2}.get(name, 0.0))
    for _ in range(4):
        model.flat_gradients[...] = rng.normal(size=model.flat_gradients.size)
        optimizer.step()
        for name, (twin, own) in twins.items():
            twin.flat_gradients[...] = named(model)[name].grad.ravel()
            own.step()
    for name, (twin, _) in twins.items():
        np.testing.assert_array_equal(named(model)[name].value.ravel(), twin.flat_parameters, err_msg=name)


def test_the_decay_of_a_group_is_of_all_its_parameters(model):
    model.flat_parameters[...] = 1.0
    model.flat_gradients[...] = 0.0
    SGD(model, lr=0.5, weight_decay=0.1, groups=[{"parameters": ["0.bias", "1.weight"], "weight_decay": 0.4}]).step()
    found = {name: float(p.value.flat[0]) for name, p in named(model).items()}
    assert found == pytest.approx({"0.weight": 0.95, "0.bias": 0.8, "1.weight": 0.8, "1.bias": 1.0})


def test_groups_are_part_of_the_config(model):
    groups = [{"parameters": lambda p: p.name.endswith("bias"), "lr_factor": 2}]
    optimizer = Adam(model, groups=groups)
    config = json.loads(json.dumps(optimizer.config()))
    assert config["groups"] == [{"parameters": ["0.bias", "1.bias"], "lr_factor": 2.0}]
    assert Adam(model, groups=config["groups"]).config() == optimizer.config()
    assert "groups=[{" in repr(optimizer)
    assert parameter_groups("X", model, None) == []
    assert optimizer.groups == [Group(("0.bias", "1.bias"), 2.0)]


@pytest.mark.parametrize(
    ("groups", "text"),
    [
        ({"parameters": ["0.bias"]}, r"^SGD: expected groups as a list of dicts, got .*Try \["),
        ([["0.bias"]], r"expected groups as a list of dicts"),
        ([{"parameters": ["0.bias"], "lr": 0.1}], r"keys of groups\[0\] among .*got 'lr'\. Write lr_factor"),
        ([{"lr_factor": 0.1}], r"expected 'parameters' in groups\[0\]"),
        ([{"parameters": ["0.bias"], "lr_factor": -1}], r"groups\[0\]\['lr_factor'\] as a finite number >= 0, got -1"),
        ([{"parameters": ["0.bias"], "weight_decay": "a"}], r"groups\[0\]\['weight_decay'\] as a finite number"),
        ([{"parameters": ["0.bias"]}] * 2, r"each parameter in one group, got '0\.bias' in two"),
    ],
)
def test_what_is_no_list_of_groups(model, groups, text):
    with pytest.raises(ConfigError, match=text):
        SGD(model, groups=groups)
