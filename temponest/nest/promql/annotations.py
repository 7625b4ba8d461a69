"""What is said beside an answer: warnings where it may be wrong, infos where it may surprise."""

from __future__ import annotations

from dataclasses import dataclass, field

from .tree import Expression

# As many as Prometheus sends of each kind; a page shows a few.
_LIMIT = 10


@dataclass(slots=True)
class Annotations:
    """Collects what is to be said about one query, each thing once.

    Attributes:
        query: its text, to tell where in it something is.
        warnings: in the order they came up.
        infos: as well.
    """

    query: str
    warnings: dict[str, None] = field(default_factory=dict)
    infos: dict[str, None] = field(default_factory=dict)

    def warn(self, text: str, node: Expression) -> None:
        """The answer may be wrong, or lacks something."""
        self.warnings[f"PromQL warning: {text} ({self._place(node)})"] = None

    def info(self, text: str, node: Expression) -> None:
        """The answer is right and may be another one than expected."""
        self.infos[f"PromQL info: {text} ({self._place(node)})"] = None

    def _place(self, node: Expression) -> str:
        start = node.span.start
        line = self.query.count("\n", 0, start) + 1
        return f"{line}:{start - self.query.rfind(chr(10), 0, start)}"


def limited(annotations: dict[str, None], word: str) -> list[str]:
    """The first of them, and how many there are beyond."""
    found = list(annotations)
    more = len(found) - _LIMIT
    return found if more <= 0 else [*found[:_LIMIT], f"{more} more {word} annotations omitted"]
