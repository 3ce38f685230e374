"""Learning-rate schedules."""

import json
import math

import numpy as np
import pytest

from nnmat.errors import ConfigError
from nnmat.schedules import Constant, Cosine, Scaled, Step, WarmUp, as_schedule, schedule_config, schedule_from_config

NESTED = WarmUp(5, WarmUp(2, Cosine(0.1, 9)))


def test_constant():
    assert [Constant(0.1)(k) for k in (0, 5, 10**9)] == [0.1] * 3


def test_step():
    schedule = Step(0.8, every=3, factor=0.5)
    assert [schedule(k) for k in range(8)] == [0.8, 0.8, 0.8, 0.4, 0.4, 0.4, 0.2, 0.2]


def test_cosine():
    schedule = Cosine(1.0, steps=4, final=0.2)
    expected = [1.0, 0.2 + 0.4 * (1 + math.sqrt(0.5)), 0.6, 0.2 + 0.4 * (1 - math.sqrt(0.5)), 0.2, 0.2]
    assert [schedule(k) for k in range(6)] == pytest.approx(expected, rel=1e-15)


def test_warm_up_then_another():
    schedule = WarmUp(4, then=Step(0.8, every=2, factor=0.5))
    assert [schedule(k) for k in range(8)] == pytest.approx([0.2, 0.4, 0.6, 0.8, 0.8, 0.8, 0.4, 0.4])
    assert [WarmUp(2, then=0.5)(k) for k in range(4)] == [0.25, 0.5, 0.5, 0.5]
    assert WarmUp(2, then=lambda k: 1.0 / (k + 1))(3) == 0.5


def test_another_one_made_smaller():
    schedule = Scaled(Cosine(1.0, 4, final=0.2), 0.5, least=0.3)
    assert [schedule(k) for k in range(6)] == pytest.approx([0.5, 0.441421356, 0.3, 0.3, 0.2, 0.2])
    assert Scaled(0.25, 0.5)(3) == 0.125


def test_numbers_and_functions_are_schedules():
    assert as_schedule("SGD", np.float32(0.5))(7) == 0.5
    assert as_schedule("SGD", math.sqrt)(4) == 2.0


def test_configs_are_json_and_tell_schedules_apart():
    schedule = WarmUp(5, then=Cosine(0.1, 100, 0.01))
    assert json.loads(json.dumps(schedule.config())) == {
        "kind": "WarmUp",
        "steps": 5,
        "then": {"kind": "Cosine", "lr": 0.1, "steps": 100, "final": 0.01},
    }
    assert repr(Step(0.1, 10)) == "Step(lr=0.1, every=10, factor=0.1)"
    assert schedule_config(math.sqrt) == {"kind": "function", "name": "sqrt"}


def test_made_again_from_configs():
    for schedule in (Constant(0.1), Step(0.1, 5, 0.3), Cosine(0.1, 7, 0.01), NESTED, Scaled(NESTED, 0.5, 0.01)):
        again = schedule_from_config(json.loads(json.dumps(schedule_config(schedule))))
        assert repr(again) == repr(schedule)
        assert [again(k) for k in range(20)] == [schedule(k) for k in range(20)]
    for config in (schedule_config(math.sqrt), schedule_config(WarmUp(2, math.sqrt)), {"kind": "Step"}, {}, None):
        assert schedule_from_config(config) is None


def test_errors():
    for make, text in [
        (lambda: Constant(-0.1), r"^Constant: expected lr as a finite number >= 0, got -0.1"),
        (lambda: Constant(math.nan), r"^Constant: expected lr as a finite number >= 0, got nan"),
        (lambda: Constant(True), r"^Constant: expected lr"),
        (lambda: Step(0.1, every=0), r"^Step: expected every as an integer >= 1, got 0. It counts steps"),
        (lambda: Cosine(0.1, steps=2.5), r"^Cosine: expected steps as an integer >= 1, got 2.5"),
        (lambda: WarmUp(3, then="fast"), r"^WarmUp: expected then as a number or a schedule, got 'fast'"),
        (lambda: Scaled(0.1, 1.5), r"^Scaled: expected factor as a finite number >= 0 and <= 1, got 1.5"),
        (lambda: as_schedule("SGD", None), r"^SGD: expected lr as a number or a schedule, got None"),
    ]:
        with pytest.raises(ConfigError, match=text):
            make()
