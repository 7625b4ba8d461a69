"""A receiver on a real store, listening on real ports."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import httpx
import pytest
import uvicorn

from temponest.nest.ingest import grpc as grpc_receiver
from temponest.nest.ingest import http as http_receiver
from temponest.nest.ingest.receiver import IN_FLIGHT, Receiver
from temponest.nest.model.source import SpanSource
from temponest.nest.store.limits import Limits
from temponest.nest.store.store import Store

MAX_BODY = 4 * 1024 * 1024


@dataclass(frozen=True)
class Nest:
    """What a test talks to."""

    http: httpx.Client
    channel: grpc.Channel
    address: str
    receiver: Receiver
    store: Store

    @property
    def spans(self) -> SpanSource:
        """Everything acknowledged before the call."""
        self.store.flush()
        return self.store.spans


@contextlib.contextmanager
def in_flight(receiver: Receiver, size: int) -> Iterator[None]:
    """So many bytes of other requests, none of them large, for as long as a `with` lasts."""
    piece = IN_FLIGHT // 4
    with contextlib.ExitStack() as others:
        for begin in range(0, size, piece):
            others.enter_context(receiver.claim()).grow(min(piece, size - begin))
        yield


@pytest.fixture(scope="module")
def nest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nest]:
    folder: Path = tmp_path_factory.mktemp("nest")
    store = Store.open(folder, limits=Limits())
    store.start()
    receiver = Receiver(store, max_body=MAX_BODY)
    grpc_server, port = grpc_receiver.start(receiver, "127.0.0.1:0")
    app = http_receiver.create_app(receiver)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    # It listens already: a client that comes before the server accepts waits in its queue.
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    with (
        httpx.Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}") as client,
        grpc.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        yield Nest(client, channel, f"127.0.0.1:{port}", receiver, store)
    server.should_exit = True
    thread.join()
    grpc_server.stop(0).wait()
    store.close()
