"""Every log record that a query selects, by Loki's API alone: page after page, oldest first.

Records of the last time on a page may go on behind it, so the next page begins with that time again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from temponest.client.api import ApiError
from temponest.client.loki import Loki, Page

from .errors import FileError
from .loki_records import request_of
from .signal import records

# Lines of one answer; servers give no more by default.
PAGE = 5_000
_SECOND = 1_000_000_000
# Loki refuses to look at more than 30 days and an hour at once.
_LONGEST = 30 * 86_400 * _SECOND
# Statuses of a server that a smaller question helps: too much of an answer, or too little time.
_TOO_MUCH = frozenset({413, 422, 503, 504})
_HEXADECIMAL = frozenset("0123456789abcdefABCDEF")


def of_traces(query: str, trace_ids: Sequence[str]) -> str:
    """The query for log records of these traces only; nothing but an id gets into it.

    Raises:
        FileError: one is no id.
    """
    for one in trace_ids:
        if not one or len(one) > 32 or not _HEXADECIMAL.issuperset(one):
            raise FileError("--trace", f"{one!r} is no trace id: it has up to 32 hexadecimal digits")
    tests = " or ".join(f'trace_id="{one.lower().zfill(32)}"' for one in trace_ids)
    return f"{query} | {tests}" if tests else query


class LogRecords:
    """The log records of a time range, and how many there were.

    Args:
        loki: whom to ask.
        query: LogQL that selects lines.
        start_ns: the first time.
        end_ns: the time after the last.
    """

    def __init__(self, loki: Loki, query: str, start_ns: int, end_ns: int) -> None:
        self._loki = loki
        self._query = query
        self._start = start_ns
        self._end = end_ns
        self._count = 0
        self._crowded: list[int] = []

    def __iter__(self) -> Iterator[ExportLogsServiceRequest]:
        """Requests with the records, each once, oldest first.

        Raises:
            ApiError: the server does not answer, or refuses.
        """
        begin, width, limit = self._start, _LONGEST, PAGE
        while begin < self._end:
            end = min(self._end, begin + width)
            try:
                page = self._loki.page(self._query, begin, end, limit)
            except ApiError as error:
                if error.status not in _TOO_MUCH or (limit == 1 and width <= _SECOND):
                    raise
                limit, width = max(1, limit // 4), max(_SECOND, width // 4)
                continue
            if page.cut_off and width > _SECOND:
                width = max(_SECOND, min(width, end - begin) // 4)
                continue
            request = _request(page)
            times = [_time(one) for one in records("logs", request)]
            if not times:
                begin, width, limit = end, min(_LONGEST, width * 4), PAGE
                continue
            last = max(times)
            if min(times) == last:
                if len(times) >= limit and limit < PAGE:
                    limit = PAGE
                    continue
                # One time fills the page, so what else it has cannot be asked for.
                self._crowded += [last] if len(times) >= limit or page.cut_off else []
                begin = last + 1
            else:
                _leave_out(request, last)
                begin = last
            self._count += sum(1 for _ in records("logs", request))
            yield request

    def counted(self) -> str:
        """What came so far."""
        return f"{self._count:,} log records"

    def missing(self) -> str:
        """What of the question could not be answered, and what to do; empty where all was."""
        if not self._crowded:
            return ""
        return (
            f"{len(self._crowded)} times have more log records than one answer, the first of them"
            f" {self._crowded[0]} ns; some may be missing. Export them apart with a narrower --query"
        )


def _request(page: Page) -> ExportLogsServiceRequest:
    return ExportLogsServiceRequest.FromString(page.encoded) if page.encoded else request_of(page.entries)


def _time(record: LogRecord) -> int:
    """When a record is found: what was observed stands for a time that nobody says."""
    return record.time_unix_nano or record.observed_time_unix_nano


def _leave_out(request: ExportLogsServiceRequest, time_ns: int) -> None:
    for group in request.resource_logs:
        for scoped in group.scope_logs:
            kept = [one for one in scoped.log_records if _time(one) != time_ns]
            del scoped.log_records[:]
            scoped.log_records.extend(kept)
