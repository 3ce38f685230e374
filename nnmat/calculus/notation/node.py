"""What a writer reads of an expression. It builds none: the notation stands below the language."""

from typing import Any, Protocol

from ..dimensions import Shape


class Node(Protocol):
    """An operator on operands, with its constants and its shape, and what follows from these."""

    @property
    def op(self) -> str: ...

    @property
    def args(self) -> "tuple[Node, ...]": ...

    @property
    def data(self) -> Any: ...

    @property
    def shape(self) -> Shape: ...

    @property
    def name(self) -> str: ...

    @property
    def is_scalar(self) -> bool: ...

    @property
    def has_differential(self) -> bool: ...
