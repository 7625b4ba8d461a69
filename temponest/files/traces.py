"""Traces out of a running server, whole, as requests of OTLP."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from temponest.client.tempo import Tempo

from .errors import FileError
from .find import Found
from .signal import records

EVERYTHING = "{}"
# Traces asked for at once, as many as come in one answer of a few megabytes.
_AT_ONCE = 50


class Traces:
    """The traces of a time range, and how many there were.

    Args:
        tempo: whom to ask.
        query: TraceQL.
        start: first second.
        end: second after the last.
        trace_ids: ids in hex; where there are any, these traces and no others, whenever they were.
    """

    def __init__(self, tempo: Tempo, query: str, start: int, end: int, trace_ids: Sequence[str] = ()) -> None:
        self._tempo = tempo
        self._wanted = list(dict.fromkeys(trace_ids))
        self._found = Found(tempo, query, start, end)
        self._traces = self._spans = 0

    def __iter__(self) -> Iterator[ExportTraceServiceRequest]:
        """Requests with whole traces, each trace once.

        Raises:
            ApiError: the server does not answer, or refuses.
            FileError: a trace that was asked for does not exist.
        """
        for group in [self._wanted] if self._wanted else self._found:
            for low in range(0, len(group), _AT_ONCE):
                for body in self._tempo.encoded(group[low : low + _AT_ONCE]):
                    request = ExportTraceServiceRequest.FromString(body)
                    ids = [span.trace_id for span in records("traces", request)]
                    self._traces, self._spans = self._traces + len(set(ids)), self._spans + len(ids)
                    yield request
        if self._traces < len(self._wanted):
            raise FileError("--trace", f"only {self._traces} of {len(self._wanted)} traces exist")

    def counted(self) -> str:
        """What came so far."""
        return f"{self._traces:,} traces, {self._spans:,} spans"

    def missing(self) -> str:
        """What of the question could not be answered, and what to do; empty where all was."""
        if self._found.crowded:
            return (
                f"{len(self._found.crowded)} seconds hold more traces than a search finds, the first of them"
                f" {self._found.crowded[0]}; some are missing. Export them apart with a narrower --query"
            )
        return ""
