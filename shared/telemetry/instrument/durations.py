"""Durations of what a service asks of others: HTTP requests and database operations."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

from opentelemetry import metrics
from opentelemetry.metrics import Histogram, MeterProvider
from opentelemetry.trace import INVALID_SPAN

from .. import deferred
from ..metrics import MeterProvider as OurMeterProvider
from ..metrics.bound import Record, bound
from ..trace.context import SPAN_KEY, current
from . import semconv
from .client import RecordDuration

_HTTP = ("http.request.method", "server.address", "server.port", "network.protocol.version")
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


class Durations:
    """The recorder that a client instrumentation calls when an operation has ended.

    What ended is recorded with other deferred work. Of the span's attributes it takes those of low
    cardinality which the conventions name for the metric, and finds the series by them.

    Args:
        histogram: where durations go.
        names: the attributes it takes.
        status: the attribute for the status of the answer, if the protocol has one.

    Attributes:
        at_once: whether nothing is deferred, because the provider does not tell when it collects.
    """

    def __init__(self, histogram: Histogram, names: tuple[str, ...], status: str | None) -> None:
        self._histogram = histogram
        self._names = names
        self._status = status
        self._series: dict[tuple[Any, ...], Record] = {}
        self.at_once = False

    def __call__(self, seconds: float, attributes: Mapping[str, Any], status: int, error: str | None) -> None:
        """Take one operation; its exemplar is the span that is current, the caller's."""
        span = current().get(SPAN_KEY, INVALID_SPAN)
        work = (self, seconds, attributes, status, error, span)
        if self.at_once:
            self.settle(work)
        else:
            deferred.put(work)

    def settle(self, work: deferred.Work) -> None:
        """Record what was put down."""
        _, seconds, attributes, status, error, span = work
        self.series(attributes, status, error)(seconds, None, span)

    def series(self, attributes: Mapping[str, Any], status: int, error: str | None) -> Record:
        """What records the durations of all operations with such attributes, status and error."""
        get = attributes.get
        key = (status, error, *[get(name) for name in self._names])
        record = self._series.get(key)
        return self._bind(key, attributes, status, error) if record is None else record

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
    if not isinstance(provider, OurMeterProvider):
        for durations in (http, database):
            durations.at_once = True
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
