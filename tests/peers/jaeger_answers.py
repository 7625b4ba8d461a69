"""The same spans in a real Jaeger and in the nest, and the requests of Jaeger's page and of Grafana to both.

    python -m tests.peers.jaeger_answers [PATH_OF_A_JAEGER_BINARY]

Without a path `jaeger` (version 2) is looked for on PATH. Compares what versions 1 and 3 of the API answer,
lists without regard to their order. Prints counts and every difference; exits 1 if there is one.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx

from temponest.demo.ports import LOOPBACK, free_ports
from temponest.nest.api import jaeger
from temponest.nest.model.span import Span
from tests.nest.make import SECOND, T0, two_services
from tests.nest.memory_source import MemorySource
from tests.nest.serving import serving

from .tempo_answers import send

CONFIG = """\
service:
  extensions: [jaeger_storage, jaeger_query]
  pipelines: {{traces: {{receivers: [otlp], exporters: [jaeger_storage_exporter]}}}}
  telemetry: {{metrics: {{level: none}}}}
extensions:
  jaeger_query:
    storage: {{traces: kept}}
    http: {{endpoint: "127.0.0.1:{http}"}}
    grpc: {{endpoint: "127.0.0.1:{grpc}"}}
  jaeger_storage: {{backends: {{kept: {{memory: {{max_traces: 1000}}}}}}}}
receivers: {{otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:{otlp}"}}}}}}}}
exporters: {{jaeger_storage_exporter: {{trace_storage: kept}}}}
"""


def main(arguments: list[str]) -> int:
    """Print the counts and differences; 0 when both answer alike."""
    binary = arguments[0] if arguments else shutil.which("jaeger")
    if not binary:
        print("jaeger is not on PATH; give its path")
        return 2
    spans = _moved(two_services())
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        theirs, otlp = _start(binary, folder, stack)
        send(otlp, spans)
        ours = stack.enter_context(serving(jaeger.create_app(MemorySource(spans))))
        differences = []
        asked = _requests(spans)
        for path, params in asked:
            one, other = _ask(theirs, path, params), _ask(ours, path, params)
            if one != other:
                differences.append(f"{path} {params}\n  jaeger {_shown(one)}\n  nest   {_shown(other)}")
    print(f"{len(asked) - len(differences)} of {len(asked)} requests answered alike")
    print("\n".join(differences))
    return bool(differences)


def _moved(spans: list[Span]) -> list[Span]:
    shift = (time.time_ns() // SECOND - 300) * SECOND - T0 // SECOND * SECOND
    for span in spans:
        span.start_ns += shift
        span.end_ns += shift
        for event in span.events:
            event.time_ns += shift
    return spans


def _requests(spans: list[Span]) -> list[tuple[str, dict[str, str]]]:
    first, last = min(span.start_ns for span in spans), max(span.end_ns for span in spans)
    window = {"start": str(first // 1000 - 1), "end": str(last // 1000 + 1), "limit": "20"}
    ids = sorted({span.trace_id.hex() for span in spans})
    moments = {
        "query.start_time_min": _rfc3339(first - SECOND),
        "query.start_time_max": _rfc3339(last + SECOND),
    }
    found: list[tuple[str, dict[str, str]]] = [("/api/services", {}), ("/api/v3/services", {})]
    for service in ("web", "pay", "nobody"):
        found += [
            (f"/api/services/{service}/operations", {}),
            ("/api/operations", {"service": service}),
            ("/api/operations", {"service": service, "spanKind": "server"}),
            ("/api/v3/operations", {"service": service}),
            ("/api/traces", {"service": service, **window}),
            ("/api/traces", {"service": service, "operation": "POST", **window}),
            ("/api/traces", {"service": service, "tags": '{"http.request.method":"POST"}', **window}),
            ("/api/traces", {"service": service, "tags": '{"error":"true"}', **window}),
            ("/api/traces", {"service": service, "minDuration": "1500ms", **window}),
            ("/api/traces", {"service": service, "maxDuration": "1500ms", **window}),
            ("/api/v3/traces", {"query.service_name": service, **moments}),
        ]
    for one in ids:
        found += [(f"/api/traces/{one}", {}), (f"/api/v3/traces/{one}", {})]
    return [
        *found,
        ("/api/traces/99", {}),
        ("/api/traces/zz", {}),
        ("/api/v3/traces/99", {}),
        ("/api/traces", {"traceID": ids[0]}),
        ("/api/traces", {"service": "web", "minDuration": "x", **window}),
        ("/api/traces", {"service": "web", "tags": "{", **window}),
        ("/api/dependencies", {"endTs": str(last // 1_000_000 + 1000), "lookback": "3600000"}),
    ]


def _rfc3339(time_ns: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time_ns // SECOND)) + f".{time_ns % SECOND:09}Z"


def _ask(client: httpx.Client, path: str, params: dict[str, str]) -> Any:
    reply = client.get(path, params=params)
    if reply.is_error:
        return reply.status_code
    answer = json.loads(reply.content)
    if path == "/api/dependencies":
        # Jaeger's memory store counts calls inside of a service, its other stores do not; nor does the nest.
        answer["data"] = [one for one in answer["data"] if one["parent"] != one["child"]]
    return _ordered(answer)


def _ordered(value: Any) -> Any:
    """A document without what is each server's own business: order, and how many there are."""
    if isinstance(value, dict):
        return {
            key: _ordered(one)
            for key, one in sorted(value.items())
            if key not in {"total", "limit", "offset", "warnings"} and one not in (None, [], "", {})
        }
    if isinstance(value, list):
        return sorted((_ordered(one) for one in value), key=lambda one: json.dumps(one, sort_keys=True))
    return value


def _shown(value: Any) -> str:
    return json.dumps(value)[:1500]


def _start(binary: str, folder: Path, stack: ExitStack) -> tuple[httpx.Client, httpx.Client]:
    names = ("http", "grpc", "otlp")
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    config = folder / "jaeger.yaml"
    config.write_text(CONFIG.format(**ports))
    log = stack.enter_context((folder / "log").open("w"))
    process = subprocess.Popen([binary, f"--config={config}"], stdout=log, stderr=log, cwd=folder)  # noqa: S603 - the peer
    stack.callback(process.wait)
    stack.callback(process.kill)
    api = stack.enter_context(httpx.Client(base_url=f"http://{LOOPBACK}:{ports['http']}", timeout=30))
    otlp = stack.enter_context(httpx.Client(base_url=f"http://{LOOPBACK}:{ports['otlp']}", timeout=30))
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            if api.get("/api/services").is_success and otlp.get("/").status_code:
                return api, otlp
        except httpx.TransportError:
            time.sleep(0.1)
    raise SystemExit(f"jaeger is not ready:\n{(folder / 'log').read_text()[-2000:]}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
