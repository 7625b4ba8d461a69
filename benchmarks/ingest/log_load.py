"""Log records as five services write them: how fast they are taken, and what one takes on disk."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from .load import SERVICES
from .receivers import Receiver
from .send import LOGS, framed, send

RECORDS = 1000
# The last segment is written a moment after the last record was acknowledged.
_SETTLE_SECONDS = 5.0
_LEVELS = ((9, "INFO"), (9, "INFO"), (9, "INFO"), (13, "WARN"), (17, "ERROR"))
_LINES = (
    "GET /api/v1/agents/{0} answered 200 in {1} ms",
    "user-{0} signed in from 10.0.{1}.7",
    "cache miss for tenant-{1}, key agents:{0}",
    "payment {0}, attempt {1}: connection reset by peer",
)


def bodies(records: int) -> Iterator[bytes]:
    """Requests of a thousand records with three attributes each, a quarter of them of no trace."""
    dice = random.Random(1)  # noqa: S311 - a load to repeat, not a secret
    for _ in range(records // RECORDS):
        made = ExportLogsServiceRequest()
        scopes = []
        for name in SERVICES:
            group = made.resource_logs.add()
            for key, value in (("service.name", name), ("service.instance.id", f"{name}-1")):
                group.resource.attributes.add(key=key).value.string_value = value
            scopes.append(group.scope_logs.add())
            scopes[-1].scope.name = f"{name}.main"
        now = time.time_ns()
        for number in range(RECORDS):
            record = scopes[number % len(scopes)].log_records.add(
                time_unix_nano=now + number * 1_000, observed_time_unix_nano=now + number * 1_000 + 300
            )
            record.severity_number, record.severity_text = dice.choice(_LEVELS)  # type: ignore[assignment] # by number
            record.body.string_value = dice.choice(_LINES).format(
                dice.randrange(100_000), dice.randrange(250)
            )
            if number % 4:
                record.trace_id, record.span_id = dice.randbytes(16), dice.randbytes(8)
            record.attributes.add(key="code.function.name").value.string_value = dice.choice(_LINES)[:12]
            record.attributes.add(key="code.line.number").value.int_value = dice.randrange(400)
            record.attributes.add(key="tenant").value.string_value = f"tenant-{dice.randrange(50)}"
        yield made.SerializeToString()


def measure_logs(records: int) -> None:
    """Send that many to a nest and print what they took."""
    with tempfile.TemporaryDirectory(prefix="ingest-") as folder:
        receiver = Receiver("nest", Path(folder) / "data")
        receiver.start()
        try:
            encoded = list(bodies(records))
            before = receiver.usage()
            sent = send(
                receiver.grpc, (framed(one, compress=False) for one in encoded), compress=False, path=LOGS
            )
            time.sleep(_SETTLE_SECONDS)
            cpu = receiver.usage().cpu_seconds - before.cpu_seconds
            size = sum(map(len, encoded)) / records
            print(f"\nnest, {records:,} log records kept, {size:.0f} bytes each as OTLP")
            for label, value in (
                ("acknowledged log records a second", f"{records / sent.seconds:,.0f}"),
                ("CPU a log record", f"{cpu / records * 1e6:.1f} µs"),
                ("resident memory, at most", f"{receiver.usage().peak_mb:.0f} MB"),
                ("on disk a log record", f"{receiver.bytes_per_row():.1f} bytes"),
            ):
                print(f"  {label:<40}{value:>24}")
        finally:
            receiver.kill()
