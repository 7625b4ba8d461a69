"""Findings for people and for programs."""

from __future__ import annotations

import json

import click

from .finding import Finding, Severity
from .run import Result

_LOOKS = {Severity.OK: ("✓", "green"), Severity.WARNING: ("!", "yellow"), Severity.ERROR: ("✗", "red")}


def for_people(result: Result) -> str:
    """One green line when all is well, else each problem with its fix."""
    problems = [finding for _, finding in result.findings if finding.severity is not Severity.OK]
    if problems:
        return "\n".join(map(_problem, problems))
    said = "; ".join(finding.what for _, finding in result.findings) or "nothing is wrong"
    return click.style(f"✓ {said}", fg="green")


def as_json(result: Result) -> str:
    """An object with the worst `severity` and all `findings`, those that say OK included."""
    return json.dumps(
        {
            "severity": result.severity.name.lower(),
            "findings": [
                {
                    "check": check,
                    "severity": finding.severity.name.lower(),
                    "what": finding.what,
                    "why": finding.why,
                    "fix": finding.fix,
                }
                for check, finding in result.findings
            ],
        },
        indent=2,
    )


def _problem(finding: Finding) -> str:
    sign, colour = _LOOKS[finding.severity]
    return f"{click.style(f'{sign} {finding.what}', fg=colour)}: {finding.why}\n  fix: {finding.fix}"
