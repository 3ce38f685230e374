"""Options in a TOML file: read as defaults of a command, which its command line overrides, and written."""

import argparse
import difflib
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...errors import ConfigError, FileFormatError
from ...formats.paths import existing_file

LEFT_OUT = {"help", "config"}


def add_config(parser: argparse.ArgumentParser) -> None:
    """The option --config."""
    parser.add_argument(
        "--config",
        metavar="FILE",
        help="a TOML file with options of this command, such as lr = 0.01; those of the command line win",
    )


def keys_of(parser: argparse.ArgumentParser) -> dict[str, argparse.Action]:
    """The options of a command by their keys in a file: the long names without --."""
    found = {}
    for action in parser._actions:  # argparse has no public list of them
        name = max(action.option_strings, key=len).lstrip("-") if action.option_strings else action.dest
        if name not in LEFT_OUT:
            found[name] = action
    return found


def read_config(path: Any, parser: argparse.ArgumentParser) -> dict[str, Any]:
    """The options of a file, as `parser.set_defaults` takes them.

    Raises FileFormatError for a file that is no TOML; ConfigError for a key that is no option, with the nearest one,
    and for a value that the option does not take.
    """
    path = existing_file("--config", path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FileFormatError(f'{path}: expected a TOML file, such as target = "species"; {error}') from None
    known = keys_of(parser)
    found: dict[str, Any] = {}
    for key, value in content.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, 1, cutoff=0.5)
            hint = f"Did you mean {near[0]!r}?" if near else f"There are {', '.join(known)}."
            raise ConfigError(f"{path}: {key!r} is no option of {parser.prog}. {hint}")
        try:
            found[known[key].dest] = _value(known[key], value)
        except (argparse.ArgumentTypeError, ValueError) as error:
            raise ConfigError(f"{path}: {key}: {error}.") from None
    return found


def _value(action: argparse.Action, value: Any) -> Any:
    """A value of the file as the option has it; ValueError if it cannot."""
    if action.nargs == 0:
        if not isinstance(value, bool):
            raise ValueError(f"expected true or false, got {value!r}")
        return value
    if action.nargs in (None, "?"):
        return _single(action, value)
    values = [_single(action, entry) for entry in (value if isinstance(value, list) else [value])]
    if not values and action.default != []:
        raise ValueError("expected at least one value, got none")
    if isinstance(action.nargs, int) and len(values) != action.nargs:
        raise ValueError(f"expected {action.nargs} values, got {len(values)}")
    return values


def _single(action: argparse.Action, value: Any) -> Any:
    if isinstance(value, list | dict):
        raise ValueError(f"expected one value, got {value!r}")
    text = str(value).lower() if isinstance(value, bool) else str(value)
    kind: Any = action.type or str
    found = kind(text)
    if action.choices is not None and found not in action.choices:
        raise ValueError(f"expected one of {', '.join(map(repr, action.choices))}, got {value!r}")
    return found


def parse(parser: argparse.ArgumentParser, added: Any, words: list[str]) -> argparse.Namespace:
    """The options of the command line, above those of its --config file.

    What is wrong with that file ends the program as wrong usage does: with a line, and code 2.
    """
    options = parser.parse_args(words)
    if getattr(options, "config", None) is None:
        return options
    own = added.choices[options.command]
    try:
        own.set_defaults(**read_config(options.config, own))
    except (ConfigError, FileFormatError, OSError) as error:
        own.exit(2, f"{own.prog}: error: {str(error).removeprefix('--config: ')}\n")
    return parser.parse_args(words)


def toml_text(head: str, options: Mapping[str, Any]) -> str:
    """Options as a TOML file, below comments."""
    lines = [f"# {line}" for line in head.splitlines()]
    return "\n".join([*lines, *(f"{key} = {_written(value)}" for key, value in options.items())]) + "\n"


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_written, value))}]"
    if isinstance(value, int | float):
        return repr(value)
    return json.dumps(str(value) if isinstance(value, Path) else value, ensure_ascii=False).replace("\x7f", "\\u007f")
