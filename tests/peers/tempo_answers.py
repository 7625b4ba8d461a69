"""The scripts of `tests/nest/traceql/answers` asked of a real Grafana Tempo and of the nest.

    python -m tests.peers.tempo_answers [PATH_OF_A_TEMPO_BINARY]

Without a path `tempo` is looked for on PATH. Each script's spans are sent to both, moved to the last minutes;
each question is asked of both over HTTP, and the found spans or samples are compared. Prints a table and
every difference; exits 1 if there is one that `docs/languages/traceql.md` does not explain.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx

from temponest.demo.ports import LOOPBACK, free_ports
from temponest.nest.api import tempo
from temponest.nest.api.otlp import resource_spans_messages
from temponest.nest.api.wire import length_delimited
from temponest.nest.model.span import Span
from tests.nest.make import SECOND
from tests.nest.memory_source import MemorySource
from tests.nest.serving import serving
from tests.nest.traceql import script

ANSWERS = Path(__file__).parents[1] / "nest" / "traceql" / "answers"
MINUTE = 60 * SECOND
# Differences that docs/languages/traceql.md tells, by what differs.
EXPLAINED: dict[str, tuple[str, ...]] = {
    "numbers of two types": (
        "{ span.size = 20 }",
        "{ span.size >= 10.5 }",
        "{ 15 < span.size }",
        '{ span.path = "/pay" && span.size = 20 }',
        "{ span.size ^ 2 = 100 }",
        "{ span.size > 2 * 5 + 1 }",
        "{ link.weight > 1 }",
        "{ } | sum(span.bytes) > 50",
        "{ } | avg(span.bytes) < 10",
        "{ } | max(span.bytes * 2) = 61",
        "{ } | sum_over_time(span.size) by (name)",
    ),
    "not": ("{ !(span.size = 20) }", '{ !(span.path = "/pay" || span.path = "/orders") }'),
    "division by zero": ("{ span.size / 0 = 0 }",),
    "arrays": ('{ span.tags != "x" }', '{ span.tags !~ "y" }'),
    "nil of events": ("{ event.exception.type = nil }",),
    "ids": (
        '{ span:id = "7" }',
        '{ span:id = "0000000000000007" }',
        '{ span:parentID = "0000000000000003" }',
        '{ span:parentID = "63" }',
        '{ link:traceID = "2" && link:spanID = "1" }',
    ),
    "parents of roots": ('{ span:parentID != "0000000000000001" }', "{ span:parentID != nil }"),
    "lost parents": ('{ name = "a" } !> { }', "{ } !< { }", '{ name = "b" } !<< { }'),
    "aggregates in structures": ('({ name = "a" } | count() > 1) >> { }',),
    "groups of comparisons": ('{ name = "SELECT" } | by(span.bytes > 25)',),
    "windows": ('{ name = "SELECT" }',),
    "renamed attributes": (
        "{ span.http.status_code = 500 }",
        "{ span.http.response.status_code = 500 }",
        "{ .http.status_code >= 400 }",
        '{ span.http.method = "POST" || span.http.method = "GET" }',
        "{ span.http.method = nil }",
    ),
    "quantiles and histograms": (
        "{ } | quantile_over_time(span.size, 0.5, 1)",
        '{ name = "SELECT" } | quantile_over_time(duration, .9) by (span.table)',
        "{ } | histogram_over_time(span.size)",
    ),
    "compare": ("{ } | compare({ status = error })", '{ span.region != nil } | compare({ name = "a" }, 1)'),
    "sample": ("{ } | rate() by (name) with (sample = true, exemplars = false)",),
}
CONFIG = """\
stream_over_http_enabled: true
server: {{http_listen_address: 127.0.0.1, http_listen_port: {http}, grpc_listen_port: {grpc}}}
distributor: {{receivers: {{otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:{otlp}"}}}}}}}}}}
# Every path it writes to, so that nothing is found but what was sent; spans of the last hour are recent ones.
live_store:
  wal: {{path: {folder}/live, ingestion_time_range_slack: 1h}}
  partition_ring: {{min_partition_owners_duration: 0s}}
  shutdown_marker_dir: {folder}/marker
  complete_block_timeout: 3h
backend_scheduler: {{local_work_path: {folder}/work}}
query_frontend: {{search: {{query_backend_after: 2h}}, metrics: {{query_backend_after: 2h}}}}
memberlist: {{bind_addr: [127.0.0.1], bind_port: {gossip}}}
storage: {{trace: {{backend: local, wal: {{path: {folder}/wal}}, local: {{path: {folder}/blocks}}}}}}
usage_report: {{reporting_enabled: false}}
"""


def start_tempo(
    binary: str, folder: Path, stack: ExitStack, more: str = ""
) -> tuple[httpx.Client, httpx.Client]:
    """A running Tempo, with `more` in its configuration: clients of its API and of its OTLP receiver."""
    names = ("http", "grpc", "otlp", "gossip")
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    config = folder / "tempo.yaml"
    config.write_text(CONFIG.format(folder=folder, **ports) + more)
    log = stack.enter_context((folder / "log").open("w"))
    process = subprocess.Popen([binary, f"-config.file={config}"], stdout=log, stderr=log, cwd=folder)  # noqa: S603 - the peer
    stack.callback(process.wait)
    # Its data is thrown away, so there is nothing to be waited for; asked to end it may never do so.
    stack.callback(process.kill)
    api = stack.enter_context(httpx.Client(base_url=f"http://{LOOPBACK}:{ports['http']}", timeout=30))
    otlp = stack.enter_context(httpx.Client(base_url=f"http://{LOOPBACK}:{ports['otlp']}", timeout=30))

    def ready() -> bool:
        if process.poll() is not None:
            raise SystemExit(f"tempo ended:\n{(folder / 'log').read_text()[-2000:]}")
        try:
            return api.get("/ready").status_code == 200
        except httpx.TransportError:
            return False

    wait(ready, "tempo is not ready")
    return api, otlp


def wait(holds: Callable[[], bool], complaint: str) -> None:
    """Ask until it holds; SystemExit with the complaint after two minutes."""
    deadline = time.monotonic() + 120
    while not holds():
        if time.monotonic() > deadline:
            raise SystemExit(complaint)
        time.sleep(0.2)


def send(otlp: httpx.Client, spans: list[Span]) -> None:
    """Export spans to Tempo."""
    body = b"".join(_field_1(message.SerializeToString()) for message in resource_spans_messages(spans))
    headers = {"content-type": "application/x-protobuf"}
    otlp.post("/v1/traces", content=body, headers=headers).raise_for_status()


def _field_1(payload: bytes) -> bytes:
    return length_delimited(1, payload)


def moved(one: script.Script, shift: int, traces: int) -> list[Span]:
    """The spans of a script at another time, under trace ids of their own."""
    for span in one.spans:
        span.trace_id = (traces + int.from_bytes(span.trace_id, "big")).to_bytes(16, "big")
        span.start_ns += shift
        span.end_ns += shift
        for event in span.events:
            event.time_ns += shift
    return one.spans


def ask(client: httpx.Client, question: script.Question, shift: int) -> Any:
    """What an API answers, in a form that can be compared."""
    start, end = (moment + shift if moment else 0 for moment in question.window)
    if question.metrics:
        params = {
            "q": question.query,
            "start": str(start),
            "end": str(end),
            "step": f"{question.step // SECOND}s",
        }
        return _series(_get(client, "/api/metrics/query_range", params))
    now = time.time_ns()
    params = {
        "q": question.query,
        "start": str((start or now - 60 * MINUTE) // SECOND),
        "end": str((end or now + MINUTE) // SECOND),
        "limit": "100",
        "spss": "100",
    }
    return _spansets(_get(client, "/api/search", params))


def _get(client: httpx.Client, path: str, params: dict[str, str]) -> dict[str, Any] | str:
    reply = client.get(path, params=params)
    if reply.is_error:
        return f"{reply.status_code} {reply.text.strip()[:200]}"
    document: dict[str, Any] = reply.json()
    return document


def _spansets(answer: dict[str, Any] | str) -> Any:
    if isinstance(answer, str):
        return answer
    return sorted(
        (trace["traceID"].zfill(32)[-4:], sorted(one["spanID"].lstrip("0") for one in spanset["spans"]))
        for trace in answer.get("traces") or ()
        for spanset in trace.get("spanSets") or ()
    )


def _series(answer: dict[str, Any] | str) -> Any:
    if isinstance(answer, str):
        return answer
    found = {}
    for one in answer.get("series") or ():
        labels = tuple(
            sorted((label["key"], _text(next(iter(label["value"].values()), ""))) for label in one["labels"])
        )
        samples = {
            sample["timestampMs"]: float(f"{float(sample['value']):.5g}")
            for sample in one.get("samples") or ()
            if sample.get("value")
        }
        # A series of zeros and no series tell the same.
        if samples:
            found[labels] = samples
    return found


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _without_first(theirs: Any, start_ms: int) -> Any:
    """Series of a Tempo without the sample at the start, which is of the time before; the nest has none."""
    if not isinstance(theirs, dict):
        return theirs
    cut = {
        labels: {time: value for time, value in samples.items() if int(time) > start_ms}
        for labels, samples in theirs.items()
    }
    return {labels: samples for labels, samples in cut.items() if samples}


def main(arguments: list[str]) -> int:
    """Print the table; 0 when both answer alike."""
    binary = arguments[0] if arguments else shutil.which("tempo")
    if not binary:
        print("tempo is not on PATH; give its path")
        return 2
    shift = (time.time_ns() - 5 * MINUTE - script.T0_STEP) // MINUTE * MINUTE
    differences = []
    print("| script | questions | answered alike | differences that are explained |\n|---|---|---|---|")
    for path in sorted(ANSWERS.glob("*.test")):
        # One Tempo a script: a question like { } is about every span there is.
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            api, otlp = start_tempo(binary, folder, stack)
            one = script.read(path)
            spans = moved(one, shift, 0)
            traces = {span.trace_id for span in spans}
            send(otlp, spans)
            wait(
                lambda: all(api.get(f"/api/v2/traces/{one.hex()}").is_success for one in traces),  # noqa: B023 - used at once
                "tempo does not find what was sent",
            )
            ours = stack.enter_context(serving(tempo.create_app(MemorySource(spans))))
            everything = script.Question(path.name, 0, "{ }", ())
            wait(
                lambda: ask(api, everything, shift) == ask(ours, everything, shift),  # noqa: B023 - used at once
                "tempo does not search what was sent",
            )
            alike = explained = 0
            for question in one.questions:
                theirs, own = ask(api, question, shift), ask(ours, question, shift)
                theirs = _without_first(theirs, (question.window[0] + shift) // 1_000_000)
                if theirs == own:
                    alike += 1
                elif any(question.query in queries for queries in EXPLAINED.values()):
                    explained += 1
                else:
                    differences.append(f"{question}: {question.query}\n  tempo {theirs}\n  nest  {own}")
            print(f"| {path.name} | {len(one.questions)} | {alike} | {explained} |", flush=True)
    print("\n".join(differences))
    return bool(differences)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
