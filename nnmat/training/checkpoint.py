"""The state of a training run in a file: everything that the next step depends on.

A checkpoint is a model file (`nnmat.formats.npz`) with more entries: the header's `training` holds the position (epoch,
batches done, step), the states of the generator and of the batch source at the start of the epoch, the sums of the
epoch so far, the history, and the settings; `optimizer/...`, `source/...` and `callback/<i>/...` hold arrays. A run of
several models has the first one as the file's own and the others as `model/<name>/...`. A run resumed from it ends with
the same bits as one that was never stopped.
"""

import contextlib
import copy
import json
import math
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..errors import ConfigError, DtypeError, FileFormatError, ShapeError, StateError
from ..formats.npz import check_model, model_entries, plain, read_archive, restore_model, write_archive
from ..formats.paths import as_path
from ..layers.base import Layer
from ..optimizers import Optimizer
from .callbacks.states import is_count, is_number, part
from .reporting.history import check_writable

INTERRUPTED = Path("nnmat-interrupted.npz")  # where Ctrl-C leaves a run if nothing else is said

# Why a setting must be the same, where that is not plain to see.
REASONS = {"steps": "A budget of steps closes its epoch early, so the two runs would part there. Epochs may grow. "}

_TYPED = (ConfigError, DtypeError, FileFormatError, ShapeError, StateError)  # what a `load_state` says itself


@dataclass
class Progress:
    """Where a run stands."""

    epoch: int = 0  # epochs finished
    batches: int = 0  # batches done in the present epoch
    step: int = 0  # optimizer steps of the whole run
    rng_state: dict = field(default_factory=dict)  # of the generator, at the start of the present epoch
    sums: dict[str, list[float]] = field(default_factory=dict)  # per figure of the present epoch: [sum, weight]
    history: dict[str, list] = field(default_factory=dict)
    seconds: float = 0.0  # spent in the present epoch
    stopped: bool = False  # the run is over for a callback (`Callback.stopped`), whatever resumes it
    learning_rate: float = 0.0  # of the last step
    requested: list[str] = field(default_factory=list)  # checkpoints to be written when the epoch is finished


def interrupt_path(checkpoint: str | bytes | os.PathLike | None) -> Path | None:
    """The file for Ctrl-C, or None; only a path that was asked for must be in a writable folder."""
    if checkpoint is None:
        return None
    path = as_path("fit", checkpoint)
    if path.suffix == ".npz" and os.access(path.parent, os.W_OK):
        if checkpoint is INTERRUPTED:
            return path
        with contextlib.suppress(OSError):
            check_writable("fit", path)
            return path
    if checkpoint is INTERRUPTED:
        return None
    raise ConfigError(f"fit: expected checkpoint as a .npz file in a writable folder, got {str(checkpoint)!r}.")


@contextlib.contextmanager
def free_name(path: Path, own: Iterable[Path]) -> Iterator[Path]:
    """`path`, or the first of path-2, path-3, ... that no file has, except a file of this run's `own`.

    The name is taken at once, by an empty file, so that two runs that are interrupted together have two files; it goes
    if the block raises. An empty file of a minute ago was left by a process that was killed then, and is free.
    """
    mine = {os.path.realpath(known) for known in own}
    number = 1
    while True:
        name = path if number == 1 else path.with_stem(f"{path.stem}-{number}")
        if os.path.realpath(name) in mine or _left(name):
            yield name
            return
        try:
            os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        except FileExistsError:
            number += 1
            continue
        try:
            yield name
        except BaseException:
            with contextlib.suppress(OSError):
                name.unlink()
            raise
        return


def _left(path: Path) -> bool:
    try:
        found = path.stat()
    except OSError:
        return False
    return found.st_size == 0 and time.time() - found.st_mtime > 60


class Held(NamedTuple):
    """What a run changes, each by its name: models, optimizers, generators of random numbers.

    `nnmat.load` reads the first model out of a checkpoint.
    """

    models: dict[str, Layer]
    optimizers: dict[str, Optimizer]
    generators: dict[str, np.random.Generator]


