"""The span: one slotted object from start to wire, without locks, copies or a second "readable" twin."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from time import monotonic_ns
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING

from opentelemetry.sdk import trace as sdk
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event
from opentelemetry.sdk.util.instrumentation import InstrumentationInfo, InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode
from opentelemetry.trace.span import DEFAULT_TRACE_STATE
from opentelemetry.util.types import Attributes
from opentelemetry.util.types import AttributeValue as AnyValue

from ..cost import SPANS_ENDED
from ..otlp.attributes import PREPARED_AT_MOST
from . import extras as parts
from .extras import Extras
from .failure import description as describe_failure
from .limits import SCALARS, clean_value, make_room, valid_key
from .local import LocalTrace

if TYPE_CHECKING:
    from ..otlp.attributes import Prepared, Source
    from .tracer import Tracer

logger = logging.getLogger(__name__)

_UNSET = Status()
_ended = SPANS_ENDED.add


class Span(sdk.Span):
    """A recording span, made by a tracer only. It is a `ReadableSpan`: processors and exporters take it.

    Attributes are stored as they come and looked at when somebody reads them: the encoder when the span ends,
    or a processor. Mutable values are copied at once.
    """

    __slots__ = (
        "_attrs", "_began", "_ended", "_extras", "_kind", "_name", "_origin", "_prepared", "_source",
        "_span_id", "_trace", "_tracer",
    )  # fmt: skip

    _tracer: Tracer
    _trace: LocalTrace
    _span_id: int
    _origin: int | SpanContext | None
    """The parent: the id of a span of this local trace, the context of a foreign one, or None."""
    _name: str
    _kind: SpanKind
    _began: int  # nanoseconds of the monotonic clock, as is `_ended`
    _ended: int | None
    _attrs: dict[str, AnyValue]
    _prepared: Prepared | None
    _source: Source | None
    """Knows the attributes the span was started with, which nobody has read yet."""
    _extras: Extras | None

    # Off is rare: class attributes serve every span that leaves both on.
    _record_exception: bool = True
    _set_status_on_exception: bool = True

    # -- writing ---------------------------------------------------------------------------------------------

    def set_attribute(self, key: str, value: AnyValue) -> None:
        """Set one attribute. See `opentelemetry.trace.Span.set_attribute`."""
        limits = self._tracer.limits
        attributes = self._attrs
        prepared = self._prepared
        if (
            self._ended is None
            and type(value) in limits.plain
            and len(attributes) < limits.attributes
            and (prepared is None or (key not in prepared and len(attributes) < PREPARED_AT_MOST))
            and key.__class__ is str
        ):
            attributes[key] = value
        else:
            self._set_carefully(key, value)

    def set_attributes(self, attributes: Mapping[str, AnyValue]) -> None:
        """Set several attributes. See `opentelemetry.trace.Span.set_attributes`."""
        if self._ended is None:
            for key, value in attributes.items():
                self.set_attribute(key, value)
        else:
            _late("set_attributes")

    def _set_carefully(self, key: str, value: AnyValue) -> None:
        """The same with everything that is rare: limits, prepared attributes, mutable and wrong values."""
        if self._ended is not None:
            _late("set_attribute")
            return
        if self._source is not None:
            self.work_out()
        limits = self._tracer.limits
        prepared = self._prepared
        attributes = self._attrs
        if prepared is not None and (key in prepared or len(prepared) + len(attributes) >= limits.attributes):
            attributes = self._attrs = {**prepared, **attributes}
            self._prepared = prepared = None
        if not valid_key(key) or limits.attributes == 0:
            self._more().dropped_attributes += 1
            return
        if prepared is None and len(attributes) >= limits.attributes:
            # The oldest makes room, as in the SDK; a key set again counts as new.
            known = key in attributes
            del attributes[key if known else next(iter(attributes))]
            if not known:
                self._more().dropped_attributes += 1
        attributes[key] = value if type(value) in limits.plain else clean_value(value, limits.span_length)

    def work_out(self) -> None:
        """Ask for the attributes that the span was started with, if they are still to be worked out."""
        source = self._source
        if source is None:
            return
        prepared, own = source.attributes()
        # What was set since then comes later and wins.
        self._hold(prepared, {**own, **self._attrs})
        self._source = None

    def absorb(self, known: Prepared, wider: Prepared) -> None:
        """Exchange the shared attributes the span was started with for more of them, also when it has ended.

        Args:
            known: what was handed to `start_span`.
            wider: the same and more.
        """
        if self._source is not None:
            self.work_out()
        if self._prepared is known:
            self._hold(wider, self._attrs)
        else:
            more = {key: value for key, value in wider.items() if key not in known}
            self._hold(None, {**(self._prepared or {}), **self._attrs, **more})

    def _hold(self, prepared: Prepared | None, attributes: dict[str, AnyValue]) -> None:
        """Have these attributes: the oldest make room where the limit is reached, as in the SDK."""
        most = self._tracer.limits.attributes
        if prepared is not None:
            if prepared.keys().isdisjoint(attributes) and len(prepared) + len(attributes) <= most:
                self._prepared, self._attrs = prepared, attributes
                return
            attributes = {**prepared, **attributes}
        if len(attributes) > most:
            self._more().dropped_attributes += make_room(attributes, most)
        self._prepared, self._attrs = None, attributes

    def add_event(self, name: str, attributes: Attributes = None, timestamp: int | None = None) -> None:
        """Add an event. See `opentelemetry.trace.Span.add_event`."""
        self._add_event(parts.event(name, attributes, self._now(timestamp), self._tracer.limits))

    def _add_event(self, event: Event) -> None:
        if self._ended is None:
            self._more().add_event(event, self._tracer.limits.events)
        else:
            _late("add_event")

    def add_link(self, context: SpanContext, attributes: Attributes = None) -> None:
        """Link to another span. See `opentelemetry.trace.Span.add_link`."""
        if self._ended is None:
            self._more().add_link(context, attributes, self._tracer.limits)
        else:
            _late("add_link")

    def update_name(self, name: str) -> None:
        """Rename the span; the sampler is not asked again."""
        if self._ended is None:
            self._name = name
        else:
            _late("update_name")

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        """Set the status: OK is final, UNSET is ignored (specification: trace API, "Set Status")."""
        if self._ended is not None:
            _late("set_status")
            return
        given = status if isinstance(status, Status) else None
        code = status if given is None else given.status_code
        if not isinstance(code, StatusCode) or code is StatusCode.UNSET:
            return
        more = self._more()
        if more.status is not None and more.status.status_code is StatusCode.OK:
            return
        if given is not None and description is not None:
            logger.warning("Description ignored: pass either a Status or a StatusCode and a description")
        more.status = given or Status(code, description)

    def record_exception(
        self,
        exception: BaseException,
        attributes: Attributes = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        """Add an `exception` event; message and stack trace are scrubbed and capped."""
        limits, at = self._tracer.limits, self._now(timestamp)
        self._add_event(parts.Raised(exception, attributes, at, escaped=escaped, limits=limits))

    def _now(self, given: int | None) -> int:
        return monotonic_ns() + self._trace.ahead if given is None else given

    def fail(self, exception: BaseException, *, escaped: bool) -> None:
        """What leaving the span by an exception records, as asked for when it was started."""
        if self._record_exception:
            self.record_exception(exception, escaped=escaped)
        if self._set_status_on_exception:
            self.set_status(Status(StatusCode.ERROR, describe_failure(exception)))

    def end(self, end_time: int | None = None) -> None:
        """End the span and hand it on. Only the first call counts.

        Args:
            end_time: nanoseconds since the epoch; now if None.
        """
        if self._ended is not None:
            _late("end")
            return
        self._ended = monotonic_ns() if end_time is None else end_time - self._trace.ahead
        _ended()
        self._tracer.finish(self)

    def complete(
        self, known: Prepared, wider: Prepared, name: str | None = None, end_time: int | None = None
    ) -> None:
        """Set the last attributes, rename and end in one step, for what is known only at the end.

        Args:
            known: the shared attributes the span was started with.
            wider: the same, and those that are known only now.
            name: the new name; None keeps it.
            end_time: nanoseconds since the epoch; now if None.
        """
        if self._ended is not None:
            _late("complete")
            return
        if self._tracer._shares:
            self.absorb(known, wider)
        else:
            self.set_attributes({key: value for key, value in wider.items() if key not in known})
        if name is not None:
            self._name = name
        _ended()
        self._ended = monotonic_ns() if end_time is None else end_time - self._trace.ahead
        self._tracer.finish(self)

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        """Record the exception, if any, and end."""
        if exc_val is not None and self._ended is None:
            self.fail(exc_val, escaped=True)
        self.end()

    def _more(self) -> Extras:
        more = self._extras
        if more is None:
            more = self._extras = Extras()
        return more

    # -- reading ---------------------------------------------------------------------------------------------

    def get_span_context(self) -> SpanContext:
        """The identity to propagate."""
        return self._trace.context(self._span_id)

    def traceparent(self) -> bytes | None:
        """The header of W3C Trace Context for a call under this span; None if there is a trace state, too."""
        trace = self._trace
        if trace.state is not DEFAULT_TRACE_STATE and trace.state:
            return None
        return b"00-%032x-%016x-%02x" % (trace.trace_id, self._span_id, trace.flags)

    def is_recording(self) -> bool:
        """True until the span ends."""
        return self._ended is None

    def is_local_root(self) -> bool:
        """Whether no other span of this process is above it."""
        return not isinstance(self._origin, int)

    context = _context = property(get_span_context)

    @property
    def name(self) -> str:
        """The current name."""
        return self._name

    @property
    def kind(self) -> SpanKind:
        """The span's role."""
        return self._kind

    @property
    def parent(self) -> SpanContext | None:
        """Identity of the parent, None for a root span."""
        origin = self._origin
        return self._trace.context(origin) if isinstance(origin, int) else origin

    @property
    def start_time(self) -> int:
        """Nanoseconds since the epoch."""
        return self._began + self._trace.ahead

    @property
    def end_time(self) -> int | None:
        """Nanoseconds since the epoch; None while the span runs."""
        return None if self._ended is None else self._ended + self._trace.ahead

    @property
    def attributes(self) -> Mapping[str, AnyValue]:
        """A read-only view, values cleaned."""
        if self._source is not None:
            self.work_out()
        attributes = self._attrs
        if not SCALARS.issuperset(map(type, attributes.values())):
            length = self._tracer.limits.span_length
            for key, value in attributes.items():
                attributes[key] = clean_value(value, length)
        return MappingProxyType(
            {**self._prepared, **attributes} if self._prepared is not None else attributes
        )

    @property
    def events(self) -> Sequence[Event]:
        """The events, oldest first."""
        return () if self._extras is None else tuple(self._extras.events)

    @property
    def links(self) -> Sequence[Link]:
        """The links, oldest first."""
        return () if self._extras is None else tuple(self._extras.links)

    @property
    def status(self) -> Status:
        """The status, UNSET unless somebody set it."""
        more = self._extras
        return _UNSET if more is None or more.status is None else more.status

    @property
    def dropped_attributes(self) -> int:
        """Attributes that a limit or an invalid key cost."""
        return 0 if self._extras is None else self._extras.dropped_attributes

    @property
    def dropped_events(self) -> int:
        """Events that the limit cost."""
        return 0 if self._extras is None else self._extras.dropped_events

    @property
    def dropped_links(self) -> int:
        """Links that the limit cost."""
        return 0 if self._extras is None else self._extras.dropped_links

    @property
    def resource(self) -> Resource:
        """Who recorded it."""
        return self._tracer.resource

    @property
    def instrumentation_scope(self) -> InstrumentationScope:
        """Which tracer made it."""
        return self._tracer.scope

    @property
    def instrumentation_info(self) -> InstrumentationInfo:
        """The scope in its deprecated form, which older exporters still read."""
        scope = self._tracer.scope
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            return InstrumentationInfo(scope.name, scope.version, scope.schema_url)

    # The SDK's own names, read by `ReadableSpan.to_json` and by tools that reach behind the properties.
    _attributes = attributes
    _start_time, _end_time = start_time, end_time
    _events = events
    _links = links
    _status = status
    _parent = parent
    _resource = resource
    _instrumentation_scope = instrumentation_scope

    def __repr__(self) -> str:
        return f'Span(name="{self._name}", context={self.get_span_context()})'


def _late(what: str) -> None:
    logger.warning("%s was called on a span that has ended; the call has no effect", what)
