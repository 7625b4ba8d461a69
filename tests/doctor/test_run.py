"""The doctor survives its own checks."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from temponest.doctor.finding import Finding, Severity, error, ok, warning
from temponest.doctor.run import Check, diagnose
from temponest.doctor.subject import Subject


def _crash(_: Subject) -> Iterator[Finding]:
    yield warning("seen before the crash", "why", "fix")
    raise RuntimeError("broken")


def _fine(_: Subject) -> Iterator[Finding]:
    yield ok("fine")


def test_a_crashed_check_is_a_finding_and_the_others_still_run() -> None:
    result = diagnose(Subject(), [Check("first", _crash), Check("second", _fine)])
    assert [check for check, _ in result.findings] == ["first", "first", "second"]
    assert "RuntimeError: broken" in result.findings[0][1].what
    assert result.severity is Severity.ERROR


def test_a_check_that_takes_too_long_is_a_finding() -> None:
    release = threading.Event()

    def hang(_: Subject) -> Iterator[Finding]:
        release.wait()
        yield from ()

    result = diagnose(Subject(), [Check("slow", hang, deadline=0.01), Check("second", _fine)])
    release.set()
    assert "took more than" in result.findings[0][1].what
    assert result.findings[1][1].what == "fine"


def test_a_check_whose_need_failed_is_left_out() -> None:
    def fail(_: Subject) -> Iterator[Finding]:
        yield error("no receiver", "why", "fix")

    result = diagnose(Subject(), [Check("endpoint", fail), Check("later", _fine, needs="endpoint")])
    assert [finding.what for _, finding in result.findings] == ["no receiver"]
