"""Each shape of a service gets exactly the lines that are expected, and runs with them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from temponest.init.plan import plan
from temponest.init.write import write

from .shapes import SHAPES, Shape

ROOT = Path(__file__).parents[2]
# Where the shape's application is, if not `app` of `main`.
WHERE = {
    "class": "server:app",
    "configured": "shop.main:app",
    "factory": "app.main:app",
    "one_line": "service.app:application",
    "package": "app.main:app",
    "returned": "app.main:app",
}
LOOK = """
import asyncio, json, sys
from importlib import import_module
module, name = sys.argv[1].split(":")
app = getattr(import_module(module), name)
app = app.app if type(app).__name__ == "Wrapper" else app
sent = []
async def receive():
    return {"type": "http.request", "body": b"", "more_body": False}
async def send(message):
    sent.append(message)
scope = {"type": "http", "method": "GET", "path": "/", "raw_path": b"/", "query_string": b"",
         "headers": [], "scheme": "http", "http_version": "1.1", "server": ("shop", 80),
         "client": ("me", 1), "root_path": ""}
asyncio.run(app(scope, receive, send))
print(json.dumps([sent[0]["status"], [one.cls.__name__ for one in app.user_middleware][:2]]))
"""
shapes = pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)


@shapes
def test_exactly_the_expected_lines_are_added(shape: Shape, tmp_path: Path) -> None:
    planned = plan(shape.write(tmp_path), version="0.1.0")
    notes = [f"note: {note}" for note in planned.notes]
    diffs = [line for change in planned.changes for line in change.diff()]
    assert [*notes, *diffs] == shape.expected.splitlines()


@shapes
def test_a_second_run_adds_nothing(shape: Shape, tmp_path: Path) -> None:
    root = shape.write(tmp_path)
    write(plan(root, version="0.1.0").changes)
    assert plan(root, version="0.1.0").changes == []


@shapes
def test_the_service_runs_with_telemetry_outermost(shape: Shape, tmp_path: Path) -> None:
    root = shape.write(tmp_path)
    write(plan(root, version="0.1.0").changes)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), "src"])}
    environment |= {"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none"}
    done = subprocess.run(  # noqa: S603 - the shape, by this interpreter
        [sys.executable, "-c", LOOK, WHERE.get(shape.name, "main:app")],
        cwd=root, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [200, ["MetricsMiddleware", "TracingMiddleware"]]


@pytest.mark.parametrize(
    ("name", "app"), [("factory", "app.main:app"), ("windows", "main:app"), ("class", "server:app")]
)
def test_the_application_is_named_as_servers_name_it(name: str, app: str, tmp_path: Path) -> None:
    shape = next(shape for shape in SHAPES if shape.name == name)
    assert plan(shape.write(tmp_path), version="0.1.0").app == app


def test_ends_of_lines_and_encoding_stay(tmp_path: Path) -> None:
    text = '# -*- coding: latin-1 -*-\r\nfrom fastapi import FastAPI\r\n\r\napp = FastAPI(title="Café")\r\n'
    (tmp_path / "main.py").write_bytes(text.encode("latin-1"))
    planned = plan(tmp_path / "main.py", version="0.1.0")
    after = planned.changes[0].after.decode("latin-1")
    assert "Café" in after
    assert "\n" not in after.replace("\r\n", "")
