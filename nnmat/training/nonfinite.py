"""When a loss, a gradient or a parameter is not finite: find the first layer at fault.

The batch is run again, layer by layer. A fault that does not show again, such as one that a layer makes once, is looked
for in what the layers had recorded and in the gradients that they had written.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import NonFiniteError
from ..layers.base import Layer
from ..layers.observing import observe
from .data import all_finite

REMEDY = (
    "Usual causes: a learning rate that is too large, inputs that are not scaled, a loss on probabilities instead of "
    "logits. Try a smaller lr, or clip_norm=1.0 in the optimizer."
)
ONCE = "It did not show again when the batch was repeated; by what the layers had recorded, it came from"


def check_parameters(models: Mapping[str, Layer], state) -> None:
    """Raise NonFiniteError if the last update made trained parameters or buffers of a model infinite or NaN."""
    for own, model in models.items():
        buffers = [(f"buffer {name!r}", A) for name, A in model.buffers().items() if A.dtype.kind == "f"]
        if all_finite(model.flat_parameters) and all(all_finite(A) for _, A in buffers):
            continue
        arrays = [(f"parameter {p.name!r}", p.value) for p in model.parameters() if p.trainable]
        whose = f" of the {own}" if len(models) > 1 else ""
        for name, A in [*arrays, *buffers]:
            wrong = ~np.isfinite(A)
            if wrong.any():
                where = tuple(int(i) for i in np.argwhere(wrong)[0])
                raise NonFiniteError(
                    f"fit: the update of {position(state, done=True)} made {name}{whose} {A[where]} at index {where} "
                    f"({np.count_nonzero(wrong)} of {A.size} entries). No file was written of it. {REMEDY}"
                )


def raise_for_loss(trainer, X, y, weight, H, value: float, state) -> None:
    """Raise NonFiniteError for a loss that is not finite, with the outputs H of the recorded forward."""
    fault = _forward_fault(trainer, X, y, weight, H)
    raise NonFiniteError(f"fit: the loss became {value} in {position(state)}. {fault} {REMEDY}")


def raise_for_gradient(trainer, X, y, weight, state) -> None:
    """Raise NonFiniteError for a gradient that is not finite although the loss is."""
    faults = []
    once = _backward_fault_once(trainer.model)

    def look(layer, gX):
        wrong = [p.name for p in layer.own_parameters() if not np.isfinite(p.grad).all()]
        if wrong or not _finite(gX):
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
        fault = f"{ONCE} {once or 'the loss'}, in the backward pass."
    raise NonFiniteError(f"fit: the gradient became NaN or infinite in {position(state)}. {fault} {REMEDY}")


def position(state, done: bool = False) -> str:
    """Where the run stands: at the step to come, or at the one that is done."""
    return f"epoch {state.epoch + (state.batches > 0 or not done)}, step {state.step + (not done)}"


def _forward_fault(trainer, X, y, weight, H) -> str:
    for p in trainer.model.parameters():
        if not np.isfinite(p.value).all():
            return f"Parameter {p.name!r} was not finite any more before this step."
    for name, A in (("X", X), ("y", y), ("sample_weight", weight)):
        parts = [(f"{name}[{i}]", part) for i, part in enumerate(A)] if type(A) is tuple else [(name, A)]
        for part, B in parts:
            if not _finite(B):
                where = tuple(int(i) for i in np.argwhere(~np.isfinite(B))[0])
                return f"The batch's {part} holds {B[where]} at index {where}."
    if _finite(H):
        return "All layers have finite outputs: the loss itself overflowed."
    once = _forward_fault_once(trainer.model)
    faults = []

    def look(layer, Y):
        if not _finite(Y):
            faults.append(layer)

    with observe(forward=look), np.errstate(all="ignore"):
        trainer.model.forward(X, training=True)
    if faults:
        return f"The first layer at fault is {faults[0].who}: its output is not finite."
    return f"{ONCE} {once}: its output was not finite."


def _forward_fault_once(model: Layer) -> str:
    """The layer that turned finite inputs into others, by what the layers have kept of the last recorded forward.

    Of several layers that may have done it, those of nnmat, which give the same each time, have not.
    """
    suspects: list[Layer] = []  # in order; none of those behind the last finite array
    for layer in _leaves(model):
        X, Y = layer.recorded()
        if not _finite(X):
            break  # made by a layer before
        if X is not None:
            suspects = []
        suspects.append(layer)
        if not _finite(Y):
            break
        if Y is not None:
            suspects = []
    return _likely(suspects or _leaves(model)[-1:])


def _backward_fault_once(model: Layer) -> str:
    """The same by the gradients that the last backward has written: from the last layer to the first."""
    suspects: list[Layer] = []
    for layer in reversed(_leaves(model)):
        gradients = [p.grad for p in layer.own_parameters()]
        if gradients and all(_finite(g) for g in gradients):
            suspects = [layer]  # its input gradient may be at fault
            continue
        suspects.append(layer)
        if gradients:
            break
    return _likely(suspects)


def _likely(suspects: list[Layer]) -> str:
    foreign = [layer for layer in suspects if not type(layer).__module__.startswith("nnmat.")]
    return (foreign or suspects)[0].who if suspects else ""


def _leaves(model: Layer) -> list[Layer]:
    """The layers without parts, and those that have parameters of their own, in order of declaration."""
    return [layer for layer in model.modules() if not layer.named_children() or layer.own_parameters()]


def _finite(A: Any) -> bool:
    """Whether an array of floats, or a tuple of arrays, is finite; anything else is."""
    if type(A) is tuple:
        return all(_finite(part) for part in A)
    return not isinstance(A, np.ndarray) or A.dtype.kind != "f" or bool(np.isfinite(A).all())
