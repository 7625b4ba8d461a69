"""OTLP over gRPC: three services with one method each, on raw bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

import grpc

from ..model.signal import Signal
from ..store.errors import Closed, Full
from ..store.limits import MIB
from . import status
from .arriving import Arriving
from .errors import Refused
from .inflate import inflate
from .partial import Partial
from .receiver import Claim, Receiver, refusal

SERVICES = {
    Signal.TRACES: "opentelemetry.proto.collector.trace.v1.TraceService",
    Signal.METRICS: "opentelemetry.proto.collector.metrics.v1.MetricsService",
    Signal.LOGS: "opentelemetry.proto.collector.logs.v1.LogsService",
}

# Requests wait for the log together, so a few threads keep it busy; more would only hold more bodies.
THREADS = 8

# A message as it comes over the wire, compressed or not. gRPC holds it three times while it hands it over,
# before anybody could count it. The Collector's default is a quarter of it.
MAX_MESSAGE = 16 * MIB

# An empty Export*ServiceResponse: everything was accepted (OTLP, "Full Success").
_SUCCESS = b""

_CODES = {code.value[0]: code for code in grpc.StatusCode}

_Handler: TypeAlias = Callable[[Iterator[bytes], grpc.ServicerContext], bytes]


def start(receiver: Receiver, address: str) -> tuple[grpc.Server, int]:
    """Listen for OTLP/gRPC.

    Args:
        receiver: takes the requests.
        address: `host:port`; port 0 takes a free one.

    Returns:
        The running server and its port.

    Raises:
        RuntimeError: the address cannot be bound.
    """
    server = grpc.server(
        ThreadPoolExecutor(THREADS, thread_name_prefix="nest-grpc"),
        options=[
            ("grpc.max_receive_message_length", min(MAX_MESSAGE, receiver.max_body)),
            # What nobody has asked for yet waits with the sender, whatever the network could carry.
            ("grpc.http2.bdp_probe", 0),
            ("grpc.http2.lookahead_bytes", 64 * 1024),
            # gRPC would inflate each message before anybody could say that there is no room for it.
            ("grpc.per_message_decompression", 0),
            # Without this a second process could listen on the same port and take half of the requests.
            ("grpc.so_reuseport", 0),
        ],
    )
    arriving = Arriving()
    for signal, service in SERVICES.items():
        export = _export(receiver, signal, arriving)
        # The same on the wire as a method that takes one message, but the message is read when we ask for it.
        method: grpc.RpcMethodHandler[bytes, bytes] = grpc.stream_unary_rpc_method_handler(export)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {"Export": method}),))
    port = server.add_insecure_port(address)
    server.start()
    return server, port


def _export(receiver: Receiver, signal: Signal, arriving: Arriving) -> _Handler:
    def export(messages: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
        try:
            receiver.authorize(_authorization(context))
            with receiver.claim() as claim:
                # No name is given to the message, so it is not held beside what came of it.
                partial = _take(
                    receiver, signal, _plain(receiver, claim, _counted(messages, claim, arriving))
                )
        except Refused as refused:
            receiver.count(refused)
            context.set_trailing_metadata((("grpc-status-details-bin", status.encode(refused)),))
            context.abort(_CODES[int(refused.code)], refused.message)
        receiver.count(None)
        return partial.protobuf() if partial else _SUCCESS

    return export


def _authorization(context: grpc.ServicerContext) -> bytes:
    for key, value in context.invocation_metadata():
        if key == "authorization":
            return value.encode() if isinstance(value, str) else value
    return b""


def _counted(messages: Iterator[bytes], claim: Claim, arriving: Arriving) -> bytes:
    with arriving:
        message = next(messages, b"")
        claim.grow(len(message))
    return message


def _plain(receiver: Receiver, claim: Claim, message: bytes) -> bytes | bytearray:
    return inflate(message, _encoding(message), receiver.max_body, claim.grow)


def _take(receiver: Receiver, signal: Signal, plain: bytes | bytearray) -> Partial | None:
    try:
        future, partial = receiver.accept(signal, plain)
        future.result()
    except (Full, Closed) as error:
        raise refusal(error) from None
    return partial


def _encoding(message: bytes) -> str:
    """How a message is compressed; gRPC tells it in a header that does not reach a handler.

    An OTLP request begins with its field 1, the byte 0x0A, or is empty. A gzip stream begins with 1F 8B,
    which is no protobuf at all, and a zlib stream with a byte that ends in 8 and a checksum of both first
    bytes.
    """
    if message[:2] == b"\x1f\x8b":
        return "gzip"
    if len(message) > 1 and message[0] & 0x0F == 8 and (message[0] << 8 | message[1]) % 31 == 0:
        return "deflate"
    return ""
