"""A stand-in for Loki: the few log lines that a test puts into it."""

from __future__ import annotations

import re

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

# Labels of a line, its time in unix nanoseconds, and its text.
Lines = list[tuple[dict[str, str], int, str]]


class LokiStandIn:
    """Answers which lines belong to a trace; without any there is no Loki."""

    def __init__(self) -> None:
        self.lines: Lines | None = None

    def app(self) -> Starlette:
        """Loki's API, as far as the pages ask it."""
        return Starlette(routes=[Route("/loki/api/v1/query_range", self.query_range)])

    async def query_range(self, request: Request) -> Response:
        if self.lines is None:
            return PlainTextResponse("there is no Loki here", 404)
        wanted = re.search(r'trace_id="(\w+)"', request.query_params["query"])
        found = [
            {"stream": labels, "values": [[str(at), text]]}
            for labels, at, text in self.lines
            if wanted and labels.get("trace_id") == wanted[1]
        ]
        return JSONResponse({"status": "success", "data": {"resultType": "streams", "result": found}})
