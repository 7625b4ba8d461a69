"""OTLP over HTTP: protobuf and JSON on `/v1/traces`, `/v1/metrics` and `/v1/logs`."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from concurrent.futures import Future

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from ..model.signal import Signal
from ..store.errors import Closed, Full
from . import status
from .errors import Code, Refused, too_large
from .inflate import inflate
from .partial import Partial
from .receiver import Claim, Receiver, refusal

PROTOBUF = "application/x-protobuf"
JSON = "application/json"

PATHS = {"/v1/traces": Signal.TRACES, "/v1/metrics": Signal.METRICS, "/v1/logs": Signal.LOGS}

# Pages that are developed on this machine may send what they measure; nobody may read across origins.
LOCAL_ORIGIN = r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?"
_LOCAL_HOST = re.compile(r"(localhost|127(\.\d+){3}|\[::1\])(:\d+)?", re.IGNORECASE)


def create_app(receiver: Receiver, *, any_host: bool = False) -> Starlette:
    """The OTLP/HTTP receiver with `GET /ready`.

    Args:
        receiver: takes the requests.
        any_host: accept every Host header; otherwise only this machine's names, so that a web page cannot
            reach the receiver by pointing its own name at 127.0.0.1.
    """

    async def ready(_: Request) -> Response:
        return PlainTextResponse("ready\n")

    async def export(request: Request) -> Response:
        signal = PATHS[request.url.path]
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        try:
            if not any_host and not _LOCAL_HOST.fullmatch(request.headers.get("host", "")):
                raise Refused(
                    Code.INVALID_ARGUMENT, 421, "this Host is not served here; use localhost", cause="host"
                )
            receiver.authorize(request.headers.get("authorization", "").encode("latin-1"))
            partial = await _take(receiver, signal, media_type, request)
        except Refused as refused:
            receiver.count(refused)
            return _refusal(refused, media_type)
        receiver.count(None)
        if media_type == JSON:
            return Response(partial.json() if partial else b"{}", media_type=media_type)
        return Response(partial.protobuf() if partial else b"", media_type=media_type)

    routes = [Route("/ready", ready), *(Route(path, export, methods=["POST"]) for path in PATHS)]
    cors = Middleware(
        CORSMiddleware,
        allow_origin_regex=LOCAL_ORIGIN,
        allow_methods=["POST"],
        allow_headers=["*"],
    )
    return Starlette(routes=routes, middleware=[cors])


async def _take(receiver: Receiver, signal: Signal, media_type: str, request: Request) -> Partial | None:
    if media_type not in {PROTOBUF, JSON}:
        raise Refused(
            Code.INVALID_ARGUMENT, 415, f"Content-Type must be {PROTOBUF} or {JSON}, not {media_type!r}"
        )
    encoding = request.headers.get("content-encoding", "")
    with receiver.claim() as claim:
        body = await _read(claim, request, receiver.max_body)
        try:
            future, partial = await run_in_threadpool(
                _prepare, receiver, claim, signal, media_type, encoding, body
            )
            await asyncio.wrap_future(future)
        except (Full, Closed) as error:
            raise refusal(error) from None
    return partial


def _prepare(
    receiver: Receiver,
    claim: Claim,
    signal: Signal,
    media_type: str,
    encoding: str,
    body: bytearray,
) -> tuple[Future[None], Partial | None]:
    plain = inflate(body, encoding, receiver.max_body, claim.grow)
    if plain is not body:
        # The caller holds it to the end; what was received is not to be kept beside what came of it.
        body.clear()
    return receiver.accept(signal, plain, json_in=claim if media_type == JSON else None)


async def _read(claim: Claim, request: Request, limit: int) -> bytearray:
    """The whole body, claimed piece by piece."""
    body = bytearray()
    try:
        async for piece in request.stream():
            if len(body) + len(piece) > limit:
                raise too_large(limit)
            claim.grow(len(piece))
            body += piece
    except ClientDisconnect:
        raise Refused(Code.INVALID_ARGUMENT, 400, "the sender left before the end of the body") from None
    return body


def _refusal(refused: Refused, media_type: str) -> Response:
    headers: Mapping[str, str] = {}
    if refused.retry_after is not None:
        headers = {"Retry-After": str(max(1, round(refused.retry_after)))}
    if media_type == JSON:
        return Response(status.to_json(refused), refused.http, headers, JSON)
    return Response(status.encode(refused), refused.http, headers, PROTOBUF)
