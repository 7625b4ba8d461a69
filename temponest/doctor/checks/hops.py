"""Whether a trace goes on through the service: into it by a request, out of it by its clients."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from temponest.doctor.finding import Finding, error, warning
from temponest.doctor.subject import Subject


def check(report: dict[str, Any], subject: Subject) -> Iterator[Finding]:
    """What the hops over loopback showed.

    Args:
        report: what the process that imported the service said.
        subject: whose variables explain it.
    """
    yield from _into(report.get("into", "continued"), subject)
    disabled = subject.text("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS") or ""
    for name, passed in report.get("clients", {}).items():
        if not passed:
            off = name in disabled or "*" in disabled
            yield warning(
                f"{name} passes no trace on"
                + (", as OTEL_PYTHON_DISABLED_INSTRUMENTATIONS turns it off" if off else ""),
                "what the service calls by it starts a trace of its own",
                f"take {name} out of OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"
                if off
                else f"remove what replaces or undoes the instrumentation of {name}",
            )


def _into(outcome: str, subject: Subject) -> Iterator[Finding]:
    propagators = subject.text("OTEL_PROPAGATORS")
    if outcome == "new" and propagators is None:
        yield error(
            "a request that belongs to a trace starts a new one",
            "each service has a trace of its own",
            "remove what replaces the propagators (set_global_textmap) or drops the header traceparent"
            " before TracingMiddleware",
        )
    elif outcome == "none" and "always_off" not in (subject.text("OTEL_TRACES_SAMPLER") or "").lower():
        yield error(
            "a request makes no span",
            "requests are not traced",
            "add TracingMiddleware to the application; OTEL_PYTHON_EXCLUDED_URLS must not match every path",
        )
    elif outcome not in {"continued", "new", "none"}:
        yield warning(
            f"the application does not answer a request ({outcome[:120]})",
            "whether traces go on through it is unknown",
            "look at what it does on every request",
        )
