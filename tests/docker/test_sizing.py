"""The arithmetic of docs/scale.md."""

from __future__ import annotations

import subprocess
import sys

import pytest

from deploy import sizing
from temponest.demo.programs import ROOT

LOADS = ("10000", "100000", "1000000")


@pytest.mark.parametrize("options", [(), ("--kept", "1")])
def test_the_tables_of_the_page_are_what_the_program_prints(options: tuple[str, ...]) -> None:
    command = [sys.executable, "deploy/sizing.py", *options, *LOADS]
    printed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)  # noqa: S603 - our own program
    assert printed.stdout in (ROOT / "docs/scale.md").read_text()


def test_a_day_of_a_million_spans_a_second_is_what_the_bytes_of_a_span_say() -> None:
    size = sizing.Size(1_000_000, kept=1.0, days=1)
    assert size.stored == 1_000_000 * 67 * 86_400
    assert size.network == 400e6


def test_what_is_sampled_away_costs_collectors_but_not_tempo() -> None:
    all_of_it, little = (sizing.Size(1_000_000, kept=kept, days=14) for kept in (1.0, 0.1))
    assert little.collector == all_of_it.collector
    assert little.stored == pytest.approx(all_of_it.stored / 10)
    assert little.tempo < all_of_it.tempo / 9
