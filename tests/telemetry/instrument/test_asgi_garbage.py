"""A measured request leaves nothing behind that only the garbage collector could free."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from opentelemetry.sdk.resources import Resource

from shared.telemetry import MetricsMiddleware, TracingMiddleware
from shared.telemetry.metrics import MeterProvider
from shared.telemetry.trace import TracerProvider


class Connection:
    """Refers to the scope and back through `send`, as uvicorn's object for a request does."""

    def __init__(self) -> None:
        self.scope: dict[str, Any] = {
            "type": "http",
            "method": "GET",
            "path": "/",
            "headers": [(b"host", b"example.test")],
        }

    async def receive(self) -> dict[str, Any]:
        return {"type": "http.request"}

    async def send(self, message: dict[str, Any]) -> None:
        del message


async def answer(scope: Any, receive: Any, send: Any) -> None:
    del scope, receive
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@pytest.mark.parametrize("order", ["metrics around traces", "traces around metrics", "traces", "metrics"])
async def test_no_reference_cycle_is_left(order: str) -> None:
    traces = TracerProvider(resource=Resource({}), shutdown_on_exit=False)
    measures = MeterProvider(resource=Resource({}), shutdown_on_exit=False)
    app: Any = answer
    for name in reversed(order.split(" around ")):
        if name == "traces":
            app = TracingMiddleware(app, tracer_provider=traces)
        else:
            app = MetricsMiddleware(app, meter_provider=measures)

    async def ask() -> None:
        connection = Connection()
        await app(connection.scope, connection.receive, connection.send)

    await ask()
    gc.collect()
    gc.disable()
    try:
        for _ in range(20):
            await ask()
        assert gc.collect() < 20
    finally:
        gc.enable()
