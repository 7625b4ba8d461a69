"""A large request in JSON as several small ones: only one of them is ever objects, the others remain text.

What is large is walked once without making objects of it, down to its records. What comes of the walk is a
plan of places: runs of records that are read together, and beside them the resource and scope to repeat.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ..model.signal import Signal
from ..store.limits import MIB
from .errors import too_heavy, too_many

Loads: TypeAlias = Callable[[bytes | bytearray], Any]

# The lists that hold what one resource made, what one scope of it made, and the records; as JSON spells them
# and as the protocol's files do, for both are allowed.
_LISTS: dict[Signal, tuple[tuple[str, str], ...]] = {
    Signal.TRACES: (("resourceSpans", "resource_spans"), ("scopeSpans", "scope_spans"), ("spans", "spans")),
    Signal.METRICS: (
        ("resourceMetrics", "resource_metrics"),
        ("scopeMetrics", "scope_metrics"),
        ("metrics", "metrics"),
    ),
    Signal.LOGS: (
        ("resourceLogs", "resource_logs"),
        ("scopeLogs", "scope_logs"),
        ("logRecords", "log_records"),
    ),
}
_RECORDS = 2

# What Python makes of an object, a list, one of the two marks of a text and a comma, in bytes. Telemetry
# becomes nine times its text; `{},{},{}` becomes seventy times.
_OBJECT = 200
_LIST = 72
_MARK = 16
_COMMA = 16

# Of what is read at once, and of its text, which may be copied four times as wide. A span of 200,000
# attributes is within both.
MOST_WEIGHT = 128 * MIB
MOST_TEXT = 12 * MIB

# Objects and lists of a request; each costs microseconds. The smallest attributes that say something fill
# 64 MiB with fewer.
MOST_OBJECTS = 4_000_000

# The same of what is walked one by one: members of the lists above, and fields beside them.
MOST_RECORDS = 1_000_000
_MOST_FIELDS = 1000

# Protobuf's own limit is 100 messages, each of which is at most a few objects and lists.
_DEEPEST = 1000

_SPACE = rb"[ \t\r\n]*+"
_TEXT = rb'"(?:[^"\\]++|\\.)*+"'
# Possessive, so that nothing is remembered to come back to, however long it is.
_LEVEL = rb"(?:[^\"\[\]{}]++|" + _TEXT + rb"|[\[{]%s[\]}])*+"
# Whatever nests less than this is passed in one step. Wrong brackets are found when the run is read.
_LEVELS = 3


def _level(depth: int) -> bytes:
    inside = _level(depth - 1) if depth else rb"(?!)"
    return _LEVEL.replace(b"%s", inside)


_BRACKET = re.compile(_level(_LEVELS) + rb"([\[\]{}])", re.DOTALL)
_KEY = re.compile(_SPACE + rb"(" + _TEXT + rb")" + _SPACE + rb":" + _SPACE, re.DOTALL)
_PLAIN = re.compile(_TEXT + rb"|[^\s,:\"\[\]{}]++", re.DOTALL)
_BLANK = re.compile(_SPACE)
_AFTER = re.compile(_SPACE + rb"([,\]}])" + _SPACE)


def weigh(text: bytes | bytearray) -> int:
    """Bytes that it takes to read a text, itself included.

    Raises:
        Refused: more than can be read at once.
    """
    weight = (
        len(text)
        + _OBJECT * text.count(b"{")
        + _LIST * text.count(b"[")
        + _MARK * text.count(b'"')
        + _COMMA * text.count(b",")
    )
    if weight > MOST_WEIGHT or len(text) > MOST_TEXT:
        raise too_heavy(MOST_TEXT, MOST_WEIGHT)
    return weight


def split(
    signal: Signal, body: bytes | bytearray, limit: int, loads: Loads, claim: Callable[[int], None]
) -> Iterator[dict[str, Any]]:
    """The request in parts made of at most `limit` bytes of text, where a single record is not larger.

    Args:
        signal: what it holds.
        body: JSON; not changed while the parts are taken.
        limit: bytes.
        loads: reads a piece of it.
        claim: told once of the room that reading takes.

    Raises:
        Refused: one record, or one resource, takes too much room to be read, or there are too many objects.
        ValueError: it is not JSON, or not an object.
    """
    if body.count(b"{") + body.count(b"[") > MOST_OBJECTS:
        raise too_many("objects and lists", MOST_OBJECTS)
    walk = _Walk(body, _LISTS[signal], limit)
    return _Reader(body, _LISTS[signal], loads, claim).parts(walk.request(), ())


@dataclass(slots=True)
class _Group:
    """An object on the way down to records.

    Attributes:
        own: begin and end of each of its fields that is no list of what is below.
        content: what is in the lists: runs by begin and end, or groups that are too large for one.
    """

    own: list[tuple[int, int]] = field(default_factory=list)
    content: list[tuple[int, int] | _Group] = field(default_factory=list)

    @property
    def own_size(self) -> int:
        return sum(end - begin for begin, end in self.own)


class _Walk:
    def __init__(self, body: bytes | bytearray, lists: tuple[tuple[str, str], ...], limit: int) -> None:
        self._body = body
        self._limit = limit
        self._left = MOST_RECORDS
        self._keys = [{f'"{name}"'.encode() for name in names} for names in lists]

    def request(self) -> _Group:
        """All of it."""
        group, end = self._group(self._blank(0), 0)
        if (end := self._blank(end)) < len(self._body):
            raise ValueError(f"something follows after its end, at byte {end}")
        return group

    def _group(self, at: int, depth: int) -> tuple[_Group, int]:
        """The object at a position, and where it ends."""
        body, group = self._body, _Group()
        if body[at : at + 1] != b"{":
            raise ValueError("it is not an object")
        at = self._blank(at + 1)
        if body[at : at + 1] == b"}":
            return group, at + 1
        while True:
            key = _KEY.match(body, at)
            if key is None:
                raise ValueError(f"at byte {at} a name and a colon should be")
            begin, at = key.start(1), key.end()
            if key[1] in self._keys[depth] and body[at : at + 1] == b"[":
                at = self._list(at, depth, group.content)
            else:
                at = self._value(at)
                group.own.append((begin, at))
                if len(group.own) > _MOST_FIELDS:
                    raise too_many("fields in one object", _MOST_FIELDS)
            more, at = self._more(at, b"}")
            if not more:
                return group, at

    def _list(self, at: int, depth: int, content: list[tuple[int, int] | _Group]) -> int:
        body = self._body
        at = self._blank(at + 1)
        if body[at : at + 1] == b"]":
            return at + 1
        while True:
            self._left -= 1
            if self._left < 0:
                raise too_many("records", MOST_RECORDS)
            begin, group = at, None
            if depth < _RECORDS and body[at : at + 1] == b"{":
                group, at = self._group(at, depth + 1)
            else:
                at = self._value(at)
            last = content[-1] if content else None
            if group is not None and at - begin > self._limit and group.own_size <= self._limit:
                content.append(group)
            elif isinstance(last, tuple) and at - last[0] <= self._limit:
                content[-1] = (last[0], at)
            else:
                content.append((begin, at))
            more, at = self._more(at, b"]")
            if not more:
                return at

    def _value(self, at: int) -> int:
        """Where the value at a position ends."""
        body, begin, depth = self._body, at, 1
        if body[at : at + 1] not in (b"{", b"["):
            plain = _PLAIN.match(body, at)
            if plain is None:
                raise ValueError(f"at byte {at} a value should be")
            return plain.end()
        at += 1
        while True:
            bracket = _BRACKET.match(body, at)
            if bracket is None:
                raise ValueError(f"it is cut: what begins at byte {begin} has no end")
            at = bracket.end()
            depth += 1 if bracket[1] in b"{[" else -1
            if depth == 0:
                return at
            if depth > _DEEPEST:
                raise ValueError(f"it nests too deep at byte {at}")

    def _more(self, at: int, close: bytes) -> tuple[bool, int]:
        """Whether a comma follows, and the position after it or after the closing bracket."""
        after = _AFTER.match(self._body, at)
        if after is None or after[1] not in (b",", close):
            raise ValueError(f"at byte {at} a comma or {close.decode()} should be")
        return after[1] == b",", after.end() if after[1] == b"," else after.end(1)

    def _blank(self, at: int) -> int:
        blank = _BLANK.match(self._body, at)
        return at if blank is None else blank.end()


class _Reader:
    """From places to objects."""

    def __init__(
        self,
        body: bytes | bytearray,
        lists: tuple[tuple[str, str], ...],
        loads: Loads,
        claim: Callable[[int], None],
    ) -> None:
        self._body = body
        self._lists = lists
        self._loads = loads
        self._claim = claim
        self._claimed = 0

    def parts(self, group: _Group, above: tuple[dict[str, Any], ...]) -> Iterator[dict[str, Any]]:
        """The parts of an object; no name is given to one, so that it is gone when its user drops it.

        Args:
            group: the object.
            above: the fields of those that it is in, outermost first.
        """
        own = self._read(b"{", group.own, b"}")
        within = (*above, own)
        for content in group.content:
            if isinstance(content, tuple):
                yield self._within(within, self._read(b"[", [content], b"]"))
            else:
                yield from self.parts(content, within)
        if not group.content:
            yield self._within(within, [])

    def _within(self, objects: tuple[dict[str, Any], ...], content: list[Any]) -> dict[str, Any]:
        for own, (name, _) in zip(reversed(objects), reversed(self._lists[: len(objects)]), strict=True):
            content = [{**own, name: content}]
        whole: dict[str, Any] = content[0]
        return whole

    def _read(self, opening: bytes, places: list[tuple[int, int]], closing: bytes) -> Any:
        if sum(end - begin for begin, end in places) > MOST_TEXT:
            raise too_heavy(MOST_TEXT, MOST_WEIGHT)
        text = bytearray(opening)
        with memoryview(self._body) as body:
            for begin, end in places:
                text += body[begin:end]
                text += b","
        # The last comma makes room; what is without any place has none.
        text[len(text) - bool(places) :] = closing
        weight = weigh(text)
        if weight > self._claimed:
            self._claim(weight - self._claimed)
            self._claimed = weight
        return self._loads(text)
