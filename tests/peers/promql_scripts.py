"""Run Prometheus' own test scripts on our engine and print what passes, by file and by function.

Usage: python -m tests.peers.promql_scripts PATH_OF_A_PROMETHEUS_CHECKOUT [-v]

The tables are those of docs/languages/promql.md; a function's name links to a case of ours.
"""

from __future__ import annotations

import re
import sys
from collections import Counter, defaultdict
from pathlib import Path

from temponest.nest.promql.signatures import AGGREGATIONS, SIGNATURES
from tests.nest.promql.script import Step, steps

CASES = Path(__file__).parents[1] / "nest" / "promql" / "cases"
_WORD = re.compile(r"[a-z_0-9]+(?=\s*(?:\(|by\b|without\b))")


def main(checkout: Path, *, verbose: bool) -> None:
    """Print the tables; evaluations over numbers alone and over native histograms are counted apart."""
    total: Counter[str] = Counter()
    by_name: defaultdict[str, Counter[str]] = defaultdict(Counter)
    print("| script | numbers | native histograms | pass |\n|---|---|---|---|")
    for path in sorted((checkout / "promql" / "promqltest" / "testdata").glob("*.test")):
        counts: Counter[str] = Counter()
        for step in steps(path.read_text()):
            passed = _passes(step, path.name if verbose else "")
            counts["native " * step.native + ("pass" if passed else "fail")] += 1
            for name in names(step.query):
                by_name[name]["pass" if passed else "fail"] += 1
        total += counts
        print(_row(path.name, counts))
    print(_row("all", total))
    print("\n| function or aggregation | evaluations that pass |\n|---|---|")
    cases = first_cases()
    for name in sorted({*SIGNATURES, *AGGREGATIONS}):
        counts = by_name[name]
        asked = counts["pass"] + counts["fail"]
        share = f"{counts['pass']} of {asked}" if asked else "none there"
        print(f"| [`{name}`]({cases[name]}) | {share} |")


def _passes(step: Step, told: str) -> bool:
    try:
        step.run()
    except BaseException as error:
        # A crash is a failure to count, and so is pytest's own exception.
        if isinstance(error, KeyboardInterrupt):
            raise
        if told:
            print(f"{told}: {type(error).__name__}: {str(error)[:400]}")
        return False
    return True


def names(query: str) -> set[str]:
    """The functions and aggregations of a query."""
    return {*SIGNATURES, *AGGREGATIONS}.intersection(_WORD.findall(query))


def first_cases() -> dict[str, str]:
    """Of each function and aggregation the first case of ours, as a link from the page."""
    found: dict[str, str] = {}
    for path in sorted(CASES.glob("*.test")):
        for step in steps(path.read_text()):
            for name in names(step.query):
                found.setdefault(name, f"../../tests/nest/promql/cases/{path.name}#L{step.line}")
    return found


def _row(name: str, counts: Counter[str]) -> str:
    numbers, native = counts["pass"] + counts["fail"], counts["native pass"] + counts["native fail"]
    share = (counts["pass"] + counts["native pass"]) / max(1, numbers + native)
    return f"| {name} | {counts['pass']} of {numbers} | {counts['native pass']} of {native} | {share:.1%} |"


if __name__ == "__main__":
    main(Path(sys.argv[1]), verbose="-v" in sys.argv)
