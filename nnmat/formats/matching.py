"""Which entry of another library's weights belongs to which array of a model.

Names decide where they are the model's own. Where they are not, layers are matched as wholes, each with all of its
arrays, in an order that is known (that of a module, or one that is given); where none is known (a dictionary may have
been sorted as text, a file has an order of its own), by the kinds and shapes of their arrays, and those of equal shapes
by the numbers in their names: `h.2` before `h.10`. What that leaves open is refused; so are equal shapes on branches
that stand beside each other, for nobody knows which of them another library counts first.
"""

import contextlib
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cmp_to_key
from typing import NamedTuple

import numpy as np

from ..errors import ConfigError
from ..layers import Add, Concatenate, Layer, Residual

Unit = dict[str, str]  # the entries of one layer: kind to name


class Slot(NamedTuple):
    """An array of the model: its name, the last part of which is its kind, and its shape in the other library."""

    name: str
    shape: tuple[int, ...]


class Given(NamedTuple):
    """An entry of the other library: its shape, and how its content is read."""

    shape: tuple[int, ...]
    read: Callable[[], np.ndarray]


def match(
    who: str,
    ours: Sequence[Slot],
    theirs: Mapping[str, Given],
    *,
    ordered: bool = False,
    order: Sequence[str] | None = None,
    branches: Sequence[Sequence[str]] = (),
    remedy: str = "Give their names in the model's order, order=[...].",
) -> list[str]:
    """For each array of the model the name of its entry; every entry is used once.

    `ordered`: whether `theirs` has the order of the layers. `order`: their names (of layers, or of entries) in that
    order. `branches` of the model: numbers do not say on which of them a layer stands. `remedy`: for an order that
    is open. Shapes of entries that belong together by name or by order are not compared here. Raises ConfigError.
    """
    if order is not None:
        theirs, ordered = _in_order(who, theirs, order), True
    elif (prefix := _prefix([slot.name for slot in ours], theirs)) is not None:
        return [prefix + slot.name for slot in ours]
    for units in (_by_layer, _by_entry):
        mine, found = units([slot.name for slot in ours]), units(theirs)
        if ordered:
            if [set(unit) for unit in mine] == [set(unit) for unit in found]:
                return _named(ours, zip(mine, found, strict=True))
            continue
        if units is _by_entry and any(len(unit) > 1 for unit in _by_layer(theirs)):
            break  # their names say which entries are of one layer: a bias of one is none of another
        shapes = {slot.name: slot.shape for slot in ours}
        groups = _grouped(mine, shapes), _grouped(found, {name: given.shape for name, given in theirs.items()})
        if {key: len(group) for key, group in groups[0].items()} == {key: len(g) for key, g in groups[1].items()}:
            pairs: list[tuple[Unit, Unit]] = []
            for key, group in groups[0].items():
                apart = _apart(group, branches)
                pairs += zip(group, _by_numbers(who, groups[1][key], group, theirs, apart, remedy), strict=True)
            return _named(ours, pairs)
    raise _no_match(who, ours, theirs)


def branches_of(model: Layer) -> list[list[str]]:
    """For each place where a model has branches, what the names of the arrays on each of them begin with."""
    places = [part for part in model.modules() if isinstance(part, Residual | Add | Concatenate)]
    return [[f"{child.path}." for child in place.children()] for place in places]


def partly(who: str, ours: Sequence[Slot], theirs: Mapping[str, Given]) -> list[str | None]:
    """As `match`, by names only: what is on one side only is left out. Raises ConfigError where nothing fits."""
    names = [slot.name for slot in ours]
    prefixes = ["", *sorted(_prefixes(theirs), key=len)]
    best = max(prefixes, key=lambda prefix: sum(prefix + name in theirs for name in names))
    found = [best + name if best + name in theirs else None for name in names]
    if not any(found):
        raise ConfigError(
            f"{who}: expected some of the names {_listed(names)}, got {_listed(theirs)}. With strict=False entries "
            "are matched by their names only."
        )
    return found


def _prefixes(theirs: Iterable[str]) -> set[str]:
    """Every beginning of a name that ends at a point."""
    return {name[: at + 1] for name in theirs for at, letter in enumerate(name) if letter == "."}


def _prefix(ours: list[str], theirs: Iterable[str]) -> str | None:
    """What stands before all of our names in theirs, if the names are the same otherwise."""
    found = set(theirs)
    for prefix in ("", *sorted(_prefixes(list(found)[:1]), key=len)):
        if found == {prefix + name for name in ours} and len(found) == len(ours):
            return prefix
    return None


def _in_order(who: str, theirs: Mapping[str, Given], order: Sequence[str]) -> dict[str, Given]:
    """The entries in the order of the names of layers, or of entries, that is given."""
    found: dict[str, Given] = {}
    for part in order:
        inside = [name for name in theirs if name == part or name.rpartition(".")[0] == part]
        inside = inside or [name for name in theirs if name.startswith(f"{part}.")]
        if not inside or any(name in found for name in inside):
            fault = "named twice" if inside else "not among the entries"
            raise ConfigError(f"{who}: expected order as names of layers, each once; {part!r} is {fault}.")
        found |= {name: theirs[name] for name in inside}
    if left := [name for name in theirs if name not in found]:
        raise ConfigError(f"{who}: expected order to name all layers, it lacks those of {_listed(left)}.")
    return found


