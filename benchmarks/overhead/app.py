"""The application under measurement; `VARIANT` says with which telemetry it runs.

`agents` answers `GET /api/v1/agents/{id}` by calling `auth` over httpx, reading Redis once and PostgreSQL
once. `/bare` does nothing. `/spans/{count}` makes custom spans. The same code runs in every variant.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import httpx
import redis.asyncio
from fastapi import FastAPI, HTTPException

VARIANT = os.environ["VARIANT"]
OURS = VARIANT.startswith("ours")
RATIO = float(os.environ.get("RATIO", "1"))
get_tracer: Any = None

if OURS:
    from shared.telemetry import (
        MetricsMiddleware,
        TracingMiddleware,
        get_tracer,
        setup_metrics,
        setup_tracing,
    )

    sampler = None
    if RATIO < 1:
        from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

        sampler = ParentBased(TraceIdRatioBased(RATIO))
    setup_tracing(service_name=VARIANT, service_version="1.0.0", environment="bench", sampler=sampler)
    if VARIANT.endswith("metrics"):
        setup_metrics(service_name=VARIANT, service_version="1.0.0", environment="bench")
elif VARIANT.startswith("stock"):
    from .stock import get_tracer, setup

    setup(VARIANT, RATIO)
else:
    from opentelemetry.trace import get_tracer

    if VARIANT == "hooks":
        from . import hooks

        hooks.setup()


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open the connections that every request shares."""
    async with (
        httpx.AsyncClient(base_url=os.environ["AUTH_URL"]) as auth,
        asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=2, max_size=4) as database,
    ):
        app.state.auth, app.state.database = auth, database
        app.state.cache = redis.asyncio.from_url(os.environ["REDIS_URL"])
        yield
        await app.state.cache.aclose()


app = FastAPI(title="reference", lifespan=lifespan)
if OURS:
    app.add_middleware(TracingMiddleware, service_name=VARIANT)
    if VARIANT.endswith("metrics"):
        app.add_middleware(MetricsMiddleware, service_name=VARIANT)
elif VARIANT.startswith("stock"):
    from .stock import instrument

    instrument(app)
elif VARIANT == "hooks":
    app.add_middleware(hooks.Hooks)

tracer = get_tracer("benchmarks.overhead")


@app.get("/api/v1/agents/{agent_id}")
async def read_agent(agent_id: int) -> dict[str, Any]:
    """The reference request."""
    reply = await app.state.auth.get("/verify", headers={"authorization": "Bearer reference"})
    if reply.status_code != 200:
        raise HTTPException(401)
    views = await app.state.cache.get(f"views:{agent_id}")
    row = await app.state.database.fetchrow("SELECT id, name, model FROM agents WHERE id = $1", agent_id)
    if row is None:
        raise HTTPException(404)
    return {"id": row["id"], "name": row["name"], "model": row["model"], "views": int(views or 0)}


@app.get("/bare")
async def bare() -> dict[str, bool]:
    """A route that does nothing."""
    return {"ok": True}


@app.get("/cost")
async def told() -> dict[str, float]:
    """CPU seconds that our telemetry says it took, by part."""
    if not OURS:
        return {}
    from shared.telemetry import cost

    return cost.seconds()


@app.get("/spans/{count}")
async def spans(count: int) -> dict[str, int]:
    """A route that makes custom spans with one attribute each."""
    for number in range(count):
        with tracer.start_as_current_span("step") as span:
            span.set_attribute("step.number", number)
    return {"count": count}
