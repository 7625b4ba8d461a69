"""`temponest import` into a real Grafana Tempo, and `temponest export` out of it again.

    python -m tests.peers.tempo_files [PATH_OF_A_TEMPO_BINARY]

Without a path `tempo` is looked for on PATH. Sends a file of traces that use every field of OTLP, waits until
Tempo finds them, exports them in each format and compares. Exits 1 when a span differs.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from google.protobuf.message import Message
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from temponest.files import frames, otlp_json, tables
from tests.files.conftest import run
from tests.files.messages import full

from .tempo_answers import start_tempo

TRACES = 30
# Tempo answers for what is half a minute old.
AGE_NS = 60 * 10**9
PATIENCE = 90.0


def main(arguments: list[str]) -> int:
    """Import, export, compare."""
    binary = arguments[0] if arguments else shutil.which("tempo")
    if not binary:
        raise SystemExit("no tempo on PATH; give its path")
    start = time.time_ns() - AGE_NS
    sent = [full(bytes((number + 1,)) * 16, spans=5, start_ns=start + number) for number in range(TRACES)]
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        api, otlp = start_tempo(binary, folder, stack)
        source = folder / "sent.jsonl"
        source.write_bytes(b"".join(map(otlp_json.line, sent)))
        imported = run("import", str(source), "--endpoint", str(otlp.base_url))
        print(imported.stderr.decode().strip())
        wrong = imported.returncode
        for suffix in (".jsonl", ".pb", ".parquet"):
            target = folder / f"found{suffix}"
            said = _export(target, str(api.base_url))
            found, wanted = _spans(_read(target)), _spans(sent)
            different = {
                (field, str(wanted[ids].get(field)), str(found.get(ids, {}).get(field)))
                for ids in wanted
                for field in wanted[ids].keys() | found.get(ids, {}).keys()
                if wanted[ids].get(field) != found.get(ids, {}).get(field)
            }
            print(f"{suffix}: {said} {len(different)} differences")
            for field, was, came in sorted(different)[:20]:
                print(f"  {field}: sent {was[:200]}, found {came[:200]}")
            wrong |= bool(different)
    return int(wrong)


def _export(target: Path, tempo: str) -> str:
    """Export until all is there; what the command said."""
    deadline = time.monotonic() + PATIENCE
    while True:
        said = run("export", str(target), "--tempo", tempo).stderr.decode().strip()
        if f"Exported {TRACES} traces" in said or time.monotonic() > deadline:
            return said
        time.sleep(2)


def _read(path: Path) -> list[Any]:
    if path.suffix == ".parquet":
        return [request for _, _, request in tables.requests(path)]
    with path.open("rb") as file:
        if path.suffix == ".pb":
            return [
                ExportTraceServiceRequest.FromString(body) for _, body in frames.messages(file, path.name)
            ]
        made = []
        for line in file:
            made.append(ExportTraceServiceRequest())
            otlp_json.into(made[-1], json.loads(line))
        return made


def _spans(requests: list[Any]) -> dict[str, dict[str, Any]]:
    """The fields of each span, its resource and its scope, by its ids, but for flags, which Tempo drops."""
    return {
        f"{span.trace_id.hex()} {span.span_id.hex()}": {
            **{f"resource {name}": value for name, value in _sorted(group.resource).items()},
            **{f"scope {name}": value for name, value in _sorted(scoped.scope).items()},
            **{name: value for name, value in _sorted(span).items() if "Nano" not in name},
            "duration": span.end_time_unix_nano - span.start_time_unix_nano,
        }
        for request in requests
        for group in request.resource_spans
        for scoped in group.scope_spans
        for span in scoped.spans
    }


def _sorted(message: Message) -> dict[str, Any]:
    """OTLP/JSON with attributes in the order of their names."""
    found: dict[str, Any] = otlp_json.document(message)
    for one in (found, *found.get("links", ())):
        one.pop("flags", None)
    found.get("attributes", []).sort(key=lambda one: one["key"])
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
