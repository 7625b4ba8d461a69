from __future__ import annotations

from temponest.demo.programs import ROOT
from temponest.nest.promql.functions import BY_EVALUATOR, FUNCTIONS


def test_the_page_of_the_language_names_every_function() -> None:
    page = (ROOT / "docs" / "languages" / "promql.md").read_text()
    assert [name for name in FUNCTIONS.keys() | BY_EVALUATOR if f"`{name}`" not in page] == []
