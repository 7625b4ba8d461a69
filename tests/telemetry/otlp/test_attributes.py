from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from shared.telemetry.otlp.attributes import AttributeEncoder


def decode(encoded: bytes) -> list[tuple[str, Any]]:
    pairs = []
    for pair in Span.FromString(encoded).attributes:
        kind = pair.value.WhichOneof("value")
        pairs.append((pair.key, getattr(pair.value, kind) if kind else None))
    return pairs


@pytest.fixture
def encoder() -> AttributeEncoder:
    return AttributeEncoder(b"\x4a")


def test_equal_values_of_different_types_keep_their_type(encoder: AttributeEncoder) -> None:
    for value in (1, True, 1.0, 0, False, 0.0, 1, True, 1.0):
        ((_, decoded),) = decode(encoder.encode({"k": value}))
        assert type(decoded) is type(value)
        assert decoded == value


def test_a_known_pair_is_the_same_object_again(encoder: AttributeEncoder) -> None:
    encoder.encode({"k": "v"})

    assert encoder["k", "v"] is encoder["k", "v"]


def test_a_key_with_many_values_does_not_fill_the_table(encoder: AttributeEncoder) -> None:
    for n in range(10_000):
        assert decode(encoder.encode({"path": f"/{n}", "n": n})) == [("path", f"/{n}"), ("n", n)]

    assert len(encoder) < 300


def test_a_flood_of_keys_and_values_stays_bounded(encoder: AttributeEncoder) -> None:
    for n in range(10_000):
        encoder.encode({f"k{n}": "v" * 100})
        assert len(encoder) <= 4096

    assert decode(encoder.encode({"k": "v"})) == [("k", "v")]


def test_long_values_are_not_kept(encoder: AttributeEncoder) -> None:
    value = "x" * 10_000

    assert decode(encoder.encode({"k": value})) == [("k", value)]
    assert len(encoder) == 0


def test_a_secret_name_never_carries_its_value(encoder: AttributeEncoder) -> None:
    assert decode(encoder.encode({"app.password": "hunter2"})) == [("app.password", "REDACTED")]


def test_what_cannot_be_a_key_is_left_out(encoder: AttributeEncoder) -> None:
    attributes: Any = {"": 1, 5: 2, "k": 3}

    assert decode(encoder.encode(attributes)) == [("k", 3)]
