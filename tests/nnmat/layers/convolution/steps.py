"""Training steps of a small network by hand and as a program."""

import numpy as np

import nnmat


def assert_same_bits(make_layers, loss, X, y):
    """Six steps with new layers each: the same parameters; the program really is one."""
    after = []
    for compiled in (True, False):
        model = nnmat.Sequential(make_layers(), input_shape=X.shape[1:], seed=1)
        optimizer = nnmat.SGD(model, lr=0.1)
        step = nnmat.compile_step(model, loss, optimizer)
        for _ in range(6):
            if compiled:
                step(X, y)
            else:
                loss.forward(model.forward(X, training=True), y)
                model.backward(loss.backward())
                optimizer.step()
        assert not compiled or step.why_not(X, y) == ""
        after.append(model.flat_parameters)
    assert np.array_equal(*after)
