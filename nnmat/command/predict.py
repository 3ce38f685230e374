"""`nnmat predict`: what a model says of new rows or images, as CSV."""

import argparse
import csv
import io
import sys
from pathlib import Path
from typing import Any

import numpy as np

from .learning.data import add_reading, reading_of
from .learning.model_file import Kept, read_model
from .learning.recipes import ImageRecipe
from .learning.scores import outputs, probabilities_of
from .usage.kinds import command, output
from .usage.outputs import check_output, write_text

EXAMPLES = """\
examples:
  nnmat predict model.npz new.csv                    prints a table: the label of each row, and its probabilities
  nnmat predict model.npz new.csv --out labels.csv   writes it
  nnmat predict model.npz 1.jpg 2.jpg photos         images, and those in a folder

Columns go by their names: the order does not matter, and others than in training are passed over.
"""


def add(added: Any) -> None:
    """The command with its options."""
    parser = command(
        added,
        "predict",
        "say what a model makes of new rows or images, as CSV",
        EXAMPLES,
        run,
        "MODEL DATA.csv | MODEL IMAGE ...",
    )
    parser.add_argument("model", metavar="MODEL", help="a file that nnmat train wrote")
    parser.add_argument("data", nargs="+", metavar="DATA", help="a CSV file, or images and folders of images")
    parser.add_argument("--out", type=output(".csv"), metavar="FILE", help="write to FILE (default: print)")
    parser.add_argument("--overwrite", action="store_true", help="replace FILE if it is there")
    add_unknown(parser)
    add_reading(parser, None, None, "as in training")
    parser.add_argument("--quiet", action="store_true", help="no progress bars")


def add_unknown(parser: argparse.ArgumentParser) -> None:
    """The option of categories that training has not seen."""
    parser.add_argument(
        "--unknown",
        choices=("refuse", "zeros"),
        help="a category that was not there in training: refused, or taken as none of the known (default: as trained)",
    )


def run(options: argparse.Namespace) -> None:
    """Read, compute, write."""
    paths = [Path(name) for name in options.data]
    if options.out is not None:
        check_output("--out", options.out, [Path(options.model), *paths], None, options.overwrite)
    kept = read_model(Path(options.model), options.unknown, reading_of(options))
    names, X = kept.recipe.read(paths)
    text = table_text(kept, names, outputs(kept.model, X, options.quiet, "predicting"))
    if options.out is None:
        sys.stdout.write(text)
    else:
        write_text(options.out, text)
        print(f"{len(names)} predictions in {options.out}")


def table_text(kept: Kept, names: list[str], H: np.ndarray) -> str:
    """The predictions as CSV: a line for each sample."""
    recipe = kept.recipe
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    head = ["file" if isinstance(recipe, ImageRecipe) else "row", recipe.target]
    if recipe.labels is None:
        writer.writerow(head)
        writer.writerows([name, f"{value:.7g}"] for name, value in zip(names, recipe.in_units(H), strict=True))
        return file.getvalue()
    writer.writerow([*head, *(f"p({label})" for label in recipe.labels)])
    for name, p in zip(names, probabilities_of(H), strict=True):
        writer.writerow([name, recipe.labels[int(p.argmax())], *(f"{value:.6g}" for value in p)])
    return file.getvalue()
