"""What running services say about their own telemetry: spans that were dropped, queues that fill up.

They say it by the metrics `otel.sdk.*` (semantic conventions, SDK metrics), read from Prometheus' API.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from shared.telemetry.otlp.request import Signal
from temponest.client.api import ApiError
from temponest.client.prometheus import Prometheus
from temponest.doctor.finding import Finding, warning
from temponest.doctor.subject import Subject

WINDOW: Final = "10m"
FULL: Final = 0.8  # of a queue: the next burst overflows it
_RISEN: Final = f'sum by (job, error_type) (increase(%s{{error_type!=""}}[{WINDOW}])) > 0'
LOST: Final = _RISEN % "otel_sdk_processor_span_processed_total"
UNDELIVERED: Final = _RISEN % "otel_sdk_exporter_span_exported_total"
QUEUES: Final = (
    "sum by (job) (otel_sdk_processor_span_queue_size)"
    f" / sum by (job) (otel_sdk_processor_span_queue_capacity) > {FULL}"
)


def check(subject: Subject) -> Iterator[Finding]:
    """Ask for losses of the last ten minutes; silent where nothing answers, as the round trip tells that."""
    api = Prometheus(subject.api(Signal.METRICS), subject.token)
    try:
        for series in api.query(LOST):
            yield warning(
                f"{_who(series.labels)} dropped {_count(series.samples)} spans in {WINDOW}",
                f"its queue does not take them ({series.labels.get('error_type')})",
                "OTEL_BSP_MAX_QUEUE_SIZE=8192, or keep fewer traces with OTEL_TRACES_SAMPLER",
            )
        for series in api.query(UNDELIVERED):
            yield warning(
                f"{_who(series.labels)} could not deliver {_count(series.samples)} spans in {WINDOW}",
                f"the receiver does not take them ({series.labels.get('error_type')})",
                "run temponest doctor where that service runs, and look at the receiver's log",
            )
        for series in api.query(QUEUES):
            yield warning(
                f"the queue of {_who(series.labels)} is {series.samples[-1][1]:.0%} full",
                "spans are made faster than they are delivered; soon they are dropped",
                "OTEL_BSP_SCHEDULE_DELAY=1000, or look at why the receiver is slow",
            )
    except (ApiError, KeyError, TypeError, ValueError):
        return
    finally:
        api.close()


def _who(labels: dict[str, str]) -> str:
    return labels.get("job") or "a service"


def _count(samples: list[tuple[float, float]]) -> str:
    return f"{max(1, round(samples[-1][1])):,}"
