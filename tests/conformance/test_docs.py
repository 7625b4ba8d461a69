"""The tables of `docs/conformance/apis.md` name every test of this folder and no other."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
PAGE = (HERE.parents[1] / "docs" / "conformance" / "apis.md").read_text()


def test_the_tables_name_every_test_and_no_other() -> None:
    tests = [
        name
        for file in ("test_steps.py", "test_compatibility.py")
        for name in re.findall(r"^def (test_\w+)", (HERE / file).read_text(), re.MULTILINE)
    ]
    assert sorted(re.findall(r"`(test_\w+)`", PAGE)) == sorted(tests)
