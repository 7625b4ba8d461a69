"""Run Prometheus' own test scripts on our engine and print what passes.

Usage: python -m tests.peers.promql_scripts PATH_OF_A_PROMETHEUS_CHECKOUT [-v]
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

from tests.nest.promql.script import UnsupportedError, steps


def main(checkout: Path, *, verbose: bool) -> None:
    """Print a table: evaluations that pass, fail, and need native histograms, by file."""
    total: Counter[str] = Counter()
    for path in sorted((checkout / "promql" / "promqltest" / "testdata").glob("*.test")):
        counts: Counter[str] = Counter()
        for step in steps(path.read_text()):
            try:
                step.run()
                outcome = "pass"
            except UnsupportedError:
                outcome = "histogram"
            except Exception as error:  # noqa: BLE001 - a crash is a failure to count
                outcome = "fail"
                if verbose:
                    print(f"{path.name}: {type(error).__name__}: {str(error)[:300]}")
            counts[outcome] += 1
        total += counts
        print(_row(path.name, counts))
    share = total["pass"] / max(1, total["pass"] + total["fail"])
    print(_row("all", total) + f" ({share:.1%} of those without native histograms)")


def _row(name: str, counts: Counter[str]) -> str:
    passed, failed, histograms = (counts[outcome] for outcome in ("pass", "fail", "histogram"))
    return f"{name:36} {passed:5} pass {failed:5} fail {histograms:5} native histogram"


if __name__ == "__main__":
    main(Path(sys.argv[1]), verbose="-v" in sys.argv)
