"""Everything the library emits, from one service that uses all it instruments."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg
import httpx
import redis
import redis.asyncio
import requests
from fastapi import FastAPI
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared.telemetry.config import Batching
from shared.telemetry.instrument import instrument_all, uninstrument_all
from shared.telemetry.instrument.asgi import MetricsMiddleware, TracingMiddleware
from shared.telemetry.metrics.points import ScopeMetrics
from shared.telemetry.metrics.runtime import LoopLag
from shared.telemetry.metrics.service import observe_no_more, observe_service
from shared.telemetry.otlp.batch import BatchQueue
from shared.telemetry.otlp.exporter import Exporter
from shared.telemetry.otlp.reply import Outcome
from shared.telemetry.otlp.request import Signal
from shared.telemetry.otlp.target import Target
from tests.telemetry.metrics.measured import Measured


@dataclass(frozen=True)
class Emitted:
    """The spans and the metrics of one run."""

    spans: Sequence[ReadableSpan]
    metrics: Sequence[ScopeMetrics]


class _Refusing:
    """A transport whose receiver refuses everything."""

    def send(self, body: bytes, deadline: float) -> Outcome:
        del body, deadline
        return Outcome(ok=False, reason="refused", message="it refuses everything")

    def close(self) -> None:
        pass


def _application(tracer_provider: TracerProvider, measured: Measured) -> FastAPI:
    app = FastAPI()
    app.add_middleware(TracingMiddleware, tracer_provider=tracer_provider)
    app.add_middleware(MetricsMiddleware, meter_provider=measured.provider, body_sizes=True)

    @app.get("/agents/{agent_id}")
    async def agent(agent_id: int) -> int:
        return agent_id

    @app.get("/fails")
    async def fails() -> None:
        raise ValueError("no good")

    return app


async def emit(postgres_url: str, valkey_url: str, base_url: str) -> Emitted:
    """Serve, ask and store, well and badly.

    Args:
        postgres_url: a running PostgreSQL.
        valkey_url: a running Valkey.
        base_url: an HTTP server that answers anything.
    """
    exporter = InMemorySpanExporter()
    tracer_provider = TracerProvider()
    tracer_provider.add_span_processor(SimpleSpanProcessor(exporter))
    measured = Measured()
    target = Target.from_environment(Signal.TRACES, "http://127.0.0.1:4317")
    queue = BatchQueue(
        Signal.TRACES, Exporter(target, lambda _: _Refusing()), lambda: b"", Batching(capacity=1, size=1)
    )
    instrument_all(disabled=(), tracer_provider=tracer_provider)
    observe_service(measured.provider, lambda: (queue, target))
    try:
        # With the lock of the export held, the second finds the queue full.
        with queue._exporting:
            queue.put(b"", b"span")
            queue.put(b"", b"span")
        queue.flush(5)
        LoopLag(measured.meter)._histogram.record(0.001)
        transport = httpx.ASGITransport(_application(tracer_provider, measured), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://agents.example") as client:
            for path in ("/agents/1", "/fails", "/nothing"):
                await client.get(path)
            await client.request("BREW", "/agents/1")
        async with httpx.AsyncClient() as client:
            await client.get(base_url)
            with contextlib.suppress(httpx.ConnectError):
                await client.get("http://127.0.0.1:1/")
        await asyncio.to_thread(requests.get, base_url, timeout=5)
        async with asyncpg.create_pool(postgres_url, min_size=1, max_size=2) as pool:
            await pool.fetchval("SELECT count(*) FROM pg_class WHERE relname = $1", "x")
            with contextlib.suppress(asyncpg.PostgresError):
                await pool.fetchval("SELECT nothing FROM nowhere")
            cache = redis.asyncio.from_url(valkey_url, max_connections=2)
            await cache.set("key", "value")
            with contextlib.suppress(redis.ResponseError):
                await cache.lpush("key", "value")
            metrics = measured.reader.collect(10)
            await cache.aclose()
    finally:
        uninstrument_all()
        observe_no_more()
        queue.shutdown(0)
    return Emitted(exporter.get_finished_spans(), metrics)