def write_checkpoint(
    path: str | os.PathLike, progress: Progress, settings: dict, held: Held, source_state: dict, callbacks
) -> None:
    """Write the state of a run to `path`, atomically; `source_state` is the batch source's at the epoch's start."""
    first, *others = held.models.items()
    header, arrays = model_entries(first[1])
    for name, model in others:
        own, values = model_entries(model)
        header.setdefault("models", {})[name] = own
        arrays |= {f"model/{name}/{key}": value for key, value in values.items()}
    found = {name: optimizer.state() for name, optimizer in held.optimizers.items()} | {"source": source_state}
    found |= {f"callback/{i}": callback.state() for i, callback in enumerate(callbacks)}
    states = {}
    for name, state in found.items():
        if not isinstance(state, dict):
            raise ConfigError(f"checkpoint: expected state() of {name} as a dict, got {state!r}. Return {{}} for none.")
        states[name] = {key: value for key, value in state.items() if not isinstance(value, np.ndarray)}
        arrays |= {f"{name}/{key}": value for key, value in state.items() if isinstance(value, np.ndarray)}
    header["training"] = {"progress": vars(progress), "settings": settings, "states": states}
    if held.generators:
        header["training"]["generators"] = {name: rng.bit_generator.state for name, rng in held.generators.items()}
    write_archive(path, header, arrays)


def read_checkpoint(path: Any, settings: dict, held: Held, source, callbacks) -> Progress:
    """Restore a run from `path`: what is `held`, the source and the callbacks change together or not at all.

    Raises StateError for a file of another run, FileFormatError for one that is damaged or whose values cannot be
    those of a run, and what the parts' `load_state` has to say in a typed error of its own.
    """
    header, arrays = read_archive(path)
    path = as_path("resume", path)
    if "training" not in header:
        raise FileFormatError(
            f"resume: {path} holds a model but no state of a training run. nnmat.load reads it; train on from there."
        )
    training = header["training"]
    found, stored, states = (_part(path, training, name) for name in ("progress", "settings", "states"))
    _check_settings(path, settings, stored)
    owners = {**held.optimizers, "source": source} | {f"callback/{i}": c for i, c in enumerate(callbacks)}
    if set(states) != set(owners) or not all(isinstance(state, dict) for state in states.values()):
        raise FileFormatError(f"resume: {path}: its training state is damaged (it has {', '.join(states)}).")
    for name, state in states.items():
        mine = {key.removeprefix(f"{name}/"): A for key, A in arrays.items() if key.startswith(f"{name}/")}
        states[name] = state | mine
    progress = _progress(path, found, len(source))
    first = next(iter(held.models.values()))
    for i, callback in enumerate(callbacks):
        _check_callback(f"resume: {path}: callback {i}", callback, states[f"callback/{i}"], first)
    generators = _part(path, training, "generators") if held.generators else {}
    if set(generators) != set(held.generators) or not all(map(_is_rng_state, generators.values())):
        raise FileFormatError(
            f"resume: {path}: its training state is damaged: expected the states of the generators "
            f"{', '.join(held.generators)} of NumPy's PCG64, got {generators!r:.80}."
        )
    entries = {name: _entries_of(path, name, header, arrays, model is first) for name, model in held.models.items()}
    for name, model in held.models.items():
        check_model(path, model, *entries[name])
    _load_states(path, owners, states)
    for name, model in held.models.items():
        restore_model(path, model, *entries[name])
    for name, rng in held.generators.items():
        rng.bit_generator.state = generators[name]
    return progress


def _check_settings(path: Path, settings: dict, stored: dict) -> None:
    settings = json.loads(json.dumps(settings, default=plain))  # tuples become lists, as in the file
    for key in sorted(settings.keys() | stored.keys()):
        if settings.get(key) != stored.get(key):
            raise StateError(
                f"resume: {path} was made with {key} = {stored.get(key)!r}, this run has {settings.get(key)!r}. "
                f"{REASONS.get(key, '')}Resume with the same settings, or start a new run from nnmat.load(path)."
            )


def _entries_of(path: Path, name: str, header: dict, arrays: dict, first: bool) -> tuple[dict, dict]:
    """The header and the arrays of one of the models in a file."""
    if first:
        return header, arrays
    models = header.get("models")
    own = models.get(name) if isinstance(models, dict) else None
    if not isinstance(own, dict):
        raise FileFormatError(
            f"resume: {path}: its training state is damaged: expected the model {name!r} as a dict, got {own!r}."
        )
    prefix = f"model/{name}/"
    return own, {key.removeprefix(prefix): A for key, A in arrays.items() if key.startswith(prefix)}


