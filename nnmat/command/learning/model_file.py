"""A model in a file with all that is needed to use it: what is done to data, what outputs mean, how good it was.

It is a model file as `nnmat.save` writes it (so `nnmat.load` reads the network), with an entry more in its header.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import FileFormatError
from ...formats.npz import load, model_entries, read_archive, write_archive
from ...layers import Sequential
from .recipes import Recipe, recipe_of

VERSION = 1


@dataclass(frozen=True)
class Kept:
    """A model, its recipe, the guess that scores are compared with, and the figures after training."""

    model: Sequential
    recipe: Recipe
    guess: float
    figures: dict[str, float]


def write_model(path: Path, kept: Kept) -> None:
    """Write it, whole or not at all."""
    header, arrays = model_entries(kept.model)
    own: dict[str, Any] = {"version": VERSION, "recipe": kept.recipe.config()}
    own |= {"guess": kept.guess, "figures": kept.figures}
    write_archive(path, header | {"command": own}, arrays)


def read_model(path: Path, unknown: str | None = None, reading: Mapping[str, Any] | None = None) -> Kept:
    """Read what `write_model` wrote; the other two as `recipe_of` has them.

    Raises FileNotFoundError; FileFormatError for any other file.
    """
    if path.exists() and path.suffix != ".npz":
        raise FileFormatError(f"{path}: expected a model that nnmat train wrote, whose name ends in .npz.")
    header, _ = read_archive(path)
    own = header.get("command")
    if not isinstance(own, dict) or own.get("version") != VERSION:
        raise FileFormatError(
            f"{path}: expected a model that nnmat train wrote, got one without columns and labels. Train it with "
            "nnmat train, or use it from Python: nnmat.load."
        )
    model = load(path)
    try:
        recipe = recipe_of(own["recipe"], unknown, reading)
        kept = Kept(model, recipe, float(own["guess"]), dict(own["figures"]))  # type: ignore[arg-type]
    except (KeyError, TypeError, ValueError) as error:
        raise FileFormatError(f"{path}: its data for nnmat train is damaged: {error}") from None
    shapes = (recipe.input_shape, (1 if recipe.labels is None else len(recipe.labels),))
    found = (model.input_shape, model.output_shape(model.input_shape))
    if not isinstance(model, Sequential) or found != shapes:
        raise FileFormatError(
            f"{path}: expected a network from {shapes[0]} to {shapes[1]}, got {found[0]} to {found[1]}."
        )
    return kept
