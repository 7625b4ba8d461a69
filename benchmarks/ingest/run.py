"""`python -m benchmarks ingest`: one load for the nest and, when its binary is on PATH, Grafana Tempo.

Requests of 1,000 spans with ten attributes go by OTLP/gRPC over four connections. Acknowledged means durable.
CPU is that of the whole receiver, until everything it received is searchable and sealed or flushed.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypeAlias
from urllib.parse import quote

import grpc

from .load import Load
from .plot import plot
from .receivers import Receiver, present

Export: TypeAlias = "grpc.UnaryUnaryMultiCallable[bytes, bytes]"

_METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_CONNECTIONS = 4
_SETTLE_SECONDS = 10
_FOUND_WITHIN = 30.0

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


@dataclass
class Result:
    """What one receiver did at one size."""

    receiver: str
    spans: int
    acknowledged_per_second: float = 0.0
    refused: int = 0
    cpu_us_per_span: float = 0.0
    peak_mb: float = 0.0
    bytes_per_span: float = 0.0
    found_within_s: float = 0.0
    by_id_ms: tuple[float, float] = (0.0, 0.0)
    search_ms: dict[str, tuple[float, float]] = field(default_factory=dict)
    stop_s: float = 0.0
    ready_s: float = 0.0


def main(options: Sequence[str]) -> None:
    """Run and print a table for each receiver and size."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks ingest --", description=__doc__)
    parser.add_argument("--spans", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--gzip", action="store_true", help="compress requests")
    parser.add_argument("--json", type=Path, help="keep the figures in a file")
    parser.add_argument("--plot", type=Path, help="draw them as SVG")
    chosen = parser.parse_args(options)
    results = [measure(name, spans, chosen.gzip) for spans in chosen.spans for name in present()]
    if chosen.json:
        chosen.json.write_text(json.dumps([asdict(one) for one in results], indent=1) + "\n")
    if chosen.plot:
        chosen.plot.write_text(plot([asdict(one) for one in results]))


def measure(name: str, spans: int, compress: bool) -> Result:
    """Fill a receiver with that many spans and ask it everything."""
    load = Load(variety=64)
    with tempfile.TemporaryDirectory(prefix=f"{name}-") as folder:
        receiver = Receiver(name, Path(folder) / "data")
        receiver.start()
        result = Result(name, spans)
        try:
            trace_ids = _fill(receiver, load, result, compress)
            result.found_within_s = _found_within(receiver, load)
            result.by_id_ms = _timed([f"/api/traces/{one.hex()}" for one in trace_ids], receiver.get)
            for label, query in SEARCHES.items():
                path = f"/api/search?limit=20&q={quote(query)}"
                result.search_ms[label] = _timed([path] * 10, receiver.get)
        finally:
            result.peak_mb = receiver.usage().peak_mb
            result.stop_s = receiver.stop()
        result.ready_s = receiver.start()
        receiver.stop()
    _print(result)
    return result


def _fill(receiver: Receiver, load: Load, result: Result, compress: bool) -> list[bytes]:
    """Send everything; return some of the trace ids."""
    before = receiver.usage()
    requests = result.spans // load.spans
    numbers = iter(range(requests))
    guard = threading.Lock()
    kept: list[bytes] = []
    compression = grpc.Compression.Gzip if compress else grpc.Compression.NoCompression

    def send() -> None:
        with grpc.insecure_channel(f"127.0.0.1:{receiver.grpc}") as channel:
            export: Export = channel.unary_unary(_METHOD)
            while True:
                with guard:
                    number = next(numbers, None)
                    if number is None:
                        return
                    body = load.body(number, time.time_ns())
                    if number % max(1, requests // 20) == 0:
                        kept.append(load.trace_ids(body)[0])
                while not _exported(export, body, compression):
                    result.refused += 1
                    time.sleep(0.02)

    begin = time.perf_counter()
    senders = [threading.Thread(target=send) for _ in range(_CONNECTIONS)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    result.acknowledged_per_second = result.spans / (time.perf_counter() - begin)
    # What a receiver put off is part of its price.
    time.sleep(_SETTLE_SECONDS)
    after = receiver.usage()
    result.cpu_us_per_span = (after.cpu_seconds - before.cpu_seconds) / result.spans * 1e6
    result.bytes_per_span = receiver.disk_bytes() / result.spans
    return kept


def _exported(export: Export, body: bytes, compression: grpc.Compression) -> bool:
    try:
        export(body, timeout=30, compression=compression)
    except grpc.RpcError as error:
        if error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED):
            return False
        raise
    return True


def _found_within(receiver: Receiver, load: Load) -> float:
    """Seconds from an acknowledgement until the trace is found by its id; the worst of five."""
    worst = 0.0
    with grpc.insecure_channel(f"127.0.0.1:{receiver.grpc}") as channel:
        export: Export = channel.unary_unary(_METHOD)
        for number in range(5):
            body = load.body(number, time.time_ns())
            path = f"/api/traces/{load.trace_ids(body)[0].hex()}"
            export(body, timeout=30)
            begin = time.perf_counter()
            while receiver.get(path)[0] != 200 and time.perf_counter() - begin < _FOUND_WITHIN:
                time.sleep(0.005)
            worst = max(worst, time.perf_counter() - begin)
    return worst


def _timed(paths: list[str], get: Callable[[str], tuple[int, bytes]]) -> tuple[float, float]:
    """Median and 95th percentile in milliseconds, in random order, after one warm-up."""
    get(paths[0])
    taken = []
    for path in random.sample(paths, len(paths)):
        begin = time.perf_counter()
        status, _ = get(path)
        taken.append((time.perf_counter() - begin) * 1000)
        assert status == 200, f"{path} answered {status}"
    taken.sort()
    return statistics.median(taken), taken[min(len(taken) - 1, int(len(taken) * 0.95))]


def _print(result: Result) -> None:
    print(f"\n{result.receiver}, {result.spans:,} spans kept")
    rows = [
        ("acknowledged spans a second", f"{result.acknowledged_per_second:,.0f}"),
        ("refused and sent again", f"{result.refused:,}"),
        ("CPU a span", f"{result.cpu_us_per_span:.1f} µs"),
        ("resident memory, at most", f"{result.peak_mb:.0f} MB"),
        ("on disk a span", f"{result.bytes_per_span:.1f} bytes"),
        ("acknowledged to found", f"{result.found_within_s * 1000:.0f} ms"),
        ("stop / start to ready", f"{result.stop_s:.2f} / {result.ready_s:.2f} s"),
        ("trace by id, median / p95", f"{result.by_id_ms[0]:.1f} / {result.by_id_ms[1]:.1f} ms"),
        *(
            (f"newest 20 by {label}", f"{median:.1f} / {p95:.1f} ms")
            for label, (median, p95) in result.search_ms.items()
        ),
    ]
    for label, value in rows:
        print(f"  {label:<36}{value:>20}")