def _part(path: Path, training: Any, name: str) -> dict:
    part = training.get(name) if isinstance(training, dict) else None
    if not isinstance(part, dict):
        raise FileFormatError(
            f"resume: {path}: its training state is damaged: expected {name} as a dict, got {part!r}."
        )
    return part


def _load_states(path: Path, owners: dict[str, Any], states: dict[str, dict]) -> None:
    """Give all owners their states; if one cannot take its state, the others get back those that they had."""
    before = {name: copy.deepcopy(owner.state()) for name, owner in owners.items()}
    done = []
    try:
        for name, owner in owners.items():
            done.append(name)
            owner.load_state(states[name])
    except BaseException as error:
        for given in done:
            with contextlib.suppress(Exception):
                owners[given].load_state(before[given])
        if not isinstance(error, Exception) or isinstance(error, _TYPED):
            raise
        who = f"{done[-1]} ({type(owners[done[-1]]).__name__})"
        raise FileFormatError(
            f"resume: {path}: the state of {who} cannot be taken back ({type(error).__name__}: {error}). "
            "Is it from another version of that class?"
        ) from error


def _progress(path: Path, found: dict, batches: int) -> Progress:
    """The position in the file, each field of its type and in its range; an epoch has so many `batches`."""
    try:
        progress = Progress(**found)
    except TypeError as error:
        raise FileFormatError(f"resume: {path}: its training state is damaged ({error}).") from None
    columns = list(progress.history.values()) if isinstance(progress.history, dict) else []
    sums = list(progress.sums.values()) if isinstance(progress.sums, dict) else [None]
    rules = {
        "epoch": (is_count(progress.epoch), "an integer >= 0"),
        "batches": (
            is_count(progress.batches) and progress.batches <= batches,
            f"an integer from 0 to {batches}, the batches of an epoch",
        ),
        "step": (is_count(progress.step), "an integer >= 0"),
        "rng_state": (_is_rng_state(progress.rng_state), "the state of a generator of NumPy's PCG64"),
        "sums": (
            all(isinstance(s, list) and len(s) == 2 and all(map(is_number, s)) for s in sums),
            "a sum and a weight for each figure",
        ),
        "history": (
            isinstance(progress.history, dict)
            and bool(columns) == bool(progress.epoch)
            and all(isinstance(c, list) and len(c) == progress.epoch and all(map(is_number, c)) for c in columns),
            "lists of one number for each finished epoch",
        ),
        "seconds": (is_number(progress.seconds) and 0 <= progress.seconds < math.inf, "a finite number >= 0"),
        "stopped": (isinstance(progress.stopped, bool), "true or false"),
        "learning_rate": (
            is_number(progress.learning_rate) and 0 <= progress.learning_rate < math.inf,
            "a finite number >= 0",
        ),
        "requested": (
            isinstance(progress.requested, list) and all(isinstance(p, str) for p in progress.requested),
            "a list of paths",
        ),
    }
    for name, (holds, rule) in rules.items():
        if not holds:
            value = repr(getattr(progress, name))
            raise FileFormatError(
                f"resume: {path}: its training state is damaged: expected {name} as {rule}, got {value[:80]}."
            )
    return progress


def _check_callback(who: str, callback, state: dict, model) -> None:
    """Raise FileFormatError if the state is none of those that nnmat's own callbacks have; of others nothing is known.

    They are told by their very class: a subclass may keep something else.
    """
    if not type(callback).__module__.startswith("nnmat."):
        return
    for name, (holds, rule) in callback.state_rules(state, model).items():
        if not holds:
            value = sorted(part(state, name.removesuffix("..."))) if name.endswith("/...") else state.get(name)
            kind = type(callback).__name__
            raise FileFormatError(
                f"{who} ({kind}): its state is damaged: expected {name} as {rule}, got {value!r:.80}."
            )


def _is_rng_state(state) -> bool:
    try:
        np.random.default_rng(0).bit_generator.state = state
    except Exception:  # whatever NumPy makes of it
        return False
    return True
