"""What the values of a callback's state may be, and the arrays of a model that it may hold."""

from collections.abc import Mapping
from typing import Any

import numpy as np

Rules = dict[str, tuple[bool, str]]  # of a state: for each name whether its rule holds, and the rule


def is_count(value: Any) -> bool:
    """A whole number >= 0."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def is_number(value: Any) -> bool:
    """A number as JSON has it."""
    whole = isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63
    return whole or isinstance(value, float)


def are_alike(found: Mapping[str, Any], like: Mapping[str, np.ndarray]) -> bool:
    """Whether these are arrays of the same names, shapes and dtypes."""
    return found.keys() == like.keys() and all(
        isinstance(A, np.ndarray) and A.shape == like[key].shape and A.dtype == like[key].dtype
        for key, A in found.items()
    )


def arrays_of(model) -> dict[str, np.ndarray]:
    """The parameters and the buffers of a model, as they are."""
    return {"parameters": model.flat_parameters, **{f"buffer/{k}": A for k, A in model.buffers().items()}}


def part(state: Mapping[str, Any], beginning: str) -> dict[str, Any]:
    """The entries whose names begin so, by the rest of their names."""
    return {key.removeprefix(beginning): value for key, value in state.items() if key.startswith(beginning)}
