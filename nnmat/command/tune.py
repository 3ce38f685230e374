"""`nnmat tune`: options for `nnmat train`, found by trying some."""

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import NonFiniteError
from .learning.data import add_data, described, given, parted
from .learning.fitting import fit
from .learning.networks import add_network, resolved
from .learning.scores import ClassScores, Scores, guess_of, outputs, percent, scores_of
from .train import USAGE, use_threads
from .usage.config_file import add_config, keys_of, toml_text
from .usage.kinds import command, output, positive_int
from .usage.outputs import TOML, check_output, is_options, write_text

EXAMPLES = """\
examples:
  nnmat tune flowers.csv --target species               20 tries; the best options go to tuned.toml
  nnmat train --config tuned.toml                       trains with them
  nnmat tune flowers.csv --target species --tries 50 --seed 1 --out best.toml

The first try has the default options; the others draw hidden layers, learning rate, dropout and weight decay. They are
compared on a part of the rows that are learned from: those that nnmat train measures with are not looked at.
"""
TUNED = ("hidden", "lr", "dropout", "weight_decay")
OWN = {"tries", "out", "overwrite"}  # options that nnmat train has not, or has with another meaning
WIDTHS = ((32,), (64,), (128,), (256,), (32, 32), (64, 64), (128, 64), (128, 128), (64, 64, 64))


def add(added: Any) -> None:
    """The command with its options."""
    parser = command(added, "tune", "find good options for nnmat train by trying some", EXAMPLES, tune, USAGE)
    add_data(parser)
    add_network(parser)
    search = parser.add_argument_group("the search")
    search.add_argument("--tries", type=positive_int, default=20, help="how many (default: %(default)s)")
    search.add_argument(
        "--out", type=output(".toml"), default=Path("tuned.toml"), metavar="FILE", help="(default: %(default)s)"
    )
    search.add_argument("--overwrite", action="store_true", help="replace FILE though nnmat did not write it")
    add_config(parser)
    parser.set_defaults(known={key: (action.dest, action.default) for key, action in keys_of(parser).items()})


def drawn(rng: np.random.Generator) -> dict[str, Any]:
    """Options drawn at random."""
    return {
        "hidden": list(WIDTHS[rng.integers(len(WIDTHS))]),
        "lr": float(f"{10 ** rng.uniform(-3.5, -1.7):.3g}"),
        "dropout": float(rng.choice([0.0, 0.1, 0.2, 0.3, 0.5])),
        "weight_decay": float(f"{10 ** rng.uniform(-4, -0.5):.3g}"),
    }


def tune(options: argparse.Namespace) -> None:
    """Try, compare, write the best."""
    inputs = [Path(name) for name in (options.data, options.images, options.config) if name is not None]
    check_output("--out", options.out, inputs, is_options, options.overwrite)
    use_threads(options)
    found = given(options)
    print(described(found), flush=True)
    options.hidden = resolved(options, len(found.train), found.samples == "images").hidden
    rng = np.random.default_rng(options.seed)
    train, check = parted(found, options.seed, options.validation)
    guess = guess_of(train, found.recipe)
    best: tuple[Scores, dict[str, Any]] | None = None
    digits = len(str(options.tries))
    for number in range(1, options.tries + 1):
        chosen = drawn(rng) if number > 1 else {name: getattr(options, name) for name in TUNED}
        tried = argparse.Namespace(**{**vars(options), **chosen})
        try:
            model, _ = fit(tried, train, check, f"try {number}/{options.tries}")
            scores = scores_of(outputs(model, check.X, True, "measuring"), check.y, found.recipe, guess)
        except KeyboardInterrupt:
            if best is not None:
                print(f"\nnnmat tune: the best of {number - 1} tries is in {options.out}.", file=sys.stderr)
            raise
        except NonFiniteError:
            print(f"try {number:{digits}}  diverged  {shown(chosen)}", flush=True)
            continue
        won = best is None or scores.order < best[0].order
        print(f"try {number:{digits}}  {figure(scores)}  {shown(chosen)}{'  best' * won}", flush=True)
        if best is None or won:
            best = scores, chosen
            write_text(options.out, options_text(options, scores, chosen))
    if best is None:
        raise NonFiniteError(f"expected a try that does not diverge, got {options.tries} that do. Try a smaller --lr.")
    print(f"\nbest: {figure(best[0])} of {len(check)} {found.samples}\nwritten to {options.out}")
    print(f"next: nnmat train --config {options.out}")


def figure(scores: Scores) -> str:
    """What is compared."""
    return f"accuracy {percent(scores.accuracy)}" if isinstance(scores, ClassScores) else f"RMSE {scores.rmse:.4g}"


def shown(chosen: dict[str, Any]) -> str:
    """Options in a line, as they are written on the command line."""
    texts = {name: " ".join(map(str, v)) if isinstance(v, list) else f"{v:g}" for name, v in chosen.items()}
    return " ".join(f"--{name.replace('_', '-')} {text}" for name, text in texts.items())


def options_text(options: argparse.Namespace, scores: Scores, chosen: dict[str, Any]) -> str:
    """The best options, and those that were given, as a file for nnmat train."""
    kept = {}
    for key, (name, default) in options.known.items():
        value = chosen.get(name, getattr(options, name))
        if name in TUNED or (name not in OWN and value != default):
            kept[key] = value
    head = f"{TOML}: the best options, {figure(scores)}\nnnmat train --config {options.out}"
    return toml_text(head, kept)
