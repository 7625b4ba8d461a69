"""The service that the W3C Trace Context suite calls: it posts on what it is told to."""

from __future__ import annotations

from typing import Any

import httpx
from fastapi import Body, FastAPI
from opentelemetry.sdk.resources import Resource

from shared.telemetry.instrument import httpx as httpx_instrumentation
from shared.telemetry.instrument.asgi import TracingMiddleware
from shared.telemetry.trace.provider import TracerProvider

provider = TracerProvider(resource=Resource.create())
httpx_instrumentation.instrument(tracer_provider=provider)

app = FastAPI()
app.add_middleware(TracingMiddleware, tracer_provider=provider)
ITEMS = Body()


@app.post("/")
async def forward(items: list[dict[str, Any]] = ITEMS) -> None:
    """Send each item's arguments to its address."""
    async with httpx.AsyncClient(timeout=5) as client:
        for item in items:
            await client.post(item["url"], json=item["arguments"])
