"""The transport for a target: `h2` or the standard library, else what the official exporter brings."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

from .exporter import Transport
from .target import Target


def transport_for(target: Target) -> Callable[[Target], Transport]:
    """What makes the transport of a target; its library is loaded now, before the first request.

    Args:
        target: its protocol decides.

    Raises:
        ImportError: gRPC is asked for, and neither `h2` nor the official gRPC exporter is installed.
    """
    if target.protocol != "grpc":
        from .http import HttpTransport

        return HttpTransport
    if find_spec("h2") is not None:
        from .grpc import GrpcTransport

        return GrpcTransport
    if find_spec("opentelemetry.exporter.otlp.proto.grpc") is not None:
        from .official import OfficialTransport

        return OfficialTransport
    raise ImportError(
        "OTLP over gRPC needs h2: pip install h2, or set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"
    )
