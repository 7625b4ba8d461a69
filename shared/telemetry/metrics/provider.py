"""The meter provider: meters, instruments, and what each reader collects from them."""

from __future__ import annotations

import logging
import time
import weakref
from collections.abc import Callable, Iterable, Sequence
from threading import Lock, RLock
from typing import Any, Protocol

from opentelemetry import metrics as api
from opentelemetry.metrics import CallbackOptions, NoOpMeter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.util.types import Attributes

from .. import config, deferred, lifecycle
from ..scope import scope_of
from .exemplars import ExemplarFilter
from .instruments import Asynchronous, Recorder
from .meter import Meter
from .points import ScopeMetrics
from .stream import Stream
from .views import Preferences, conflicting, streams_for

_logger = logging.getLogger(__name__)

Collect = Callable[[float], list[ScopeMetrics]]


class Reader(Protocol):
    """What the provider needs of a reader; readers of the official SDK are wrapped to be one."""

    preferences: Preferences

    def attach(self, collect: Collect) -> None:
        """Told once how to collect: `collect(timeout in seconds)`."""
        ...

    def flush(self, deadline: float) -> bool:
        """Collect and export now, by a `time.monotonic()` deadline; False if not everything was taken."""
        ...

    def close(self, deadline: float) -> None:
        """Collect and export for the last time."""
        ...

    def restart(self) -> None:
        """Make locks and threads anew in a forked child."""
        ...


