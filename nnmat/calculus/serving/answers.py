"""What the page asks, answered as data for JSON."""

import re
from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from ...errors import ConfigError
from ..command import Words, derivations_of
from ..derivation.derive import FORMS
from ..errors import DomainError, NotDerivable, ParseError, RecordError, ShapeError, UnverifiedError
from ..grading.grade import grade
from ..pages.derivation_page import fragment

REFUSALS = (ParseError, ShapeError, ConfigError, NotDerivable, UnverifiedError, DomainError, RecordError)
FIELDS = {"expression": True, "wrt": True, "let": False, "shape": False, "symmetric": False}  # whether it must be said
LINES = "lines"
LONGEST = 20_000  # signs of one field


def derived(asked: Any) -> dict[str, Any]:
    """`html`: the derivations, by one symbol or by all, every line checked.

    If there is none, `error`: why; `asks`: names without shapes.
    """
    try:
        return {"html": "\n".join(fragment(d, d.evidence()) for d in derivations_of(_options(asked)))}
    except REFUSALS as error:
        return {"error": str(error), "asks": open_names(error)}


def open_names(error: Exception) -> list[str]:
    """The names whose shapes a refusal asks for, all at once."""
    lists = re.findall(r"(?:Declare|The shapes of) ([^\W\d]\w*(?:, \w+)*)(?=:| were found)", str(error))
    said = [name for names in lists for name in names.split(", ")]
    return list(dict.fromkeys([*said, *(error.open_names if isinstance(error, ParseError) else ())]))


def graded(asked: Any) -> dict[str, Any]:
    """`right`, and `verdict` in words, about somebody's `lines`; `line`: the number of the wrong one. Or `error`."""
    try:
        lines = asked.pop(LINES, "") if isinstance(asked, dict) else ""
        if not isinstance(lines, str) or not lines.strip():
            raise ConfigError(f"nnmat serve: expected lines to check, got {lines!r:.60}.")
        if len(lines) > LONGEST:
            raise ConfigError(f"nnmat serve: expected at most {LONGEST:,} signs in {LINES}, got {len(lines):,}.")
        options = _options(asked)
        verdict = grade(derivations_of(options)[0].function, options.wrt, lines)
        return {"right": bool(verdict), "verdict": str(verdict), "line": verdict.line}
    except REFUSALS as error:
        return {"error": str(error)}


def _options(asked: Any) -> Namespace:
    """The fields of the page as the options of `nnmat derive`; quantities and shapes stand one on a line."""
    if not isinstance(asked, Mapping) or not all(isinstance(value, str) for value in asked.values()):
        raise ConfigError(f"nnmat serve: expected an object of texts, got {asked!r:.60}.")
    given = {name: value.strip() for name, value in asked.items()}
    for name, value in given.items():
        if name not in FIELDS:
            raise ConfigError(f"nnmat serve: expected the fields {', '.join(FIELDS)}, got {name!r:.60}.")
        if len(value) > LONGEST:
            raise ConfigError(f"nnmat serve: expected at most {LONGEST:,} signs in {name}, got {len(value):,}.")
    for name, needed in FIELDS.items():
        if needed and not given.get(name):
            what = {"expression": "a function", "wrt": "the variable to derive by"}[name]
            raise ConfigError(f"nnmat serve: expected {what}, got nothing.")
    if (form := given.get("symmetric") or FORMS[0]) not in FORMS:
        raise ConfigError(f"nnmat serve: expected symmetric as one of {', '.join(FORMS)}, got {form!r:.60}.")
    lines = {name: [line for line in given.get(name, "").splitlines() if line.strip()] for name in ("let", "shape")}
    words = Words("nnmat serve", "quantities", "shapes")
    return Namespace(
        expression=given["expression"], wrt=given["wrt"], upstream=None, symmetric=form, words=words, **lines
    )
