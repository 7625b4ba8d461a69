"""OTLP over gRPC: three services with one method each, on raw bytes."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

import grpc

from ..model.signal import Signal
from ..store.errors import Closed, Full
from . import status
from .errors import Refused
from .partial import Partial
from .receiver import Receiver, refusal

SERVICES = {
    Signal.TRACES: "opentelemetry.proto.collector.trace.v1.TraceService",
    Signal.METRICS: "opentelemetry.proto.collector.metrics.v1.MetricsService",
    Signal.LOGS: "opentelemetry.proto.collector.logs.v1.LogsService",
}

# Requests wait for the log together, so a few threads keep it busy; more would only hold more bodies.
THREADS = 8

# An empty Export*ServiceResponse: everything was accepted (OTLP, "Full Success").
_SUCCESS = b""

_CODES = {code.value[0]: code for code in grpc.StatusCode}

_Handler: TypeAlias = Callable[[bytes, grpc.ServicerContext], bytes]


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
            ("grpc.max_receive_message_length", receiver.max_body),
            # Without this a second process could listen on the same port and take half of the requests.
            ("grpc.so_reuseport", 0),
        ],
    )
    for signal, service in SERVICES.items():
        export = _export(receiver, signal)
        method: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(export)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {"Export": method}),))
    port = server.add_insecure_port(address)
    server.start()
    return server, port


def _export(receiver: Receiver, signal: Signal) -> _Handler:
    def export(body: bytes, context: grpc.ServicerContext) -> bytes:
        try:
            partial = _take(receiver, signal, body)
        except Refused as refused:
            receiver.count(refused)
            context.set_trailing_metadata((("grpc-status-details-bin", status.encode(refused)),))
            context.abort(_CODES[int(refused.code)], refused.message)
        receiver.count(None)
        return partial.protobuf() if partial else _SUCCESS

    return export


def _take(receiver: Receiver, signal: Signal, body: bytes) -> Partial | None:
    receiver.reserve(len(body))
    try:
        future, partial = receiver.accept(signal, body)
        future.result()
        return partial
    except (Full, Closed) as error:
        raise refusal(error) from None
    finally:
        receiver.release(len(body))
