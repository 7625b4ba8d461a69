"""How long answers take, and the page that tells: `/metrics` in Prometheus' text format."""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .server import Guard, Security

TEXT = "text/plain; version=0.0.4; charset=utf-8"

# Seconds. A trace by id is meant to take 25 ms, a search 300 ms, and 30 s is where a question is stopped.
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)


class Durations:
    """Answers by API: how many by status code, and a histogram of their seconds."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._codes: Counter[tuple[str, int]] = Counter()
        self._buckets: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}

    def add(self, api: str, code: int, seconds: float) -> None:
        """Count one answer."""
        with self._guard:
            self._codes[api, code] += 1
            buckets = self._buckets.setdefault(api, [0] * (len(BOUNDS) + 1))
            buckets[bisect_left(BOUNDS, seconds)] += 1
            self._sums[api] = self._sums.get(api, 0.0) + seconds

    def codes(self) -> dict[tuple[str, int], int]:
        """Answers by API and status code."""
        with self._guard:
            return dict(self._codes)

    def histograms(self) -> dict[str, tuple[list[int], float]]:
        """By API: answers up to each bound and in all, and the sum of their seconds."""
        with self._guard:
            found = {}
            for api, buckets in self._buckets.items():
                total, upto = 0, []
                for count in buckets:
                    total += count
                    upto.append(total)
                found[api] = (upto, self._sums[api])
            return found


class Observed:
    """ASGI middleware of one port: times its answers, and answers `GET /metrics` itself.

    Args:
        app: what answers everything else.
        api: its name in the metrics.
        durations: where times go.
        page: the text of the metrics.
        security: who may read it.
        asking: entered for the time of an answer.
        shown: `app` has a page at `/metrics`, too: whoever accepts HTML, as a browser does, gets that one.
    """

    def __init__(
        self,
        app: ASGIApp,
        api: str,
        durations: Durations,
        page: Callable[[], str],
        security: Security,
        asking: Callable[[], AbstractContextManager[None]] = nullcontext,
        *,
        shown: bool = False,
    ) -> None:
        self._app = app
        self._api = api
        self._durations = durations
        self._page = page
        self._asking = asking
        self._shown = shown
        self._guarded = Guard(self._metrics, security)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and look at the clock before and after."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        told = scope["path"] == "/metrics" and scope["method"] in ("GET", "HEAD")
        if told and not (self._shown and "text/html" in Headers(scope=scope).get("accept", "")):
            await self._guarded(scope, receive, send)
            return
        code = 500

        async def watched(message: Message) -> None:
            nonlocal code
            if message["type"] == "http.response.start":
                code = message["status"]
            await send(message)

        begin = time.perf_counter()
        try:
            with self._asking():
                await self._app(scope, receive, watched)
        finally:
            self._durations.add(self._api, code, time.perf_counter() - begin)

    async def _metrics(self, scope: Scope, receive: Receive, send: Send) -> None:
        text = await run_in_threadpool(self._page)
        await Response(text, media_type=None, headers={"content-type": TEXT})(scope, receive, send)
