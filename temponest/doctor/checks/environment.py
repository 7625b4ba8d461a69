"""Variables that are misspelt, empty, in the wrong unit, or hold what cannot be used."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from shared.telemetry.config import SECONDS_SUSPECTED_BELOW_MS
from temponest.doctor import variables
from temponest.doctor.finding import Finding, error, warning
from temponest.doctor.subject import Subject

# The wait between exports is often short on purpose, as in tests.
SHORT_WAIT_MS: Final = 10
YES: Final = frozenset({"1", "yes", "on", "y", "t"})
SHOWN: Final = 60  # characters of a value; more says nothing more
EXPORTERS: Final = {"otlp", "console", "none", "prometheus"}
SIGNALS: Final = ("TRACES", "METRICS")
# What these say decides whether traces arrive; metrics are sent apart from them.
WAY_OF_TRACES: Final = re.compile(r"OTEL_EXPORTER_OTLP_(?!METRICS_|LOGS_)")


def check(subject: Subject) -> Iterator[Finding]:
    """Every variable of telemetry, the switches first."""
    yield from _switches(subject)
    for name in sorted(subject.environ):
        value = subject.environ[name]
        intended = variables.meant(name)
        if intended is not None:
            yield _misspelt(name, intended, subject)
        elif name in variables.KNOWN:
            yield from _value(name, value)


def _switches(subject: Subject) -> Iterator[Finding]:
    disabled = (subject.text("OTEL_SDK_DISABLED") or "").lower() == "true"
    enabled = subject.text("TELEMETRY_ENABLED") or ""
    off = (
        "OTEL_SDK_DISABLED=true"
        if disabled
        else f"TELEMETRY_ENABLED={enabled}"
        if enabled.lower() in {"false", "0", "no", "off"}
        else None
    )
    if off is not None:
        yield error(f"{off} is set", "traces and metrics are switched off", f"unset {off.partition('=')[0]}")
    for signal in SIGNALS:
        name = f"OTEL_{signal}_EXPORTER"
        words = [word.strip().lower() for word in (subject.text(name) or "").split(",") if word.strip()]
        unknown = [word for word in words if word not in EXPORTERS]
        if signal == "TRACES" and "none" in words:
            yield error(f"{name} contains none", "traces are sent nowhere", f"{name}=otlp")
        elif unknown:
            yield error(
                f"{name} names {', '.join(unknown)}, which is not known here",
                f"{signal.lower()} are not sent there",
                f"{name}=otlp (Jaeger and Tempo take OTLP)",
            )


def _misspelt(name: str, intended: str, subject: Subject) -> Finding:
    if intended in subject.environ:
        return warning(f"{name} is not a known variable", "it is ignored", f"unset {name}")
    say = error if intended.startswith(("OTEL_EXPORTER_OTLP", "OTEL_TRACES")) else warning
    return say(
        f"{name} is not a known variable; did you mean {intended}?",
        "it is ignored and the default is used",
        f"rename {name} to {intended}",
    )


def _value(name: str, raw: str) -> Iterator[Finding]:
    value = raw.strip()
    shown = "its value" if variables.is_secret(name) else f"{value[:SHOWN]!r}"
    if not value:
        yield warning(
            f"{name} is empty",
            "an empty variable counts as unset",
            f"give it a value or unset {name}",
            explains=_explained(name),
        )
    elif value[0] in "'\"" and len(value) > 1 and value[-1] == value[0]:
        yield error(
            f"{name} holds quotation marks",
            "they are part of the value (Docker's env files keep them)",
            f"write {name} without quotation marks",
        )
    elif name in variables.MILLISECONDS:
        yield from _milliseconds(name, value)
    elif name in variables.COUNTS:
        if not value.isdecimal():
            yield _ignored(name, shown, "a whole number", "128")
    elif name in variables.BOOLEANS:
        if value.lower() not in {"true", "false"}:
            meant = "true" if value.lower() in YES else "false"
            # Whoever looks for traces may want this one gone.
            rest = f" to switch telemetry off, or unset {name}" if name == "OTEL_SDK_DISABLED" else ""
            yield _ignored(name, shown, "true or false; it counts as false", f"{meant}{rest}")
    elif name in variables.CHOICES:
        words = sorted(variables.CHOICES[name])
        if value.lower() not in words:
            hint = (
                "http/protobuf" if value.lower().startswith("http") and "http/protobuf" in words else words[0]
            )
            yield _ignored(name, shown, f"one of {', '.join(words)}", hint)
    elif name.endswith("_ENDPOINT") and "ZIPKIN" not in name:
        yield from _endpoint(name, value)
    elif name.endswith("_HEADERS") or name == "OTEL_RESOURCE_ATTRIBUTES":
        yield from _pairs(name, value)


def _ignored(name: str, shown: str, wanted: str, example: str) -> Finding:
    return warning(
        f"{name} is {shown}, but must be {wanted}",
        "the value is ignored",
        f"{name}={example}",
        explains=_explained(name),
    )


def _explained(name: str) -> str:
    return "endpoint" if WAY_OF_TRACES.match(name) else ""


def _milliseconds(name: str, value: str) -> Iterator[Finding]:
    digits = value.rstrip("msec ").strip()
    if not value.isdecimal():
        number = f"{float(digits):g}" if digits.replace(".", "", 1).isdecimal() else ""
        factor = 1 if value.endswith("ms") else 1000
        example = str(round(float(number) * factor)) if number else "10000"
        yield _ignored(name, f"{value[:SHOWN]!r}", "a whole number of milliseconds", example)
        return
    number_ms = int(value)
    floor = SHORT_WAIT_MS if name.endswith("_SCHEDULE_DELAY") else SECONDS_SUSPECTED_BELOW_MS
    if 0 < number_ms < floor:
        yield warning(
            f"{name}={number_ms} is {number_ms} milliseconds",
            "exports are given up or repeated far too soon",
            f"{name}={number_ms * 1000} for {number_ms} s",
        )


def _endpoint(name: str, value: str) -> Iterator[Finding]:
    try:
        parts = urlsplit(value if "://" in value else f"//{value}")
        usable = bool(parts.hostname) and parts.scheme in {"", "http", "https", "grpc", "grpcs"}
        port = parts.port
    except ValueError:
        usable, port = False, None
    if not usable:
        yield error(
            f"{name} is no address", "http://localhost:4317 is used instead", f"{name}=http://localhost:4317"
        )
        return
    path = parts.path.rstrip("/")
    if name == "OTEL_EXPORTER_OTLP_ENDPOINT" and path.endswith(("/v1/traces", "/v1/metrics")):
        base = f"{parts.scheme or 'http'}://{parts.hostname}{f':{port}' if port else ''}"
        base += path.rpartition("/v1/")[0]
        yield error(
            f"{name} ends with /v1/{path.rpartition('/v1/')[2]}",
            "the path of the signal is added to it, so requests go to a path that does not exist",
            f"{name}={base}",
        )


def _pairs(name: str, value: str) -> Iterator[Finding]:
    wrong = [part for part in value.split(",") if part.strip() and not part.partition("=")[1]]
    if wrong or value.startswith("="):
        colon = ":" in (wrong or [""])[0]
        yield error(
            f"{name} {'uses a colon' if colon else 'has a part without ='}; its value stays hidden"
            if variables.is_secret(name)
            else f"{name} has a part without =",
            "that part is left out",
            f"{name}=name=value,name2=value2 (URL-encode commas and spaces in values)",
        )
