"""What can go wrong in the calculus, each with its own type."""

import re

from ..errors import DtypeError, ShapeError

__all__ = ["DomainError", "DtypeError", "NotDerivable", "ParseError", "RecordError", "ShapeError", "UnverifiedError"]


class NotDerivable(ValueError):
    """A function whose gradient is refused. `node` is the sub-expression at fault, `reason` says why."""

    def __init__(self, node, reason: str):
        self.node, self.reason = node, reason
        super().__init__(f"derive: {reason}")


class ParseError(ValueError):
    """Text that is no expression. `column` counts from 1; `text` is the whole line.

    `open_names` are the names whose shapes it leaves open, also those that the message does not speak of.
    """

    def __init__(self, message: str, text: str = "", column: int = 1):
        self.message, self.text, self.column = message, text, column
        self.open_names: list[str] = []
        line = re.sub(
            "[\ud800-\udfff]", "\ufffd", re.sub(r"\s", " ", text)
        )  # bytes that were no text: not to be written
        marked = f"\n    {line}\n    {' ' * (column - 1)}^" if text else ""
        super().__init__(f"parse: column {column}: {message}{marked}")


class RecordError(ValueError):
    """A record of a derivation that is damaged, or a line in it that does not follow. `place` says where.

    `readable` is False for what is no record at all, or one of another version.
    """

    def __init__(self, place: str, reason: str):
        self.place, self.reason = place, reason
        self.readable = re.fullmatch(r"(\[\d+\]\.)?(file|format|version)", place) is None
        super().__init__(f"verify: {place}: {reason}.")


class DomainError(ArithmeticError):
    """A point outside the domain: the logarithm of a negative number, the inverse of a singular matrix."""


class UnverifiedError(ArithmeticError):
    """A line that differs from its finite differences, or that no point of the domain could be found to check."""
