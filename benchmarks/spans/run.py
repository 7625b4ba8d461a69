"""`python -m benchmarks spans`: what one span costs, against the stock SDK in the same process and run.

Every step runs in short blocks, both sides in random order each round; the median block counts. CPU time is
that of the whole process, so that what an export thread does is part of "the whole life of a span".
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk import trace as sdk
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, Tracer

from shared.telemetry import deferred
from shared.telemetry.config import Batching
from shared.telemetry.otlp.batch import BatchQueue
from shared.telemetry.otlp.reply import Outcome
from shared.telemetry.otlp.request import Signal
from shared.telemetry.otlp.spans import encode_resource, encode_span
from shared.telemetry.trace.provider import TracerProvider

RESOURCE = Resource({"service.name": "benchmark"})
VARIETY = 512
"""Different paths, as a service sees them; also the size of a batch."""


def attributes(number: int) -> dict[str, str | int]:
    """The nine attributes of a server span by the semantic conventions, one of them different each time."""
    return {
        "http.request.method": "GET",
        "url.path": f"/api/v1/agents/{number}",
        "url.scheme": "http",
        "server.address": "agents.example.org",
        "server.port": 9000,
        "http.response.status_code": 200,
        "http.route": "/api/v1/agents/{agent_id}",
        "user_agent.original": "python-httpx/0.28.1",
        "network.protocol.version": "1.1",
    }


NINE = [attributes(number) for number in range(VARIETY)]


@dataclass
class Step:
    """One row: the same work on both sides; each function runs a block and returns how many spans it was."""

    name: str
    ours: Callable[[], int]
    stock: Callable[[], int]


class _Discard(SpanExporter):
    """Encodes as the OTLP exporters do, sends nothing."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        encode_spans(spans).SerializeToString()
        return SpanExportResult.SUCCESS


class _Accept:
    """A receiver that takes everything at once."""

    def export(self, signal: Signal, body: bytes, deadline: float) -> Outcome:
        del signal, body, deadline
        return Outcome(ok=True)

    def hurry(self, deadline: float | None) -> None:
        del deadline

    def reset(self) -> None: ...


def steps() -> list[Step]:
    """All rows."""
    ours, stock = TracerProvider(resource=RESOURCE), sdk.TracerProvider(resource=RESOURCE)
    off, stock_off = TracerProvider(ALWAYS_OFF, RESOURCE), sdk.TracerProvider(ALWAYS_OFF, RESOURCE)
    own, theirs = _ended(ours.get_tracer("b")), _ended(stock.get_tracer("b"))

    def encode() -> int:
        for span in own:
            encode_span(span)  # type: ignore[arg-type]  # made by our tracer
        return VARIETY

    def stock_encode() -> int:
        encode_spans(theirs).SerializeToString()  # type: ignore[arg-type]  # made by the SDK's tracer
        return VARIETY

    return [
        Step("start, one attribute, end", _short(ours), _short(stock)),
        Step("start with 9 attributes, one more, end", _nine(ours), _nine(stock)),
        Step("start_as_current_span, one attribute", _current(ours), _current(stock)),
        Step("not sampled: start, one attribute, end", _short(off), _short(stock_off)),
        Step("OTLP encoding, 9 attributes", encode, stock_encode),
        _whole_life(),
    ]


def _ended(tracer: Tracer) -> list[trace.Span]:
    spans = [
        tracer.start_span("GET /api/v1/agents/{id}", kind=SpanKind.SERVER, attributes=nine) for nine in NINE
    ]
    for span in spans:
        span.end()
    return spans


def _short(provider: trace.TracerProvider) -> Callable[[], int]:
    tracer = provider.get_tracer("benchmark")
    context = trace.set_span_in_context(tracer.start_span("parent"))

    def block() -> int:
        for _ in range(VARIETY):
            span = tracer.start_span("work", context)
            span.set_attribute("key", "value")
            span.end()
        return VARIETY

    return block


def _nine(provider: trace.TracerProvider) -> Callable[[], int]:
    tracer = provider.get_tracer("benchmark")
    context = trace.set_span_in_context(tracer.start_span("parent"))

    def block() -> int:
        for nine in NINE:
            span = tracer.start_span("work", context, SpanKind.SERVER, nine)
            span.set_attribute("key", "value")
            span.end()
        return VARIETY

    return block


def _current(provider: trace.TracerProvider) -> Callable[[], int]:
    tracer = provider.get_tracer("benchmark")
    context = trace.set_span_in_context(tracer.start_span("parent"))

    def block() -> int:
        for _ in range(VARIETY):
            with tracer.start_as_current_span("work", context) as span:
                span.set_attribute("key", "value")
        return VARIETY

    return block


def _whole_life() -> Step:
    ours, stock = TracerProvider(resource=RESOURCE), sdk.TracerProvider(resource=RESOURCE)
    encoded = encode_resource(RESOURCE)
    queue = BatchQueue(Signal.TRACES, _Accept(), lambda: encoded, Batching())
    ours.send_to(queue.put, queue.flush, together=True)
    queue.gather = deferred.settle
    stock.add_span_processor(BatchSpanProcessor(_Discard()))
    own, theirs = _nine(ours), _nine(stock)

    def block() -> int:
        count = own()
        queue.flush(10)
        return count

    def stock_block() -> int:
        count = theirs()
        stock.force_flush()
        return count

    return Step("whole life: 9 attributes, queue, encoding", block, stock_block)


def measure(rows: Sequence[Step], rounds: int) -> list[dict[str, Any]]:
    """Microseconds of CPU a span and side, and their ratio."""
    times: dict[tuple[str, str], list[float]] = {}
    blocks = [(row.name, side, getattr(row, side)) for row in rows for side in ("ours", "stock")]
    for _ in range(rounds):
        random.shuffle(blocks)
        for name, side, block in blocks:
            before = time.process_time_ns()
            count = block()
            times.setdefault((name, side), []).append((time.process_time_ns() - before) / count / 1000)
    result: list[dict[str, Any]] = []
    for row in rows:
        own, theirs = (statistics.median(times[row.name, side]) for side in ("ours", "stock"))
        result.append({"step": row.name, "ours_us": own, "stock_us": theirs, "ratio": theirs / own})
    return result


def main(options: Sequence[str] = ()) -> None:
    """Run, print the table, write `benchmarks/results/spans.json`."""
    results = Path(__file__).parents[1] / "results" / "spans.json"
    parser = argparse.ArgumentParser(prog="python -m benchmarks spans --")
    parser.add_argument(
        "--rounds", type=int, default=60, help="blocks of 512 spans a row and side (default 60)"
    )
    parser.add_argument("--output", type=Path, default=results)
    chosen = parser.parse_args(options)
    gc.collect()
    table = measure(steps(), chosen.rounds)
    print(f"\nOne span, microseconds of CPU (median of {chosen.rounds} blocks of {VARIETY})\n")
    print(f"{'':42}{'ours':>8}{'stock':>8}{'ratio':>8}")
    for row in table:
        ratio = f"1/{row['stock_us'] / row['ours_us']:.0f}"
        print(f"{row['step']:42}{row['ours_us']:8.2f}{row['stock_us']:8.2f}{ratio:>8}")
    chosen.output.parent.mkdir(parents=True, exist_ok=True)
    document = {"python": platform.python_version(), "machine": platform.machine(), "table": table}
    chosen.output.write_text(json.dumps(document, indent=1) + "\n")
    print(f"\nWritten to {chosen.output}")
