"""When a loss or a gradient is not finite: find the first layer at fault by running the batch again, layer by layer."""

import numpy as np

from ..errors import NonFiniteError
from ..layers.observing import observe

REMEDY = (
    "Usual causes: a learning rate that is too large, inputs that are not scaled, a loss on probabilities instead of "
    "logits. Try a smaller lr, or clip_norm=1.0 in the optimizer."
)


def raise_for_loss(trainer, X, value: float, state) -> None:
    """Raise NonFiniteError for a loss that is not finite."""
    where = f"epoch {state.epoch + 1}, step {state.step + 1}"
    raise NonFiniteError(f"fit: the loss became {value} in {where}. {_forward_fault(trainer, X)} {REMEDY}")


def raise_for_gradient(trainer, X, y, weight, state) -> None:
    """Raise NonFiniteError for a gradient that is not finite although the loss is."""
    where = f"epoch {state.epoch + 1}, step {state.step + 1}"
    faults = []

    def look(layer, gX):
        wrong = [p.name for p in layer.own_parameters() if not np.isfinite(p.grad).all()]
        if wrong or (isinstance(gX, np.ndarray) and not np.isfinite(gX).all()):
            faults.append((layer, wrong))

    with observe(backward=look):
        trainer.loss.forward(trainer.model.forward(X, training=True), y, weight)
        G = trainer.loss.backward()
        trainer.model.backward(G, input_gradient=False)
    if not np.isfinite(G).all():
        fault = f"The gradient of the loss itself, {trainer.loss!r}, is not finite."
    elif faults:
        layer, wrong = faults[0]
        what = f"the gradient of {', '.join(wrong)}" if wrong else "its input gradient"
        fault = f"The first layer at fault in the backward pass is {layer.who}: {what} is not finite."
    else:
        fault = "It did not show again when the batch was repeated."
    raise NonFiniteError(f"fit: the gradient became NaN or infinite in {where}. {fault} {REMEDY}")


def _forward_fault(trainer, X) -> str:
    for p in trainer.model.parameters():
        if not np.isfinite(p.value).all():
            return f"Parameter {p.name!r} was not finite any more before this step."
    if not np.isfinite(X).all():
        where_in_X = tuple(int(i) for i in np.argwhere(~np.isfinite(X))[0])
        return f"The batch's X holds {X[where_in_X]} at index {where_in_X}."
    faults = []

    def look(layer, Y):
        if isinstance(Y, np.ndarray) and not np.isfinite(Y).all():
            faults.append(layer)

    with observe(forward=look), np.errstate(all="ignore"):
        trainer.model.forward(X, training=True)
    if faults:
        return f"The first layer at fault is {faults[0].who}: its output is not finite."
    return "All layers have finite outputs: the loss itself overflowed."
