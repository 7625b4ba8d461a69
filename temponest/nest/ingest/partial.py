"""Partial success: which records of a request were refused for ever, while the others are kept."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse


@dataclass(frozen=True, slots=True)
class Partial:
    """What a sender of log records is told; it must not send the refused ones again.

    Attributes:
        rejected: how many.
        message: why, and what to do.
    """

    rejected: int
    message: str

    @classmethod
    def together(cls, parts: Iterable[Partial | None]) -> Partial | None:
        """What to say of a request that was taken in parts; None when nothing is to be said of any."""
        said = [part for part in parts if part is not None]
        return cls(sum(part.rejected for part in said), said[0].message) if said else None

    def protobuf(self) -> bytes:
        """As `ExportLogsServiceResponse`."""
        response = ExportLogsServiceResponse()
        response.partial_success.rejected_log_records = self.rejected
        response.partial_success.error_message = self.message
        encoded: bytes = response.SerializeToString()
        return encoded

    def json(self) -> bytes:
        """The same in OTLP/JSON, where 64-bit numbers are text."""
        partial = {"rejectedLogRecords": str(self.rejected), "errorMessage": self.message}
        return json.dumps({"partialSuccess": partial}).encode()
