"""Parts by name."""

import pytest

import nnmat
from nnmat import schedules
from tests.extras import needs

pytestmark = needs("sklearn")

from nnmat.sklearn import names  # noqa: E402


def model():
    return nnmat.Sequential([nnmat.Linear(2, 1)], input_shape=2)


@pytest.mark.parametrize("name", names.ACTIVATIONS)
def test_activations(name):
    assert isinstance(names.activation("Me", name), nnmat.Layer)
    assert names.activation("Me", name) is not names.activation("Me", name)


@pytest.mark.parametrize("name", names.LOSSES)
def test_losses(name):
    assert isinstance(names.loss("Me", name), nnmat.Loss)


def test_a_loss_given_is_copied_and_an_expression_is_one():
    given = nnmat.Huber(0.5)
    found = names.loss("Me", given)
    assert found is not given
    assert found.delta == 0.5
    assert isinstance(names.loss("Me", "frobenius(H - Y)**2"), nnmat.ExpressionLoss)


@pytest.mark.parametrize("name", names.OPTIMIZERS)
def test_optimizers(name):
    found = names.optimizer("Me", name, model(), 0.1, 0.25, {})
    assert found.weight_decay == 0.25
    assert type(found).__name__.lower() == name
    assert found.lr == 0.1


def test_an_optimizer_by_its_class_or_a_function():
    assert names.optimizer("Me", nnmat.SGD, model(), 0.1, 0.0, {"momentum": 0.5}).momentum == 0.5
    with pytest.raises(nnmat.ConfigError, match="to make an Optimizer of the model"):
        names.optimizer("Me", lambda model, lr: 3, model(), 0.1, 0.0, {})


def test_schedules():
    assert names.schedule("Me", "constant", 0.1, 9) == 0.1
    assert [names.schedule("Me", "cosine", 0.1, 10)(k) for k in (0, 10)] == [0.1, 0.0]
    assert [round(names.schedule("Me", "step", 1.0, 9)(k), 6) for k in (0, 3, 8)] == [1.0, 0.1, 0.01]
    rising = names.schedule("Me", "warmup", 1.0, 40)
    assert [rising(0), rising(1), rising(40)] == [0.5, 1.0, 0.0]
    own = schedules.Step(0.1, 3)
    assert names.schedule("Me", own, 1.0, 9) is own
    assert names.schedule("Me", "warmup", 1.0, 1)(0) == 1.0
