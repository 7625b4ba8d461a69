"""Liveness and readiness routes; the telemetry library leaves both out of traces."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from .problems import problem


def router(checks: Mapping[str, Callable[[], Awaitable[object]]]) -> APIRouter:
    """`GET /health` answers while the process runs, `GET /ready` when every check passes.

    Args:
        checks: name of a dependency and a call that raises when it cannot be used.
    """
    routes = APIRouter(tags=["health"])

    @routes.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @routes.get("/ready")
    async def ready() -> JSONResponse:
        failed = []
        for name, check in checks.items():
            try:
                await check()
            except Exception:  # noqa: BLE001 - whatever a dependency raises, it cannot be used
                failed.append(name)
        if failed:
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, f"Not reachable: {', '.join(failed)}.")
        return JSONResponse({"status": "ready"})

    return routes
