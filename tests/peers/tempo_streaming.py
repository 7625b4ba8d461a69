"""The requests of `tempo_requests`, asked of a real Tempo and of the nest by gRPC, as Grafana streams.

    python -m tests.peers.tempo_streaming [PATH_OF_A_TEMPO_BINARY] [--seed N] [--queries N]

Without a path `tempo` is looked for on PATH. Tempo sends what it finds bit by bit, and everything in the last
message of a stream. What streaming has no method for counts as alike. Prints counts and every difference;
exits 1 if there is one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import httpx
from google.protobuf.json_format import MessageToDict

from temponest.nest.api.tempo.messages import message
from temponest.nest.api.tempo.streaming import METHODS, SERVICE
from temponest.nest.model.source import SpanSource
from tests.nest.api.test_streaming import listening
from tests.nest.make import SECOND

from . import tempo_requests

# Tempo has no code for what is wrong with a metrics query.
_STATUSES = {grpc.StatusCode.INVALID_ARGUMENT: 400, grpc.StatusCode.UNKNOWN: 400}


@dataclass
class _Reply:
    """As much of an HTTP reply as the comparison looks at."""

    status_code: int
    body: Any

    @property
    def is_error(self) -> bool:
        return self.status_code != 200

    def json(self) -> Any:
        return self.body


class Streaming:
    """Asks by gRPC what it is asked like an HTTP client, at the address of that client."""

    def __init__(self, http: httpx.Client) -> None:
        self._channel = grpc.insecure_channel(http.base_url.netloc.decode())

    def get(self, path: str, *, params: dict[str, str]) -> _Reply:
        """The answer to a request that has a method; every other is the same on both sides."""
        method, fields = _method(path, params)
        if not method:
            return _Reply(0, None)
        request, reply, _ = METHODS[method]
        call: grpc.UnaryStreamMultiCallable[Any, Any] = self._channel.unary_stream(
            f"/{SERVICE}/{method}",
            request_serializer=lambda one: one.SerializeToString(),
            response_deserializer=message(reply).FromString,
        )
        try:
            *_, last = call(message(request)(**fields), timeout=30)
        except grpc.RpcError as error:
            return _Reply(_STATUSES.get(error.code(), 500), None)
        return _Reply(200, MessageToDict(last))


def _method(path: str, params: dict[str, str]) -> tuple[str, dict[str, Any]]:
    window: dict[str, Any] = {name: int(params[name]) for name in ("start", "end") if name in params}
    nanos: dict[str, Any] = {name: seconds * SECOND for name, seconds in window.items()}
    query = params.get("q", "")
    parts = path.removeprefix("/api/").split("/")
    match parts:
        case ["search"] if query:
            sizes = {
                name: int(params[key])
                for name, key in (("Limit", "limit"), ("SpansPerSpanSet", "spss"))
                if key in params
            }
            return "Search", {"Query": query, **sizes, **window}
        case ["search", "tags"]:
            return "SearchTags", window
        case ["v2", "search", "tags"]:
            return "SearchTagsV2", {"scope": params.get("scope", ""), **window}
        case ["search", "tag", tag, "values"]:
            return "SearchTagValues", {"tagName": tag, **window}
        case ["v2", "search", "tag", tag, "values"]:
            return "SearchTagValuesV2", {"tagName": tag, "query": query, **window}
        case ["metrics", "query_range"]:
            return "MetricsQueryRange", {"query": query, "step": 10 * SECOND, **nanos}
        case ["metrics", "query"]:
            return "MetricsQueryInstant", {"query": query, **nanos}
        case _:
            return "", {}


@contextmanager
def _nest(source: SpanSource) -> Iterator[httpx.Client]:
    with listening(source) as port:
        yield port.http


if __name__ == "__main__":
    sys.exit(tempo_requests.main(sys.argv[1:], Streaming, _nest))
