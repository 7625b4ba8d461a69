"""Prometheus' script language for tests: `load`, `clear`, `eval instant at`, `eval range from`.

Scripts are data: ours stand in `cases/`, and the same runner takes Prometheus' own.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from temponest.nest.model.series import Histogram, Labels
from temponest.nest.promql.engine import Engine, Result
from temponest.nest.promql.errors import ExecutionError, QueryError
from temponest.nest.promql.native.arithmetic import compact

from .memory import Memory
from .series_text import Sample, duration, labels, split, unquoted, values, with_custom_buckets

_EVAL = re.compile(
    r"eval(?P<kind>_fail|_warn|_info|_ordered)? (?P<mode>instant|range)"
    r"(?: at (?P<at>\S+))?(?: from (?P<start>\S+) to (?P<end>\S+) step (?P<step>\S+))?\s+(?P<query>.*)",
    re.DOTALL,
)
_RANGE_VECTOR = re.compile(r"expect range vector from (\S+) to (\S+) step (\S+)")
_PLACE = re.compile(r" \(\d+:\d+\)$")
_MESSAGE = re.compile(r"expect (warn|info)\s+(msg|regex):\s*(.*)")


@dataclass
class Step:
    """One `eval` with what it expects, ready to run on the data loaded so far.

    Attributes:
        line: where it stands in its script.
        command: the whole line.
        expected: the lines below it.
        memory: the data.
        native: whether native histograms are in the data or in what is expected.
    """

    line: int
    command: str
    expected: list[str]
    memory: Memory
    native: bool

    @property
    def query(self) -> str:
        """What is asked."""
        match = _EVAL.fullmatch(self.command)
        assert match, f"line {self.line}: not understood: {self.command}"
        return match["query"]

    def run(self) -> None:
        """Raise AssertionError when the answer is another one."""
        match = _EVAL.fullmatch(self.command)
        assert match, f"line {self.line}: not understood: {self.command}"
        where = f"line {self.line}: {self.command}"
        fails = match["kind"] == "_fail" or any(line.startswith("expect fail") for line in self.expected)
        if fails:
            with pytest.raises((QueryError, ExecutionError)):
                self._ask(match)
            return
        result = self._ask(match)
        self._check_notes(result, match["kind"], where)
        lines = [line for line in self.expected if not line.startswith("expect ")]
        texts = [
            line.removeprefix("expect string ") for line in self.expected if line.startswith("expect string")
        ]
        if texts:
            assert [result.text] == [unquoted(text.strip()) for text in texts], where
            return
        ordered = match["kind"] == "_ordered" or "expect ordered" in self.expected
        self._compare(result, lines, match, where, ordered=ordered)

    def _ask(self, match: re.Match[str]) -> Result:
        engine = Engine(self.memory)
        if match["mode"] == "instant":
            return engine.instant(match["query"], duration(match["at"]))
        return engine.range(
            match["query"], duration(match["start"]), duration(match["end"]), duration(match["step"])
        )

    def _check_notes(self, result: Result, kind: str | None, where: str) -> None:
        notes = {"warn": result.warnings, "info": result.infos}
        if kind in {"_warn", "_info"}:
            assert notes[kind[1:]], f"{where}: no {kind[1:]}"
        for line in self.expected:
            for word, found in notes.items():
                if line.startswith(f"expect no_{word}"):
                    assert not found, f"{where}: {word}: {found}"
                elif line.startswith(f"expect {word}"):
                    assert found, f"{where}: no {word}"
            message = _MESSAGE.fullmatch(line)
            if message:
                wanted, found = message[3], notes[message[1]]
                if message[2] == "msg":
                    # Scripts of some versions leave out the place, "(1:25)".
                    found = [*found, *(_PLACE.sub("", one) for one in found)]
                    assert wanted in found, f"{where}: said {list(found)}, not {wanted}"
                else:
                    assert any(re.search(wanted, one) for one in found), f"{where}: said {list(found)}"

    def _compare(
        self, result: Result, lines: list[str], match: re.Match[str], where: str, *, ordered: bool
    ) -> None:
        if result.kind == "scalar" and len(lines) == 1 and not split(lines[0])[0]:
            assert near(result.rows[0].samples[0][1], values(lines[0])[0]), f"{where}: {result.rows}"
            return
        start, step = duration(match["at"] or match["start"]), duration(match["step"] or "1ms")
        for line in self.expected:
            if vector := _RANGE_VECTOR.fullmatch(line):
                start, step = duration(vector[1]), duration(vector[3])
        expected = [(labels(name), values(samples)) for name, samples in map(split, lines)]
        rows = [(tuple(sorted(row.labels.items())), row) for row in result.rows]
        got = [name for name, _ in rows]
        wanted = [name for name, samples in expected if any(value is not None for value in samples)]
        if ordered:
            assert got == wanted, f"{where}\n got {got}\n not {wanted}"
        assert sorted(got) == sorted(wanted), f"{where}\n got {sorted(got)}\n not {sorted(wanted)}"
        by_labels = dict(rows)
        for name, samples in expected:
            if name not in by_labels:
                continue
            found = dict(by_labels[name].samples)
            for index, value in enumerate(samples):
                got_value = found.pop(start + index * step, None)
                assert near(got_value, value), f"{where}: {name}: {index}: {got_value}, not {value}"
            assert not found, f"{where}: {name}: samples at other times: {found}"


def near(got: Sample | None, wanted: Sample | None) -> bool:
    """Whether two samples are the same but for rounding."""
    if got is None or wanted is None:
        return got is wanted
    if isinstance(got, Histogram) or isinstance(wanted, Histogram):
        return isinstance(got, Histogram) and isinstance(wanted, Histogram) and _alike(got, wanted)
    if math.isnan(wanted) or math.isinf(wanted):
        return got == wanted or (math.isnan(got) and math.isnan(wanted))
    return math.isclose(got, wanted, rel_tol=1e-6, abs_tol=1e-9)


def _alike(got: Histogram, wanted: Histogram) -> bool:
    got, wanted = compact(got), compact(wanted)
    pairs = [
        (got.count, wanted.count),
        (got.sum, wanted.sum),
        (got.zero_count, wanted.zero_count),
        (got.zero_threshold, wanted.zero_threshold),
    ]
    for one, other in ((got.positive, wanted.positive), (got.negative, wanted.negative)):
        pairs += [(one.get(index, 0.0), other.get(index, 0.0)) for index in one.keys() | other.keys()]
    same_hint = not wanted.hint or wanted.hint != "gauge" or got.hint == wanted.hint
    return (
        got.schema == wanted.schema
        and got.custom == wanted.custom
        and same_hint
        and all(near(one, other) for one, other in pairs)
    )


def steps(text: str) -> Iterator[Step]:
    """Every `eval` of a script, each with the data that stands before it."""
    memory, native = Memory(), False
    lines = [(index, line.rstrip()) for index, line in enumerate(text.splitlines(), 1)]
    position = 0
    while position < len(lines):
        line_number, line = lines[position]
        position += 1
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        block = []
        while position < len(lines) and lines[position][1][:1] in {" ", "\t"}:
            inner = lines[position][1].strip()
            position += 1
            if inner and not inner.startswith("#"):
                block.append(inner)
        if stripped == "clear":
            memory, native = Memory(), False
        elif stripped.startswith("load"):
            memory = memory.copy()
            native |= stripped.startswith("load_with_nhcb") or any("{{" in item for item in block)
            _load(memory, stripped, block)
        elif stripped.startswith("eval"):
            expects_native = any("{{" in item for item in block)
            yield Step(line_number, stripped, block, memory, native or expects_native)


def _load(memory: Memory, command: str, block: list[str]) -> None:
    interval = duration(command.split()[-1])
    # Times at which series began (`@st`) are no part of the data model here.
    loaded: list[tuple[Labels, list[Sample | None]]] = [
        (labels(name), values(samples)) for name, samples in map(split, block) if "@st" not in samples
    ]
    if command.startswith("load_with_nhcb"):
        loaded += with_custom_buckets(loaded)
    for series, samples in loaded:
        memory.load(interval, series, samples)
