"""Prometheus' script language for tests: `load`, `clear`, `eval instant at`, `eval range from`.

Scripts are data: ours stand in `cases/`, and the same runner takes Prometheus' own.
"""

from __future__ import annotations

import math
import re
import struct
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from temponest.nest.model.series import Exemplar, Labels, Matcher, MatchOperator, Metadata, Series
from temponest.nest.model.source import CancelCheck
from temponest.nest.promql.engine import Engine, Result, Row
from temponest.nest.promql.values import ExecutionError, QueryError

STALE: float = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
_UNITS = {
    "ms": 1,
    "s": 1000,
    "m": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
    "w": 604_800_000,
    "y": 31_536_000_000,
}
_EVAL = re.compile(
    r"eval(?P<kind>_fail|_warn|_info|_ordered)? (?P<mode>instant|range)"
    r"(?: at (?P<at>\S+))?(?: from (?P<start>\S+) to (?P<end>\S+) step (?P<step>\S+))?\s+(?P<query>.*)",
    re.DOTALL,
)
_REPEATED = re.compile(r"([+-]?(?:[\d.]+(?:e[+-]?\d+)?|Inf|NaN))([+-][\d.]+(?:e[+-]?\d+)?)?x(\d+)")
_NAMED = r"((?:[a-zA-Z_:][\w:]*)?\{.*\})\s+(.*)|(?!NaN|[+-]?Inf)([a-zA-Z_:][\w:]*)\s+(.*)"
_SERIES = re.compile(r"(?P<name>[a-zA-Z_:][\w:]*)?\s*(?:\{(?P<labels>.*)\})?\s*$")
_PAIR = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[\w.]+)\s*(?:=\s*("(?:[^"\\]|\\.)*"|\'[^\']*\'))?\s*,?')


class UnsupportedError(Exception):
    """The script uses something that is not evaluated here: native histograms."""


def duration(text: str) -> int:
    """`1h30m` or a number of seconds, in ms."""
    if re.fullmatch(r"-?[\d.]+", text):
        return round(float(text) * 1000)
    negative = text.startswith("-")
    total = sum(
        round(float(number) * _UNITS[unit])
        for number, unit in re.findall(r"([\d.]+)(ms|[smhdwy])", text.lstrip("-"))
    )
    return -total if negative else total


def labels(text: str) -> Labels:
    """`name{a="b"}` as sorted pairs."""
    match = _SERIES.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"no series: {text!r}")
    found = {"__name__": match["name"]} if match["name"] else {}
    for name, value in _PAIR.findall(match["labels"] or ""):
        key = _unquoted(name) if name.startswith('"') else name
        if value:
            found[key] = _unquoted(value)
        else:
            found["__name__"] = key
    return tuple(sorted((name, value) for name, value in found.items() if value))


def _unquoted(text: str) -> str:
    return (
        text[1:-1].encode("latin-1", "backslashreplace").decode("unicode_escape")
        if "\\" in text
        else text[1:-1]
    )


def number(text: str) -> float:
    """A value as scripts write it."""
    return float(text)


def values(text: str) -> list[float | None]:
    """`1+2x3 _ stale 5x2` as samples, None where there is none."""
    found: list[float | None] = []
    if "{{" in text:
        raise UnsupportedError("native histograms")
    for item in text.split():
        if match := re.fullmatch(r"_(?:x(\d+))?", item):
            found += [None] * int(match[1] or 1)
        elif match := re.fullmatch(r"stale(?:x(\d+))?", item):
            found += [STALE] * (int(match[1]) + 1 if match[1] else 1)
        elif match := re.fullmatch(
            r"([+-]?(?:[\d.]+(?:e[+-]?\d+)?|Inf|NaN))([+-][\d.]+(?:e[+-]?\d+)?)?x(\d+)", item
        ):
            start, step = float(match[1]), float(match[2] or 0)
            found += [start + step * index for index in range(int(match[3]) + 1)]
        else:
            found.append(number(item))
    return found


