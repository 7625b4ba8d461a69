"""A provider whose spans are read back from the bytes it sends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.resources import Resource

from shared.telemetry.trace.provider import TracerProvider


class Sent(list[Span]):
    """The spans a provider sent, decoded, in the order in which they ended."""

    def names(self) -> list[str]:
        return [span.name for span in self]

    def named(self, name: str) -> Span:
        return next(span for span in self if span.name == name)

    def take(self, scope: bytes, record: bytes) -> None:
        del scope
        self.append(Span.FromString(record))


@pytest.fixture
def sent() -> Sent:
    return Sent()


@pytest.fixture
def provide(sent: Sent) -> Callable[..., TracerProvider]:
    """Makes a provider that sends to `sent`; arguments are those of TracerProvider."""

    def make(**options: Any) -> TracerProvider:
        provider = TracerProvider(resource=Resource({"service.name": "test"}), **options)
        provider.send_to(sent.take)
        return provider

    return make
