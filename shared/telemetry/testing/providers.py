"""The providers that tests record on: those of the application, or ones that its own set-up takes over."""

from __future__ import annotations

from opentelemetry import metrics, trace

from .. import setup
from ..metrics import MeterProvider
from ..otlp.request import Signal
from ..resource import Identity
from ..trace.provider import TracerProvider


def send_nothing() -> None:
    """Let what is set up from now on record, and send nothing."""
    setup._sends = False


def rehearse() -> tuple[TracerProvider, MeterProvider]:
    """The providers of this process; those that are not set up yet are made.

    Raises:
        RuntimeError: another library's provider is in force.
    """
    with setup._lock:
        if setup._tracing is None:
            setup._tracing = TracerProvider(resource=Identity(None).resource, shutdown_on_exit=False)
            setup._rehearsed.add(Signal.TRACES)
            trace.set_tracer_provider(setup._tracing)
        if setup._metrics is None:
            setup._metrics = MeterProvider(resource=Identity(None).resource, shutdown_on_exit=False)
            setup._rehearsed.add(Signal.METRICS)
            metrics.set_meter_provider(setup._metrics)
    tracing, metering = trace.get_tracer_provider(), metrics.get_meter_provider()
    if isinstance(tracing, TracerProvider) and isinstance(metering, MeterProvider):
        return tracing, metering
    raise RuntimeError(
        "another provider was set by opentelemetry's set_tracer_provider or set_meter_provider; "
        "leave that to setup_tracing and setup_metrics"
    )
