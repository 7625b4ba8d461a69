"""The tracer: decides, then makes a span. What costs time is settled when the provider is configured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from time import monotonic_ns
from typing import TYPE_CHECKING

from opentelemetry import trace as api
from opentelemetry.context import Context
from opentelemetry.sdk import trace as sdk
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind
from opentelemetry.trace.span import DEFAULT_TRACE_STATE
from opentelemetry.util.types import Attributes

from ..cost import SPANS_STARTED
from ..lifecycle import report
from ..otlp.attributes import Extended, Prepared
from ..otlp.spans import encode_leaf, encode_scope, encode_span
from . import ids
from .configurator import ENABLED, Config
from .context import SPAN_KEY, current
from .current import CurrentSpan
from .extras import Extras
from .limits import Limits
from .local import FLAGS, LocalTrace, lead
from .sampling import ALWAYS, LOW_BITS, NEVER, Rules
from .span import Span
from .unsampled import Unsampled

if TYPE_CHECKING:
    from .keep import Keeper
    from .provider import TracerProvider

_new = object.__new__
_bits = ids.bits
_started = SPANS_STARTED.add
_INTERNAL = SpanKind.INTERNAL
_SAMPLED = FLAGS[3]
_NO_STATE = DEFAULT_TRACE_STATE


class Tracer(sdk.Tracer):
    """Makes spans for one instrumentation scope. See `opentelemetry.trace.Tracer`.

    Attributes:
        spans: the class of its recording spans.
        defers: whether a span that ends is put down and encoded later, and nobody looks at one that starts.
        leaves: whether that is so below sampled spans, for spans that `put_leaf` is told of at their end.
        unsampled: the class of its spans that are not recorded.
        skips: whether below one of those there is never anything to record.
    """

    spans = Span
    unsampled = Unsampled

    def __init__(self, provider: TracerProvider, scope: InstrumentationScope) -> None:
        # The parent's __init__ is not called: it would make what is read from the provider here.
        self._provider = provider
        self.scope = self._instrumentation_scope = scope
        self._tracer_config = ENABLED
        self.finish: Callable[[Span], None] = _nothing
        self.configure(provider)

    def configure(self, provider: TracerProvider) -> None:
        """Take over what the provider is set up to do; called again when that changes."""
        self.resource = provider.resource
        self.sampler = provider.sampler
        self.id_generator = provider.id_generator
        self.limits: Limits = provider.limits
        self._rules: Rules = provider.rules
        self._generator: IdGenerator | None = provider.own_ids
        self._keeper: Keeper | None = provider.keeper
        self._processors = provider.processors
        self._shares = self.limits.shares
        self._follows = self._rules.local_sampled == ALWAYS and self._tracer_config.is_enabled
        self._starts = (
            self._rules.root == ALWAYS and self._generator is None and self._tracer_config.is_enabled
        )
        self.put = provider.put
        self.wire = encode_scope(self.scope)
        self.finish = provider.finisher(self)
        # Whether the start of a span is a few assignments, and all that its end does is to put it down.
        self.defers = (
            provider.defers
            and self._processors is None
            and self._generator is None
            and self._shares
            and self._tracer_config.is_enabled
            and self._rules.plain
        )
        self.leaves = self.defers and self._follows
        self.skips = self._rules.local_unsampled == NEVER

    def _set_tracer_config(self, tracer_config: Config) -> None:
        self._tracer_config = tracer_config
        self.configure(self._provider)

    def start_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = _INTERNAL,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
    ) -> api.Span:
        """Start a span without making it current. See `opentelemetry.trace.Tracer.start_span`.

        Args:
            name: a name with few variants: a route template, never a path.
            context: holds the parent; the current context if None.
            kind: the span's role.
            attributes: a mapping, copied; `otlp.attributes` has two that are not copied and nearly free
                to encode.
            links: spans this one is related to.
            start_time: nanoseconds since the epoch; now if None.
            record_exception: record what leaves the span's `with` block as an event.
            set_status_on_exception: and set the status to ERROR.
        """
        active = current() if context is None else context
        parent = active.get(SPAN_KEY)
        origin: int | SpanContext | None
        began = 0
        if type(parent) is Span and parent._trace.sampled and self._follows:
            trace = parent._trace
            origin = parent._span_id
        elif parent is None and self._starts:
            trace = LocalTrace(ids.bits(128) or ids.trace_id(), _SAMPLED)
            began = monotonic_ns()
            trace.ahead = lead.ahead if began < lead.until else lead.read(began)
            origin = None
        else:
            decided = self._decide(context, active, name, kind, attributes, links)
            if not isinstance(decided, tuple):
                return decided
            trace, origin, attributes = decided
        span: Span = _new(Span)
        span._tracer = self
        span._trace = trace
        span._origin = origin
        generator = self._generator
        span._span_id = _bits(64) or ids.span_id() if generator is None else generator.generate_span_id()
        span._name = name
        span._kind = kind
        span._ended = None
        span._extras = None
        span._prepared = None
        span._source = None
        if attributes is None:
            span._attrs = {}
        elif type(attributes) is Extended and self._shares:
            span._prepared = attributes.prepared
            span._attrs = attributes.own
        elif type(attributes) is Prepared and self._shares:
            span._prepared = attributes
            span._attrs = {}
        else:
            self._take(span, attributes)
        if links:
            span._extras = extras = Extras()
            for link in links:
                if link is not None:
                    extras.add_link(link.context, link.attributes, self.limits)
        if not (record_exception and set_status_on_exception):
            span._record_exception = record_exception
            span._set_status_on_exception = set_status_on_exception
        span._began = (began or monotonic_ns()) if start_time is None else start_time - trace.ahead
        _started()
        if self._processors is not None:
            self._processors.on_start(span, parent_context=context)
        return span

    def settle(self, work: tuple[Tracer, Span]) -> None:
        """Encode a span that has ended and was put down to be encoded later."""
        put = self.put
        if put is not None:
            put(self.wire, encode_span(work[1]))

    def put_leaf(self, rest: bytes, parent: Span, began: int, ended: int) -> None:
        """Send a span that nobody could touch while it ran, and that was put down when it had ended.

        Args:
            rest: what all such spans have in common, from `otlp.spans.encode_rest`.
            parent: a recording, sampled span.
            began: nanoseconds of the monotonic clock.
            ended: nanoseconds of the monotonic clock.
        """
        put = self.put
        if put is not None:
            put(
                self.wire,
                encode_leaf(parent._trace, parent._span_id, _bits(64) or ids.span_id(), began, ended, rest),
            )

    def start_as_current_span(  # type: ignore[override]  # the API names its own generator's class; ours has its methods
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = _INTERNAL,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
        end_on_exit: bool = True,
    ) -> CurrentSpan:
        """Start a span in a `with` block, or around a function as its decorator, and make it current there.

        The arguments are those of `start_span`, and `end_on_exit`: end the span when the block is left.
        See `opentelemetry.trace.Tracer.start_as_current_span`.
        """
        return CurrentSpan(
            self,
            (name, context, kind, attributes, links, start_time, record_exception, set_status_on_exception),
            end_on_exit,
        )

    def _decide(
        self,
        given: Context | None,
        active: Context,
        name: str,
        kind: SpanKind,
        attributes: Attributes,
        links: Sequence[Link] | None,
    ) -> tuple[LocalTrace, int | SpanContext | None, Attributes] | api.Span:
        """The trace and parent to record under, or the span that is not recorded."""
        parent = active.get(SPAN_KEY)
        if not self._tracer_config.is_enabled:
            return api.NonRecordingSpan(api.get_current_span(active).get_span_context())
        rules = self._rules
        trace: LocalTrace | None = None
        origin: int | SpanContext | None = None
        remote: SpanContext | None = None
        state = _NO_STATE
        kind_of_parent = type(parent)
        if kind_of_parent is Span or kind_of_parent is Unsampled:
            trace = parent._trace  # type: ignore[attr-defined]  # both classes have it, as the line above says
            rule = rules.local_sampled if trace.sampled else rules.local_unsampled
            trace_id = trace.trace_id
            random = trace.flags & 2
            state = trace.state
        else:
            remote = parent.get_span_context() if isinstance(parent, api.Span) else None
            if remote is not None and remote.is_valid:
                origin = remote
                trace_id = remote.trace_id
                flags = remote.trace_flags
                random = flags & 2
                state = remote.trace_state
                if remote.is_remote:
                    rule = rules.remote_sampled if flags & 1 else rules.remote_unsampled
                else:
                    rule = rules.local_sampled if flags & 1 else rules.local_unsampled
            else:
                rule = rules.root
                if self._generator is None:
                    trace_id, random = ids.bits(128) or ids.trace_id(), 2
                else:
                    trace_id = self._generator.generate_trace_id()
                    random = 2 if ids.are_random(self._generator) else 0
        recorded = True
        if isinstance(rule, int):
            sampled = trace_id & LOW_BITS < rule
            recorded = sampled
        else:
            result = self._ask(rule, given, trace_id, name, kind, attributes, links)
            recorded = result.decision is not Decision.DROP
            sampled = result.decision is Decision.RECORD_AND_SAMPLE
            attributes = result.attributes
            state = _NO_STATE if result.trace_state is None else result.trace_state
        if trace is not None and trace.sampled == sampled and trace.state is state:
            origin = parent._span_id if kind_of_parent is Span else parent.get_span_context()  # type: ignore[attr-defined]  # narrowed by the type test
        else:
            before = 0
            if trace is not None:
                origin = parent.get_span_context()  # type: ignore[attr-defined]  # a span, see above
                before = trace.ahead
            trace = LocalTrace(trace_id, FLAGS[random | sampled], state)
            trace.ahead = before
            # Below a local span that is not recorded nothing is: somebody left this request out.
            if self._keeper is not None and not sampled and (remote is None or remote.is_remote):
                trace.held = self._keeper.hold()
        if recorded or (trace.held is not None and kind_of_parent is not Unsampled):
            if trace.ahead == 0:
                trace.ahead = lead.read()
            return trace, origin, attributes
        return Unsampled(trace)

    def _ask(
        self,
        sampler: Sampler,
        context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind,
        attributes: Attributes,
        links: Sequence[Link] | None,
    ) -> SamplingResult:
        try:
            return sampler.should_sample(context, trace_id, name, kind, attributes, links or ())
        except Exception as error:  # noqa: BLE001  # a sampler that fails must not fail the request
            report(error, f"the sampler {type(sampler).__name__}")
            return SamplingResult(Decision.DROP)

    def _take(self, span: Span, attributes: Mapping[str, object]) -> None:
        """Copy the attributes: at once when they are immutable and within the limits, one by one when not."""
        taken = dict(attributes)
        few = self.limits.span_length is None and len(taken) <= self.limits.attributes
        if few and _immutable(taken.values()):
            span._attrs = taken  # type: ignore[assignment]  # looked at when it is read
            return
        span._attrs = {}
        for key, value in taken.items():
            span.set_attribute(key, value)  # type: ignore[arg-type]  # set_attribute cleans what does not fit


def _immutable(values: Iterable[object]) -> bool:
    """Whether all may be kept as they are: what can be changed cannot be hashed, and one C loop tells."""
    try:
        hash(tuple(values))
    except Exception:  # noqa: BLE001  # __hash__ may be a user's
        return False
    return True


def _nothing(span: Span) -> None:
    """The finish of a tracer whose provider sends nowhere."""
