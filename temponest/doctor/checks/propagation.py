"""Whether the next service can continue the trace."""

from __future__ import annotations

from collections.abc import Iterator

from temponest.doctor.finding import Finding, warning
from temponest.doctor.subject import Subject


def check(subject: Subject) -> Iterator[Finding]:
    """`OTEL_PROPAGATORS` without `tracecontext` (W3C Trace Context)."""
    value = subject.text("OTEL_PROPAGATORS")
    if value is None:
        return
    names = [name.strip().lower() for name in value.split(",") if name.strip()]
    if "tracecontext" not in names or "none" in names:
        yield warning(
            f"OTEL_PROPAGATORS={value[:60]} leaves out tracecontext",
            "each service starts a trace of its own unless all of them speak the other format",
            "OTEL_PROPAGATORS=tracecontext,baggage",
        )
