"""A nest that takes OTLP over HTTP and answers Tempo's, Prometheus' and Loki's APIs, in this process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from google.protobuf.message import Message

from temponest.files.otlp_json import REQUESTS
from temponest.nest.api import loki, prometheus, tempo
from temponest.nest.ingest.http import create_app
from temponest.nest.ingest.metrics import MetricsConsumer
from temponest.nest.ingest.receiver import Receiver
from temponest.nest.model.signal import Signal
from temponest.nest.model.span import Span
from temponest.nest.store.series.store import SeriesStore
from temponest.nest.store.store import Store
from tests.nest.serving import serving


@dataclass(frozen=True)
class Nest:
    """What a test talks to."""

    store: Store
    otlp: str
    tempo: str
    prometheus: str
    loki: str

    def send(self, request: Message) -> None:
        """Keep a request and make it searchable."""
        signal = next(signal for signal, kind in REQUESTS.items() if isinstance(request, kind))
        self.store.append(Signal[signal.upper()], request.SerializeToString()).result()
        self.store.flush()

    def traces(self, *trace_ids: bytes) -> dict[bytes, list[Span]]:
        """Everything acknowledged so far of these traces."""
        self.store.flush()
        return self.store.spans.traces(trace_ids, lambda: False)

    def export(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        """Run `temponest export` on it."""
        apis = ("--tempo", self.tempo, "--prometheus", self.prometheus, "--loki", self.loki)
        return run("export", *arguments, *apis)

    def import_(self, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run `temponest import` into it."""
        return run("import", *arguments, "--endpoint", self.otlp, stdin=stdin)


def run(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run a command as a process: files are its standard input and output."""
    command = [sys.executable, "-m", "temponest", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, check=False)  # noqa: S603 - our own command


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], Nest]]:
    """Starts a nest with a folder of its own."""
    with ExitStack() as stack:

        def begin() -> Nest:
            store = Store.open(tmp_path / f"nest-{len(list(tmp_path.iterdir()))}")
            series = SeriesStore(store.folder / "series", disk_bytes=10**9, retention_seconds=0)
            store.register(Signal.METRICS, MetricsConsumer(series))
            store.start()
            stack.callback(store.close)
            otlp = stack.enter_context(serving(create_app(Receiver(store))))
            apps = (
                tempo.create_app(store.spans),
                prometheus.create_app(series),
                loki.create_app(store.logs),
            )
            apis = [str(stack.enter_context(serving(app)).base_url) for app in apps]
            return Nest(store, str(otlp.base_url), *apis)

        yield begin
