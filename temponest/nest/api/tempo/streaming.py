"""`tempopb.StreamingQuerier`, which Grafana's data source speaks where streaming is on, by gRPC.

Each call is asked of the HTTP API's application, so both have the same limits, token, errors and answers. The
stream has one message, the whole answer: what Tempo sends last.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError as FutureCancelledError
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import quote, urlencode

import grpc
from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message
from starlette.types import ASGIApp
from starlette.types import Message as Event

from ..server import QUESTIONS_AT_ONCE
from .messages import message

SERVICE = "tempopb.StreamingQuerier"
_SECOND = 1_000_000_000
_CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    404: grpc.StatusCode.NOT_FOUND,
    422: grpc.StatusCode.RESOURCE_EXHAUSTED,
    499: grpc.StatusCode.CANCELLED,
    # Not UNAVAILABLE, which clients take as a reason to ask the same again.
    503: grpc.StatusCode.DEADLINE_EXCEEDED,
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of the HTTP API: its path, unquoted, and its parameters; empty ones are left out."""

    path: str
    parameters: Mapping[str, str | int | float]


_Ask: TypeAlias = Callable[[Any], Asked]


def _search(request: Any) -> Asked:
    tags = " ".join(f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in request.Tags.items())
    return Asked(
        "/api/search",
        {
            "q": request.Query,
            "tags": tags,
            "minDuration": f"{request.MinDurationMs}ms" if request.MinDurationMs else "",
            "maxDuration": f"{request.MaxDurationMs}ms" if request.MaxDurationMs else "",
            "limit": request.Limit,
            "spss": request.SpansPerSpanSet,
            **_window(request),
        },
    )


def _tags(path: str) -> _Ask:
    return lambda request: Asked(
        path,
        {
            "scope": request.scope,
            "q": request.query,
            "limit": request.maxTagsPerScope,
            **_window(request),
        },
    )


def _values(path: str) -> _Ask:
    return lambda request: Asked(
        path.format(request.tagName),
        {"q": request.query, "limit": request.maxTagValues, **_window(request)},
    )


def _range(request: Any) -> Asked:
    step = f"{request.step / _SECOND:.9f}" if request.step else ""
    return Asked(
        "/api/metrics/query_range",
        {"q": request.query, "step": step, "exemplars": request.exemplars, **_window(request)},
    )


def _instant(request: Any) -> Asked:
    return Asked("/api/metrics/query", {"q": request.query, **_window(request)})


def _window(request: Any) -> dict[str, int]:
    return {"start": request.start, "end": request.end}


# By method: the request's message, the answer's, and what is asked.
METHODS: dict[str, tuple[str, str, _Ask]] = {
    "Search": ("SearchRequest", "SearchResponse", _search),
    "SearchTags": ("SearchTagsRequest", "SearchTagsResponse", _tags("/api/search/tags")),
    "SearchTagsV2": ("SearchTagsRequest", "SearchTagsV2Response", _tags("/api/v2/search/tags")),
    "SearchTagValues": (
        "SearchTagValuesRequest",
        "SearchTagValuesResponse",
        _values("/api/search/tag/{}/values"),
    ),
    "SearchTagValuesV2": (
        "SearchTagValuesRequest",
        "SearchTagValuesV2Response",
        _values("/api/v2/search/tag/{}/values"),
    ),
    "MetricsQueryRange": ("QueryRangeRequest", "QueryRangeResponse", _range),
    "MetricsQueryInstant": ("QueryInstantRequest", "QueryInstantResponse", _instant),
}


def start(app: ASGIApp, loop: asyncio.AbstractEventLoop) -> tuple[grpc.Server, int]:
    """Answer the methods on a free port of loopback, which the HTTP port hands HTTP/2 connections to.

    Args:
        app: Tempo's HTTP API.
        loop: where that application runs.

    Returns:
        The running server and its port.
    """
    server = grpc.server(
        ThreadPoolExecutor(QUESTIONS_AT_ONCE, thread_name_prefix="nest-streaming"),
        options=[("grpc.so_reuseport", 0)],
    )
    handlers = {name: _handler(app, loop, *method) for name, method in METHODS.items()}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port


def _handler(
    app: ASGIApp, loop: asyncio.AbstractEventLoop, request_name: str, reply_name: str, ask: _Ask
) -> grpc.RpcMethodHandler[Any, Message]:
    reply = message(reply_name)

    def answer(request: Any, context: grpc.ServicerContext) -> Iterator[Message]:
        call = _Call(ask(request), context, loop)
        waiting = asyncio.run_coroutine_threadsafe(call.run(app), loop)
        # A client that leaves ends its question, as one that closes its connection does.
        if not context.add_callback(call.leave):
            call.leave()
        try:
            status, body = waiting.result()
        except FutureCancelledError:
            return
        if status != 200:
            words = body.decode("utf-8", "replace").strip()
            context.abort(_CODES.get(status, grpc.StatusCode.INTERNAL), words)
        yield ParseDict(json.loads(body), reply(), ignore_unknown_fields=True)

    handler: grpc.RpcMethodHandler[Any, Message] = grpc.unary_stream_rpc_method_handler(
        answer,
        request_deserializer=message(request_name).FromString,
        response_serializer=lambda one: one.SerializeToString(),
    )
    return handler


class _Call:
    """One request to the application, made inside of this process."""

    def __init__(self, asked: Asked, context: grpc.ServicerContext, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._left = asyncio.Event()
        self._path = asked.path
        self._query = urlencode({key: value for key, value in asked.parameters.items() if value}).encode()
        # No browser speaks HTTP/2 without TLS, so that nobody can be sent here by a name that was rebound.
        self._headers = [(b"host", b"localhost")]
        for key, value in context.invocation_metadata():
            if key == "authorization":
                sent = value if isinstance(value, bytes) else value.encode()
                self._headers.append((b"authorization", sent))
        self._begun = False
        self._status = 500
        self._body = bytearray()

    def leave(self) -> None:
        """Nobody waits for the answer any more; called on any thread."""
        # A loop that is closed has nothing left to end.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._left.set)

    async def run(self, app: ASGIApp) -> tuple[int, bytes]:
        """Status and body of the answer."""
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": self._path,
            "raw_path": quote(self._path).encode(),
            "query_string": self._query,
            "root_path": "",
            "headers": self._headers,
            "client": None,
            "server": None,
        }
        await app(scope, self._receive, self._send)
        return self._status, bytes(self._body)

    async def _receive(self) -> Event:
        if not self._begun:
            self._begun = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, event: Event) -> None:
        if event["type"] == "http.response.start":
            self._status = event["status"]
        self._body += event.get("body", b"")