@dataclass
class Memory:
    """Series in memory: brute force and obvious."""

    loaded: dict[Labels, dict[int, float]] = field(default_factory=dict)

    def load(self, interval_ms: int, series: Labels, samples: Sequence[float | None]) -> None:
        """Add samples from time zero on."""
        kept = self.loaded.setdefault(series, {})
        for index, value in enumerate(samples):
            if value is not None:
                kept[index * interval_ms] = value

    def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, cancelled: CancelCheck
    ) -> list[Series]:
        """See `SeriesSource.select`."""
        del cancelled
        found = []
        for series, samples in sorted(self.loaded.items()):
            inside = sorted((time, value) for time, value in samples.items() if start_ms <= time <= end_ms)
            if inside and all(_matches(matcher, dict(series)) for matcher in matchers):
                times = array("q", (time for time, _ in inside))
                found.append(Series(series, times, array("d", (value for _, value in inside))))
        return found

    def series(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> list[Labels]:
        """See `SeriesSource.series`."""
        return [one.labels for one in self.select(matchers, start_ms, end_ms, lambda: False)]

    def exemplars(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> list[Exemplar]:
        """See `SeriesSource.exemplars`."""
        del matchers, start_ms, end_ms
        return []

    def metadata(self) -> dict[str, Metadata]:
        """See `SeriesSource.metadata`."""
        return {}


def _matches(matcher: Matcher, labels: dict[str, str]) -> bool:
    value = labels.get(matcher.name, "")
    match matcher.operator:
        case MatchOperator.EQ:
            return value == matcher.value
        case MatchOperator.NE:
            return value != matcher.value
        case MatchOperator.MATCH:
            return re.fullmatch(matcher.value, value, re.DOTALL) is not None
        case MatchOperator.NOT_MATCH:
            return re.fullmatch(matcher.value, value, re.DOTALL) is None


@dataclass
class Step:
    """One `eval` with what it expects, ready to run on the data loaded so far."""

    line: int
    command: str
    expected: list[str]
    memory: Memory
    unsupported: bool

    def run(self) -> None:
        """Raise AssertionError when the answer is another one."""
        try:
            self._run()
        except (AssertionError, QueryError, ExecutionError):
            if self.unsupported:
                raise UnsupportedError("native histograms") from None
            raise

    def _run(self) -> None:
        match = _EVAL.fullmatch(self.command)
        assert match, f"line {self.line}: not understood: {self.command}"
        fails = match["kind"] == "_fail" or any(line.startswith("expect fail") for line in self.expected)
        try:
            result = self._ask(match)
        except (QueryError, ExecutionError):
            assert fails, f"line {self.line}: {self.command}: failed"
            return
        assert not fails, f"line {self.line}: {self.command}: should have failed"
        lines = [line for line in self.expected if not line.startswith("expect ")]
        if any("{{" in line for line in lines):
            raise UnsupportedError("native histograms")
        ordered = match["kind"] == "_ordered" or "expect ordered" in self.expected
        self._compare(result, lines, match, ordered=ordered)

    def _ask(self, match: re.Match[str]) -> Result:
        engine = Engine(self.memory)
        if match["mode"] == "instant":
            return engine.instant(match["query"], duration(match["at"]))
        return engine.range(
            match["query"], duration(match["start"]), duration(match["end"]), duration(match["step"])
        )

    def _compare(self, result: Result, lines: list[str], match: re.Match[str], *, ordered: bool) -> None:
        where = f"line {self.line}: {self.command}"
        if result.kind == "string":
            assert [f'"{result.text}"'] == [line.removeprefix("expect string ") for line in lines], where
            return
        if (
            result.kind == "scalar"
            and len(lines) == 1
            and not re.search(r"[{a-df-hj-mo-zA-HJ-MO-Z]", lines[0])
        ):
            assert _near(result.rows[0].samples[0][1], number(lines[0])), f"{where}: {result.rows[0].samples}"
            return
        start = duration(match["at"] or match["start"])
        step = duration(match["step"]) if match["step"] else 1
        expected = []
        for line in lines:
            split = re.match(
                r"((?:[a-zA-Z_:][\w:]*)?\{.*\})\s+(.*)|(?!NaN|[+-]?Inf)([a-zA-Z_:][\w:]*)\s+(.*)", line
            )
            text, rest = (split[1] or split[3], split[2] or split[4]) if split else ("", line)
            expected.append((labels(text), values(rest)))
        rows = [(tuple(sorted(row.labels.items())), row) for row in result.rows]
        got = [name for name, _ in rows]
        wanted = [name for name, samples in expected if any(value is not None for value in samples)]
        if ordered:
            assert got == wanted, where
        assert sorted(got) == sorted(wanted), f"{where}\n got {sorted(got)}\n not {sorted(wanted)}"
        by_labels: dict[Labels, Row] = dict(rows)
        for name, samples in expected:
            if name in by_labels:
                found = dict(by_labels[name].samples)
                for index, value in enumerate(samples):
                    time = start + index * step
                    if value is None:
                        assert time not in found, f"{where}: {name} has a value at {time}"
                    else:
                        assert time in found, f"{where}: {name} has no value at {time}"
                        assert _near(found[time], value), f"{where}: {name}: {found[time]}, not {value}"


def _near(got: float, wanted: float) -> bool:
    if math.isnan(wanted) or math.isinf(wanted):
        return got == wanted or (math.isnan(got) and math.isnan(wanted))
    return math.isclose(got, wanted, rel_tol=1e-6, abs_tol=1e-9)


def steps(text: str) -> Iterator[Step]:
    """Every `eval` of a script, each with the data that stands before it."""
    memory, interval, unsupported = Memory(), 0, False
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
            memory, unsupported = Memory(), False
        elif stripped.startswith("load"):
            interval = duration(stripped.split()[-1])
            # Classic histograms are loaded as native ones too; ours are classic alone.
            unsupported = unsupported or stripped.startswith("load_with_nhcb")
            memory = Memory({series: dict(samples) for series, samples in memory.loaded.items()})
            for item in block:
                name, _, rest = item.rpartition("}")
                series, samples = (f"{name}}}", rest) if name else item.split(None, 1)
                if "{{" in item or "@st" in item:
                    unsupported = True
                    continue
                memory.load(interval, labels(series), values(samples))
        elif stripped.startswith("eval"):
            yield Step(line_number, stripped, block, memory, unsupported)
