"""Options of PyTorch's modules that no state dict holds, compared with what the layers here compute."""

from typing import Any

import numpy as np

from ..errors import ConfigError
from ..layers import Layer, TransformerBlock


def check_options(model: Layer, module: Any) -> None:
    """Raise ConfigError where parts of a PyTorch module compute something else than the model for equal weights."""
    parts = list(module.modules())
    for part in parts:
        for name, meant in (("nonlinearity", "tanh"), ("norm_first", True), ("add_zero_attn", False)):
            if (given := getattr(part, name, meant)) != meant:
                raise _other(part, f"{name}={meant!r}", repr(given))
    ours = [layer for layer in model.modules() if isinstance(layer, TransformerBlock)]
    theirs = [part for part in parts if hasattr(part, "norm_first")]
    for block, part in zip(ours, theirs, strict=False):
        _check_activation(block, part)
    _check_eps(model, [part for part in parts if hasattr(part, "eps")])


def _check_activation(block: TransformerBlock, part: Any) -> None:
    function = getattr(part, "activation", None)
    name = getattr(function, "__name__", type(function).__name__).lower()
    if function is None or name in ("<lambda>", "partial"):  # nobody knows what it computes
        return
    kind = "gelu_tanh" if getattr(function, "approximate", "none") == "tanh" else "gelu"
    if name != "gelu" or kind != block.config()["feed_forward"]:
        meant = "activation=nn.GELU('tanh')" if block.config()["feed_forward"] == "gelu_tanh" else "activation='gelu'"
        raise _other(part, meant, name if name != "gelu" else kind)


def _check_eps(model: Layer, theirs: list) -> None:
    ours: list[Any] = [layer for layer in model.modules() if hasattr(layer, "eps")]
    if len(ours) != len(theirs):  # some of them are no modules: nothing to go by
        return
    for layer, part in zip(ours, theirs, strict=True):
        eps = np.finfo(layer.dtype).eps if part.eps is None else part.eps  # as nn.RMSNorm has it
        if eps != layer.eps:
            raise _other(part, f"eps={layer.eps!r}, that of {layer.who}", repr(part.eps))


def _other(part: Any, meant: str, given: str) -> ConfigError:
    return ConfigError(
        f"from_torch: expected {type(part).__name__} with {meant}, got {given}. It computes something else with the "
        "same weights: give both models the same options, or pass module.state_dict() to copy the weights all the same."
    )
