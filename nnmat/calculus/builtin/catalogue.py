"""Every layer and loss that is described, by name, and those that are not, with the reason."""

from difflib import get_close_matches

from ...errors import ConfigError
from . import containers, images, losses, rows, sequences
from .description import Description

DESCRIPTIONS: dict[str, Description] = {
    d.name: d for d in (*rows.LAYERS, *images.LAYERS, *sequences.LAYERS, *containers.LAYERS, *losses.LOSSES)
}
# Layers and losses without a record.
EXCEPTIONS = {
    "Layer": "what layers are made from, and no function itself",
    "Expression": "it is one: its gradients are the derived ones, in `layer.derivations`",
    "Loss": "what losses are made from, and no function itself",
    "ExpressionLoss": "it is one: its gradients are the derived ones, in `loss.derivations`",
}
# What records leave out of a layer or a loss that has one.
LEFT_OUT = {
    "`rate` of `MultiHeadAttention` and `TransformerBlock`": (
        "which weights are dropped is drawn inside the kernel: no array shows it"
    ),
    "-inf in a mask": "no number of the language; scores of -10⁴ do the same, but in a row that sees no key",
    "equal values in the window of a maximum": "a kink: the layer takes the first, the derived gradient shares it out",
    "running averages of `BatchNorm1d`": "they are moved beside the gradient, and are constants in it",
    "`groups` of convolutions": "each group of channels is a convolution of its own",
    "`ignore_index`, `class_weight`, weights of samples": (
        "they weigh rows and divide by the sum of the weights, as `MeanSquaredError-weighted` does"
    ),
    "targets of 0 in `KLDivergence`": "0 log 0 is 0 in the loss, and has no logarithm here; the gradient is the same",
    "variances below `eps` in `GaussianNegativeLogLikelihood`": "they count as eps, in the value and in the gradient",
}


def described(name: str) -> Description:
    """The description of a layer or loss: by its class, or by a form of it such as "GELU-tanh".

    Of a class without a plain form it is the first one. Raises ConfigError with the reason if there is none, or with
    the nearest names.
    """
    found = DESCRIPTIONS.get(name) or next((d for d in DESCRIPTIONS.values() if d.of == name), None)
    if found is not None:
        return found
    if name in EXCEPTIONS:
        raise ConfigError(f"nnmat derive: {name} has no derivation: {EXCEPTIONS[name]}.")
    known = {n.lower(): n for n in (*DESCRIPTIONS, *(d.of for d in DESCRIPTIONS.values()), *EXCEPTIONS)}
    near = [known[n] for n in get_close_matches(name.lower(), known, 3)]
    hint = f"Did you mean {' or '.join(near)}?" if near else "nnmat derive --layers lists them."
    raise ConfigError(f"nnmat derive: expected a layer or a loss of nnmat, got {name!r:.60}. {hint}")


def forms(of: str) -> list[Description]:
    """Every description of a class."""
    return [d for d in DESCRIPTIONS.values() if d.of == of]
