"""Durations of what a service asks of others: HTTP requests and database operations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from opentelemetry import metrics
from opentelemetry.context import Context
from opentelemetry.metrics import Histogram, MeterProvider

from ..metrics import MeterProvider as OurMeterProvider
from ..metrics.bound import Record, bound
from ..metrics.deferred import Deferred, context_of
from ..otlp.attributes import Prepared
from ..trace.context import current
from . import semconv
from .client import RecordDuration

_HTTP = ("http.request.method", "server.address", "server.port")
_HTTP_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
_DATABASE = (
    "db.system.name",
    "db.namespace",
    "db.operation.name",
    "db.collection.name",
    "db.query.summary",
    "db.stored_procedure.name",
    "server.address",
    "server.port",
)
_DATABASE_SECONDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10)
_MAX_SERIES = 2000


_Measured = tuple[float, Mapping[str, Any], int, "str | None", Context]


class Durations:
    """The recorder that a client instrumentation calls when an operation has ended.

    What ended is recorded a batch at a time. Of the span's attributes it takes those of low cardinality which
    the conventions name for the metric, and finds the series by them.

    Args:
        histogram: where durations go.
        names: the attributes it takes.
        status: the attribute for the status of the answer, if the protocol has one.
    """

    def __init__(self, histogram: Histogram, names: tuple[str, ...], status: str | None) -> None:
        self._histogram = histogram
        self._names = names
        self._status = status
        self._series: dict[tuple[Any, ...], Record] = {}
        # Shared attributes are known by their identity; they are kept so that it stays theirs.
        self._shared: dict[int, tuple[Prepared, Record]] = {}
        self._deferred: Deferred[_Measured] = Deferred(self._record)
        self._put: Callable[[_Measured], None] = self._deferred.put
        self.settle = self._deferred.settle

    def __call__(self, seconds: float, attributes: Mapping[str, Any], status: int, error: str | None) -> None:
        """Take one operation; its exemplar is the span that is current, the caller's."""
        self._put((seconds, attributes, status, error, current()))

    def record_at_once(self) -> None:
        """Defer nothing, for a provider that does not tell when it collects."""
        self._put = self._record

    def _record(self, measured: _Measured) -> None:
        seconds, attributes, status, error, context = measured
        # An empty context is not taken for one, and another is current by now.
        context = context or context_of(None)
        if error is None:
            shared = self._shared.get(id(attributes))
            if shared is not None:
                shared[1](seconds, None, context)
                return
        get = attributes.get
        key = (status, error, *[get(name) for name in self._names])
        record = self._series.get(key)
        if record is None:
            record = self._bind(key, attributes, status, error)
        if type(attributes) is Prepared and error is None and not status:
            if len(self._shared) >= _MAX_SERIES:
                self._shared.clear()
            self._shared[id(attributes)] = attributes, record
        record(seconds, None, context)

    def _bind(
        self, key: tuple[Any, ...], attributes: Mapping[str, Any], status: int, error: str | None
    ) -> Record:
        own = {name: attributes[name] for name in self._names if name in attributes}
        if status and self._status is not None:
            own[self._status] = status
        if error is not None:
            own["error.type"] = error
        if len(self._series) >= _MAX_SERIES:
            self._series.clear()
        record = self._series[key] = bound(self._histogram, own)
        return record


def measure_clients(meter_provider: MeterProvider | None = None) -> None:
    """Let the instrumented client libraries record the durations of their operations.

    Args:
        meter_provider: takes the place of the global provider.
    """
    meter = (meter_provider or metrics.get_meter_provider()).get_meter(
        "shared.telemetry.instrument.client", "", semconv.SCHEMA_URL
    )
    http = Durations(
        meter.create_histogram(
            "http.client.request.duration",
            "s",
            "Duration of HTTP client requests.",
            explicit_bucket_boundaries_advisory=_HTTP_SECONDS,
        ),
        _HTTP,
        "http.response.status_code",
    )
    database = Durations(
        meter.create_histogram(
            "db.client.operation.duration",
            "s",
            "Duration of database client operations.",
            explicit_bucket_boundaries_advisory=_DATABASE_SECONDS,
        ),
        _DATABASE,
        None,
    )
    provider = meter_provider or metrics.get_meter_provider()
    for durations in (http, database):
        if isinstance(provider, OurMeterProvider):
            provider.before_collection(durations.settle)
        else:
            durations.record_at_once()
    _tell(http, database)


def measure_no_clients() -> None:
    """Record durations no longer."""
    _tell(None, None)


def _tell(http: RecordDuration | None, database: RecordDuration | None) -> None:
    from . import asyncpg, httpx, redis, requests

    recorders: dict[ModuleType, RecordDuration | None] = {
        httpx: http,
        requests: http,
        asyncpg: database,
        redis: database,
    }
    for module, record in recorders.items():
        module.record_durations(record)
