"""The checks in order, each with a deadline."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from .checks import clock, endpoint, environment, propagation, proxy, round_trip, sampling, service
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
    """

    name: str
    find: Callable[[Subject], Iterable[Finding]]
    deadline: float = 1.0
    needs: str | None = None


# What is read comes before what is asked of others: a wrong variable explains what follows from it.
CHECKS: Final = (
    Check("environment", environment.check),
    Check("sampling", sampling.check),
    Check("propagation", propagation.check),
    Check("proxy", proxy.check),
    Check("endpoint", endpoint.check, deadline=12.0),
    Check("clock", clock.check, deadline=5.0, needs="endpoint"),
    Check("service", service.check, deadline=9.0),
    Check("round trip", round_trip.check, deadline=9.0, needs="endpoint"),
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
    found: list[tuple[str, Finding]] = []
    failed: set[str] = set()
    for check in checks:
        if check.needs in failed:
            continue
        findings = _run(check, subject)
        found += [(check.name, finding) for finding in findings]
        if any(finding.severity is Severity.ERROR for finding in findings):
            failed.add(check.name)
    found.sort(key=lambda pair: -pair[1].severity)
    return Result(found)


def _run(check: Check, subject: Subject) -> list[Finding]:
    findings: list[Finding] = []
    crash: list[Exception] = []

    def work() -> None:
        try:
            findings.extend(check.find(subject))
        except Exception as problem:  # noqa: BLE001 - a check that fails must not hide what the others find
            crash.append(problem)

    thread = threading.Thread(target=work, name=f"doctor-{check.name}", daemon=True)
    thread.start()
    thread.join(check.deadline)
    if thread.is_alive():
        return [
            *findings,
            warning(
                f"the check of the {check.name} took more than {check.deadline:g} s",
                "what it would have found is unknown",
                "run temponest doctor again; if it stays, look at what answers so slowly",
            ),
        ]
    if crash:
        return [*findings, _crashed(check, crash[0])]
    return findings


def _crashed(check: Check, problem: Exception) -> Finding:
    return error(
        f"the check of the {check.name} failed: {type(problem).__name__}: {str(problem)[:160]}",
        "this is a fault of the doctor, not of your set-up",
        "report it with the output of temponest doctor --json",
    )