def _by_layer(names: Iterable[str]) -> list[Unit]:
    units: dict[str, Unit] = defaultdict(dict)
    for name in names:
        layer, _, kind = name.rpartition(".")
        units[layer][kind] = name
    return list(units.values())


def _by_entry(names: Iterable[str]) -> list[Unit]:
    return [{name.rpartition(".")[2]: name} for name in names]


def _grouped(units: list[Unit], shapes: Mapping[str, tuple]) -> dict[frozenset, list[Unit]]:
    """Units of equal kinds and shapes together."""
    groups: dict[frozenset, list[Unit]] = defaultdict(list)
    for unit in units:
        groups[frozenset((kind, shapes[name]) for kind, name in unit.items())].append(unit)
    return groups


def _apart(units: list[Unit], branches: Sequence[Sequence[str]]) -> bool:
    """Whether some of the units stand on different branches of one place."""
    names = [name for unit in units for name in unit.values()]
    return any(sum(any(name.startswith(branch) for name in names) for branch in place) > 1 for place in branches)


def _by_numbers(
    who: str, found: list[Unit], mine: list[Unit], theirs: Mapping[str, Given], apart: bool, remedy: str
) -> list[Unit]:
    """Units of equal shapes in the order of the numbers in their names; none if they stand `apart` on branches."""
    names = [_name(unit) for unit in found]
    with contextlib.suppress(_OpenError):
        if not apart:
            return sorted(found, key=cmp_to_key(_compared))
    first = found[0]
    if all(
        np.array_equal(theirs[first[kind]].read(), theirs[name].read()) for unit in found for kind, name in unit.items()
    ):  # a shared weight under its names
        return found
    raise ConfigError(
        f"{who}: expected to know which layer is which, but {_listed(names)} have equal shapes, and neither their "
        f"names nor the order of a dictionary or a file says which of them is {_listed(map(_name, mine))} of the "
        f"model. {remedy}"
    )


class _OpenError(Exception):
    """Two names that say nothing of their order."""


def _compared(one: Unit, other: Unit) -> int:
    """-1 or 1 for the order of two layers: by the numbers of the first parts of their names that differ.

    Parts stand between points. A number behind "_" may be missing: `dense` comes before `dense_1`.
    """
    for left, right in zip(_name(one).split("."), _name(other).split("."), strict=False):
        if left != right:
            (text, numbers), (other_text, others) = _counted(left), _counted(right)
            if text != other_text or numbers == others:
                raise _OpenError
            return -1 if numbers < others else 1
    return len(_name(one)) - len(_name(other))  # one holds the other: its own arrays come first


def _counted(part: str) -> tuple[str, list[int]]:
    """The text of a part of a name without its numbers, and these."""
    base, _, last = part.rpartition("_")
    if not (base and last.isdecimal()):
        base, last = part, "-1"
    return re.sub(r"\d+", "#", base), [*map(int, re.findall(r"\d+", base)), int(last)]


def _name(unit: Unit) -> str:
    """The name of a layer, or of an entry that stands alone."""
    layers = {name.rpartition(".")[0] for name in unit.values()}
    return next(iter(layers)) if len(unit) > 1 or layers != {""} else next(iter(unit.values()))


def _named(ours: Sequence[Slot], pairs: Iterable[tuple[Unit, Unit]]) -> list[str]:
    names = {mine[kind]: found[kind] for mine, found in pairs for kind in mine}
    return [names[slot.name] for slot in ours]


def _no_match(who: str, ours: Sequence[Slot], theirs: Mapping[str, Given]) -> ConfigError:
    """What is left on both sides where entries of one kind and shape have been put together."""
    kinds = [slot.name.rpartition(".")[2] for slot in ours]
    wanted = [(kind, slot.shape, slot.name) for kind, slot in zip(kinds, ours, strict=True)]
    left = []
    for name, given in theirs.items():
        kind = name.rpartition(".")[2]
        place = next((w for w in wanted if w[:2] == (kind, given.shape)), None)
        if place is None:
            left.append(f"{name!r} {given.shape}")
        else:
            wanted.remove(place)
    parts = [f"no place for {', '.join(left)}"] * bool(left)
    parts += [f"nothing for {', '.join(f'{name!r} {shape}' for _, shape, name in wanted)}"] * bool(wanted)
    return ConfigError(
        f"{who}: expected entries of the kinds {kinds} (for {[slot.name for slot in ours]}), got {list(theirs)}"
        f"{': ' if parts else ''}{'; '.join(parts)}. Both models need the same layers in the same order."
    )


def _listed(names: Iterable[str]) -> str:
    found = [repr(name) for name in names]
    return ", ".join(found[:8]) + (f" and {len(found) - 8} more" if len(found) > 8 else "")
