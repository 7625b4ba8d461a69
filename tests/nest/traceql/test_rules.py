"""Each rewrite by its file of pairs: the text before, the text after, and the same answer for both."""

from __future__ import annotations

from pathlib import Path

import pytest

from temponest.nest.traceql import rules
from temponest.nest.traceql.check import check
from temponest.nest.traceql.conditions import fetch_request
from temponest.nest.traceql.engine import compile_query
from temponest.nest.traceql.evaluate import pipeline_function
from temponest.nest.traceql.parser import parse
from temponest.nest.traceql.printer import print_query
from temponest.nest.traceql.trace import Trace
from temponest.nest.traceql.tree import Pipeline, Query
from tests.nest.memory_source import MemorySource
from tests.nest.traceql import script

HERE = Path(__file__).parent
RULES = {rule.__name__: rule for rule in rules.ORDER}
PAIRS = [
    (path.stem, *pair.split("\n"))
    for path in sorted((HERE / "rules").glob("*.txt"))
    for pair in path.read_text().strip().split("\n\n")
]
SCRIPTS = {path.stem: script.read(path) for path in (HERE / "answers").glob("*.test")}


def _matches(query: Query, source: MemorySource) -> list[tuple[bytes, list[list[int]]]]:
    assert isinstance(query.body, Pipeline)
    run = pipeline_function(query.body)
    traces = source.traces(sorted({span.trace_id for span in source.spans}), lambda: False)
    return [
        (trace_id, [spanset.spans for spanset in run(Trace(trace_id, spans))])
        for trace_id, spans in traces.items()
    ]


@pytest.mark.parametrize(("rule", "before", "after"), PAIRS, ids=lambda text: text)
def test_a_rule_changes_the_text_and_not_the_answer(rule: str, before: str, after: str) -> None:
    query = parse(before)
    check(query)
    rewritten = RULES[rule](query)
    assert print_query(rewritten) == print_query(parse(after))
    assert parse(before) == query
    for one in ("filters", "pipelines"):
        source = MemorySource(SCRIPTS[one].spans)
        assert _matches(rewritten, source) == _matches(query, source)


def test_every_rule_but_the_one_without_a_text_has_its_file() -> None:
    assert {path.stem for path in (HERE / "rules").glob("*.txt")} == set(RULES) - {"alias_names"}


@pytest.mark.parametrize("name", sorted(set(SCRIPTS) - {"metrics", "second_stage", "compare"}))
def test_all_rules_together_leave_every_answer_of_the_scripts_as_it_is(name: str) -> None:
    source = MemorySource(SCRIPTS[name].spans)
    for question in SCRIPTS[name].questions:
        query = parse(question.query)
        rewritten = rules.rewrite(query)
        if name != "names":
            assert _matches(rewritten, source) == _matches(query, source), question.query


@pytest.mark.parametrize("name", sorted(set(SCRIPTS) - {"metrics", "second_stage", "compare"}))
def test_conditions_never_ask_for_less_than_the_query_wants(name: str) -> None:
    source = MemorySource(SCRIPTS[name].spans)
    for question in SCRIPTS[name].questions:
        query = compile_query(question.query)
        assert isinstance(query.body, Pipeline)
        wanted = {trace_id for trace_id, spansets in _matches(query, source) if spansets}
        request = fetch_request(query.body, 0, 0, 20)
        asked = {one for batch in source.search(request, lambda: False) for one in batch}
        assert wanted <= asked, question.query
