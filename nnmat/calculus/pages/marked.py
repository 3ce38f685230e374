"""A formula in which one part is pointed at: the one that the next law works on."""

from ..language.expr import Expr
from ..notation.latex import LatexWriter
from ..notation.mathml import MARKED
from ..notation.text import Writer


class MarkedWriter(LatexWriter):
    """Writes as another writer does, with its names, and marks `part` wherever it stands."""

    def __init__(self, like: Writer, part: Expr):
        super().__init__()
        self.names, self.used, self.owners, self.sizes = like.names, like.used, like.owners, like.sizes
        self.marked = part

    def part(self, e):
        body, strength = super().part(e)
        if e is not self.marked:
            return body, strength
        minus = "-" if body.startswith("-") else ""  # a sum looks for it in front
        return f"{minus}{MARKED}{{{body.removeprefix('-')}}}", strength
