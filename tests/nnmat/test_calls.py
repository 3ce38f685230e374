"""What goes with a pass: where gradients go, and what is kept."""

import numpy as np
import pytest

from nnmat import ConfigError, DtypeError, Linear, ShapeError
from nnmat.calls import (
    Call,
    Destination,
    LossCall,
    backward_equations,
    forward_equations,
    loss_equations,
)


def test_a_destination_writes_or_adds():
    out = np.ones((2, 3))
    Destination(out, False).write(np.full((2, 3), 4))
    assert (out == 4).all()
    Destination(out, True).write(np.full((2, 3), 0.5))
    assert (out == 4.5).all()
    array, accumulate = Destination(out, True)
    assert array is out
    assert accumulate is True


@pytest.mark.parametrize("value", [1.0, np.ones(3), np.ones((3, 2)), [[1, 2, 3]]])
@pytest.mark.parametrize("accumulate", [False, True])
def test_a_destination_does_not_broadcast(value, accumulate):
    out = np.zeros((2, 3))
    with pytest.raises(ShapeError, match=r"expected a gradient of shape \(2, 3\), that of the parameter, got"):
        Destination(out, accumulate).write(value)
    assert not out.any()
    with pytest.raises(DtypeError, match="expected a gradient of real numbers, got dtype complex128"):
        Destination(out, accumulate).write(out * 1j)


@pytest.mark.parametrize("accumulate", [False, True])
def test_into_says_where_a_gradient_goes(accumulate):
    layer, call = Linear(3, 2).build((3,)), Call()
    call.accumulate = accumulate
    to = call.into(layer.weight)
    assert to.out is layer.weight.grad
    assert to.accumulate is accumulate
    assert call.into(None) is None  # of a layer without bias
    call.wants_parameters = False
    assert call.into(layer.weight) is None


def test_what_is_kept_is_read_back():
    call = Call(training=True)
    call.keep(X=1, mask=2)
    call.keep(Y=3, other=4)
    assert (call.X, call.Y, call.mask, call.other) == (1, 3, 2, 4)
    assert call.training
    assert Call().X is Call().Y is None
    assert not hasattr(Call(), "mask")


def test_a_part_is_called_once():
    call, parts = Call(), [Linear(2, 2) for _ in range(2)]
    assert [call.is_first_of(part) for part in (*parts, *parts)] == [True, True, False, False]
    assert Call().is_first_of(parts[0])


@pytest.mark.parametrize("name", ["training", "batch", "into", "trusted", "is_first_of"])
def test_names_of_the_call_itself_cannot_be_kept(name):
    with pytest.raises(ConfigError, match=rf"^call\.keep: a call has {name} of its own\."):
        Call().keep(X=1, mask=2, **{name: 3})


def test_a_call_of_a_loss_keeps_too():
    call = LossCall()
    call.keep(P=1)
    assert call.P == 1
    assert call.G is call.divisor is call.sample_weight is None


def test_markers_for_type_checkers_change_nothing():
    def method(self, X, call):
        return X

    for marker in (forward_equations, backward_equations, loss_equations):
        assert marker(method) is method