class MeterProvider(api.MeterProvider):
    """Metrics behind the OpenTelemetry API (metrics SDK, "MeterProvider").

    Args:
        metric_readers: each collects streams of its own: `PeriodicReader`, `PrometheusReader`, or any
            `MetricReader` of the official SDK.
        resource: who this process is; only readers of the official SDK are given it.
        exemplar_filter: which measurements may become exemplars; `OTEL_METRICS_EXEMPLAR_FILTER` or
            `trace_based` if None. A filter of the official SDK is taken by its meaning.
        shutdown_on_exit: whether `atexit` and SIGTERM flush the readers.
        views: `View`s of the official SDK.
    """

    def __init__(
        self,
        metric_readers: Sequence[Any] = (),
        resource: Resource | None = None,
        exemplar_filter: Any = None,
        shutdown_on_exit: bool = True,
        views: Sequence[Any] = (),
    ) -> None:
        self.resource = resource if resource is not None else Resource.create()
        self._exemplar_filter = _filter(exemplar_filter)
        self._views = tuple(views)
        self._disabled = config.boolean("OTEL_SDK_DISABLED", False)
        self._lock = RLock()
        self._meters: dict[InstrumentationScope, Meter] = {}
        self._instruments: list[Recorder] = []
        self._readers: dict[Reader, dict[Recorder, list[Stream]]] = {}
        self._collecting = Lock()
        self._before: list[Callable[[], None]] = []
        self._closed = False
        self._conflicts: set[str] = set()
        for reader in metric_readers:
            self.add_metric_reader(reader)
        restart = _weakly(self, "_restart")
        flush = _weakly(self, "flush_until")
        lifecycle.on_fork(restart)
        if shutdown_on_exit:
            lifecycle.on_shutdown(flush)
        self._forget = weakref.finalize(self, _forget, restart, flush)
        self._forget.atexit = False

    def get_meter(
        self,
        name: str,
        version: str | None = None,
        schema_url: str | None = None,
        attributes: Attributes = None,
    ) -> api.Meter:
        """The meter of an instrumentation scope; the same one for the same arguments."""
        if self._disabled or self._closed or not name:
            if not name:
                _logger.warning("A meter needs a name; what this one records is lost.")
            elif self._closed:
                _logger.warning("The meter %s is asked for after shutdown; what it records is lost.", name)
            return NoOpMeter(name, version=version, schema_url=schema_url)
        scope = scope_of(name, version, schema_url, attributes)
        with self._lock:
            meter = self._meters.get(scope)
            if meter is None:
                meter = self._meters[scope] = Meter(scope, self._register)
            return meter

    def before_collection(self, settle: Callable[[], None]) -> None:
        """Have a function called before every collection, to record what it has kept back."""
        self._before.append(settle)

    def settle(self) -> None:
        """Record what has been measured and kept back so far."""
        with self._collecting:
            deferred.settle()
            for settle in self._before:
                settle()

    def add_metric_reader(self, metric_reader: Any) -> None:
        """Let one more reader collect, from what is recorded from now on."""
        reader = _reader(metric_reader, self)
        with self._lock:
            if reader in self._readers:
                _logger.warning("The metric reader %r is registered already.", metric_reader)
                return
            # Cumulative streams are the same whoever reads them, so readers of like preferences share them;
            # one that comes late, such as a mounted scrape endpoint, then has what was recorded before.
            alike = None
            if not reader.preferences.delta:
                alike = next((one for one in self._readers if one.preferences == reader.preferences), None)
            made = (
                self._readers[alike]
                if alike is not None
                else {instrument: self._streams(instrument, reader) for instrument in self._instruments}
            )
            self._readers = {**self._readers, reader: made}
            self._feed(self._instruments)
        reader.attach(lambda timeout: self._collect(reader, timeout))

    def remove_metric_reader(self, metric_reader: Any) -> None:
        """Collect for a reader no longer, and shut it down."""
        reader = _reader(metric_reader, self)
        with self._lock:
            if reader not in self._readers:
                _logger.warning("The metric reader %r is not registered.", metric_reader)
                return
            reader.close(time.monotonic() + 30)
            self._readers = {
                other: streams for other, streams in self._readers.items() if other is not reader
            }
            self._feed(self._instruments)

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Collect and export now.

        Args:
            timeout_millis: for all readers together.

        Returns:
            False if a reader could not export everything in time.
        """
        return self.flush_until(time.monotonic() + timeout_millis / 1000)

    def flush_until(self, deadline: float) -> bool:
        """Collect and export now, by a `time.monotonic()` deadline shared by all readers."""
        done = True
        for reader in tuple(self._readers):
            try:
                done = reader.flush(deadline) and done
            except Exception as error:  # noqa: BLE001 - one reader's failure must not cost the others their flush
                done = False
                lifecycle.report(error, "flushing metrics")
        return done

    def shutdown(self, timeout_millis: float = 30_000) -> None:
        """Collect and export for the last time; meters asked for later record nothing.

        Args:
            timeout_millis: for all readers together.
        """
        with self._lock:
            if self._closed:
                _logger.warning("The meter provider is shut down already.")
                return
            self._closed = True
        deadline = time.monotonic() + timeout_millis / 1000
        for reader in tuple(self._readers):
            try:
                reader.close(deadline)
            except Exception as error:  # noqa: BLE001 - as in flush_until
                lifecycle.report(error, "the last metrics")
        self._forget()

    def _register(self, instrument: Recorder) -> None:
        with self._lock:
            self._instruments.append(instrument)
            for reader, streams in self._readers.items():
                if instrument not in streams:
                    streams[instrument] = self._streams(instrument, reader)
            self._feed([instrument])

    def _streams(self, instrument: Recorder, reader: Reader) -> list[Stream]:
        streams = streams_for(instrument.identity, self._views, reader.preferences, self._exemplar_filter)
        others = [
            stream
            for made in self._readers.get(reader, {}).values()
            for stream in made
            if stream.scope == instrument.identity.scope
        ]
        for stream in conflicting([*others, *streams]):
            if stream.name not in self._conflicts:
                self._conflicts.add(stream.name)
                _logger.warning(
                    "Views make several metrics called %s; receivers may mix them up.", stream.name
                )
        return streams

    def _feed(self, instruments: Iterable[Recorder]) -> None:
        for instrument in instruments:
            streams = [stream for made in self._readers.values() for stream in made[instrument]]
            instrument.feed(list(dict.fromkeys(streams)))

    def _collect(self, reader: Reader, timeout: float) -> list[ScopeMetrics]:
        deadline = time.monotonic() + timeout
        self.settle()
        with self._collecting:
            with self._lock:
                streams_of = dict(self._readers.get(reader, {}))
            for instrument, streams in streams_of.items():
                if isinstance(instrument, Asynchronous):
                    left = deadline - time.monotonic()
                    if left <= 0:
                        config.tell_once(
                            f"callbacks took {timeout:g} s; {instrument.name} and others were not asked"
                        )
                        break
                    instrument.observe(CallbackOptions(timeout_millis=min(10.0, left) * 1000), streams)
            now = time.time_ns()
            scopes: dict[InstrumentationScope, ScopeMetrics] = {}
            for instrument, streams in streams_of.items():
                for stream in streams:
                    metric = stream.collect(now)
                    if metric is not None:
                        found = scopes.get(stream.scope)
                        if found is None:
                            found = scopes[stream.scope] = ScopeMetrics(stream.scope, [])
                        found.metrics.append(metric)
                instrument.collected()
            return list(scopes.values())

    def _restart(self) -> None:
        """In a forked child: it has counted nothing yet, and locks of the parent's threads are gone."""
        self._lock = RLock()
        self._collecting = Lock()
        now = time.time_ns()
        for streams in self._readers.values():
            for of_instrument in streams.values():
                for stream in of_instrument:
                    stream.reset(now)
        for reader in self._readers:
            reader.restart()


def _filter(given: Any) -> ExemplarFilter:
    if given is None:
        word = config.choice("OTEL_METRICS_EXEMPLAR_FILTER", [*ExemplarFilter], "trace_based")
        return ExemplarFilter(word)
    if isinstance(given, ExemplarFilter):
        return given
    by_name = {
        "AlwaysOnExemplarFilter": ExemplarFilter.ALWAYS_ON,
        "AlwaysOffExemplarFilter": ExemplarFilter.ALWAYS_OFF,
    }
    return by_name.get(type(given).__name__, ExemplarFilter.TRACE_BASED)


def _reader(given: Any, provider: MeterProvider) -> Reader:
    if hasattr(given, "preferences"):
        reader: Reader = given
        return reader
    from .official import adapted  # only who brings a reader of that SDK pays for it

    return adapted(given, provider)


def _weakly(provider: MeterProvider, method: str) -> Callable[..., None]:
    reference = weakref.ref(provider)

    def call(*arguments: float) -> None:
        alive = reference()
        if alive is not None:
            getattr(alive, method)(*arguments)

    return call


def _forget(*registered: Callable[..., None]) -> None:
    for one in registered:
        lifecycle.forget(one)
