"""A span as the tests of the pages keep it, and how one is made."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

Value = str | int | float | bool | list[str]
INTERNAL, SERVER, CLIENT = 1, 2, 3
MS = 1_000_000


@dataclass
class Record:
    """One span as the stand-in keeps it; times in nanoseconds."""

    trace_id: bytes
    span_id: bytes
    parent_id: bytes
    service: str
    name: str
    kind: int
    start: int
    duration: int
    attributes: dict[str, Value] = field(default_factory=dict)
    resource: dict[str, Value] = field(default_factory=dict)
    error: str | None = None
    events: list[tuple[int, str, dict[str, Value]]] = field(default_factory=list)
    links: list[tuple[bytes, bytes]] = field(default_factory=list)


class Maker:
    """Makes traces from one seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - the same data in every run is what is wanted

    def id(self, size: int) -> bytes:
        return self.random.randbytes(size)

    def span(
        self,
        parent: Record | None,
        service: str,
        name: str,
        kind: int,
        start: int,
        duration: int,
        **attributes: Value,
    ) -> Record:
        return Record(
            trace_id=parent.trace_id if parent else self.id(16),
            span_id=self.id(8),
            parent_id=parent.span_id if parent else b"",
            service=service,
            name=name,
            kind=kind,
            start=start,
            duration=max(1000, duration),
            attributes={key.replace("__", "."): value for key, value in attributes.items()},
            resource={
                "service.name": service,
                "service.version": "1.4.2" if service.endswith("agents") else "1.1.0",
                "deployment.environment.name": "demo",
                "telemetry.sdk.name": "temponest",
                "host.name": "nest-1",
            },
        )
