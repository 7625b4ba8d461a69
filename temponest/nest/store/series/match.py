"""Which series a list of label matchers selects."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from ...model.series import Labels, Matcher, MatchOperator


class Selector:
    """Matchers compiled once; every value is matched once however many series have it."""

    def __init__(self, matchers: Sequence[Matcher]) -> None:
        self._tests = [(matcher.name, _test(matcher)) for matcher in matchers]

    def matches(self, labels: Labels) -> bool:
        """Whether the series satisfies every matcher; a label it lacks counts as empty."""
        values = dict(labels)
        return all(test(values.get(name, "")) for name, test in self._tests)


def _test(matcher: Matcher) -> Callable[[str], bool]:
    wanted = matcher.value
    if matcher.operator is MatchOperator.EQ:
        return lambda value: value == wanted
    if matcher.operator is MatchOperator.NE:
        return lambda value: value != wanted
    # Arrow's matcher is RE2: linear in the value whatever the pattern, as Prometheus promises.
    pattern = f"^(?s:{wanted})$"
    seen: dict[str, bool] = {}
    sought = matcher.operator is MatchOperator.MATCH

    def test(value: str) -> bool:
        found = seen.get(value)
        if found is None:
            found = seen[value] = pc.match_substring_regex(pa.scalar(value), pattern).as_py()
        return found is sought

    return test
