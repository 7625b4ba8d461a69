"""Questions go before work that can wait."""

from __future__ import annotations

import threading
from unittest.mock import Mock

import pytest

from temponest.nest.store import precedence
from temponest.nest.store.precedence import Precedence


def test_a_worker_does_not_pause_while_nobody_asks() -> None:
    precedence_ = Precedence()
    precedence_._changed = Mock(side_effect=AssertionError("waited"))
    precedence_.worker().give_way()


def test_a_worker_pauses_until_the_question_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precedence, "_TIMES", 10**6)
    monkeypatch.setattr(precedence, "_LONGEST", 60)
    order: list[str] = []
    asked = Precedence()
    worker = asked.worker()

    def work() -> None:
        worker.give_way()
        order.append("work")

    with asked.asking():
        thread = threading.Thread(target=work)
        thread.start()
        order.append("answer")
    thread.join()
    assert order == ["answer", "work"]


def test_work_goes_on_while_questions_never_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precedence, "_LONGEST", 0.001)
    asked = Precedence()
    worker = asked.worker()
    with asked.asking():
        worker.give_way()


def test_a_question_that_fails_is_over() -> None:
    asked = Precedence()
    with pytest.raises(ZeroDivisionError), asked.asking():
        raise ZeroDivisionError
    assert not asked._under_way
