"""Passes requests on to servers elsewhere, so that the pages need no cross-origin rights."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

# What a reader's request says that the other side needs to know; cookies and addresses stay here.
_PASSED_ON = ("accept", "accept-encoding", "content-type")
# What concerns the next hop alone is not passed back.
_PASSED_BACK = ("content-type", "content-encoding", "content-length", "etag", "last-modified", "retry-after")
_TIMEOUT = httpx.Timeout(60.0, connect=5.0)


class Forward:
    """An ASGI application that answers with what another server says.

    Only reads pass: GET, and POST to Prometheus' query routes. Redirects are not followed.
    """

    def __init__(self, url: str, *, name: str, headers: dict[str, str] | None = None) -> None:
        """Forward to a server.

        Args:
            url: base address; its path comes before the path of a request.
            name: what the server is called in messages, such as "Tempo".
            headers: sent with every request, such as a tenant or a token. Never logged.

        Raises:
            ValueError: `url` is not an http or https address.
        """
        parsed = httpx.URL(url)
        if parsed.scheme not in {"http", "https"} or not parsed.host:
            raise ValueError(f"--{name.lower()} needs an address such as http://localhost:3200, not {url!r}")
        self.base = str(parsed).rstrip("/")
        self.name = name
        # No connection outlives its answer: there is nothing to close when the server ends.
        self._client = httpx.AsyncClient(
            timeout=_TIMEOUT, headers=headers, limits=httpx.Limits(max_keepalive_connections=0)
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Ask the other server, stream its answer back."""
        request = Request(scope, receive)
        response = await self._answer(request)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
        raw = request.scope.get("raw_path", b"").partition(b"?")[0].decode("latin-1")
        root = request.scope.get("root_path", "")
        # The raw path keeps an escaped slash inside of a tag's name what it is.
        target = raw.removeprefix(root) if raw.startswith(root) and raw else path
        query = request.url.query
        url = f"{self.base}{target}" + (f"?{query}" if query else "")
        if request.method not in {"GET", "HEAD"} and not (
            request.method == "POST" and target.startswith("/api/v1/query")
        ):
            return PlainTextResponse("Only reads are passed on.\n", 405)
        headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
        outgoing = self._client.build_request(
            request.method, url, headers=headers, content=await request.body() or None
        )
        try:
            incoming = await self._client.send(outgoing, stream=True)
        except httpx.HTTPError as error:
            return PlainTextResponse(
                f"{self.name} at {self.base} cannot be reached: {type(error).__name__}. Is it running?\n",
                502,
            )
        return StreamingResponse(
            _chunks(incoming),
            incoming.status_code,
            {name: incoming.headers[name] for name in _PASSED_BACK if name in incoming.headers},
        )


async def _chunks(response: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for chunk in response.aiter_raw():
            yield chunk
    finally:
        await response.aclose()
