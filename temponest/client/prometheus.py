"""Prometheus' HTTP API, as far as the tools need it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .api import Api


@dataclass(frozen=True, slots=True)
class Series:
    """One series of an answer: labels, and samples as (seconds since the epoch, value)."""

    labels: dict[str, str]
    samples: list[tuple[float, float]]


class Prometheus(Api):
    """A client of Prometheus or of the nest."""

    name = "Prometheus"

    def query(self, query: str, time: float | None = None) -> list[Series]:
        """The value of a PromQL expression now, or at `time` (seconds); a scalar has no labels."""
        return self.ask("/api/v1/query", _instant, query=query, time=time)

    def query_range(self, query: str, start: float, end: float, step: float) -> list[Series]:
        """The values of a PromQL expression over a window, all in seconds."""
        return self.ask("/api/v1/query_range", _range, query=query, start=start, end=end, step=step)


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
