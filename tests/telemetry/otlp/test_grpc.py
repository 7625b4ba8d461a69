"""What HTTP/2 lets a receiver do in the middle of a call."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, RequestReceived, StreamEnded

from shared.telemetry.otlp import retry

from .pipeline import pipeline, record, settled, target

Misbehave = Callable[[H2Connection, int], None]
"""What a server does with the stream of a call that it has not answered."""


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "FIRST_SECONDS", 0.005)


class Server:
    """Misbehaves in one call and takes the others; counts connections and calls."""

    def __init__(self, misbehave: Misbehave, call: int) -> None:
        self._misbehave, self._in = misbehave, call
        self.connections = self.calls = 0
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Cut every connection and listen no more."""
        for one in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        for one in (self._listener, *self._sockets):
            one.close()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._sockets.append(connection)
                self.connections += 1
                with contextlib.suppress(OSError):
                    self._serve(connection)

    def _serve(self, connection: socket.socket) -> None:
        http2 = H2Connection(H2Configuration(client_side=False))
        http2.initiate_connection()
        connection.sendall(http2.data_to_send())
        while data := connection.recv(65536):
            for event in http2.receive_data(data):
                if isinstance(event, DataReceived) and event.flow_controlled_length:
                    http2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, RequestReceived):
                    self.calls += 1
                elif isinstance(event, StreamEnded):
                    self._answer(http2, event.stream_id)
            connection.sendall(http2.data_to_send())

    def _answer(self, http2: H2Connection, stream: int) -> None:
        if self.calls == self._in:
            self._misbehave(http2, stream)
            return
        http2.send_headers(stream, [(":status", "200"), ("content-type", "application/grpc")])
        http2.send_data(stream, b"\0\0\0\0\0")
        http2.send_headers(stream, [("grpc-status", "0")], end_stream=True)


@contextlib.contextmanager
def serving(misbehave: Misbehave, call: int = 1) -> Iterator[Server]:
    server = Server(misbehave, call)
    try:
        yield server
    finally:
        server.stop()


def go_away(http2: H2Connection, stream: int) -> None:
    """Leave without having looked at the call."""
    http2.close_connection(last_stream_id=stream - 2 if stream > 1 else 0)


def refuse(http2: H2Connection, stream: int) -> None:
    http2.reset_stream(stream, ErrorCodes.REFUSED_STREAM)


def break_off(http2: H2Connection, stream: int) -> None:
    http2.send_headers(stream, [(":status", "200"), ("content-type", "application/grpc")])
    http2.reset_stream(stream, ErrorCodes.INTERNAL_ERROR)


def answer_too_much(http2: H2Connection, stream: int) -> None:
    http2.send_headers(stream, [(":status", "200"), ("content-type", "application/grpc")])
    for _ in range(3):
        http2.send_data(stream, b"x" * 16_384)
    http2.send_headers(stream, [("grpc-status", "0")], end_stream=True)


def test_a_call_that_a_leaving_receiver_did_not_take_is_made_anew_at_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with serving(go_away, call=2) as server, pipeline(target(server.port)) as queue:
        for name in ("one", "two"):
            queue.put(b"", record(name))
            assert queue.flush(10)
        assert queue.counts().exported == 2
        assert (server.connections, server.calls) == (2, 3)
        assert caplog.messages == []


def test_a_call_that_is_refused_is_tried_again_on_the_same_connection() -> None:
    with serving(refuse) as server, pipeline(target(server.port)) as queue:
        queue.put(b"", record("one"))
        assert queue.flush(10) or queue.flush(10)
        assert queue.counts().exported == 1
        assert (server.connections, server.calls) == (1, 2)


def test_a_call_that_is_broken_off_is_lost_and_counted() -> None:
    """Whether the receiver took it nobody knows; sent again it might be there twice."""
    with serving(break_off) as server, pipeline(target(server.port)) as queue:
        queue.put(b"", record("one"))
        assert queue.flush(10)
        assert queue.counts().dropped == {"refused": 1}
        assert settled(queue)
        assert server.calls == 1


def test_an_answer_beyond_the_limit_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    from shared.telemetry.otlp import grpc

    monkeypatch.setattr(grpc, "REPLY_BYTES", 20_000)
    with serving(answer_too_much) as server, pipeline(target(server.port)) as queue:
        queue.put(b"", record("one"))
        assert queue.flush(10) or queue.flush(10)
        assert queue.counts().exported == 1
        assert server.connections == 2


def test_many_large_spans_are_sent_in_requests_that_receivers_accept() -> None:
    """gRPC servers refuse messages above 4 MiB unless told otherwise; each span arrives all the same."""
    from .receivers import grpc_collector

    with grpc_collector() as collector, pipeline(target(collector.port), capacity_bytes=40_000_000) as queue:
        for number in range(9):
            queue.put(b"", record(f"{number}" * 1_500_000))
        assert queue.flush(20)
        assert [name[0] for name in collector.names] == [f"{number}" for number in range(9)]
        assert len(collector.peers) >= 5
