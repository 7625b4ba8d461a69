"""`google.rpc.Status`, the body of every refusal (OTLP specification, "Failures")."""

from __future__ import annotations

import json

from google.protobuf import json_format
from google.rpc import error_details_pb2, status_pb2

from .errors import Code, Refused


def encode(refused: Refused) -> bytes:
    """The status with its details: RetryInfo where trying again helps, BadRequest for bad data."""
    encoded: bytes = _status(refused).SerializeToString()
    return encoded


def to_json(refused: Refused) -> bytes:
    """The same in protobuf's JSON form, for senders of JSON."""
    return json.dumps(json_format.MessageToDict(_status(refused))).encode()


def _status(refused: Refused) -> status_pb2.Status:
    status = status_pb2.Status(code=int(refused.code), message=refused.message)
    if refused.retry_after is not None:
        info = error_details_pb2.RetryInfo()
        info.retry_delay.FromNanoseconds(int(refused.retry_after * 1e9))
        status.details.add().Pack(info)
    elif refused.code is Code.INVALID_ARGUMENT:
        bad = error_details_pb2.BadRequest()
        bad.field_violations.add(description=refused.message)
        status.details.add().Pack(bad)
    return status
