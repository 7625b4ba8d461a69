from __future__ import annotations

import re

from temponest.demo.programs import ROOT
from temponest.nest.promql.signatures import AGGREGATIONS, SIGNATURES
from tests.peers.promql_scripts import CASES, first_cases

EVERY = {*SIGNATURES, *AGGREGATIONS}


def test_every_function_and_aggregation_has_a_case() -> None:
    assert EVERY - first_cases().keys() == set()


def test_the_page_of_the_language_links_every_function_to_a_case_that_asks_it() -> None:
    page = (ROOT / "docs" / "languages" / "promql.md").read_text()
    links = re.findall(r"\[`(\w+)`\]\(\.\./\.\./tests/nest/promql/cases/(\w+\.test)#L(\d+)\)", page)
    assert {name for name, _, _ in links} == EVERY
    lines = {path.name: path.read_text().splitlines() for path in CASES.glob("*.test")}
    assert [name for name, file, line in links if name not in lines[file][int(line) - 1]] == []
