"""Who measured: the resource that labels of a series and `target_info` stand for.

As the OpenTelemetry specification has it for Prometheus: `job` is `service.name`, with `service.namespace`
before a slash, `instance` is `service.instance.id`, and the labels of `target_info` are the other attributes.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import TypeAlias

from temponest.client.prometheus import RawSeries

from .families import NAME

Identity: TypeAlias = tuple[str, str]
Pairs: TypeAlias = tuple[tuple[str, str], ...]

IDENTITY = ("job", "instance")
TARGET_INFO = "target_info"


class Resources:
    """What is known of those who measure, as time goes on."""

    def __init__(self) -> None:
        # Of each, when it said what; beyond the samples at hand only what it said last.
        self._times: dict[Identity, list[int]] = {}
        self._said: dict[Identity, list[Pairs]] = {}

    def add(self, infos: Iterable[RawSeries]) -> None:
        """Take samples of `target_info`, later than those that were taken before."""
        found: dict[Identity, list[tuple[int, Pairs]]] = {}
        for series in infos:
            rest = tuple(sorted((k, v) for k, v in series.labels.items() if k not in (NAME, *IDENTITY)))
            found.setdefault(identity(series.labels), []).extend((time, rest) for time, _ in series.numbers)
        for key, samples in found.items():
            samples.sort()
            self._times[key] = [time for time, _ in samples]
            self._said[key] = [rest for _, rest in samples]

    def of(self, key: Identity, time_ms: int) -> tuple[int, Pairs]:
        """When the resource of a sample was told, and what: with the sample, soon after it, or last."""
        times = self._times.get(key)
        if not times:
            return 0, ()
        at = min(bisect_left(times, time_ms), len(times) - 1)
        return times[at], self._said[key][at]


def identity(labels: dict[str, str]) -> Identity:
    """`job` and `instance` of a series, empty where it has none."""
    return labels.get("job", ""), labels.get("instance", "")


def attributes(key: Identity, rest: Pairs) -> Iterator[tuple[str, str]]:
    """The attributes of a resource."""
    job, instance = key
    namespace, slash, name = job.partition("/")
    if slash and namespace and name:
        yield "service.name", name
        yield "service.namespace", namespace
    elif job:
        yield "service.name", job
    if instance:
        yield "service.instance.id", instance
    yield from rest
