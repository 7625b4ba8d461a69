"""The auth service: users, login, and who a token belongs to."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../.."))  # noqa: PTH118, PTH120 - as the guide has it

try:
    from shared.telemetry import (
        MetricsMiddleware,
        TracingMiddleware,
        setup_metrics,
        setup_tracing,
    )

    TELEMETRY_ENABLED = True
except ImportError:
    TELEMETRY_ENABLED = False
    logging.warning("OpenTelemetry not available - telemetry disabled")

# uvicorn sets up its own loggers only; this also shows what telemetry says when it starts.
logging.basicConfig(format="%(levelname)s:     %(message)s")
logging.getLogger("shared.telemetry").setLevel(logging.INFO)

if TELEMETRY_ENABLED:
    environment = os.getenv("ENVIRONMENT", "development")
    otlp_endpoint = os.getenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4317")

    setup_tracing(
        service_name="auth",
        service_version="1.0.0",
        environment=environment,
        otlp_endpoint=otlp_endpoint,
        enable_console_export=(environment == "development"),
    )
    setup_metrics(
        service_name="auth",
        service_version="1.0.0",
        environment=environment,
        otlp_endpoint=otlp_endpoint,
    )

from fastapi import FastAPI
from redis.asyncio import Redis

from shared.service import database, health, problems

from . import inbox, tokens, users


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Hold the database pool and the Redis client while the service runs."""
    url = os.getenv("DATABASE_URL", "postgresql://postgres@localhost:5432/postgres")
    app.state.pool = await database.connect(url, "auth", Path(__file__).parent / "migrations")
    redis_url = os.getenv("REDIS_URL", "redis://localhost:6379/0")
    app.state.redis = Redis.from_url(redis_url, decode_responses=True)
    yield
    await app.state.redis.aclose()
    await app.state.pool.close()


app = FastAPI(title="TempoNest auth", lifespan=lifespan)
if TELEMETRY_ENABLED:
    app.add_middleware(TracingMiddleware, service_name="auth")
    app.add_middleware(MetricsMiddleware, service_name="auth")

problems.install(app)
app.include_router(users.routes)
app.include_router(tokens.routes)
app.include_router(inbox.routes)
app.include_router(
    health.router(
        {
            "PostgreSQL": lambda: app.state.pool.fetchval("SELECT 1"),
            "Redis": lambda: app.state.redis.ping(),
        }
    )
)
