"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Severity(IntEnum):
    """How bad it is; the value is the exit code of `temponest doctor`."""

    OK = 0
    WARNING = 1
    ERROR = 2


@dataclass(frozen=True, slots=True)
class Finding:
    """One line for people.

    Attributes:
        severity: OK says what works; an error keeps data from arriving.
        what: what was seen, without secrets.
        why: what that does to traces and metrics.
        fix: what to do about it, in one line.
        explains: name of a check; where that fails, this is an error too and comes before it.
    """

    severity: Severity
    what: str
    why: str = ""
    fix: str = ""
    explains: str = ""


def ok(what: str) -> Finding:
    """Something works."""
    return Finding(Severity.OK, what)


def warning(what: str, why: str, fix: str, *, explains: str = "") -> Finding:
    """Data arrives, but not all of it or not as it is meant."""
    return Finding(Severity.WARNING, what, why, fix, explains)


def error(what: str, why: str, fix: str) -> Finding:
    """Data does not arrive."""
    return Finding(Severity.ERROR, what, why, fix)
