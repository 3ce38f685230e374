"""Single tokens of a record changed: another sign, name or number, a transpose lost."""

import json
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from nnmat.calculus.verifying.structure import seal

TOKEN = re.compile(r"\d+(?:\.\d*)?|[^\W\d]\w*|\*\*|\.T\b|[-+*/@(),]")
OTHER = {"+": "-", "-": "+", "*": "@", "@": "*", "/": "*", "**": "*", ".T": "", "(": "", ")": "", ",": " "}
EXPRESSIONS = {"function", "whole", "root", "gradient", "start", "on", "before", "after", "local", "closed", "is"}
Place = tuple[str | int, ...]


def texts(record: Any, place: Place = (), inside: bool = False) -> Iterator[tuple[Place, str]]:
    """The expressions of a record, and where they stand."""
    if isinstance(record, str):
        if inside:
            yield place, record
    elif isinstance(record, dict | list):
        for key, value in record.items() if isinstance(record, dict) else enumerate(record):
            yield from texts(value, (*place, key), key in EXPRESSIONS or (inside and isinstance(key, int)))


def changed(text: str, names: list[str], rng: np.random.Generator) -> str:
    """The text with one token changed."""
    found = list(TOKEN.finditer(text))
    token = found[int(rng.integers(len(found)))]
    body = token.group()
    if body[0].isdigit():
        new = str(int(float(body)) + int(rng.integers(1, 3)))
    elif body in OTHER:
        new = OTHER[body]
    else:
        others = [n for n in names if n != body]
        new = others[int(rng.integers(len(others)))]
    return text[: token.start()] + new + text[token.end() :]


def mutations(record: dict[str, Any], many: int, rng: np.random.Generator) -> Iterator[tuple[Place, str, str, str]]:
    """(place, text, changed text, the whole record with it, sealed again)."""
    places = list(texts(record))
    names = ["exp", *record["symbols"], *(q["name"] for q in record["quantities"])]
    for _ in range(many):
        place, text = places[int(rng.integers(len(places)))]
        new = changed(text, names, rng)
        copy = json.loads(json.dumps(record))
        inner = copy
        for key in place[:-1]:
            inner = inner[key]
        inner[place[-1]] = new
        copy["seal"] = seal(copy)
        yield place, text, new, json.dumps(copy)
