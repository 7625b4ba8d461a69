"""What Loki tells of log lines as log records of OTLP.

Loki keeps names with `_` for what a label may not have, texts for all values, and does not say whether an
attribute was one of the record, the scope or the resource. Names of the resource that Loki makes labels of,
and the fields of a record, become again what they were; other labels of the stream are attributes of the
resource, other metadata attributes of the record.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ScopeLogs

from temponest.client.loki import Entry

# Names whose dots are known, because Loki's OTLP endpoint makes them labels when nothing else is configured.
_RESOURCE = {
    name.replace(".", "_"): name
    for name in (
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
    )
}
_LEVEL = "detected_level"
_NUMBERS = {
    "observed_timestamp": "observed_time_unix_nano",
    "severity_number": "severity_number",
    "flags": "flags",
    "dropped_attributes_count": "dropped_attributes_count",
}
_TEXTS = ("severity_text", "event_name")
_IDS = {"trace_id": 32, "span_id": 16}
_SCOPE = ("scope_name", "scope_version")


def request_of(entries: Iterable[Entry]) -> ExportLogsServiceRequest:
    """Log records by stream and scope, in their order."""
    request = ExportLogsServiceRequest()
    scopes: dict[tuple[Any, ...], ScopeLogs] = {}
    for entry in entries:
        scope = tuple(entry.metadata.get(name, "") for name in _SCOPE)
        key = (tuple(sorted(entry.stream.items())), scope)
        if key not in scopes:
            group = request.resource_logs.add()
            for name, text in sorted(entry.stream.items()):
                if name != _LEVEL:
                    group.resource.attributes.add(key=_RESOURCE.get(name, name)).value.string_value = text
            scopes[key] = group.scope_logs.add()
            scopes[key].scope.name, scopes[key].scope.version = scope
        _fill(scopes[key].log_records.add(), entry)
    return request


def _fill(record: LogRecord, entry: Entry) -> None:
    record.time_unix_nano = entry.time_ns
    record.body.string_value = entry.text
    for name, text in sorted(entry.metadata.items()):
        if not _field(record, name, text):
            record.attributes.add(key=name).value.string_value = text
    level = entry.metadata.get(_LEVEL) or entry.stream.get(_LEVEL, "")
    if level not in ("", "unknown") and not record.severity_number and not record.severity_text:
        record.severity_text = level


def _field(record: LogRecord, name: str, text: str) -> bool:
    """Whether a label is a field of the record, which it then sets."""
    if name in _NUMBERS and text.isdecimal():
        try:
            setattr(record, _NUMBERS[name], int(text))
        except ValueError:
            return False
        return True
    if name in _TEXTS:
        setattr(record, name, text)
        return True
    if name in _IDS:
        return _set_id(record, name, text)
    return name == _LEVEL or name in _SCOPE


def _set_id(record: LogRecord, name: str, text: str) -> bool:
    try:
        found = bytes.fromhex(text)
    except ValueError:
        return False
    if len(text) != _IDS[name]:
        return False
    setattr(record, name, found)
    return True
