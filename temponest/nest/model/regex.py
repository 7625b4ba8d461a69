"""Regular expressions of queries: RE2, so that every pattern takes linear time."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import re2

# A program larger than this is refused: patterns come from whoever can reach the port.
MAX_PROGRAM_BYTES = 1 << 20


@lru_cache(maxsize=256)
def _compile(pattern: str) -> re2._Regexp[bytes]:
    options = re2.Options()
    options.max_mem = MAX_PROGRAM_BYTES
    options.log_errors = False
    return re2.compile(pattern.encode(), options)


def check_pattern(pattern: str) -> str | None:
    """What is wrong with a pattern, or None."""
    try:
        _compile(pattern)
    except re2.error as error:
        reason = error.args[0] if error.args else "malformed"
        return reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
    return None


def compiled(pattern: str) -> re2._Regexp[bytes]:
    """The pattern over bytes, for its groups; `check_pattern` must have passed."""
    return _compile(pattern)


def searcher(pattern: str) -> Callable[[str], bool]:
    """A test whether any part of a string matches; `check_pattern` must have passed."""
    search = _compile(pattern).search
    return lambda text: search(text.encode()) is not None


def matcher(pattern: str) -> Callable[[str], bool]:
    """A test whether a whole string matches; `check_pattern` must have passed."""
    fullmatch = _compile(pattern).fullmatch
    # Of bytes the binding reports offsets as they are; of text it counts characters, three times as slow.
    return lambda text: fullmatch(text.encode()) is not None
