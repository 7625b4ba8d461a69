"""A nest that takes OTLP over HTTP and answers Tempo's API, in this process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from temponest.nest.api import tempo
from temponest.nest.ingest.http import create_app
from temponest.nest.ingest.receiver import Receiver
from temponest.nest.model.signal import Signal
from temponest.nest.model.span import Span
from temponest.nest.store.store import Store
from tests.nest.serving import serving


@dataclass(frozen=True)
class Nest:
    """What a test talks to."""

    store: Store
    otlp: str
    tempo: str

    def send(self, request: ExportTraceServiceRequest) -> None:
        """Keep a request and make it searchable."""
        self.store.append(Signal.TRACES, request.SerializeToString()).result()
        self.store.flush()

    def traces(self, *trace_ids: bytes) -> dict[bytes, list[Span]]:
        """Everything acknowledged so far of these traces."""
        self.store.flush()
        return self.store.spans.traces(trace_ids, lambda: False)

    def export(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        """Run `temponest export` on it."""
        return run("export", *arguments, "--tempo", self.tempo)

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
            store.start()
            stack.callback(store.close)
            otlp = stack.enter_context(serving(create_app(Receiver(store))))
            api = stack.enter_context(serving(tempo.create_app(store.spans)))
            return Nest(store, str(otlp.base_url), str(api.base_url))

        yield begin
