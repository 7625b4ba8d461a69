"""The questions a receiver is asked, over Tempo's HTTP API, and how long answers take."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Sequence
from urllib.parse import quote

from .receivers import Receiver

SEARCHES = {
    "service": '{ resource.service.name = "auth" }',
    "attribute, common": '{ span.tenant = "tenant-7" }',
    "attribute, rare": '{ span.user.id = "user-77" }',
    "attribute, no match": '{ span.user.id = "nobody" }',
    "number": "{ span.http.response.status_code >= 500 }",
    "duration": "{ duration > 49.9ms }",
    "error": "{ status = error }",
    "two attributes": '{ span.tenant = "tenant-7" && resource.service.name = "billing" }',
}

# Questions of a kind; enough for a 95th percentile that one slow answer does not decide.
REPEATS = 40


def by_id(trace_id: bytes) -> str:
    """The path of a trace."""
    return f"/api/traces/{trace_id.hex()}"


def newest(query: str) -> str:
    """The path of a search for the newest 20."""
    return f"/api/search?limit=20&q={quote(query)}"


def timed(paths: Sequence[str], get: Callable[[str], tuple[int, bytes]]) -> tuple[float, float]:
    """Median and 95th percentile in milliseconds, in random order, after one warm-up."""
    get(paths[0])
    return percentiles(took(path, get) for path in random.sample(paths, len(paths)))


def took(path: str, get: Callable[[str], tuple[int, bytes]]) -> float:
    """Milliseconds until the answer is there.

    Raises:
        RuntimeError: the answer is an error.
    """
    begin = time.perf_counter()
    status, _ = get(path)
    if status != 200:
        raise RuntimeError(f"{path} answered {status}")
    return (time.perf_counter() - begin) * 1000


def percentiles(taken: Iterable[float]) -> tuple[float, float]:
    """Median and 95th percentile."""
    ordered = sorted(taken)
    return ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]


def found_after(receiver: Receiver, trace_id: bytes, within: float) -> float:
    """Seconds from now until a trace is found by its id and by a search, at most `within`."""
    begin = time.perf_counter()
    search = newest(f'{{ trace:id = "{trace_id.hex()}" }}')

    def there() -> bool:
        return receiver.get(by_id(trace_id))[0] == 200 and b"traceID" in receiver.get(search)[1]

    while not there() and time.perf_counter() - begin < within:
        time.sleep(0.005)
    return time.perf_counter() - begin
