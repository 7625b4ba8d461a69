"""A service that is not ours gets telemetry by `temponest init` and shows up in the nest."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from temponest.cli.main import main
from temponest.client.trace import Trace
from temponest.demo.ports import LOOPBACK, free_ports
from temponest.demo.programs import ROOT, start_app
from tests.init.shapes import SHAPES

from .conftest import Nest
from .wait import until

READY = '\n\n@app.get("/ready")\ndef ready():\n    return "ready"\n'


@pytest.mark.parametrize("name", ["package", "factory"])
def test_its_requests_are_traced(nest: Nest, tmp_path: Path, name: str) -> None:
    root = next(shape for shape in SHAPES if shape.name == name).write(tmp_path)
    with (root / "app" / "main.py").open("a") as file:
        file.write(READY)
    written = CliRunner().invoke(main, ["init", str(root), "--yes", "--service-name", f"foreign-{name}"])
    assert written.exit_code == 0, written.output

    (port,) = free_ports(1)
    environment = {
        "PYTHONPATH": str(ROOT),
        "OTEL_EXPORTER_OTLP_ENDPOINT": nest.url("OTLP/gRPC"),
        "OTEL_BSP_SCHEDULE_DELAY": "200",
    }
    process = start_app(name, root, tmp_path, port, environment)
    try:
        httpx.get(f"http://{LOOPBACK}:{port}/").raise_for_status()

        def look() -> Trace | None:
            query = f'{{ resource.service.name = "temponest-foreign-{name}" && name = "GET /" }}'
            found = nest.tempo.search(query)
            return nest.tempo.trace(found[0].trace_id) if found else None

        trace = until(look, "the trace")
    finally:
        process.stop()
    assert [(span.name, span.kind) for span in trace.walk()] == [("GET /", "server")]
