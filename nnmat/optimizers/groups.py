"""Parameter groups: which parameters have settings of their own, and which these are."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from ..checks import number
from ..errors import ConfigError
from ..layers.base import Layer
from ..parameters import Parameter

Selection = Iterable[str | Parameter] | Callable[[Parameter], bool]  # names, parameters, or a function that picks them
Groups = Sequence[dict[str, Any]]


class Group(NamedTuple):
    """Some parameters, by their names, with a multiple of the learning rate and perhaps a weight decay."""

    names: tuple[str, ...]
    lr_factor: float = 1.0
    weight_decay: float | None = None  # None: as the optimizer has it

    def config(self) -> dict:
        """As JSON-able values: what `groups` takes."""
        given = {"parameters": list(self.names), "lr_factor": self.lr_factor, "weight_decay": self.weight_decay}
        return {key: value for key, value in given.items() if value is not None}


def select(who: str, name: str, model: Layer, chosen: Any) -> tuple[str, ...]:
    """The names of the model's parameters that are chosen; ConfigError if one is none of its, or if there is none."""
    parameters = model.parameters()
    if callable(chosen):
        found = [p.name for p in parameters if chosen(p)]
    elif isinstance(chosen, str | Parameter) or not isinstance(chosen, Iterable):
        raise ConfigError(
            f"{who}: expected {name} as a list of names or of parameters, or a function, got {chosen!r:.60}. "
            "Try ['0.weight'], or lambda p: p.name.endswith('bias')."
        )
    else:
        found = []
        for one in chosen:
            own = [p.name for p in parameters if p is one or p.name == one]
            if not own:
                raise ConfigError(
                    f"{who}: expected {name} among the model's parameters "
                    f"({', '.join(p.name for p in parameters)!s:.200}), got {one!r:.60}."
                )
            found += own
    if not found:
        raise ConfigError(f"{who}: expected {name} to have at least one parameter, got none.")
    return tuple(dict.fromkeys(found))


def parameter_groups(who: str, model: Layer, groups: Any) -> list[Group]:
    """The groups that an optimizer is given, checked: no parameter is in two of them."""
    if groups is None:
        return []
    if not isinstance(groups, list | tuple) or not all(isinstance(group, dict) for group in groups):
        raise ConfigError(
            f"{who}: expected groups as a list of dicts, got {groups!r:.60}. "
            "Try [{'parameters': ['0.weight'], 'lr_factor': 0.1, 'weight_decay': 0}]."
        )
    found: list[Group] = []
    for i, group in enumerate(groups):
        name, keys = f"groups[{i}]", ("parameters", "lr_factor", "weight_decay")
        for key in group:
            if key not in keys:
                remedy = "Write lr_factor, a multiple of the optimizer's. " if key == "lr" else ""
                raise ConfigError(f"{who}: expected the keys of {name} among {', '.join(keys)}, got {key!r}. {remedy}")
        if "parameters" not in group:
            raise ConfigError(f"{who}: expected 'parameters' in {name}, got {sorted(group)}. They are names or a rule.")
        decay = group.get("weight_decay")
        one = Group(
            select(who, f"{name}['parameters']", model, group["parameters"]),
            number(who, f"{name}['lr_factor']", group.get("lr_factor", 1.0), 0.0),
            None if decay is None else number(who, f"{name}['weight_decay']", decay, 0.0),
        )
        for other in found:
            if both := sorted(set(one.names) & set(other.names)):
                raise ConfigError(f"{who}: expected each parameter in one group, got {both[0]!r} in two.")
        found.append(one)
    return found
