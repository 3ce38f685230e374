"""Checks of options and of classes: what passes, and how refusals read."""

import inspect
import math
from decimal import Decimal

import numpy as np
import pytest

from nnmat import checks
from nnmat.errors import ConfigError


@pytest.mark.parametrize("value", [0, 0.5, np.float32(0.25), np.int64(1), 1])
def test_numbers(value):
    found = checks.number("Who", "rate", value, 0.0, 1.0)
    assert found == value
    assert type(found) is float


@pytest.mark.parametrize("value", [True, "1", None, math.nan, math.inf, -0.1, 1.1, 1j, Decimal(1), np.ones(1)])
def test_what_is_no_such_number(value):
    with pytest.raises(
        ConfigError, match=r"^Who: expected rate as a finite number >= 0 and <= 1, got .*\. Try 0\.5\.$"
    ):
        checks.number("Who", "rate", value, 0.0, 1.0, "Try 0.5.")


def test_positive_numbers_and_fractions():
    assert checks.positive("Who", "eps", 1e-8) == 1e-8
    assert checks.fraction("Who", "beta", 0) == 0.0
    with pytest.raises(ConfigError, match=r"^Who: expected eps as a finite number > 0, got 0\.$"):
        checks.positive("Who", "eps", 0)
    with pytest.raises(ConfigError, match=r"^Who: expected beta as a number from 0 to below 1, got 1\.0\.$"):
        checks.fraction("Who", "beta", 1)


def test_counts_and_flags():
    assert checks.count("Who", "n", np.int64(3)) == 3
    assert checks.flag("Who", "on", np.True_) is True
    for value in (0, 2.0, True, "3"):
        with pytest.raises(ConfigError, match=r"^Who: expected n as an integer >= 1, got"):
            checks.count("Who", "n", value)
    with pytest.raises(ConfigError, match=r"^Who: expected n as an integer >= 1, got 8\.0\. Try n=8\.$"):
        checks.count("Who", "n", 8.0)
    for value in (1, None, "yes"):
        with pytest.raises(ConfigError, match=r"^Who: expected on as True or False, got"):
            checks.flag("Who", "on", value)


def test_pairs():
    assert checks.pair("Who", "stride", 2) == (2, 2)
    assert checks.pair("Who", "stride", [1, np.int64(2)]) == (1, 2)
    for value in (0, (1, 0), (1, 2, 3), 1.5, True):
        with pytest.raises(ConfigError, match=r"^Who: expected stride"):
            checks.pair("Who", "stride", value)


def test_logits_and_labels_as_kernels_take_them():
    H, y = np.zeros((3, 2), np.float32), np.zeros(3, np.int64)
    assert checks.are_logits_and_labels(H, y)
    for A, b in [
        (H.tolist(), y),
        (H, y[:2]),
        (H, y.astype(np.int32)),
        (H.astype(int), y),
        (H[:0], y[:0]),
        (H.T, y[:2]),
    ]:
        assert not checks.are_logits_and_labels(A, b)


def test_an_old_name_is_refused_with_the_new_one():
    class Old:
        def _run(self):
            pass

    with pytest.raises(ConfigError, match=r"^Old: expected run\(self\), got _run, which stood for it .* \"Your own"):
        checks.renamed_methods(Old, {"_run": "run(self)"})
    checks.renamed_methods(Old, {"_walk": "walk(self)"})


def test_the_arguments_of_a_method():
    class Good:
        def run(self, X, call, option=None):
            pass

    class Short:
        def run(self, X):
            pass

    class Value:
        run = 3

    assert checks.takes(Good, Good, "run", "X", "call") is Good.run
    assert checks.takes(Good, Good, "walk", "X") is None
    with pytest.raises(ConfigError, match=r"^Short: expected run\(self, X, call\), got run\(self, X\)\."):
        checks.takes(Short, Short, "run", "X", "call")
    with pytest.raises(ConfigError, match=r"^Value: expected run\(self, X, call\), got"):
        checks.takes(Value, Value, "run", "X", "call")


def test_a_function_that_looks_like_a_method_to_callers():
    def method(self, X, training: bool = False):
        """What callers read."""

    def equations(self, X, call):
        return X + 1

    @checks.as_method(method, equations)
    def run(self, X, training=False):
        return equations(self, X, None)

    assert run(None, 1) == 2
    assert inspect.signature(run) == inspect.signature(method)
    assert run.__doc__ == "What callers read."
    assert "return X + 1" in inspect.getsource(run)


@pytest.mark.parametrize("callers", ["training=False", "record=None", "accumulate=False", "sample_weight=None"])
def test_arguments_of_callers_are_not_those_of_equations(callers):
    namespace = {}
    exec(f"class Old:\n    def run(self, X, call, {callers}):\n        pass", namespace)
    with pytest.raises(ConfigError, match=r"^Old: expected run\(self, X, call\), got run\(self, X, call, "):
        checks.takes(namespace["Old"], namespace["Old"], "run", "X", "call")


def test_equations_may_come_from_a_class_from_elsewhere():
    class Base:
        def run(self, X, call):
            pass

    class Mixed:
        def run(self, X, call):
            pass

    class Own(Mixed, Base):
        pass

    class Derived(Base):
        pass

    assert checks.takes(Own, Base, "run", "X", "call") is Mixed.run
    assert checks.takes(Derived, Base, "run", "X", "call") is None


def test_counts_in_words():
    words = [checks.counted(n, thing) for n in (0, 1, 2, 1234) for thing in ("line", "quantity")]
    assert words[:6] == ["0 lines", "0 quantities", "1 line", "1 quantity", "2 lines", "2 quantities"]
    assert words[6] == "1,234 lines"
