"""Keep what matters of the traces that sampling dropped: those whose local root failed or was slow.

The spans of such a trace are held, encoded, until its local root ends; then all of them are sent or none.
Memory is bounded over all traces together; what did not fit is let go and counted.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from opentelemetry.trace import StatusCode

from ..lifecycle import on_fork
from .local import Held

if TYPE_CHECKING:
    from collections.abc import Callable

    from .span import Span

HOLD_AT_MOST: Final = 8 << 20
"""Bytes held at one time over all traces of a process."""


class Keeper:
    """Holds the spans of unsampled traces and decides about them.

    Args:
        errors: keep traces whose local root has the status ERROR.
        slower_than: keep traces whose local root took at least this many seconds; None keeps none for that.
        hold_at_most: bytes held at one time over all traces.
    """

    def __init__(self, *, errors: bool, slower_than: float | None, hold_at_most: int = HOLD_AT_MOST) -> None:
        self._errors = errors
        self._slower_than = None if slower_than is None else int(slower_than * 1e9)
        self._most = hold_at_most
        # Reentrant: the garbage collector may forget a trace, and give its bytes back, at any point.
        self._lock = threading.RLock()
        self.held_bytes = 0
        """Bytes held now."""
        self.kept = 0
        """Spans sent because their trace failed or was slow."""
        self.let_go = 0
        """Spans whose trace went well: what sampling dropped as it should."""
        self.no_room = 0
        """Spans that could not be held, or came after their trace was judged: missing if it was kept."""
        on_fork(self._fork)

    def hold(self) -> Held:
        """The place for the spans of one more unsampled trace."""
        return Held(self._release)

    def ended(
        self, span: Span, scope: bytes, encode: Callable[[Span], bytes], put: Callable[[bytes, bytes], None]
    ) -> None:
        """A span of an unsampled trace has ended: hold it, or judge the trace if it is the local root."""
        held = span._trace.held
        if held is None:
            return
        if held.kept is None and type(span._origin) is int:
            self._hold(held, scope, encode(span))
            return
        if held.kept is None:
            held.kept = self.matters(span)
            records = held.empty()
            if held.kept:
                for record in records:
                    put(*record)
            with self._lock:
                if held.kept:
                    self.kept += len(records)
                else:
                    self.let_go += len(records)
        if held.kept:
            put(scope, encode(span))
        with self._lock:
            if held.kept:
                self.kept += 1
            else:
                self.let_go += 1

    def matters(self, root: Span) -> bool:
        """Whether this local root makes its trace worth keeping."""
        if self._errors and root.status.status_code is StatusCode.ERROR:
            return True
        return self._slower_than is not None and (root._ended or 0) - root._began >= self._slower_than

    def _hold(self, held: Held, scope: bytes, record: bytes) -> None:
        with self._lock:
            if self.held_bytes + len(record) > self._most:
                self.no_room += 1
                return
            self.held_bytes += len(record)
        held.add(scope, record)

    def _release(self, size: int) -> None:
        with self._lock:
            self.held_bytes -= size

    def _fork(self) -> None:
        self._lock = threading.RLock()
