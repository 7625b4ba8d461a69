"""Findings for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator

from rich.text import Text

from .finding import Severity
from .run import Result

_LOOKS = {Severity.OK: ("✓", "green"), Severity.WARNING: ("!", "yellow"), Severity.ERROR: ("✗", "red")}


def for_people(result: Result) -> Iterator[Text]:
    """Lines: one in green when all is well, else two for each problem, of which the second is its fix."""
    problems = [finding for _, finding in result.findings if finding.severity is not Severity.OK]
    for finding in problems:
        sign, colour = _LOOKS[finding.severity]
        yield Text.assemble((f"{sign} {finding.what}", colour), f": {finding.why}")
        yield Text(f"  fix: {finding.fix}")
    if not problems:
        said = "; ".join(finding.what for _, finding in result.findings) or "nothing is wrong"
        yield Text(f"✓ {said}", "green")


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
