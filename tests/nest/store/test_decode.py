"""Decoding in one step, or in short ones while somebody asks."""

from __future__ import annotations

import pytest

from temponest.nest.store import wire
from temponest.nest.store.decode import Decoder

from .otlp import Given, body

BODIES = [body(*(Given(trace=trace, span=number) for number in range(1, 4))) for trace in range(1, 6)]


@pytest.mark.parametrize("step", [1, len(BODIES[0]) + 1, 10**6])
def test_short_steps_decode_to_the_same_spans(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "_STEP_BYTES", step)
    assert Decoder(10, asked=lambda: True).decode(BODIES).equals(Decoder(10).decode(BODIES))


def test_the_decoder_pauses_after_each_step_while_somebody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "_STEP_BYTES", 1)
    short: list[None] = []
    Decoder(10, lambda: short.append(None), lambda: True).decode(BODIES)
    usual: list[None] = []
    Decoder(10, lambda: usual.append(None)).decode(BODIES)
    assert len(short) == len(usual) + len(BODIES)


def test_nothing_decodes_to_nothing_while_somebody_asks() -> None:
    assert Decoder(10, asked=lambda: True).decode([]).num_rows == 0


def test_a_bad_body_is_an_error_in_short_steps_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "_STEP_BYTES", 1)
    with pytest.raises(ValueError, match=r".+"):
        Decoder(10, asked=lambda: True).decode([*BODIES, b"\x0a\xff"])
