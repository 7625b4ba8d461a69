"""What is asked of log records beyond being valid protobuf."""

from __future__ import annotations

import time

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from .partial import Partial

# A record is copied a few times on its way; what is larger than a batch of the store is a file and no record.
MAX_RECORD = 4 * 1024 * 1024


def admit(request: ExportLogsServiceRequest, size: int) -> tuple[bool, Partial | None]:
    """Give records without any time that of their arrival, and take out those that are too large.

    Args:
        request: changed in place.
        size: its bytes; a small request holds no large record.

    Returns:
        Whether the request was changed, and what the sender is told of records that were refused.
    """
    changed, rejected = False, 0
    now = time.time_ns()
    for group in request.resource_logs:
        for scope in group.scope_logs:
            records = scope.log_records
            if size > MAX_RECORD:
                large = [index for index, record in enumerate(records) if record.ByteSize() > MAX_RECORD]
                for index in reversed(large):
                    del records[index]
                rejected += len(large)
            for record in records:
                if not record.time_unix_nano and not record.observed_time_unix_nano:
                    # The data model has whoever first sees a record note when that was.
                    record.observed_time_unix_nano = now
                    changed = True
    if not rejected:
        return changed, None
    reason = f"{rejected} log records are larger than {MAX_RECORD // 1024**2} MiB; send shorter ones"
    return True, Partial(rejected, reason)
