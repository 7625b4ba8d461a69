"""Prometheus' HTTP API, as far as the tools need it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from .api import Api, ApiError


@dataclass(frozen=True, slots=True)
class Series:
    """One series of an answer: labels, and samples as (seconds since the epoch, value)."""

    labels: dict[str, str]
    samples: list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class NativeHistogram:
    """A sample that is a native histogram.

    Attributes:
        count: of all measurements.
        sum: theirs.
        buckets: which bounds are in (0 the upper, 1 the lower, 3 both), the two, and the count.
    """

    count: float
    sum: float
    buckets: tuple[tuple[int, float, float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class RawSeries:
    """Samples of a series as they are kept: time in milliseconds, and a number or a native histogram."""

    labels: dict[str, str]
    numbers: list[tuple[int, float]] = field(default_factory=list)
    histograms: list[tuple[int, NativeHistogram]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Exemplar:
    """A measurement that remembers its trace: labels of its series, its own, value, time in milliseconds."""

    series: dict[str, str]
    labels: dict[str, str]
    value: float
    time_ms: int


@dataclass(frozen=True, slots=True)
class Described:
    """What a metric is: `counter`, `gauge`, `histogram`, `summary` and others, its help text and unit."""

    type: str
    help: str
    unit: str


class Prometheus(Api):
    """A client of Prometheus or of the nest."""

    name = "Prometheus"

    def query(self, query: str, time: float | None = None) -> list[Series]:
        """The value of a PromQL expression now, or at `time` (seconds); a scalar has no labels."""
        return self.ask("/api/v1/query", _instant, query=query, time=time)

    def query_range(self, query: str, start: float, end: float, step: float) -> list[Series]:
        """The values of a PromQL expression over a window, all in seconds."""
        return self.ask("/api/v1/query_range", _range, query=query, start=start, end=end, step=step)

    def samples(
        self, selector: str, after_ms: int, until_ms: int, most_bytes: int | None = None
    ) -> list[RawSeries] | None:
        """Samples as they are kept, later than `after_ms` and not later than `until_ms`.

        Args:
            selector: of series, `up{job="a"}` for instance.
            after_ms: see above; milliseconds since the epoch.
            until_ms: see above.
            most_bytes: a larger answer is broken off.

        Returns:
            The series; None where the answer is larger than that.

        Raises:
            ApiError: no answer, an error status, or another API's answer.
        """
        query, time = f"{selector}[{until_ms - after_ms}ms]", f"{until_ms / 1000:.3f}"
        content = self.get_at_most("/api/v1/query", most_bytes, query=query, time=time)
        if content is None:
            return None
        try:
            # Servers before Prometheus 3 have what is at the beginning of the range, too.
            return [_raw(item, after_ms) for item in json.loads(content)["data"]["result"]]
        except (AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
            raise ApiError(
                f"{self._client.base_url} answers, but not as Prometheus does ({error})."
                " Is the address right?"
            ) from None

    def exemplars(self, selector: str, after_ms: int, until_ms: int) -> list[Exemplar]:
        """Exemplars of the series, in the same time; none where the server keeps none."""
        start, end = f"{(after_ms + 1) / 1000:.3f}", f"{until_ms / 1000:.3f}"
        try:
            found = self.ask("/api/v1/query_exemplars", _exemplars, query=selector, start=start, end=end)
        except ApiError as error:
            if error.status in (HTTPStatus.NOT_FOUND, HTTPStatus.NOT_IMPLEMENTED):
                return []
            raise
        return [one for one in found if after_ms < one.time_ms <= until_ms]

    def metadata(self) -> dict[str, Described]:
        """What each metric is, by its name; of servers that do not know, nothing."""
        try:
            return self.ask("/api/v1/metadata", _described)
        except ApiError as error:
            if error.status in (HTTPStatus.NOT_FOUND, HTTPStatus.NOT_IMPLEMENTED):
                return {}
            raise


def _instant(document: dict[str, Any]) -> list[Series]:
    data = document["data"]
    if data["resultType"] in {"scalar", "string"}:
        return [Series({}, [_sample(data["result"])])] if data["resultType"] == "scalar" else []
    return [
        Series(item["metric"], [_sample(one) for one in item.get("values") or [item["value"]]])
        for item in data["result"]
    ]


def _range(document: dict[str, Any]) -> list[Series]:
    return [
        Series(item["metric"], [_sample(one) for one in item["values"]])
        for item in document["data"]["result"]
    ]


def _sample(pair: tuple[float, str]) -> tuple[float, float]:
    time, value = pair
    return float(time), float(value)


def _raw(item: dict[str, Any], after_ms: int) -> RawSeries:
    return RawSeries(
        dict(item["metric"]),
        [(time, float(value)) for time, value in _timed(item.get("values")) if time > after_ms],
        [(time, _native(shape)) for time, shape in _timed(item.get("histograms")) if time > after_ms],
    )


def _timed(pairs: list[Any] | None) -> list[tuple[int, Any]]:
    return [(_milliseconds(time), value) for time, value in pairs or ()]


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def _native(shape: dict[str, Any]) -> NativeHistogram:
    buckets = tuple(
        (int(rule), float(low), float(high), float(count))
        for rule, low, high, count in shape.get("buckets") or ()
    )
    return NativeHistogram(float(shape["count"]), float(shape["sum"]), buckets)


def _exemplars(document: dict[str, Any]) -> list[Exemplar]:
    return [
        Exemplar(
            dict(item["seriesLabels"]),
            dict(one["labels"]),
            float(one["value"]),
            _milliseconds(float(one["timestamp"])),
        )
        for item in document["data"] or ()
        for one in item["exemplars"]
    ]


def _described(document: dict[str, Any]) -> dict[str, Described]:
    return {
        name: Described(some[0].get("type", ""), some[0].get("help", ""), some[0].get("unit", ""))
        for name, some in document["data"].items()
        if some
    }
