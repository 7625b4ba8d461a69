"""Records the answers that `tests/web` replays: of a real Grafana Tempo and a real Prometheus.

    python -m tests.peers.record_pages [--tempo PATH] [--prometheus PATH]

Without paths both are looked for on PATH (Tempo 3, Prometheus 3). The same traces are sent to Tempo, and
what their services measured to Prometheus; then the tests of Explore, Trace and Services run over both, and
everything they ask is kept in `tests/web/recorded.json.gz`, now of Tempo's main branch of August 2026 and
Prometheus 3.14. Run it again after a page asks something new.
Needs Chromium and built pages (`make pages`), as these tests do.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from temponest.nest.api.pages.forward import Forward
from tests.web.encode import encode
from tests.web.replay import FILE, Recording
from tests.web.shop import demo_traces, odd_traces
from tests.web.shop_metrics import shop_metrics

from .prometheus_answers import start_prometheus
from .tempo_answers import start_tempo, wait

WEB = Path(__file__).parents[1] / "web"
HOUR = 3600 * 10**9
PROTOBUF = {"content-type": "application/x-protobuf"}


class Recorder:
    """A plugin of pytest: `tests/web/conftest.py` serves what it finds here instead of a recording."""

    def __init__(self, recording: Recording, tempo: str, prometheus: str) -> None:
        self.recording = recording
        self.tempo = recording.listening("tempo", Forward(tempo, name="Tempo"))
        self.prometheus = recording.listening("prometheus", Forward(prometheus, name="Prometheus"))


class Registered:
    """Gives the recorder its name among pytest's plugins."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def pytest_configure(self, config: pytest.Config) -> None:
        """Register it before the first fixture asks."""
        config.pluginmanager.register(self._recorder, "recorder")


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
    """Record everything; 0 when the tests passed over the real servers."""
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
        for name in ("tempo", "prometheus"):
            (folder / name).mkdir()
        tempo = start_tempo(options.tempo, folder / "tempo", stack)
        prometheus, _ = start_prometheus(options.prometheus, folder / "prometheus", stack)
        now = int(time.time()) * 10**9
        load(now, tempo, prometheus)
        recording = Recording(now)
        recorder = Recorder(recording, str(tempo[0].base_url), str(prometheus.base_url))
        modules = [str(WEB / f"test_{name}.py") for name in ("explore", "trace", "services")]
        only = ["-k", options.k] if options.k else []
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
    if not options.k:
        recording.write()
        print(f"{len(recording.answers)} answers, {FILE.stat().st_size / 1000:.0f} kB in {FILE.name}")
    return int(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
