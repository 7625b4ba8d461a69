"""What few spans have: events, links, a status, counts of what was dropped; made when the first comes."""

from __future__ import annotations

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.trace import Event
from opentelemetry.trace import Link, SpanContext, Status
from opentelemetry.util.types import Attributes
from opentelemetry.util.types import AttributeValue as AnyValue

from .failure import describe
from .limits import Limits


class Raised(Event):
    """An exception event, formatted when somebody reads it, at the latest when the span ends."""

    def __init__(
        self,
        exception: BaseException,
        extra: Attributes,
        timestamp: int,
        *,
        escaped: bool,
        limits: Limits,
    ) -> None:
        super().__init__("exception", None, timestamp)
        self._pending: tuple[BaseException, Attributes, bool] | None = (exception, extra, escaped)
        self._limits = limits

    @property
    def attributes(self) -> Attributes:
        """Semantic conventions, "Exceptions on spans"; attributes given by the caller win."""
        pending, self._pending = self._pending, None
        if pending is not None:
            # An exception refers to its frames, which refer to the span: keeping it would be a cycle.
            exception, extra, escaped = pending
            found: dict[str, AnyValue] = {
                **describe(exception),
                "exception.escaped": str(escaped),
                **(extra or {}),
            }
            self._attributes = bounded(found, self._limits.event_attributes, self._limits.length)
        return self._attributes


class Extras:
    """Events, links, status and counts of a span. Newest events and links win at a limit, as in the SDK."""

    __slots__ = ("dropped_attributes", "dropped_events", "dropped_links", "events", "links", "status")

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.links: list[Link] = []
        self.status: Status | None = None
        self.dropped_attributes = 0
        self.dropped_events = 0
        self.dropped_links = 0

    def add_event(self, event: Event, most: int) -> None:
        """Append; beyond `most` events the oldest goes and is counted."""
        self.events.append(event)
        if len(self.events) > most:
            del self.events[0]
            self.dropped_events += 1

    def add_link(self, context: SpanContext, attributes: Attributes, limits: Limits) -> None:
        """Append unless it says nothing (invalid context, no attributes, no trace state)."""
        if not context or not (context.is_valid or attributes or context.trace_state):
            return
        self.links.append(Link(context, bounded(attributes, limits.link_attributes, limits.length)))
        if len(self.links) > limits.links:
            del self.links[0]
            self.dropped_links += 1

    def settle(self) -> None:
        """Format what was recorded unformatted."""
        for event in self.events:
            if type(event) is Raised:
                _ = event.attributes


def event(name: str, attributes: Attributes, timestamp: int, limits: Limits) -> Event:
    """An event whose attributes are copied and limited."""
    return Event(name, bounded(attributes, limits.event_attributes, limits.length), timestamp)


def bounded(attributes: Attributes, most: int | None, length: int | None) -> BoundedAttributes:
    """An immutable, limited copy."""
    return BoundedAttributes(most, attributes, immutable=True, max_value_len=length)
