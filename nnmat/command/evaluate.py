"""`nnmat evaluate`: how good a model is on other data whose answers are known."""

import argparse
from pathlib import Path
from typing import Any

from .learning.data import add_reading, reading_of
from .learning.model_file import read_model
from .learning.recipes import TableRecipe
from .learning.scores import ClassScores, outputs, scores_of
from .predict import add_unknown
from .train import print_scores
from .usage.kinds import command

EXAMPLES = """\
examples:
  nnmat evaluate model.npz later.csv     a table with the target's column
  nnmat evaluate model.npz photos        images in a folder for each class
"""
WIDE = 12  # classes up to which the table of confusions is shown


def add(added: Any) -> None:
    """The command with its options."""
    parser = command(
        added,
        "evaluate",
        "measure a model on data whose answers are known",
        EXAMPLES,
        run,
        "MODEL DATA.csv | MODEL FOLDER",
    )
    parser.add_argument("model", metavar="MODEL", help="a file that nnmat train wrote")
    parser.add_argument("data", metavar="DATA", help="a CSV file, or a folder with a folder of images for each class")
    add_unknown(parser)
    add_reading(parser, None, None, "as in training")
    parser.add_argument("--quiet", action="store_true", help="no progress bars")


def run(options: argparse.Namespace) -> None:
    """Read, compute, print."""
    kept = read_model(Path(options.model), options.unknown, reading_of(options))
    data = kept.recipe.dataset(Path(options.data))
    H = outputs(kept.model, data.X, options.quiet, "measuring")
    scores = scores_of(H, data.y, kept.recipe, kept.guess)
    print(f"{options.data}: {len(data)} {'rows' if isinstance(kept.recipe, TableRecipe) else 'images'}")
    print_scores(scores)
    print()
    print(columns(*scores.table()))
    if isinstance(scores, ClassScores) and len(scores.labels) <= WIDE:
        rows = [[label, *map(str, row)] for label, row in zip(scores.labels, scores.confusion.tolist(), strict=True)]
        print("\n" + columns(["true \\ said", *scores.labels], rows))


def columns(head: list[str], rows: list[list[str]]) -> str:
    """A table of texts, the first column to the left."""
    widths = [max(len(row[j]) for row in [head, *rows]) for j in range(len(head))]
    lines = ([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])] for row in [head, *rows])
    return "\n".join("  ".join(line).rstrip() for line in lines)
