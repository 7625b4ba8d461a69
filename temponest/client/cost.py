"""What telemetry costs each service, as the services say themselves, and what less of it would save."""

from __future__ import annotations

import time
from dataclasses import dataclass

from .prometheus import Prometheus

WINDOW = "5m"
PART = "temponest_telemetry_part"
# The share of traces that the advice keeps.
KEPT = 0.1
INSTRUMENTATIONS = frozenset({"asyncpg", "httpx", "redis", "requests"})
# Parts that are paid for spans: a trace that is not kept spares most of them.
OF_SPANS = INSTRUMENTATIONS | {"server", "custom", "deferred", "export", "client"}


@dataclass(frozen=True, slots=True)
class Saving:
    """One way to turn telemetry down.

    Attributes:
        what: the change in words.
        how: the variable that makes it; None where it is a change of code.
        seconds: CPU seconds a second that it saves.
        at_most: it saves that or less; otherwise that or more, as what is not made is not sent either.
    """

    what: str
    how: str | None
    seconds: float
    at_most: bool


@dataclass(frozen=True, slots=True)
class Cost:
    """One service.

    Attributes:
        parts: CPU seconds a second by part.
        process: CPU seconds a second of the whole process; None where it does not say.
        spans: spans a second.
        bytes_sent: bytes of export requests a second.
    """

    parts: dict[str, float]
    process: float | None
    spans: float
    bytes_sent: float

    @property
    def seconds(self) -> float:
        """CPU seconds a second of all telemetry."""
        return sum(self.parts.values())

    def share(self, seconds: float) -> float | None:
        """CPU seconds a second as a share of the whole process."""
        return seconds / self.process if self.process else None

    def savings(self) -> list[Saving]:
        """What would save most, first."""
        of_spans = sum(seconds for part, seconds in self.parts.items() if part in OF_SPANS)
        sampler = f"OTEL_TRACES_SAMPLER=parentbased_traceidratio OTEL_TRACES_SAMPLER_ARG={KEPT}"
        found = [Saving(f"keep {KEPT:.0%} of the traces", sampler, of_spans * (1 - KEPT), at_most=True)]
        found += [
            Saving(f"without {part}", f"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS={part}", seconds, at_most=False)
            for part, seconds in self.parts.items()
            if part in INSTRUMENTATIONS
        ]
        if "metrics" in self.parts:
            found.append(Saving("without MetricsMiddleware", None, self.parts["metrics"], at_most=False))
        return sorted((one for one in found if one.seconds > 0), key=lambda one: -one.seconds)


def costs(prometheus: Prometheus) -> dict[str, Cost]:
    """The cost of each service over the last five minutes, by its `job`."""
    parts: dict[str, dict[str, float]] = {}
    # One moment for all: a rate depends on it, and shares are of two rates.
    now = time.time()
    for one in prometheus.query(
        f"sum by (job, {PART}) (rate(temponest_telemetry_cpu_time_seconds_total[{WINDOW}])) > 0", now
    ):
        job, part = one.labels.get("job", ""), one.labels.get(PART, "")
        parts.setdefault(job, {})[part] = one.samples[-1][1]
    process, spans, sent = (
        _by_job(prometheus, metric, now)
        for metric in (
            "process_cpu_time_seconds_total",
            "otel_sdk_processor_span_processed_total",
            "temponest_telemetry_export_io_bytes_total",
        )
    )
    return {
        job: Cost(
            dict(sorted(of.items(), key=lambda pair: -pair[1])),
            process.get(job),
            spans.get(job, 0.0),
            sent.get(job, 0.0),
        )
        for job, of in sorted(parts.items())
    }


def _by_job(prometheus: Prometheus, metric: str, now: float) -> dict[str, float]:
    found = prometheus.query(f"sum by (job) (rate({metric}[{WINDOW}]))", now)
    return {one.labels.get("job", ""): one.samples[-1][1] for one in found}
