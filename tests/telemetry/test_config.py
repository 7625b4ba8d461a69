"""Every variable missing, empty, wrong and right; a wrong value is one warning and the default."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from shared.telemetry import choices, config
from shared.telemetry.config import Batching
from shared.telemetry.metrics import PeriodicReader
from shared.telemetry.otlp.request import Signal
from shared.telemetry.otlp.target import Target


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("OTEL_", "TEMPONEST_")):
            monkeypatch.delenv(name)
    monkeypatch.setattr(config, "_told", set())


def batching(field: str) -> Callable[[], Any]:
    return lambda: getattr(Batching.from_environment(), field)


def limit(field: str) -> Callable[[], Any]:
    return lambda: getattr(choices.span_limits(), field)


def target(signal: Signal, field: str) -> Callable[[], Any]:
    return lambda: getattr(Target.from_environment(signal), field)


def reader(field: str) -> Callable[[], Any]:
    class Exporter:
        def export(self, *_: object) -> bool:
            return True

        def close(self) -> None: ...

        def reset(self) -> None: ...

    return lambda: getattr(PeriodicReader(Exporter()), field)


def per_signal(suffix: str, field: str, default: Any, bad: str | None, good: str, value: Any) -> list[Any]:
    """The general variable, and that of each signal."""
    rows = [(f"OTEL_EXPORTER_OTLP_{suffix}", target(Signal.TRACES, field), default, bad, good, value)]
    rows += [
        (f"OTEL_EXPORTER_OTLP_{signal.upper()}_{suffix}", target(signal, field), default, bad, good, value)
        for signal in (Signal.TRACES, Signal.METRICS)
    ]
    return rows


# Variable, how it is read, the default, a wrong value (None: there is none), a right one and what it means.
ROWS: list[tuple[str, Callable[[], Any], Any, str | None, str, Any]] = [
    ("OTEL_BSP_SCHEDULE_DELAY", batching("delay"), 5.0, "5s", "250", 0.25),
    ("OTEL_BSP_EXPORT_TIMEOUT", batching("timeout"), 30.0, "-1", "250", 0.25),
    ("OTEL_BSP_MAX_QUEUE_SIZE", batching("capacity"), 2048, "0", "4096", 4096),
    ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", batching("size"), 512, "many", "64", 64),
    ("TEMPONEST_BSP_MAX_QUEUE_BYTES", batching("capacity_bytes"), 4194304, "4M", "1000", 1000),
    ("OTEL_METRIC_EXPORT_INTERVAL", reader("_interval"), 60.0, "0", "500", 0.5),
    ("OTEL_METRIC_EXPORT_TIMEOUT", reader("_timeout"), 30.0, "1.5", "500", 0.5),
    ("OTEL_ATTRIBUTE_COUNT_LIMIT", limit("max_attributes"), 128, "-1", "7", 7),
    ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", limit("max_span_attributes"), 128, "x", "7", 7),
    ("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", limit("max_event_attributes"), 128, "x", "0", 0),
    ("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", limit("max_link_attributes"), 128, "x", "7", 7),
    ("OTEL_SPAN_EVENT_COUNT_LIMIT", limit("max_events"), 128, "x", "7", 7),
    ("OTEL_SPAN_LINK_COUNT_LIMIT", limit("max_links"), 128, "x", "7", 7),
    ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", limit("max_attribute_length"), None, "x", "7", 7),
    ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", limit("max_span_attribute_length"), None, "x", "7", 7),
    *per_signal("PROTOCOL", "protocol", "grpc", "http/json", "HTTP/protobuf", "http/protobuf"),
    *per_signal("ENDPOINT", "host", "localhost", "ftp://a", "http://collector:4317", "collector"),
    *per_signal("HEADERS", "headers", {}, "alone", "A=b%20c", {"a": "b c"}),
    *per_signal("COMPRESSION", "gzip", False, "zstd", "gzip", True),
    *per_signal("TIMEOUT", "timeout", 10.0, "10s", "2500", 2.5),
    *per_signal("CERTIFICATE", "certificate", None, None, "ca.pem", "ca.pem"),
    *per_signal("CLIENT_CERTIFICATE", "client_certificate", None, None, "own.pem", "own.pem"),
    *per_signal("CLIENT_KEY", "client_key", None, None, "own.key", "own.key"),
]


@pytest.mark.parametrize(
    ("variable", "read", "default", "bad", "good", "value"), [pytest.param(*row, id=row[0]) for row in ROWS]
)
def test_a_variable(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    variable: str,
    read: Callable[[], Any],
    default: Any,
    bad: str | None,
    good: str,
    value: Any,
) -> None:
    assert read() == default
    monkeypatch.setenv(variable, " ")
    assert read() == default
    monkeypatch.setenv(variable, good)
    assert read() == value
    assert caplog.messages == []
    if bad is not None:
        monkeypatch.setenv(variable, bad)
        assert read() == default
        assert read() == default
        (message,) = caplog.messages
        assert message.startswith("telemetry: ")


@pytest.mark.parametrize(
    ("names", "fields", "warnings"),
    [
        (None, {"traceparent", "tracestate", "baggage"}, 0),
        ("", {"traceparent", "tracestate", "baggage"}, 0),
        ("tracecontext", {"traceparent", "tracestate"}, 0),
        ("tracecontext,tracecontext", {"traceparent", "tracestate"}, 0),
        ("none", set(), 0),
        ("baggage,pigeon", {"baggage"}, 1),
    ],
)
def test_propagators(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    names: str | None,
    fields: set[str],
    warnings: int,
) -> None:
    from opentelemetry import propagate

    monkeypatch.setattr(propagate, "propagator", propagate.get_global_textmap())
    if names is not None:
        monkeypatch.setenv("OTEL_PROPAGATORS", names)
    choices.set_propagators()
    assert propagate.get_global_textmap().fields == fields
    assert len(caplog.messages) == warnings
