"""The checks in order, each with a deadline."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final

from .checks import (
    backlog,
    clock,
    endpoint,
    environment,
    propagation,
    proxy,
    round_trip,
    sampling,
    service,
    vendors,
    workers,
)
from .finding import Finding, Severity, error, warning
from .subject import Subject


@dataclass(frozen=True, slots=True)
class Check:
    """One concern.

    Attributes:
        name: how reports call it.
        find: yields what it finds.
        deadline: seconds that it may take.
        needs: a check without which this one would only repeat the same error.
        looks: how often it waits for as long as the subject says, beside the deadline.
    """

    name: str
    find: Callable[[Subject], Iterable[Finding]]
    deadline: float = 1.0
    needs: str | None = None
    looks: int = 0


_USER: Final = re.compile(r"://[^/@\s]*@")

# What is read comes before what is asked of others: a wrong variable explains what follows from it.
CHECKS: Final = (
    Check("environment", environment.check),
    Check("sampling", sampling.check),
    Check("propagation", propagation.check),
    Check("proxy", proxy.check),
    Check("workers", workers.check),
    Check("vendor", vendors.check),
    Check("endpoint", endpoint.check, deadline=12.0),
    Check("clock", clock.check, deadline=5.0, needs="endpoint"),
    Check("service", service.check, deadline=9.0),
    Check("round trip", round_trip.check, deadline=4.0, needs="endpoint", looks=2),
    Check("backlog", backlog.check, deadline=4.0, needs="endpoint"),
)


@dataclass(frozen=True, slots=True)
class Result:
    """What was found, worst first and in the order of the checks; `check` is the name of each one's check."""

    findings: list[tuple[str, Finding]]

    @property
    def severity(self) -> Severity:
        """The worst of all."""
        return max((finding.severity for _, finding in self.findings), default=Severity.OK)


def diagnose(subject: Subject, checks: Iterable[Check] = CHECKS) -> Result:
    """Run the checks; one that crashes or takes too long is a finding of its own.

    Args:
        subject: what to examine.
        checks: in this order.
    """
    ordered = list(checks)
    # What depends on nothing starts at once, so that slow ones wait for their answers side by side.
    running = {check.name: _Running(check, subject) for check in ordered if check.needs is None}
    found: list[tuple[str, Finding]] = []
    failed: set[str] = set()
    for check in ordered:
        if check.needs in failed:
            continue
        findings = (running.get(check.name) or _Running(check, subject)).result()
        found += [(check.name, _without_secrets(finding)) for finding in findings]
        if any(finding.severity is Severity.ERROR for finding in findings):
            failed.add(check.name)
    found = [(check, _with_consequence(finding, failed)) for check, finding in found]
    found.sort(key=lambda pair: -pair[1].severity)
    return Result(found)


def _with_consequence(finding: Finding, failed: set[str]) -> Finding:
    """An error where what it explains failed: an ignored value does no harm until something needs it."""
    return replace(finding, severity=Severity.ERROR) if finding.explains in failed else finding


def _without_secrets(finding: Finding) -> Finding:
    """Addresses without user and password, whoever put them into a message."""
    what, why, fix = (_USER.sub("://", text) for text in (finding.what, finding.why, finding.fix))
    return replace(finding, what=what, why=why, fix=fix)


class _Running:
    """A check in a thread of its own, which a hanging one may keep without keeping the program."""

    def __init__(self, check: Check, subject: Subject) -> None:
        self._check = check
        self._findings: list[Finding] = []
        self._crash: Exception | None = None
        self._until = time.monotonic() + check.deadline + check.looks * subject.wait
        self._thread = threading.Thread(
            target=self._work, args=(subject,), name=f"doctor-{check.name}", daemon=True
        )
        self._thread.start()

    def _work(self, subject: Subject) -> None:
        try:
            self._findings.extend(self._check.find(subject))
        except Exception as problem:  # noqa: BLE001 - a check that fails must not hide what the others find
            self._crash = problem

    def result(self) -> list[Finding]:
        """What it found by its deadline."""
        self._thread.join(max(0.0, self._until - time.monotonic()))
        if self._thread.is_alive():
            return [*self._findings, _too_slow(self._check)]
        return (
            self._findings if self._crash is None else [*self._findings, _crashed(self._check, self._crash)]
        )


def _too_slow(check: Check) -> Finding:
    return warning(
        f"the check of the {check.name} took more than {check.deadline:g} s",
        "what it would have found is unknown",
        "run temponest doctor again; if it stays, look at what answers so slowly",
    )


def _crashed(check: Check, problem: Exception) -> Finding:
    return error(
        f"the check of the {check.name} failed: {type(problem).__name__}: {str(problem)[:160]}",
        "this is a fault of the doctor, not of your set-up",
        "report it with the output of temponest doctor --json",
    )
