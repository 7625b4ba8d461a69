"""What each vendor wants: the header for its key, and counters as totals or as differences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from shared.telemetry.otlp.request import Signal
from temponest.doctor.finding import Finding, warning
from temponest.doctor.subject import Subject


@dataclass(frozen=True, slots=True)
class Vendor:
    """One vendor.

    Attributes:
        name: as people call it.
        header: which header holds the key, and its form.
        kind: what sort of key it is.
        delta: counters must be sent as differences.
    """

    name: str
    header: str
    kind: str
    delta: bool = False


# By a part of the host's name; what the folder docker/vendors sets up.
VENDORS: Final = {
    "grafana.net": Vendor("Grafana Cloud", "Authorization=Basic%20...", "base64 of instance:token"),
    "honeycomb.io": Vendor("Honeycomb", "x-honeycomb-team=...", "an ingest key"),
    "datadoghq": Vendor("Datadog", "dd-api-key=...", "an API key of this site", delta=True),
    "nr-data.net": Vendor("New Relic", "api-key=...", "a license key (INGEST)", delta=True),
}
PREFERENCE: Final = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"


def of_host(host: str) -> Vendor | None:
    """The vendor that a host belongs to."""
    return next((vendor for part, vendor in VENDORS.items() if part in host), None)


def check(subject: Subject) -> Iterator[Finding]:
    """Counters that a vendor reads wrong."""
    if not subject.exports(Signal.METRICS):
        return
    vendor = of_host(subject.target(Signal.METRICS).host)
    preference = (subject.text(PREFERENCE) or "cumulative").lower()
    if vendor is not None and vendor.delta and preference == "cumulative":
        yield warning(
            f"{vendor.name} wants counters as differences, but totals are sent",
            "it drops them or shows them wrong",
            f"{PREFERENCE}=delta",
        )
