"""The dashboards, written as what differs between panels; prints nothing, writes `dashboards/*.json`.

Run it after a change: python docker/grafana/dashboards.py
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "dashboards"
PROMETHEUS = {"type": "prometheus", "uid": "prometheus"}
TEMPO = {"type": "tempo", "uid": "tempo"}

SERVER = "http_server_request_duration_seconds"
CLIENT = "http_client_request_duration_seconds"
DATABASE = "db_client_operation_duration_seconds"


@dataclass(frozen=True)
class Panel:
    """One panel: title, queries with their legends, unit, and how wide of 24 columns."""

    title: str
    queries: Sequence[tuple[str, str]]
    unit: str = "short"
    width: int = 12
    kind: str = "timeseries"


def rate(metric: str, by: str, where: str = "") -> str:
    """Events a second by some labels."""
    return f'sum by ({by}) (rate({metric}{{job=~"$service"{where}}}[$__rate_interval]))'


def quantile(q: float, metric: str, by: str) -> str:
    """A quantile of a histogram by some labels."""
    buckets = f'rate({metric}_bucket{{job=~"$service"}}[$__rate_interval])'
    return f"histogram_quantile({q}, sum by (le, {by}) ({buckets}))"


def share(part: str, whole: str) -> str:
    """One quantity in another, from 0 to 1."""
    return f"{part} / {whole}"


ERRORS = ',http_response_status_code=~"5.."'

DASHBOARDS: dict[str, tuple[str, Sequence[Panel]]] = {
    "services": (
        "Services",
        (
            Panel("Requests", [(rate(f"{SERVER}_count", "job"), "{{job}}")], "reqps", 8),
            Panel(
                "Errors",
                [(share(rate(f"{SERVER}_count", "job", ERRORS), rate(f"{SERVER}_count", "job")), "{{job}}")],
                "percentunit",
                8,
            ),
            Panel(
                "Duration",
                [(quantile(q, SERVER, "job"), f"{{{{job}}}} p{round(q * 100)}") for q in (0.5, 0.95, 0.99)],
                "s",
                8,
            ),
            Panel(
                "Requests by route",
                [
                    (
                        rate(f"{SERVER}_count", "job, http_request_method, http_route"),
                        "{{http_request_method}} {{http_route}}",
                    )
                ],
                "reqps",
            ),
            Panel(
                "p95 by route",
                [
                    (
                        quantile(0.95, SERVER, "http_request_method, http_route"),
                        "{{http_request_method}} {{http_route}}",
                    )
                ],
                "s",
            ),
            Panel(
                "Errors by route",
                [
                    (
                        rate(f"{SERVER}_count", "http_route, http_response_status_code", ERRORS),
                        "{{http_response_status_code}} {{http_route}}",
                    )
                ],
                "reqps",
            ),
            Panel(
                "Requests under way",
                [('sum by (job) (http_server_active_requests{job=~"$service"})', "{{job}}")],
            ),
            Panel(
                "Slow and failed traces",
                [('{ resource.service.name =~ "$service" && (status = error || duration > 500ms) }', "")],
                width=24,
                kind="traces",
            ),
        ),
    ),
    "runtime": (
        "Runtime",
        (
            Panel(
                "CPU",
                [(rate("process_cpu_time_seconds_total", "job, instance"), "{{job}} {{instance}}")],
                "percentunit",
            ),
            Panel(
                "Memory", [('process_memory_usage_bytes{job=~"$service"}', "{{job}} {{instance}}")], "bytes"
            ),
            Panel(
                "Event loop lag, p99",
                [(quantile(0.99, "temponest_event_loop_lag_seconds", "job"), "{{job}}")],
                "s",
            ),
            Panel("Garbage collections", [(rate("cpython_gc_collections_total", "job"), "{{job}}")], "ops"),
            Panel("Threads", [('process_thread_count{job=~"$service"}', "{{job}} {{instance}}")]),
            Panel(
                "Open files",
                [('process_unix_file_descriptor_count{job=~"$service"}', "{{job}} {{instance}}")],
            ),
        ),
    ),
    "clients": (
        "Database, cache and calls",
        (
            Panel(
                "Database operations",
                [
                    (
                        rate(f"{DATABASE}_count", "job, db_system_name, db_operation_name"),
                        "{{db_system_name}} {{db_operation_name}}",
                    )
                ],
                "ops",
            ),
            Panel(
                "Database p95",
                [
                    (
                        quantile(0.95, DATABASE, "db_system_name, db_operation_name"),
                        "{{db_system_name}} {{db_operation_name}}",
                    )
                ],
                "s",
            ),
            Panel(
                "Connections",
                [
                    (
                        'sum by (job, db_client_connection_pool_name, db_client_connection_state) (db_client_connection_count{job=~"$service"})',
                        "{{job}} {{db_client_connection_pool_name}} {{db_client_connection_state}}",
                    )
                ],
            ),
            Panel(
                "Outgoing requests",
                [(rate(f"{CLIENT}_count", "job, server_address"), "{{job}} to {{server_address}}")],
                "reqps",
            ),
            Panel(
                "Outgoing p95",
                [(quantile(0.95, CLIENT, "job, server_address"), "{{job}} to {{server_address}}")],
                "s",
            ),
            Panel(
                "Requests between services",
                [
                    (
                        "sum by (client, server) (rate(traces_service_graph_request_total[$__rate_interval]))",
                        "{{client}} to {{server}}",
                    )
                ],
                "reqps",
            ),
        ),
    ),
    "telemetry": (
        "Telemetry itself",
        (
            Panel(
                "CPU time that telemetry takes",
                [
                    (
                        share(
                            rate("temponest_telemetry_cpu_time_seconds_total", "job"),
                            rate("process_cpu_time_seconds_total", "job"),
                        ),
                        "{{job}}",
                    )
                ],
                "percentunit",
            ),
            Panel(
                "Spans ended",
                [
                    (
                        rate("otel_sdk_processor_span_processed_total", "job, error_type"),
                        "{{job}} {{error_type}}",
                    )
                ],
                "ops",
            ),
            Panel(
                "Spans exported",
                [
                    (
                        rate("otel_sdk_exporter_span_exported_total", "job, error_type"),
                        "{{job}} {{error_type}}",
                    )
                ],
                "ops",
            ),
            Panel(
                "Queue",
                [
                    (
                        share(
                            'sum by (job) (otel_sdk_processor_span_queue_size{job=~"$service"})',
                            'sum by (job) (otel_sdk_processor_span_queue_capacity{job=~"$service"})',
                        ),
                        "{{job}}",
                    )
                ],
                "percentunit",
            ),
            Panel(
                "Export p95",
                [(quantile(0.95, "otel_sdk_exporter_operation_duration_seconds", "job"), "{{job}}")],
                "s",
            ),
            Panel(
                "Bytes sent", [(rate("temponest_telemetry_export_io_bytes_total", "job"), "{{job}}")], "Bps"
            ),
        ),
    ),
}


def queries() -> Iterator[tuple[str, str]]:
    """Every query of every panel: its language and its text."""
    for _, panels in DASHBOARDS.values():
        for panel in panels:
            for text, _ in panel.queries:
                yield ("traceql" if panel.kind == "traces" else "promql"), text


def render(uid: str) -> dict[str, Any]:
    """One dashboard as Grafana reads it."""
    title, panels = DASHBOARDS[uid]
    drawn, x, y = [], 0, 0
    for number, panel in enumerate(panels, 1):
        if x + panel.width > 24:
            x, y = 0, y + 8
        drawn.append(_panel(number, panel, {"x": x, "y": y, "w": panel.width, "h": 8}))
        x += panel.width
    variable = {
        "name": "service",
        "label": "Service",
        "type": "query",
        "datasource": PROMETHEUS,
        "query": {"query": "label_values(target_info, job)", "refId": "services"},
        "includeAll": True,
        "multi": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
        "refresh": 2,
    }
    return {
        "uid": f"temponest-{uid}",
        "title": f"TempoNest: {title}",
        "tags": ["temponest"],
        "schemaVersion": 41,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": [variable]},
        "panels": drawn,
    }


def _panel(number: int, panel: Panel, position: dict[str, int]) -> dict[str, Any]:
    shared = {"id": number, "title": panel.title, "gridPos": position}
    if panel.kind == "traces":
        ((query, _),) = panel.queries
        target = {"refId": "A", "datasource": TEMPO, "queryType": "traceql", "query": query, "limit": 20}
        return {**shared, "type": "table", "datasource": TEMPO, "targets": [target]}
    targets = [
        {
            "refId": chr(65 + index),
            "datasource": PROMETHEUS,
            "expr": query,
            "legendFormat": legend,
            "exemplar": True,
        }
        for index, (query, legend) in enumerate(panel.queries)
    ]
    defaults = {"unit": panel.unit, "min": 0, "custom": {"fillOpacity": 8, "showPoints": "never"}}
    return {
        **shared,
        "type": panel.kind,
        "datasource": PROMETHEUS,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
        "targets": targets,
    }


def main() -> None:
    """Write every dashboard."""
    for uid in DASHBOARDS:
        (FOLDER / f"{uid}.json").write_text(json.dumps(render(uid), indent=2) + "\n")


if __name__ == "__main__":
    main()
