"""OTLP log records in Loki's words: which fields are stream labels and which structured metadata.

As Loki maps OTLP by default: some attributes of the resource are the labels of a stream; everything else of
resource, scope and record is structured metadata. Names have `_` for characters that labels may not have.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

from ..model.log import LogRecord, text_of
from ..model.span import Attributes, Resource, Scope, Value

SERVICE = "service_name"
LEVEL = "detected_level"

# The resource attributes that Loki's OTLP endpoint makes labels of when nothing else is configured.
_STREAM = frozenset(
    {
        "service.name",
        "service.namespace",
        "service.instance.id",
        "deployment.environment",
        "deployment.environment.name",
        "cloud.region",
        "cloud.availability_zone",
        "k8s.cluster.name",
        "k8s.namespace.name",
        "k8s.pod.name",
        "k8s.container.name",
        "container.name",
        "k8s.replicaset.name",
        "k8s.deployment.name",
        "k8s.statefulset.name",
        "k8s.daemonset.name",
        "k8s.cronjob.name",
        "k8s.job.name",
    }
)

# Names of structured metadata that come from fields of a record, and those fields.
FIELDS = {
    "observed_timestamp": "observed_ns",
    "severity_number": "severity",
    "severity_text": "severity_text",
    "event_name": "event_name",
    "trace_id": "trace_id",
    "span_id": "span_id",
    "flags": "flags",
    "dropped_attributes_count": "dropped_attributes",
}
# Attributes that applications say their level in, where the record itself has none.
LEVEL_ATTRIBUTES = ("level", "severity", "lvl", "log_level")

_LEVELS = ("trace", "debug", "info", "warn", "error", "fatal")
_SPELLINGS = {
    "trc": "trace",
    "dbg": "debug",
    "inf": "info",
    "information": "info",
    "informational": "info",
    "notice": "info",
    "wrn": "warn",
    "warning": "warn",
    "err": "error",
    "eror": "error",
    "critical": "critical",
    "crit": "critical",
    "emerg": "fatal",
    "alert": "critical",
    "panic": "fatal",
    **{level: level for level in _LEVELS},
}
_OTHER = re.compile(r"[^a-zA-Z0-9_]")
# OTLP numbers four grades of each level.
_GRADES = 4


@lru_cache(maxsize=4096)
def label_name(key: str) -> str:
    """An attribute's key as a label may be called."""
    name = _OTHER.sub("_", key)
    return f"key_{name}" if name[:1].isdigit() else name


def flat(attributes: Mapping[str, Value], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Attributes as names and texts; a map becomes a label a member."""
    for key, value in attributes.items():
        name = f"{prefix}_{label_name(key)}" if prefix else label_name(key)
        if isinstance(value, dict):
            yield from flat(value, name)
        else:
            yield name, text_of(value)


def stream_labels(resource: Resource) -> dict[str, str]:
    """The labels of the stream that records of a resource belong to."""
    chosen: Attributes = {key: value for key, value in resource.attributes.items() if key in _STREAM}
    return dict(sorted({**dict(flat(chosen)), SERVICE: resource.service_name}.items()))


def resource_metadata(resource: Resource) -> dict[str, str]:
    """What else is known of a resource."""
    others: Attributes = {key: value for key, value in resource.attributes.items() if key not in _STREAM}
    return dict(flat(others))


def scope_metadata(scope: Scope) -> dict[str, str]:
    """What is known of a logger."""
    found = dict(flat(scope.attributes))
    found |= {"scope_name": scope.name} if scope.name else {}
    found |= {"scope_version": scope.version} if scope.version else {}
    return found


def level(severity: int, text: str) -> str:
    """One word for how bad it is; `unknown` where nobody says."""
    if 1 <= severity <= len(_LEVELS) * _GRADES:
        return _LEVELS[(severity - 1) // _GRADES]
    return _SPELLINGS.get(text.strip().lower(), "unknown")


def metadata(record: LogRecord) -> dict[str, str]:
    """The structured metadata of a record."""
    found = resource_metadata(record.resource) | scope_metadata(record.scope) | dict(flat(record.attributes))
    said: dict[str, object] = {
        "observed_timestamp": record.observed_ns,
        "severity_number": record.severity,
        "severity_text": record.severity_text,
        "event_name": record.event_name,
        "trace_id": record.trace_id.hex(),
        "span_id": record.span_id.hex(),
        "flags": record.flags,
        "dropped_attributes_count": record.dropped_attributes,
    }
    found |= {name: str(value) for name, value in said.items() if value}
    hint = record.severity_text or next((found[name] for name in LEVEL_ATTRIBUTES if name in found), "")
    found[LEVEL] = level(record.severity, hint)
    return dict(sorted(found.items()))
