"""The one variable that says what exists: a value that is replaced, never changed."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..model.signal import Signal
from .block import Block
from .recent import Generation
from .segment import Segment


@dataclass(frozen=True, slots=True)
class View:
    """What queries see.

    Attributes:
        recent: the generation that is being filled.
        frozen: the one that is being written as a segment, None when none is.
        segments: in the order they were sealed.
    """

    recent: Generation = field(default_factory=Generation)
    frozen: Generation | None = None
    segments: tuple[Segment, ...] = ()

    def blocks(self, signal: Signal) -> Sequence[Block]:
        """Every readable block of a signal, newest first."""
        live: list[Block] = list(self.recent.blocks(signal)[::-1])
        if self.frozen is not None:
            live += self.frozen.blocks(signal)[::-1]
        sealed = [one for one in self.segments if one.entry.signal is signal and not one.damaged]
        return [*live, *sorted(sealed, key=lambda segment: segment.start_max, reverse=True)]


class CurrentView:
    """The view of this moment; readers take `now` once and keep it."""

    def __init__(self) -> None:
        self.now = View()
        self.changed = threading.Condition()

    def change(self, **fields: Any) -> None:
        """Replace some fields at once and wake who waits for that."""
        with self.changed:
            self.now = replace(self.now, **fields)
            self.changed.notify_all()
