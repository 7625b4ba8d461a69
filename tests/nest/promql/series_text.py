"""Series as Prometheus' test scripts write them: labels, samples with repetitions, native histograms."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

from temponest.nest.model.series import Histogram, Labels
from temponest.nest.promql.native.arithmetic import added, hinted, subtracted

STALE: float = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
Sample: TypeAlias = float | Histogram
_UNITS = {
    "ms": 1,
    "s": 1000,
    "m": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
    "w": 604_800_000,
    "y": 31_536_000_000,
}
_SERIES = re.compile(r"(?P<name>[a-zA-Z_:][\w:]*)?\s*(?:\{(?P<labels>.*)\})?\s*$")
_PAIR = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[\w.]+)\s*(?:=\s*("(?:[^"\\]|\\.)*"|\'[^\']*\'))?\s*,?')
_ITEM = re.compile(r"\{\{.*?\}\}(?:[+-]\{\{.*?\}\})?(?:x\d+)?|\S+")
_NATIVE = re.compile(r"\{\{(.*?)\}\}(?:([+-])\{\{(.*?)\}\})?(?:x(\d+))?")
_FIELD = re.compile(r"(\w+):(\[[^\]]*\]|\S+)")
_NUMBERS = re.compile(r"([+-]?(?:[\d.]+(?:e[+-]?\d+)?|Inf|NaN))([+-][\d.]+(?:e[+-]?\d+)?)?x(\d+)")


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


def split(line: str) -> tuple[str, str]:
    """The name and labels of a line, and its samples."""
    name = re.match(r"[a-zA-Z_:][\w:]*(?=\s|\{)", line)
    position = name.end() if name and not re.match(r"(?:NaN|Inf)\b", line) else 0
    rest = line[position:].lstrip()
    if rest.startswith("{") and not rest.startswith("{{"):
        position = _closing(line, line.index("{", position)) + 1
    return line[:position], line[position:].strip()


def _closing(line: str, opening: int) -> int:
    """Where the brace ends that opens there, quotes left out."""
    quoted = ""
    for index in range(opening + 1, len(line)):
        character = line[index]
        if quoted:
            quoted = "" if character == quoted and line[index - 1] != "\\" else quoted
        elif character in "\"'":
            quoted = character
        elif character == "}":
            return index
    raise ValueError(f"no closing brace: {line!r}")


def labels(text: str) -> Labels:
    """`name{a="b"}` as sorted pairs."""
    match = _SERIES.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"no series: {text!r}")
    found = {"__name__": match["name"]} if match["name"] else {}
    for name, value in _PAIR.findall(match["labels"] or ""):
        key = unquoted(name) if name.startswith('"') else name
        if value:
            found[key] = unquoted(value)
        else:
            found["__name__"] = key
    return tuple(sorted((name, value) for name, value in found.items() if value))


def unquoted(text: str) -> str:
    """A string without its quotes and escapes."""
    inner = text[1:-1]
    return inner.encode("latin-1", "backslashreplace").decode("unicode_escape") if "\\" in inner else inner


def values(text: str) -> list[Sample | None]:
    """`1+2x3 _ stale 5x2 {{count:1}}x3` as samples, None where there is none."""
    found: list[Sample | None] = []
    for item in _ITEM.findall(text):
        if item.startswith("{{"):
            found += _natives(item)
        elif match := re.fullmatch(r"_(?:x(\d+))?", item):
            found += [None] * int(match[1] or 1)
        elif match := re.fullmatch(r"stale(?:x(\d+))?", item):
            found += [STALE] * (int(match[1]) + 1 if match[1] else 1)
        elif match := _NUMBERS.fullmatch(item):
            start, step = float(match[1]), float(match[2] or 0)
            found += [start + step * index for index in range(int(match[3]) + 1)]
        else:
            found.append(float(int(item, 16)) if item.startswith("0x") else float(item))
    return found


def _natives(item: str) -> Iterator[Histogram]:
    match = _NATIVE.fullmatch(item)
    assert match, item
    one = histogram(match[1])
    yield one
    for _ in range(int(match[4] or 0)):
        if match[2]:
            step = histogram(match[3])
            one = (added([one, step]) if match[2] == "+" else subtracted(one, step)).histogram
        yield one


def histogram(text: str) -> Histogram:
    """`schema:0 sum:5 count:4 buckets:[1 2 1]` as a histogram."""
    fields = dict(_FIELD.findall(text))

    def number(name: str) -> float:
        return float(fields.get(name, "0"))

    def buckets(name: str, offset: str) -> dict[int, float]:
        first = int(fields.get(offset, "0"))
        return {first + index: count for index, count in enumerate(_numbers(fields.get(name, "[]")))}

    return Histogram(
        count=number("count"),
        sum=number("sum"),
        schema=int(fields.get("schema", "0")),
        zero_threshold=number("z_bucket_w"),
        zero_count=number("z_bucket"),
        positive=buckets("buckets", "offset"),
        negative=buckets("n_buckets", "n_offset"),
        custom=tuple(_numbers(fields.get("custom_values", "[]"))),
        hint=fields.get("counter_reset_hint", "").replace("unknown", ""),
    )


def _numbers(text: str) -> list[float]:
    return [float(one) for one in text.strip("[]").split()]


@dataclass(slots=True)
class _Classic:
    """What is known of a classic histogram at one time."""

    buckets: dict[float, float]
    sum: float = 0.0
    count: float | None = None


def with_custom_buckets(
    loaded: list[tuple[Labels, list[Sample | None]]],
) -> list[tuple[Labels, list[Sample | None]]]:
    """The classic histograms among some series as native ones with the same bounds."""
    found: dict[Labels, dict[int, _Classic]] = {}
    for series, samples in loaded:
        pairs = dict(series)
        base, _, suffix = pairs["__name__"].rpartition("_")
        if suffix not in {"bucket", "sum", "count"} or (suffix == "bucket" and "le" not in pairs):
            continue
        bound = float(pairs.pop("le").replace("Inf", "inf")) if suffix == "bucket" else 0.0
        name = tuple(sorted({**pairs, "__name__": base}.items()))
        for index, sample in enumerate(samples):
            if not isinstance(sample, float):
                continue
            one = found.setdefault(name, {}).setdefault(index, _Classic({}))
            if suffix == "bucket":
                one.buckets[bound] = sample
            elif suffix == "sum":
                one.sum = sample
            else:
                one.count = sample
    result = []
    for name, by_index in found.items():
        converted: list[Sample | None] = [None] * (max(by_index) + 1)
        for index, one in by_index.items():
            converted[index] = _custom(one)
        result.append((name, converted))
    return result


def _custom(classic: _Classic) -> Histogram:
    counts, running = {}, 0.0
    bounds = sorted(classic.buckets)
    for index, bound in enumerate(bounds):
        counts[index] = classic.buckets[bound] - running
        running = max(running, classic.buckets[bound])
    finite = tuple(bound for bound in bounds if bound != float("inf"))
    total = running if classic.count is None else classic.count
    if len(finite) == len(bounds):
        counts[len(bounds)] = total - running
    empty = Histogram(total, classic.sum, -53, 0.0, 0.0, custom=finite)
    return hinted(replace(empty, positive=counts), "")
