"""The state of a training run in a file: everything that the next step depends on.

A checkpoint is a model file (`nnmat.formats.npz`) with more entries: the header's `training` holds the position (epoch,
batches done, step), the states of the generator and of the batch source at the start of the epoch, the sums of the
epoch so far, the history, and the settings; `optimizer/...`, `source/...` and `callback/<i>/...` hold arrays. A run
resumed from it ends with the same bits as one that was never stopped.
"""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..errors import ConfigError, FileFormatError, StateError
from ..formats.npz import model_entries, plain, read_archive, restore_model, write_archive

INTERRUPTED = Path("nnmat-interrupted.npz")  # where Ctrl-C leaves a run if nothing else is said

# Why a setting must be the same, where that is not plain to see.
REASONS = {"steps": "A budget of steps closes its epoch early, so the two runs would part there. Epochs may grow. "}


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
    stopped: bool = False  # by a callback: the run is over
    learning_rate: float = 0.0  # of the last step
    requested: list[str] = field(default_factory=list)  # checkpoints to be written when the epoch is finished


def interrupt_path(checkpoint: str | os.PathLike | None) -> Path | None:
    """The file for Ctrl-C, or None; only a path that was asked for must be in a writable folder."""
    if checkpoint is None:
        return None
    path = Path(checkpoint)
    if path.suffix == ".npz" and os.access(path.parent, os.W_OK):
        return path
    if checkpoint is INTERRUPTED:
        return None
    raise ConfigError(f"fit: expected checkpoint as a .npz file in a writable folder, got {str(checkpoint)!r}.")


def write_checkpoint(
    path: str | os.PathLike, progress: Progress, settings: dict, model, optimizer, source_state: dict, callbacks
) -> None:
    """Write the state of a run to `path`, atomically; `source_state` is the batch source's at the epoch's start."""
    header, arrays = model_entries(model)
    found = {"optimizer": optimizer.state(), "source": source_state}
    found |= {f"callback/{i}": callback.state() for i, callback in enumerate(callbacks)}
    states = {}
    for name, state in found.items():
        states[name] = {key: value for key, value in state.items() if not isinstance(value, np.ndarray)}
        arrays |= {f"{name}/{key}": value for key, value in state.items() if isinstance(value, np.ndarray)}
    header["training"] = {"progress": vars(progress), "settings": settings, "states": states}
    write_archive(path, header, arrays)


def read_checkpoint(path: str | os.PathLike, settings: dict, model, optimizer, source, callbacks) -> Progress:
    """Restore a run from `path`; raises before anything is changed if the file belongs to another run."""
    header, arrays = read_archive(path)
    if "training" not in header:
        raise FileFormatError(
            f"resume: {path} holds a model but no state of a training run. nnmat.load reads it; train on from there."
        )
    training = header["training"]
    try:
        stored, states = training["settings"], training["states"]
        progress = Progress(**training["progress"])
    except (KeyError, TypeError) as error:
        raise FileFormatError(f"resume: {path}: its training state is damaged ({error}).") from None
    settings = json.loads(json.dumps(settings, default=plain))  # tuples become lists, as in the file
    for key in sorted(settings.keys() | stored.keys()):
        if settings.get(key) != stored.get(key):
            raise StateError(
                f"resume: {path} was made with {key} = {stored.get(key)!r}, this run has {settings.get(key)!r}. "
                f"{REASONS.get(key, '')}Resume with the same settings, or start a new run from nnmat.load(path)."
            )
    owners = {"optimizer": optimizer, "source": source} | {f"callback/{i}": c for i, c in enumerate(callbacks)}
    if set(states) != set(owners):
        raise FileFormatError(f"resume: {path}: its training state is damaged (it has {', '.join(states)}).")
    restore_model(path, model, header, arrays)
    for name, owner in owners.items():
        mine = {key.removeprefix(f"{name}/"): A for key, A in arrays.items() if key.startswith(f"{name}/")}
        owner.load_state(states[name] | mine)
    return progress
