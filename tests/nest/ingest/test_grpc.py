from __future__ import annotations

import gzip
import secrets
import threading
import zlib
from collections.abc import Callable, Iterator
from typing import cast

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from temponest.nest.ingest import arriving
from temponest.nest.ingest.grpc import SERVICES, start
from temponest.nest.ingest.receiver import IN_FLIGHT, Receiver
from temponest.nest.model.signal import Signal
from temponest.nest.store.errors import Full

from .conftest import MAX_BODY, Nest, in_flight
from .messages import request


def export(nest: Nest, body: bytes, signal: Signal = Signal.TRACES, **options: object) -> bytes:
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = nest.channel.unary_unary(f"/{SERVICES[signal]}/Export")
    return call(body, timeout=10, **options)  # type: ignore[arg-type]  # options are grpc's own


def refusal(error: grpc.RpcError) -> tuple[grpc.StatusCode, status_pb2.Status]:
    call = cast("grpc.Call", error)
    details = dict(call.trailing_metadata() or ())["grpc-status-details-bin"]
    assert isinstance(details, bytes)
    return call.code(), status_pb2.Status.FromString(details)


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_a_request_is_kept_when_it_is_acknowledged(nest: Nest, compression: grpc.Compression) -> None:
    trace_id = secrets.token_bytes(16)
    assert export(nest, request(trace_id, spans=3).SerializeToString(), compression=compression) == b""
    assert len(nest.spans.traces([trace_id], lambda: False)[trace_id]) == 3


@pytest.mark.parametrize("signal", Signal)
def test_every_signal_has_its_service(nest: Nest, signal: Signal) -> None:
    assert export(nest, b"", signal) == b""


def test_what_is_no_request_is_invalid_and_not_to_be_retried(nest: Nest) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        export(nest, b"\xff\xff")
    code, status = refusal(refused.value)
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert status.details[0].Is(error_details_pb2.BadRequest.DESCRIPTOR)


def test_a_full_store_is_unavailable_with_the_time_to_wait(
    nest: Nest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise Full("the disk is full", retry_after=2.5)

    monkeypatch.setattr(nest.store, "append", full)
    with pytest.raises(grpc.RpcError) as refused:
        export(nest, b"")
    code, status = refusal(refused.value)
    retry = error_details_pb2.RetryInfo()
    assert code is grpc.StatusCode.UNAVAILABLE
    assert status.details[0].Unpack(retry)
    assert (retry.retry_delay.seconds, retry.retry_delay.nanos) == (2, 500_000_000)


def test_a_request_that_is_too_large_is_refused(nest: Nest) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        export(nest, bytes(MAX_BODY + 1))
    assert cast("grpc.Call", refused.value).code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_bomb_is_refused_for_the_room_it_takes_before_it_is_inflated(nest: Nest) -> None:
    """Many small messages that inflate to megabytes each must not be megabytes all at once."""
    with in_flight(nest.receiver, IN_FLIGHT - MAX_BODY // 4), pytest.raises(grpc.RpcError) as refused:
        export(nest, bytes(MAX_BODY), compression=grpc.Compression.Gzip)
    code, status = refusal(refused.value)
    retry = error_details_pb2.RetryInfo()
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert status.details[0].Unpack(retry)
    assert retry.retry_delay.seconds == 1


@pytest.mark.parametrize("compression", [grpc.Compression.Gzip, grpc.Compression.Deflate])
def test_a_message_that_is_too_large_inflated_is_refused(nest: Nest, compression: grpc.Compression) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        export(nest, bytes(MAX_BODY + 1), compression=compression)
    code, status = refusal(refused.value)
    assert (code, status.details) == (grpc.StatusCode.RESOURCE_EXHAUSTED, [])


def test_deflate_is_taken(nest: Nest) -> None:
    trace_id = secrets.token_bytes(16)
    export(nest, request(trace_id).SerializeToString(), compression=grpc.Compression.Deflate)
    assert trace_id in nest.spans.traces([trace_id], lambda: False)


def test_a_receiver_with_a_token_takes_nothing_without_it(nest: Nest) -> None:
    server, port = start(Receiver(nest.store, token="secret"), "127.0.0.1:0")
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes]
        call = channel.unary_unary(f"/{SERVICES[Signal.TRACES]}/Export")
        with pytest.raises(grpc.RpcError) as refused:
            call(b"", timeout=10)
        assert cast("grpc.Call", refused.value).code() is grpc.StatusCode.UNAUTHENTICATED
        assert call(b"", timeout=10, metadata=(("authorization", "Bearer secret"),)) == b""
    server.stop(0).wait()


def test_senders_that_never_finish_keep_nobody_out(nest: Nest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arriving, "SECONDS", 0.01)
    never = threading.Event()

    def unfinished() -> Iterator[bytes]:
        never.wait()
        yield b""

    server, port = start(Receiver(nest.store), "127.0.0.1:0")
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        path = f"/{SERVICES[Signal.TRACES]}/Export"
        begin: grpc.StreamUnaryMultiCallable[bytes, bytes] = channel.stream_unary(path)
        hanging = [begin.future(unfinished()) for _ in range(2 * arriving.AT_ONCE)]
        whole: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(path)
        assert whole(b"", timeout=60) == b""
        assert not any(call.done() for call in hanging)
        never.set()
        assert [call.result(timeout=60) for call in hanging] == [b""] * len(hanging)
    server.stop(0).wait()


def _changed(spans: int, at: int, byte: int) -> bytes:
    """A request of which one byte is another."""
    whole = request(b"t" * 16, spans, text="x").SerializeToString()
    return whole[:at] + bytes((byte,)) + whole[at + 1 :]


@settings(deadline=None)
@given(
    body=st.binary(max_size=300)
    | st.builds(_changed, st.integers(0, 3), st.integers(0, 300), st.integers(0, 255)),
    signal=st.sampled_from(Signal),
    packed=st.sampled_from([bytes, gzip.compress, zlib.compress]),
)
def test_no_bytes_at_all_stop_the_receiver(
    nest: Nest, body: bytes, signal: Signal, packed: Callable[[bytes], bytes]
) -> None:
    """Raw messages, some of them compressed: taken, or refused as what cannot be read."""
    code = grpc.StatusCode.OK
    try:
        export(nest, packed(body), signal)
    except grpc.RpcError as error:
        code = cast("grpc.Call", error).code()
    assert code in (grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT)
    assert export(nest, b"", signal) == b""


def test_the_official_exporter_delivers(nest: Nest) -> None:
    provider = TracerProvider()
    exporter = OTLPSpanExporter(endpoint=nest.address, insecure=True)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with provider.get_tracer("test").start_as_current_span("official") as span:
        trace_id = span.get_span_context().trace_id.to_bytes(16, "big")
    provider.shutdown()
    assert [span.name for span in nest.spans.traces([trace_id], lambda: False)[trace_id]] == ["official"]
