"""Requests and questions at once."""

from __future__ import annotations

import threading

import pytest

from temponest.nest.ingest import decode
from temponest.nest.ingest.partial import Partial
from temponest.nest.model.signal import Signal

from .conftest import Nest
from .messages import request


def test_a_request_lets_questions_go_before_it_is_checked_a_small_one_not_for_long(
    nest: Nest, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[float | str] = []
    check, here = decode.check, threading.get_ident()

    def waiting(seconds: float) -> None:
        # The store gives way, too, in its own thread.
        if threading.get_ident() == here:
            done.append(seconds)

    monkeypatch.setattr(nest.store.precedence, "wait", waiting)

    def checking(signal: Signal, body: bytes) -> tuple[bytes, Partial | None]:
        done.append("check")
        return check(signal, body)

    monkeypatch.setattr(decode, "check", checking)
    for spans in (1, 10_000):
        body = request(bytes(15) + b"1", spans).SerializeToString()
        nest.receiver.accept(Signal.TRACES, body)[0].result(timeout=60)
    small, checked, large, *_ = done
    assert checked == "check"
    assert isinstance(small, float)
    assert small < 0.0001
    assert large == 0.02


def test_requests_are_taken_while_a_question_never_ends(nest: Nest) -> None:
    with nest.store.precedence.asking():
        body = request(bytes(15) + b"2").SerializeToString()
        nest.receiver.accept(Signal.TRACES, body)[0].result(timeout=60)
    nest.store.flush()
