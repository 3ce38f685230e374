"""The same steps by hand and as a program."""

from nnmat import SGD, compile_step


def values_by_hand_and_compiled(made, X, y, steps=8):
    """The losses of some steps by hand and compiled; `made()` gives a new model and a loss."""
    model, loss = made()
    optimizer, by_hand = SGD(model, lr=0.1), []
    for _ in range(steps):
        by_hand.append(loss.forward(model.forward(X, training=True), y))
        model.backward(loss.backward())
        optimizer.step()
    model, loss = made()
    step = compile_step(model, loss, SGD(model, lr=0.1))
    compiled = [step(X, y) for _ in range(steps)]
    assert step.why_not(X, y) == ""
    return by_hand, compiled
