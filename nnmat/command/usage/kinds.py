"""Kinds of options: numbers within bounds, files, and the parser of a command."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any


def command(
    added: Any, name: str, text: str, examples: str, work: Callable[[argparse.Namespace], int | None], usage: str
) -> Any:
    """A new command: `text` says what it does, `examples` stand below its options, `work` does it.

    `usage`: what belongs to it, in a line.
    """
    parser = added.add_parser(
        name,
        usage=f"nnmat {name} {usage}".rstrip(),
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(work=work)
    return parser


def _number(kind: type, rule: str, holds: Callable[[Any], bool]) -> Callable[[str], Any]:
    """A kind of option: numbers for which `holds`; `rule` says so in words."""

    def check(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not holds(value):
            raise argparse.ArgumentTypeError(f"expected {rule}, got {text!r}")
        return value

    return check


positive_int = _number(int, "a whole number >= 1", lambda n: n >= 1)
nonnegative_int = _number(int, "a whole number >= 0", lambda n: n >= 0)
nonnegative_float = _number(float, "a number >= 0", lambda x: 0 <= x < float("inf"))
positive_float = _number(float, "a number > 0", lambda x: 0 < x < float("inf"))
rate = _number(float, "a number from 0 up to, but not including, 1", lambda x: 0 <= x < 1)
share = _number(float, "a share between 0 and 1, such as 0.2", lambda x: 0 < x < 1)


def output(ending: str) -> Callable[[str], Path]:
    """A kind of option: the name of a file to write."""

    def check(text: str) -> Path:
        path = Path(text)
        if path.suffix.lower() != ending:
            raise argparse.ArgumentTypeError(f"expected a file name that ends in {ending}, got {text!r}")
        return path

    return check
