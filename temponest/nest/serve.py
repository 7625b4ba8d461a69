"""The nest as a process: open, wire, serve, close, in this order and back."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from . import metrics_page
from .api import jaeger, loki, pages, prometheus, tempo
from .api.observe import Durations, Observed
from .api.protocol import server_config
from .api.server import Security, is_loopback
from .api.tempo import streaming
from .ingest import grpc, http
from .ingest.derive import INTERVAL, Derived
from .ingest.metrics import MetricsConsumer
from .ingest.receiver import Receiver
from .metrics_page import Sources
from .model.signal import Signal
from .state import State, Watch, report
from .store.allocator import give_back
from .store.limits import Limits
from .store.series.store import SeriesStore
from .store.store import Store

log = logging.getLogger("temponest")

# Of the disk limit, this part is for metric series; they take a small fraction of what spans take.
SERIES_SHARE = 8

# Seconds for requests that are under way when the nest is told to stop; the whole stop takes under 5.
GRACE = 2.0

# Seconds for writing what is recent as a segment after that; it takes half a second.
REST = 1.5

# A thread that wants the interpreter gets it after so many seconds. A question needs it again after each
# read, and with Python's default of 5 ms it waits that long each time for the thread that decodes.
SWITCH_SECONDS = 0.0005


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the nest listens.

    Attributes:
        host: address of every port.
        grpc: OTLP/gRPC.
        http: OTLP/HTTP.
        jaeger: Jaeger's query API and the pages.
        tempo: Tempo's HTTP API.
        prometheus: Prometheus' HTTP API.
        loki: Loki's HTTP API.
    """

    host: str = "127.0.0.1"
    grpc: int = 4317
    http: int = 4318
    jaeger: int = 16686
    tempo: int = 3200
    prometheus: int = 9090
    loki: int = 3100


class Busy(Exception):  # noqa: N818 - the state of a port
    """A port is taken by another process.

    Attributes:
        port: the port.
    """

    def __init__(self, port: int) -> None:
        super().__init__(f"port {port} is in use")
        self.port = port


def serve(
    folder: Path, addresses: Addresses, limits: Limits, security: Security, watch: Watch = report
) -> None:
    """Run the nest until SIGTERM or SIGINT; nothing acknowledged is lost.

    Args:
        folder: where data is kept; made when absent.
        addresses: where to listen.
        limits: memory, disk and age.
        security: who may ask.
        watch: shows the state while the nest runs; by default a line a minute in the log.

    Raises:
        Busy: a port is taken.
        Held: another process writes to the folder.
        Newer: a newer TempoNest wrote it.
    """
    give_back()
    sys.setswitchinterval(SWITCH_SECONDS)
    # Ports first: whoever starts a second nest hears about the port before the folder is touched.
    ports = (addresses.http, addresses.jaeger, addresses.tempo, addresses.prometheus, addresses.loki)
    sockets = _bind(addresses.host, ports)
    of_series = limits.disk_bytes // SERIES_SHARE
    store = Store.open(folder, limits=replace(limits, disk_bytes=limits.disk_bytes - of_series))
    try:
        series = SeriesStore(
            folder / "series",
            disk_bytes=of_series,
            retention_seconds=limits.retention_seconds,
        )
        derived = Derived(series)
        store.register(Signal.METRICS, MetricsConsumer(series))
        store.on_decoded(derived.take, covered=derived.covered)
        store.start()
        receiver = Receiver(store, token=security.token)
        tempo_api = tempo.create_app(store.spans, security)
        prometheus_api = prometheus.create_app(series, security)
        loki_api = loki.create_app(store.logs, security)
        pages_app = pages.create_app(
            tempo_api,
            prometheus_api,
            loki_api,
            api=jaeger.create_app(store.spans, security),
            describe=lambda: _describe(addresses, receiver),
            security=security,
        )
        durations = Durations()
        own = Sources(store, series, receiver, durations, limits)

        def observed(app: ASGIApp, api: str, *, shown: bool = False) -> ASGIApp:
            asking = store.precedence.asking
            own_text = partial(metrics_page.text, own)
            return Observed(app, api, durations, own_text, security, asking, shown=shown)

        tempo_app = observed(tempo_api, "tempo")
        apps: Sequence[ASGIApp] = (
            http.create_app(receiver, any_host=not is_loopback(addresses.host)),
            observed(pages_app, "pages", shown=True),
            tempo_app,
            observed(prometheus_api, "prometheus"),
            observed(loki_api, "loki"),
        )
        asyncio.run(
            _run(
                addresses,
                receiver,
                dict(zip(sockets, apps, strict=True)),
                tempo_app,
                (lambda: _emit(derived), lambda: watch(lambda: State.of(store, series, receiver))),
            )
        )
        store.flush()
        derived.emit()
        series.seal()
        store.rest(REST)
    finally:
        store.close()


def _describe(addresses: Addresses, receiver: Receiver) -> dict[str, object]:
    """What the pages tell somebody who has sent nothing yet."""
    _, by_grpc, by_http = _places(addresses)
    refusal = receiver.counts.last_refusal
    return {
        "otlp_grpc": by_grpc,
        "otlp_http": by_http,
        "last_refused": {"time": receiver.counts.last_refused_at, "reason": refusal} if refusal else None,
    }


def _places(addresses: Addresses) -> Iterator[str]:
    """The addresses that people need: the pages, OTLP by gRPC, OTLP by HTTP."""
    host = f"[{addresses.host}]" if ":" in addresses.host else addresses.host
    for port in (addresses.jaeger, addresses.grpc, addresses.http):
        yield f"http://{host}:{port}"


def _bind(host: str, ports: Sequence[int]) -> list[socket.socket]:
    bound: list[socket.socket] = []
    for port in ports:
        listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError:
            for other in (listener, *bound):
                other.close()
            raise Busy(port) from None
        bound.append(listener)
    return bound


async def _run(
    addresses: Addresses,
    receiver: Receiver,
    apps: Mapping[socket.socket, ASGIApp],
    tempo_app: ASGIApp,
    chores: Sequence[Callable[[], Coroutine[None, None, None]]],
) -> None:
    try:
        grpc_server, _ = grpc.start(receiver, f"{addresses.host}:{addresses.grpc}")
    except RuntimeError:
        raise Busy(addresses.grpc) from None
    loop = asyncio.get_running_loop()
    streaming_server, streaming_port = streaming.start(tempo_app, loop)
    servers = {
        listener: _Server(app, streaming_port if app is tempo_app else None) for listener, app in apps.items()
    }

    def leave() -> None:
        for server in servers.values():
            server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, leave)
    doing = [asyncio.create_task(chore()) for chore in chores]
    log.info("the nest is ready: pages at %s, OTLP at %s (gRPC) and %s (HTTP)", *_places(addresses))
    try:
        await asyncio.gather(*(server.serve(sockets=[listener]) for listener, server in servers.items()))
    finally:
        for task in doing:
            task.cancel()
        streaming_server.stop(None)
        grpc_server.stop(GRACE).wait(GRACE)


async def _emit(derived: Derived) -> None:
    while True:
        await asyncio.sleep(INTERVAL)
        await asyncio.to_thread(derived.emit)


class _Server(uvicorn.Server):
    """One port; the process's signals are handled once for all of them."""

    def __init__(self, app: ASGIApp, http2_port: int | None) -> None:
        super().__init__(
            server_config(app, http2_port=http2_port, log_config=None, timeout_graceful_shutdown=int(GRACE))
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield
