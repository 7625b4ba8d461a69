"""What the documentation says the pages do, a test does."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_behaviour_names_tests_that_exist() -> None:
    rows = re.findall(r"^\| (.+?) \| (.+?) \|$", (ROOT / "docs" / "behaviours.md").read_text(), re.MULTILINE)
    named = {what: re.findall(r"`(test_\w+)`", tests) for what, tests in rows[1:]}
    known = {
        name
        for file in (ROOT / "tests" / "web").glob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE)
    }
    assert len(named) > 25
    assert {what for what, tests in named.items() if not tests} == set()
    assert {test for tests in named.values() for test in tests} - known == set()
