"""`nnmat train`: a network from a table or from folders of images."""

import argparse
import sys
from pathlib import Path
from typing import Any

from nnmat_kernels.runtime.config import set_num_threads

from ..errors import ConfigError
from .learning.data import Given, add_data, described, given
from .learning.fitting import fit
from .learning.model_file import Kept, write_model
from .learning.networks import add_network, resolved
from .learning.scores import Scores, guess_of, outputs, scores_of
from .report.page import report
from .usage.config_file import add_config
from .usage.kinds import command, output
from .usage.outputs import check_output, is_model, is_page, write_text

EXAMPLES = """\
examples:
  nnmat train flowers.csv --target species              tells classes, or numbers, whichever the column has
  nnmat train houses.csv --target price --ignore id     without the column id
  nnmat train houses.csv --target price --fill median   with gaps filled
  nnmat train --images photos                           photos/cat/1.jpg, photos/dog/7.png, ...: the folder is the class
  nnmat train --config best.toml --seed 1               options of a file, such as nnmat tune writes; those here win

It writes a model, which has all that nnmat predict, evaluate and export need, and a page to look at in a browser.
A part of the data is kept apart: the accuracy is that on rows that the network has not learned from.
"""

USAGE = "DATA.csv --target COLUMN [options] | --images FOLDER [options]"


def add(added: Any) -> None:
    """The command with its options."""
    parser = command(
        added, "train", "train a network from a CSV table or from folders of images", EXAMPLES, train, USAGE
    )
    add_data(parser)
    add_network(parser)
    files = parser.add_argument_group("files")
    files.add_argument(
        "--out", type=output(".npz"), default=Path("model.npz"), metavar="FILE", help="the model (default: %(default)s)"
    )
    files.add_argument(
        "--report", type=output(".html"), default=Path("report.html"), metavar="FILE", help="the page (%(default)s)"
    )
    files.add_argument("--overwrite", action="store_true", help="replace files that nnmat did not write")
    add_config(parser)


def use_threads(options: argparse.Namespace) -> None:
    """Set the number of threads that --threads asks for."""
    if options.threads is not None:
        try:
            set_num_threads(options.threads)
        except ValueError as error:
            raise ConfigError(f"--threads: {error}") from None


def check_files(options: argparse.Namespace) -> None:
    """Refuse outputs that cannot be written, before the work."""
    inputs = [Path(name) for name in (options.data, options.images, options.config) if name is not None]
    check_output("--out", options.out, inputs, is_model, options.overwrite)
    check_output("--report", options.report, inputs, is_page, options.overwrite)


def train(options: argparse.Namespace) -> None:
    """Read, train, measure, write."""
    check_files(options)
    use_threads(options)
    found = given(options)
    print(described(found), flush=True)
    model, history = fit(options, found.train, found.test)
    guess = guess_of(found.train, found.recipe)
    H = outputs(model, found.test.X, options.quiet, "measuring")
    scores = scores_of(H, found.test.y, found.recipe, guess)
    kept = Kept(model, found.recipe, guess, scores.figures())
    write_model(options.out, kept)
    write_text(
        options.report,
        report(resolved(options, len(found.train), found.samples == "images"), found, kept, scores, H, history),
    )
    print(f"\non the {len(found.test)} {found.samples} kept apart:")
    print_scores(scores)
    print(f"\nmodel   {options.out}\nreport  {options.report}\nnext    {next_step(options, found)}")


def print_scores(scores: Scores) -> None:
    """The figures, and a warning if a guess is as good."""
    for line in scores.lines:
        print(f"  {line}")
    if not scores.better:
        print("It is not better than the guess: the data may say nothing of what is to be told.", file=sys.stderr)


def next_step(options: argparse.Namespace, found: Given) -> str:
    """What can be done with the model."""
    return f"nnmat predict {options.out} " + ("NEW.csv" if found.samples == "rows" else "NEW.png")
