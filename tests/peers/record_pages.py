"""Records the answers that `tests/web` replays: of a real Grafana Tempo and a real Prometheus.

    python -m tests.peers.record_pages [--tempo PATH] [--prometheus PATH]

Without paths both are looked for on PATH (Tempo 3, Prometheus 3). The same traces are sent to Tempo, and
what their services measured to Prometheus. Beside these are a Tempo with nothing in it, and one that is sent
a span while the tests look, and answers with a part of a large trace. The tests of Explore, Trace, Services
and Metrics run over them, and everything they ask is kept in `tests/web/recorded.json.gz`, now of Tempo's
main branch of August 2026 and Prometheus 3.14. Run it again after a page asks something new.
Needs Chromium and built pages (`make pages`), as these tests do.
"""

from __future__ import annotations

import argparse
import functools
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from temponest.nest.api.pages.forward import Forward
from tests.web.encode import encode
from tests.web.record import Record
from tests.web.replay import FILE, Recording
from tests.web.shop import demo_traces, late_traces, odd_traces
from tests.web.shop_metrics import shop_metrics

from .prometheus_answers import start_prometheus
from .tempo_answers import start_tempo, wait

WEB = Path(__file__).parents[1] / "web"
HOUR = 3600 * 10**9
# The files whose tests ask recorded answers; a test that takes `standin` asks that instead.
RECORDED = (
    *("explore", "compare", "trace", "detail", "flame", "log_lines", "orphans", "zoom", "file"),
    *("services", "metrics"),
)
# How much of a trace the late Tempo answers with, and how such an answer ends.
# A limit of ingestion that is not named would be zero.
LIMITS = """\
overrides:
  single-tenant:
    global: {max_bytes_per_trace: 30000}
    ingestion: {rate_limit_bytes: 1000000, burst_size_bytes: 1000000, max_traces_per_user: 100}
"""
PARTIAL = b"a partial trace is returned"
PROTOBUF = {"content-type": "application/x-protobuf"}


class Recorder:
    """A plugin of pytest: `tests/web/conftest.py` serves what it finds here instead of a recording."""

    def __init__(
        self, recording: Recording, servers: dict[str, httpx.Client], arrive: Callable[[], None]
    ) -> None:
        self.recording = recording
        self.servers = {
            name: recording.listening(name, Forward(str(client.base_url), name=name.split()[-1].title()))
            for name, client in servers.items()
        }
        # Sends what comes later; it is there when this returns.
        self.arrive = functools.cache(arrive)


