"""The variables that services and SDKs read, and the words they may hold.

Specification: configuration/sdk-environment-variables and protocol/exporter.
"""

from __future__ import annotations

import re
from difflib import get_close_matches

_SUFFIXES = (
    *("ENDPOINT", "PROTOCOL", "HEADERS", "TIMEOUT", "COMPRESSION", "INSECURE"),
    *("CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY"),
)
_SPECIFIED = """
OTEL_SDK_DISABLED OTEL_SERVICE_NAME OTEL_RESOURCE_ATTRIBUTES OTEL_PROPAGATORS OTEL_LOG_LEVEL OTEL_ENTITIES
OTEL_CONFIG_FILE OTEL_TRACES_SAMPLER OTEL_TRACES_SAMPLER_ARG
OTEL_TRACES_EXPORTER OTEL_METRICS_EXPORTER OTEL_LOGS_EXPORTER
OTEL_BSP_SCHEDULE_DELAY OTEL_BSP_EXPORT_TIMEOUT OTEL_BSP_MAX_QUEUE_SIZE OTEL_BSP_MAX_EXPORT_BATCH_SIZE
OTEL_BLRP_SCHEDULE_DELAY OTEL_BLRP_EXPORT_TIMEOUT OTEL_BLRP_MAX_QUEUE_SIZE OTEL_BLRP_MAX_EXPORT_BATCH_SIZE
OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT OTEL_ATTRIBUTE_COUNT_LIMIT
OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT
OTEL_SPAN_EVENT_COUNT_LIMIT OTEL_SPAN_LINK_COUNT_LIMIT
OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT OTEL_LINK_ATTRIBUTE_COUNT_LIMIT
OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT
OTEL_METRICS_EXEMPLAR_FILTER OTEL_METRIC_EXPORT_INTERVAL OTEL_METRIC_EXPORT_TIMEOUT
OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION
OTEL_EXPORTER_PROMETHEUS_HOST OTEL_EXPORTER_PROMETHEUS_PORT
OTEL_EXPORTER_ZIPKIN_ENDPOINT OTEL_EXPORTER_ZIPKIN_TIMEOUT
OTEL_SEMCONV_STABILITY_OPT_IN OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS
TELEMETRY_ENABLED TEMPONEST_BSP_MAX_QUEUE_BYTES TEMPONEST_SERVICE_PREFIX TEMPONEST_TOKEN
"""
KNOWN = frozenset(
    {
        *_SPECIFIED.split(),
        *(
            f"OTEL_EXPORTER_OTLP_{signal}{suffix}"
            for signal in ("", "TRACES_", "METRICS_", "LOGS_")
            for suffix in _SUFFIXES
        ),
    }
)
_FAMILIES = re.compile(
    r"OTEL_(PYTHON|EXPERIMENTAL|GO|JAVA|NODE|DOTNET|INSTRUMENTATION)_|OTEL_EXPORTER_OTLP_SPAN_|TEMPONEST_"
)
_PREFIXES = ("OTEL", "OTLP", "TELEMETRY_", "TEMPONEST_")

MILLISECONDS = frozenset(
    name for name in KNOWN if name.endswith(("_TIMEOUT", "_SCHEDULE_DELAY", "_EXPORT_INTERVAL"))
)
COUNTS = frozenset(
    name for name in KNOWN if name.endswith(("_LIMIT", "_QUEUE_SIZE", "_BATCH_SIZE", "_QUEUE_BYTES"))
)
BOOLEANS = frozenset({"OTEL_SDK_DISABLED", *(name for name in KNOWN if name.endswith("_INSECURE"))})
CHOICES = {
    "OTEL_METRICS_EXEMPLAR_FILTER": {"always_on", "always_off", "trace_based"},
    "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": {"cumulative", "delta", "lowmemory"},
    "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION": {
        "explicit_bucket_histogram",
        "base2_exponential_bucket_histogram",
    },
    **{name: {"grpc", "http/protobuf"} for name in KNOWN if name.endswith("_PROTOCOL")},
    **{name: {"gzip", "none"} for name in KNOWN if name.endswith("_COMPRESSION")},
}


def meant(name: str) -> str | None:
    """The known variable that a misspelt name is nearest to; None for a known or an unrelated name."""
    upper = name.upper()
    if name in KNOWN or not upper.startswith(_PREFIXES):
        return None
    if upper in KNOWN:
        return upper
    near = get_close_matches(upper, sorted(KNOWN), n=1, cutoff=0.8)
    # A name of a family is somebody's own unless it is a letter or two from a known one.
    if near and _FAMILIES.match(upper):
        near = get_close_matches(upper, near, n=1, cutoff=0.93)
    return near[0] if near else None


def is_secret(name: str) -> bool:
    """Whether a variable's value must not be shown."""
    return any(word in name.upper() for word in ("HEADER", "TOKEN", "KEY", "SECRET", "PASSWORD", "CONFIG"))
