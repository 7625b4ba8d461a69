"""What happens to spans when the receiver fails: sent + dropped = ended, and nothing blocks."""

from __future__ import annotations

import logging
import socket
import ssl
import threading
import time
from typing import Any

import grpc
import pytest

from shared.telemetry.otlp import retry

from .pipeline import pipeline, record, settled, target
from .receivers import (
    CERTIFICATES,
    GrpcCollector,
    grpc_collector,
    http_collector,
    raw_server,
    status,
)


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attempts follow each other within milliseconds."""
    monkeypatch.setattr(retry, "FIRST_SECONDS", 0.005)
    monkeypatch.setattr(retry, "LONGEST_SECONDS", 0.02)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_spans_arrive_once_and_in_order() -> None:
    with grpc_collector() as collector, pipeline(target(collector.port), size=10) as queue:
        names = [f"span {number}" for number in range(95)]
        for name in names:
            queue.put(b"", record(name))
        assert queue.flush(10)
        assert collector.names == names
        assert queue.counts().exported == 95


def test_one_connection_serves_all_requests() -> None:
    with grpc_collector() as collector, pipeline(target(collector.port)) as queue:
        for number in range(3):
            queue.put(b"", record(f"{number}"))
            assert queue.flush(10)
        assert len(set(collector.peers)) == 1


def test_a_message_larger_than_the_windows_of_http2_arrives_whole() -> None:
    big = "x" * 3_000_000
    with grpc_collector() as collector, pipeline(target(collector.port)) as queue:
        queue.put(b"", record(big))
        assert queue.flush(10)
        assert collector.names == [big]


def test_a_receiver_that_is_killed_and_restarted_under_load_loses_nothing_uncounted() -> None:
    total = 2000
    with grpc_collector() as collector, pipeline(target(collector.port), size=50, capacity=400) as queue:

        def produce(first: int) -> None:
            for number in range(first, first + total // 2):
                queue.put(b"", record(f"{number}"))

        load = threading.Thread(target=produce, args=(0,))
        load.start()
        collector.arrived.acquire(timeout=10)
        collector.stop()
        load.join()
        produce(total // 2)
        collector.start()
        assert queue.flush(20) or queue.flush(20)
        counts = queue.counts()
        assert counts.ended == total
        assert settled(queue)
        assert counts.queued == 0
        # A request whose answer was lost is sent again: what is counted as sent has arrived at least once.
        assert len(set(collector.names)) >= counts.exported
        assert len(set(collector.names)) + sum(counts.dropped.values()) >= total


def test_going_down_and_coming_back_are_one_line_each_with_the_number_lost(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "shared.telemetry")
    with grpc_collector() as collector, pipeline(target(collector.port), capacity=5) as queue:
        collector.stop()
        for number in range(12):
            queue.put(b"", record(f"{number}"))
        while not caplog.messages:
            queue.flush(0.2)
            queue.flush(0.2)
        collector.start()
        assert queue.flush(10) or queue.flush(10)
        assert len(caplog.messages) == 2
        down, back = caplog.messages
        assert f"do not reach http://127.0.0.1:{collector.port}" in down
        assert "nothing listens there" in down
        assert "again; 7 records were lost" in back or "again; 0 records were lost" in back


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_a_receiver_that_hangs_blocks_nobody_and_the_queue_stays_bounded(protocol: str) -> None:
    with (
        raw_server(None) as port,
        pipeline(target(port, protocol, timeout=0.1), size=5, capacity=20) as queue,
    ):
        for number in range(100):
            queue.put(b"", record(f"{number}"))
        assert not queue.flush(0.2)
        counts = queue.counts()
        assert counts.queued <= 20
        assert counts.dropped["queue_full"] >= 80
        assert settled(queue)


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_a_port_where_nobody_listens_keeps_what_fits(protocol: str) -> None:
    with pipeline(target(free_port(), protocol), capacity=10) as queue:
        for number in range(25):
            queue.put(b"", record(f"{number}"))
        assert not queue.flush(0.2)
        assert queue.counts().queued == 10
        assert queue.counts().dropped == {"queue_full": 15}


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
@pytest.mark.parametrize("garbage", [b"220 mail.example ESMTP\r\n", b"\x00\xff" * 100, b""])
def test_garbage_for_an_answer_is_an_outage(protocol: str, garbage: bytes) -> None:
    with raw_server(garbage) as port, pipeline(target(port, protocol)) as queue:
        queue.put(b"", record("one"))
        assert not queue.flush(0.3)
        assert settled(queue)
        assert queue.counts().queued == 1


def test_the_queue_is_bounded_in_bytes() -> None:
    with pipeline(target(free_port()), capacity_bytes=10_000) as queue:
        for _ in range(20):
            queue.put(b"", record("x" * 997))
        assert queue.counts().queued == 10
        assert queue.counts().dropped == {"queue_full": 10}


@pytest.mark.parametrize("code", [429, 503])
def test_retry_after_is_honoured_over_http(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    waited = _record_delays(monkeypatch)
    with http_collector() as collector, pipeline(target(collector.port, "http/protobuf")) as queue:
        collector.replies.append((code, {"retry-after": "1"}, b""))
        queue.put(b"", record("late"))
        assert queue.flush(10)
        assert collector.names == ["late"]
        assert waited == [1.0]


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED])
def test_retry_info_is_honoured_over_grpc(code: grpc.StatusCode, monkeypatch: pytest.MonkeyPatch) -> None:
    waited = _record_delays(monkeypatch)
    with (
        grpc_collector(answer=status(code, retry_after=0.25)) as collector,
        pipeline(target(collector.port)) as queue,
    ):
        queue.put(b"", record("late"))
        assert queue.flush(10)
        assert collector.names == ["late"]
        assert waited == [0.25]


def test_exhausted_without_retry_info_is_refused_for_good() -> None:
    answer = status(grpc.StatusCode.RESOURCE_EXHAUSTED)
    with grpc_collector(answer=answer) as collector, pipeline(target(collector.port)) as queue:
        queue.put(b"", record("too much"))
        assert queue.flush(10)
        assert queue.counts().dropped == {"refused": 1}


def test_an_error_that_a_retry_cannot_mend_is_counted_and_the_next_request_goes_on() -> None:
    answer = status(grpc.StatusCode.INVALID_ARGUMENT)
    with grpc_collector(answer=answer) as collector, pipeline(target(collector.port)) as queue:
        queue.put(b"", record("bad"))
        assert queue.flush(10)
        queue.put(b"", record("good"))
        assert queue.flush(10)
        assert collector.names == ["good"]
        assert queue.counts().dropped == {"refused": 1}


def test_what_a_partial_success_rejects_is_counted() -> None:
    def take_but_two(collector: GrpcCollector, context: Any) -> int:
        del collector, context
        return 2

    with (
        grpc_collector(answer=take_but_two) as collector,
        pipeline(target(collector.port), delay=60) as queue,
    ):
        for number in range(5):
            queue.put(b"", record(f"{number}"))
        assert queue.flush(10)
        counts = queue.counts()
        assert (counts.exported, counts.dropped) == (3, {"rejected": 2})


def server_credentials(*, client: bool = False) -> grpc.ServerCredentials:
    pair = ((CERTIFICATES / "server.key").read_bytes(), (CERTIFICATES / "server.pem").read_bytes())
    trusted = (CERTIFICATES / "ca.pem").read_bytes() if client else None
    return grpc.ssl_server_credentials([pair], trusted, client)


def test_tls_with_a_certificate_of_ones_own_authority() -> None:
    with grpc_collector(tls=server_credentials()) as collector:
        to = target(collector.port, secure=True, certificate=str(CERTIFICATES / "ca.pem"))
        with pipeline(to) as queue:
            queue.put(b"", record("secret"))
            assert queue.flush(10)
            queue.put(b"", record("second"))
            assert queue.flush(10)
            assert collector.names == ["secret", "second"]
            assert len(set(collector.peers)) == 1


def test_tls_with_a_client_certificate() -> None:
    with grpc_collector(tls=server_credentials(client=True)) as collector:
        to = target(
            collector.port,
            secure=True,
            certificate=str(CERTIFICATES / "ca.pem"),
            client_certificate=str(CERTIFICATES / "client.pem"),
            client_key=str(CERTIFICATES / "client.key"),
        )
        with pipeline(to) as queue:
            queue.put(b"", record("secret"))
            assert queue.flush(10)
            assert collector.names == ["secret"]


@pytest.mark.parametrize("trusted", ["other-ca.pem", "missing.pem"])
def test_tls_with_the_wrong_certificate_sends_nothing_and_says_what_to_set(
    trusted: str, caplog: pytest.LogCaptureFixture
) -> None:
    with grpc_collector(tls=server_credentials()) as collector:
        to = target(collector.port, secure=True, certificate=str(CERTIFICATES / trusted))
        with pipeline(to) as queue:
            queue.put(b"", record("secret"))
            deadline = time.monotonic() + 30
            while not caplog.messages:
                assert not queue.flush(0.2)
                assert time.monotonic() < deadline
            assert collector.names == []
            assert "OTEL_EXPORTER_OTLP_CERTIFICATE" in caplog.messages[0] or trusted in caplog.messages[0]
            assert settled(queue)


def test_tls_over_http_trusts_and_shows_the_certificates_it_was_given() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_verify_locations(CERTIFICATES / "ca.pem")
    context.load_cert_chain(CERTIFICATES / "server.pem", CERTIFICATES / "server.key")
    context.verify_mode = ssl.CERT_REQUIRED
    with http_collector(context) as collector:
        to = target(
            collector.port,
            "http/protobuf",
            secure=True,
            certificate=str(CERTIFICATES / "ca.pem"),
            client_certificate=str(CERTIFICATES / "client.pem"),
            client_key=str(CERTIFICATES / "client.key"),
        )
        with pipeline(to) as queue:
            queue.put(b"", record("secret"))
            assert queue.flush(10)
        assert collector.names == ["secret"]


def test_headers_are_sent_and_never_shown() -> None:
    with grpc_collector() as collector:
        to = target(collector.port, headers={"authorization": "Bearer planted"})
        with pipeline(to) as queue:
            queue.put(b"", record("one"))
            assert queue.flush(10)
        assert collector.metadata[0]["authorization"] == "Bearer planted"
        assert "planted" not in f"{to} {to!r}"


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_gzip_is_understood_by_the_receiver(protocol: str) -> None:
    with grpc_collector() as first, http_collector() as second:
        port = first.port if protocol == "grpc" else second.port
        with pipeline(target(port, protocol, gzip=True)) as queue:
            queue.put(b"", record("small"))
            assert queue.flush(10)
        assert first.names + second.names == ["small"]


def test_a_farewell_between_two_requests_costs_nothing() -> None:
    """A server that stops in an orderly way sends GOAWAY; the next request takes a new connection."""
    with grpc_collector() as collector, pipeline(target(collector.port)) as queue:
        queue.put(b"", record("first"))
        assert queue.flush(10)
        collector.stop()
        collector.start()
        queue.put(b"", record("second"))
        assert queue.flush(10)
        assert collector.names == ["first", "second"]
        assert queue.counts().dropped == {}


def test_after_shutdown_everything_is_counted_as_dropped() -> None:
    with pipeline(target(free_port())) as queue:
        queue.put(b"", record("before"))
        queue.shutdown(0.1)
        queue.put(b"", record("after"))
        assert queue.counts().dropped == {"shutdown": 2}
        assert settled(queue)


def _record_delays(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What receivers asked for, instead of waiting for it."""
    from shared.telemetry.otlp import exporter

    asked: list[float] = []

    def delay(failures: int, wish: float | None, chance: float) -> float:
        del failures, chance
        asked.append(-1.0 if wish is None else wish)
        return 0.0

    monkeypatch.setattr(exporter, "delay", delay)
    return asked
