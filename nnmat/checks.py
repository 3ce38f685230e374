"""Checks of options: plain numbers, flags, pairs, seeds; of the usual arrays of losses and metrics; of classes."""

import functools
import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from nnmat_kernels import geometry
from nnmat_kernels.runtime.arrays import FLOATS
from nnmat_kernels.runtime.door import real_array as real_array  # for the calculus, which knows no kernels

from .errors import ConfigError

LABELS = np.dtype(np.int64)


def shown(value) -> str:
    """A value in an error message: an array by its shape, and nothing longer than a line."""
    if isinstance(value, np.ndarray) and value.ndim > 0:
        return f"an array of shape {value.shape}"
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def counted(n: int, thing: str) -> str:
    """So many of a thing, in words: 1 line, 2 lines."""
    plural = f"{thing[:-1]}ies" if thing.endswith("y") else f"{thing}s"
    return f"{n:,} {thing if n == 1 else plural}"


def number(who: str, name: str, value, low: float = -math.inf, high: float = math.inf, hint: str = "") -> float:
    """`value` as a float if it is a finite number from `low` to `high`, else a ConfigError."""
    real = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not real or not math.isfinite(value) or not low <= value <= high:
        bounds = [f">= {low:g}"] * (low > -math.inf) + [f"<= {high:g}"] * (high < math.inf)
        rule = " ".join(["a finite number", " and ".join(bounds)]).strip()
        raise ConfigError(f"{who}: expected {name} as {rule}, got {shown(value)}. {hint}".rstrip())
    return float(value)


def positive(who: str, name: str, value, hint: str = "") -> float:
    """`value` as a float if it is a finite number above 0, else a ConfigError."""
    if number(who, name, value, hint=hint) <= 0.0:
        raise ConfigError(f"{who}: expected {name} as a finite number > 0, got {shown(value)}. {hint}".rstrip())
    return float(value)


def fraction(who: str, name: str, value, hint: str = "") -> float:
    """`value` as a float if 0 <= value < 1, else a ConfigError."""
    value = number(who, name, value, 0.0, hint=hint)
    if value >= 1.0:
        raise ConfigError(f"{who}: expected {name} as a number from 0 to below 1, got {shown(value)}. {hint}".rstrip())
    return value


def count(who: str, name: str, value, least: int = 1, hint: str = "") -> int:
    """`value` as an int >= `least`, else a ConfigError."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        if isinstance(value, float) and value >= least and value.is_integer():
            hint = f"Try {name}={int(value)}. {hint}"
        raise ConfigError(f"{who}: expected {name} as an integer >= {least}, got {shown(value)}. {hint}".rstrip())
    return int(value)


def flag(who: str, name: str, value) -> bool:
    """`value` as a bool if it is one, else a ConfigError."""
    if not isinstance(value, bool | np.bool_):
        raise ConfigError(f"{who}: expected {name} as True or False, got {shown(value)}.")
    return bool(value)


def pair(who: str, name: str, value, least: int = 1) -> tuple[int, int]:
    """An int n as (n, n), a pair of ints as it is; a ConfigError if it is neither, or has a number below `least`."""
    try:
        return geometry.pair(who, name, value, least)
    except ValueError as error:
        hint = ""
        if isinstance(value, str) and name == "padding":
            hint = " 'valid' is 0 here, 'same' (for stride 1) dilation * (kernel_size - 1) // 2."
        raise ConfigError(f"{error}{hint}") from None


def generator(who: str, name: str, value) -> np.random.Generator:
    """`value` if it is a Generator, or a new one if it is a seed (what np.random.default_rng takes)."""
    try:
        if isinstance(value, bool | np.bool_):
            raise TypeError
        return np.random.default_rng(value)
    except (TypeError, ValueError):
        raise ConfigError(
            f"{who}: expected {name} as a seed (an integer >= 0) or a numpy.random.Generator, got {shown(value)}. "
            f"Try {name}=0."
        ) from None


def are_logits_and_labels(H, y) -> bool:
    """Whether H (B, M), M > 1, and y (B,), B > 0, are what kernels take, floats and int64: nearly always so."""
    arrays = type(H) is type(y) is np.ndarray and H.flags.carray and y.flags.carray
    return (
        arrays and H.ndim == 2 and H.dtype in FLOATS and y.dtype is LABELS and y.ndim == 1 and H.size > len(y) == len(H)
    )


def renamed_methods(cls: type, renamed: dict[str, str]) -> None:
    """Raise ConfigError for a class that defines a method under the name it had in an earlier version."""
    for old, new in renamed.items():
        if old in cls.__dict__:
            raise ConfigError(
                f"{cls.__name__}: expected {new}, got {old}, which stood for it in an earlier version and would not be "
                f'called. See docs/tour.md, "Your own parts".'
            )


_CALLERS = {"training", "record", "accumulate", "sample_weight"}  # arguments of those who call, not of equations


def takes(cls: type, base: type, name: str, *arguments: str) -> Callable | None:
    """The equations that a class brings under this name, itself or by a class from elsewhere, checked to take these
    arguments; None if they are those of another class under `base`, or abstract."""
    owner = next((c for c in cls.__mro__ if name in c.__dict__), base)
    method = owner.__dict__.get(name)
    inherited = owner is not cls and issubclass(owner, base)
    if method is None or inherited or getattr(method, "__isabstractmethod__", False):
        return None
    try:
        signature = inspect.signature(method)
        signature.bind(cls, *arguments)
        if not _CALLERS.isdisjoint(signature.parameters):
            raise TypeError
    except (TypeError, ValueError):
        given = inspect.signature(method) if callable(method) else f" = {method!r}"
        raise ConfigError(
            f"{cls.__name__}: expected {name}({', '.join(['self', *arguments])}), got {name}{given}. "
            'See docs/tour.md, "Your own parts".'
        ) from None
    return method


def equations(method: Callable) -> Callable[..., Any]:
    """Mark a `forward` or `backward` as equations, whose callers have other arguments; this is for type checkers only.

    The base class puts its checks round the equations of every class, marked or not.
    """
    return method


def as_method(method: Callable, equations: Callable) -> Callable[[Callable], Callable]:
    """A decorator: to callers the function looks like `method`, to those who ask for its source like the equations."""

    def adorn(function: Callable) -> Callable:
        functools.update_wrapper(function, equations)
        function.__doc__, function.__dict__["__signature__"] = method.__doc__, inspect.signature(method)
        return function

    return adorn
