"""Every question of every script is asked of every kind of source."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from temponest.nest.model.source import CancelCheck, SpanSource
from temponest.nest.model.span import Span, Value
from temponest.nest.traceql import candidates, engine
from temponest.nest.traceql.intervals import aligned
from temponest.nest.traceql.metrics import query_series
from tests.nest.make import span, trace_id
from tests.nest.memory_source import MemorySource
from tests.nest.traceql import script, sources

FILES = sorted((Path(__file__).parent / "answers").glob("*.test"))
SCRIPTS = {path.name: script.read(path) for path in FILES}
QUESTIONS = [question for one in SCRIPTS.values() for question in one.questions]


class Loaded:
    """Sources by kind and script, each loaded when it is first asked."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = ExitStack()
        self._sources: dict[tuple[str, str], SpanSource] = {}

    def get(self, kind: str, file: str) -> SpanSource:
        found = self._sources.get((kind, file))
        if found is None:
            folder = self._folder / f"{kind}-{file}"
            found = self._stack.enter_context(sources.source(kind, SCRIPTS[file].spans, folder))
            self._sources[kind, file] = found
        return found

    def close(self) -> None:
        self._stack.close()


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loaded]:
    loaded = Loaded(tmp_path_factory.mktemp("sources"))
    yield loaded
    loaded.close()


@pytest.mark.parametrize("kind", sources.KINDS)
@pytest.mark.parametrize("question", QUESTIONS, ids=str)
def test_the_answer_is_the_same_on_every_source(loaded: Loaded, question: script.Question, kind: str) -> None:
    source = loaded.get(kind, question.file)
    found = _series(source, question) if question.metrics else _spansets(source, question)
    assert found == list(question.expected), question.query


def _spansets(source: SpanSource, question: script.Question) -> list[str]:
    start_ns, end_ns = question.window
    result = engine.search(
        source, question.query, start_ns=start_ns, end_ns=end_ns, limit=100, spans_per_set=0
    )
    lines = []
    for trace in result.traces:
        for spanset in trace.spansets:
            numbers = sorted(int.from_bytes(one.span.span_id, "big") for one in spanset.spans)
            text = f"{int.from_bytes(trace.trace_id, 'big')}: {' '.join(map(str, numbers))}"
            if spanset.attributes:
                text += " ; " + " ".join(f"{key}={_text(value)}" for key, value in spanset.attributes)
            lines.append(text)
    return lines


def _series(source: SpanSource, question: script.Question) -> list[str]:
    result = query_series(source, question.query, aligned(*question.window, question.step))
    lines = []
    for one in result.series:
        labels = " ".join(f"{key}={_text(value)}" for key, value in one.labels)
        values = " ".join("_" if math.isnan(value) else f"{value:.6g}" for value in one.values.tolist())
        lines.append(f"{labels} : {values}")
    return sorted(lines)


def _text(value: Value) -> str:
    return json.dumps(value)


@pytest.mark.parametrize("question", QUESTIONS, ids=str)
def test_skipping_traces_that_lack_a_needed_span_changes_no_answer(
    question: script.Question, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidates, "PRUNE_AFTER", 0)
    source = MemorySource(SCRIPTS[question.file].spans, batch=1)
    found = _series(source, question) if question.metrics else _spansets(source, question)
    assert found == list(question.expected), question.query


class CountingSource(MemorySource):
    """Counts the traces that were loaded."""

    loaded = 0

    def traces(self, trace_ids: Sequence[bytes], cancelled: CancelCheck) -> dict[bytes, list[Span]]:
        self.loaded += len(trace_ids)
        return super().traces(trace_ids, cancelled)


def test_traces_without_the_other_side_are_not_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "PRUNE_AFTER", 1)
    monkeypatch.setattr(candidates, "FIRST_CHUNK", 1)
    spans = [span(trace, 1, name="a" if trace == 3 else "b") for trace in range(1, 40)]
    spans += [span(trace, 2, 1, name="c", at=trace) for trace in range(1, 40)]
    source = CountingSource(spans)
    found = engine.search(source, '{ name = "a" } > { name = "c" }')
    assert [match.trace_id for match in found.traces] == [trace_id(3)]
    assert source.loaded <= 4


@pytest.mark.parametrize("query", ["{ } | count() > 1", "{ name = `c` } | max(duration) > 30s"])
def test_traces_whose_totals_cannot_pass_are_not_loaded(query: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "PRUNE_AFTER", 1)
    monkeypatch.setattr(candidates, "FIRST_CHUNK", 1)
    spans = [span(trace, 1, name="c", at=trace) for trace in range(1, 40)]
    spans += [span(7, 2, 1, name="c", at=7, takes=60)]
    source = CountingSource(spans)
    found = engine.search(source, query)
    assert [match.trace_id for match in found.traces] == [trace_id(7)]
    assert source.loaded <= 4


def test_traces_without_a_group_that_is_large_enough_are_not_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "PRUNE_AFTER", 1)
    monkeypatch.setattr(candidates, "FIRST_CHUNK", 1)
    spans = [span(trace, 1, name="c", at=trace) for trace in range(1, 40)]
    spans += [span(trace, 2, 1, name="c" if trace == 7 else "d", at=trace) for trace in range(1, 40)]
    source = CountingSource(spans)
    found = engine.search(source, "{ } | by(name) | count() > 1")
    assert [match.trace_id for match in found.traces] == [trace_id(7)]
    assert source.loaded <= 4


@pytest.mark.parametrize("grouping", ["by(.k)", "by(name) | by(.k)", "by(.k) | by(name)", "by(.k = 1)"])
@pytest.mark.parametrize("count", ["count() > 1", "count() >= 2", "count() > 2"])
def test_leaving_out_traces_by_their_groups_changes_no_answer(
    grouping: str, count: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    values: list[Value] = [
        1,
        1.0,
        True,
        "1",
        math.nan,
        math.nan,
        ("a",),
        ("a",),
        None,
        None,
        {"a": 1},
        {"a": 1},
    ]
    spans = [
        span(trace, number, 0, name=f"n{trace % 2}", attributes={} if value is None else {"k": value})
        for trace in range(1, 24)
        for number, value in enumerate(values[trace % 12 :][: 1 + trace % 4], 1)
    ]
    query = f"{{ }} | {grouping} | {count}"
    whole = engine.search(MemorySource(spans), query, limit=100).traces
    monkeypatch.setattr(candidates, "PRUNE_AFTER", 0)
    assert engine.search(MemorySource(spans), query, limit=100).traces == whole


def test_spans_stored_twice_are_not_counted_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "PRUNE_AFTER", 0)
    source = MemorySource([span(1, 1), span(1, 1), span(1, 2, 1)])
    assert len(engine.search(source, "{ } | count() = 2").traces) == 1
    assert len(engine.search(source, "{ } | count() > 2").traces) == 0
