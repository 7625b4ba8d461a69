"""A user's program, which `mypy --strict` checks against the installed package: public names and types."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from opentelemetry.metrics import Counter, MeterProvider
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased
from opentelemetry.trace import Span, Tracer, TracerProvider

from shared.telemetry import (
    MetricsMiddleware,
    TracingMiddleware,
    get_meter,
    get_tracer,
    setup_metrics,
    setup_tracing,
    shutdown,
)

tracing: TracerProvider = setup_tracing(
    service_name="orders",
    service_version="1.0.0",
    environment="production",
    otlp_endpoint="http://localhost:4317",
    enable_console_export=False,
    sampler=TraceIdRatioBased(0.1),
    keep_errors=True,
    keep_slower_than=0.5,
)
metering: MeterProvider = setup_metrics(service_name="orders", export_interval_millis=60_000)
tracer: Tracer = get_tracer(__name__)
orders: Counter = get_meter(__name__).create_counter("orders", unit="1")

Receive = Callable[[], Awaitable[dict[str, object]]]
Send = Callable[[dict[str, object]], Awaitable[None]]


@tracer.start_as_current_span("count")
def count(number: int) -> int:
    """A decorated function keeps its types."""
    orders.add(number, {"kind": "single"})
    return number


def named() -> str:
    """A span is what the API says."""
    with tracer.start_as_current_span("named") as span:
        given: Span = span
        given.set_attribute("orders", count(1))
    return "done"


middlewares: tuple[type[TracingMiddleware], type[MetricsMiddleware]] = (TracingMiddleware, MetricsMiddleware)
shutdown(timeout=2.0)
