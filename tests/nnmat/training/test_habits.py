"""Arguments that do not fit, and parts that do not belong together. The table of habits: tests/outside."""

import inspect

import pytest

import nnmat
from nnmat import SGD, Linear, Sequential, Softmax, SoftmaxCrossEntropy, Trainer
from nnmat.training.habits import HABITS, check_outputs, explained
from tests.nnmat.training.runs import make


def test_the_signature_is_that_of_the_method():
    assert list(inspect.signature(Trainer.fit).parameters)[:3] == ["self", "train", "epochs"]
    assert Trainer.fit.__doc__.startswith("Train for a number of epochs")


def test_a_call_that_fits_passes_through():
    @explained
    def add(a, b=1):
        return a + b

    assert (add(1), add(1, b=4)) == (2, 5)
    with pytest.raises(nnmat.ConfigError, match="add: there is no option 'c'. It has: a, b"):
        add(1, c=2)
    with pytest.raises(TypeError, match="unsupported operand"):  # of the function itself
        add(1, b="x")


def test_no_habit_is_an_option_that_there_is():
    for who, habits in HABITS.items():
        method = Trainer.__init__ if who == "Trainer" else getattr(Trainer, who)
        assert not habits.keys() & inspect.signature(method).parameters.keys() - {"loss"}, who


def test_checks_of_the_outputs():
    check_outputs(make().model, SoftmaxCrossEntropy(), {"accuracy": nnmat.metrics.accuracy})
    single = Sequential([Linear(2, 1)], input_shape=(2,))
    with pytest.raises(nnmat.ConfigError, match="always 0"):
        check_outputs(single, SoftmaxCrossEntropy(), {})
    with pytest.raises(nnmat.ConfigError, match="'top_2'.*binary_accuracy"):
        check_outputs(single, nnmat.MeanSquaredError(), {"top_2": nnmat.metrics.top_k(2)})
    check_outputs(single, nnmat.MeanSquaredError(), {"accuracy": lambda H, y: 1.0})  # of the user's own
    model = Sequential([Linear(2, 3), Softmax()], input_shape=(2,))
    with pytest.warns(UserWarning, match="goes through two"):
        Trainer(model, SoftmaxCrossEntropy(), SGD(model))