class Registered:
    """Gives the recorder its name among pytest's plugins."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def pytest_configure(self, config: pytest.Config) -> None:
        """Register it before the first fixture asks."""
        config.pluginmanager.register(self._recorder, "recorder")


class LateTempo:
    """A Tempo whose limit of what it answers with sinks when all is sent but one span."""

    def __init__(self, binary: str, folder: Path, stack: ExitStack, now: int) -> None:
        limits = folder / "limits.yaml"
        limits.write_text("overrides: {}\n")
        self.api, self._otlp = start_tempo(
            binary,
            folder,
            stack,
            f"overrides: {{per_tenant_override_config: {limits}, per_tenant_override_period: 1s}}",
        )
        traces = late_traces(now)
        *first, self._last = traces["running"]
        for spans in (first, traces["large"]):
            self._send(spans)
            wait(lambda spans=spans: self._has(spans), "the late tempo does not find what was sent")  # type: ignore[misc] # bound at once
        limits.write_text(LIMITS)
        wait(
            lambda: PARTIAL in self._answer(traces["large"][0]),
            "the late tempo answers with all of a large trace",
        )

    def arrive(self) -> None:
        """Send the last span of the trace that is running."""
        self._send([self._last])
        wait(lambda: self._has([self._last]), "the late tempo does not find the last span")

    def _send(self, spans: list[Record]) -> None:
        self._otlp.post(
            "/v1/traces", content=encode(spans).SerializeToString(), headers=PROTOBUF
        ).raise_for_status()

    def _answer(self, span: Record) -> bytes:
        return self.api.get(
            f"/api/v2/traces/{span.trace_id.hex()}", headers={"accept": "application/protobuf"}
        ).content

    def _has(self, spans: list[Record]) -> bool:
        answer = self._answer(spans[0])
        return all(span.span_id in answer for span in spans)


def load(now: int, tempo: tuple[httpx.Client, httpx.Client], prometheus: httpx.Client) -> None:
    """Send the traces and metrics, and wait until both servers find them."""
    api, otlp = tempo
    traces = [*demo_traces(now), *odd_traces(now).values()]
    for spans in traces:
        otlp.post(
            "/v1/traces", content=encode(spans).SerializeToString(), headers=PROTOBUF
        ).raise_for_status()
    for request in shop_metrics(traces, now - HOUR, now):
        prometheus.post(
            "/api/v1/otlp/v1/metrics", content=request.SerializeToString(), headers=PROTOBUF
        ).raise_for_status()
    question: dict[str, str | int] = {"start": (now - HOUR) // 10**9, "end": now // 10**9 + 1}
    everything = question | {"q": "{ }", "limit": 1000}
    wait(
        lambda: len(api.get("/api/search", params=everything).json().get("traces", ())) == len(traces),
        "tempo does not find what was sent",
    )
    # Traces are searched as they come; they are counted once the step they fall in is over.
    roots = question | {"q": "{ nestedSetParent < 0 } | count_over_time()", "step": "60s"}

    def counted() -> bool:
        series = api.get("/api/metrics/query_range", params=roots).json().get("series") or ()
        found = sum(sample.get("value", 0) for one in series for sample in one["samples"])
        return bool(found == len(traces))

    wait(counted, "tempo does not count what was sent")


def main(arguments: list[str]) -> int:
    """Record everything; 0 when the tests passed over the real servers, else nothing is kept."""
    parser = argparse.ArgumentParser(description="Record the answers that the tests of the pages replay.")
    parser.add_argument("--tempo", default=shutil.which("tempo"))
    parser.add_argument("--prometheus", default=shutil.which("prometheus"))
    parser.add_argument("-k", default="", help="record these tests only, to try them; nothing is kept")
    options = parser.parse_args(arguments)
    if not options.tempo or not options.prometheus:
        print("tempo and prometheus have to be on PATH; or give --tempo PATH --prometheus PATH")
        return 2
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for name in ("tempo", "empty", "late", "prometheus"):
            (folder / name).mkdir()
        tempo = start_tempo(options.tempo, folder / "tempo", stack)
        empty, _ = start_tempo(options.tempo, folder / "empty", stack)
        prometheus, _ = start_prometheus(options.prometheus, folder / "prometheus", stack)
        now = int(time.time()) * 10**9
        late = LateTempo(options.tempo, folder / "late", stack, now)
        load(now, tempo, prometheus)
        recording = Recording(now)
        servers = {"tempo": tempo[0], "empty tempo": empty, "late tempo": late.api, "prometheus": prometheus}
        recorder = Recorder(recording, servers, late.arrive)
        modules = [str(WEB / f"test_{name}.py") for name in RECORDED]
        # A page asks the same in the light as in the dark.
        only = ["-k", f"not light and ({options.k})" if options.k else "not light"]
        plugin = Registered(recorder)
        # What this program has imported is not rewritten by pytest, and need not be.
        quiet = [
            "-q",
            "--tb=short",
            "-p",
            "no:cacheprovider",
            "-W",
            "ignore::pytest.PytestAssertRewriteWarning",
        ]
        code = pytest.main([*quiet, *modules, *only], plugins=[plugin])
    if code:
        print("nothing is kept: a test failed")
    elif not options.k:
        recording.write()
        print(f"{len(recording.answers)} answers, {FILE.stat().st_size / 1000:.0f} kB in {FILE.name}")
    return int(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
