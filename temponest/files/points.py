"""Every sample that a selector finds, by Prometheus' API alone: a range of samples, window after window.

An answer that is too large is broken off, and asked for again in a shorter window, so memory stays bounded
whatever a server holds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from temponest.client.api import ApiError
from temponest.client.prometheus import Prometheus, RawSeries

from .assemble import Assembler
from .errors import FileError
from .families import Families
from .resources import TARGET_INFO

EVERY_SERIES = '{__name__=~".+"}'
# Bytes of one answer: tens of thousands of samples.
MOST_BYTES = 4 * 1024 * 1024
# The first window: few servers have more in a minute than a few answers hold.
_FIRST_MS = 60_000
# Statuses of a server that a smaller question helps: too many samples, or too little time.
_TOO_MUCH = frozenset({422, 503, 504})
_BAD_QUERY = 400
# A selector with more names gets long.
_MOST_JOBS = 20


class Points:
    """The samples of a time range as points of OTLP, and how many there were.

    Args:
        prometheus: whom to ask.
        selector: of series, `up{job="a"}` for instance.
        start_ms: the first time, in milliseconds.
        end_ms: the time after the last.
    """

    def __init__(self, prometheus: Prometheus, selector: str, start_ms: int, end_ms: int) -> None:
        self._prometheus = prometheus
        self._selector = selector
        self._start = start_ms
        self._end = end_ms
        self._assembler: Assembler | None = None

    def __iter__(self) -> Iterator[ExportMetricsServiceRequest]:
        """Requests with the samples, oldest first.

        Raises:
            ApiError: the server does not answer, or refuses.
            FileError: the selector is none.
        """
        assembler = self._assembler = Assembler(Families(self._prometheus.metadata()))
        # A range of PromQL is open at its beginning.
        begin, last, width = self._start - 1, self._end - 1, _FIRST_MS
        while begin < last:
            end = min(last, begin + width)
            series = self._samples(self._selector, begin, end)
            infos = self._samples(_targets(series), begin, end) if series else []
            if series is None or infos is None:
                width = max(1, (end - begin) // 4)
                continue
            if series:
                exemplars = self._prometheus.exemplars(self._selector, begin, end)
                yield from assembler.requests(series, infos, exemplars)
            samples = sum(len(one.numbers) + len(one.histograms) for one in series)
            begin = end
            # What a window holds is known only once it is there, so windows grow slowly where there is much.
            width = width * 4 if not samples else width * 2 if samples < MOST_BYTES // 400 else width

    def counted(self) -> str:
        """What came so far."""
        return f"{self._assembler.points if self._assembler else 0:,} data points"

    def missing(self) -> str:
        """What of the question could not be answered, and why; empty where all was."""
        if self._assembler is None or not self._assembler.broken:
            return ""
        return (
            f"{self._assembler.broken:,} samples are missing: native histograms with counts that are no whole"
            " numbers, for which OTLP has no place. The rest is exported"
        )

    def _samples(self, selector: str, begin: int, end: int) -> list[RawSeries] | None:
        """Samples of a window; None where it is to be shorter."""
        shortest = end - begin == 1
        try:
            return self._prometheus.samples(selector, begin, end, None if shortest else MOST_BYTES)
        except ApiError as error:
            if error.status == _BAD_QUERY:
                raise FileError(
                    "--query", f'{error}\nMetrics are chosen by a series selector, such as up{{job="a"}}'
                ) from None
            if error.status not in _TOO_MUCH or shortest:
                raise
            return None


def _targets(series: list[RawSeries]) -> str:
    """The selector of the resources of these series, or of all where they are many."""
    jobs = sorted({one.labels.get("job", "") for one in series})
    if len(jobs) > _MOST_JOBS:
        return TARGET_INFO
    # JSON quotes as PromQL does.
    pattern = json.dumps("|".join(map(re.escape, jobs)), ensure_ascii=False)
    return f"{TARGET_INFO}{{job=~{pattern}}}"
