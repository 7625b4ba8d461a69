"""Attributes as OTLP `KeyValue` fields, each pair encoded once and kept.

OTLP's common.proto. Attributes repeat: the same keys in every span, the same values in most. Encoding a whole
mapping is one C loop over a table from (key, value) to bytes; only what the table does not know runs Python.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

from opentelemetry.util.types import AttributeValue as AnyValue

from ..scrub import REDACTED, is_secret_name, scrub
from .wire import double, message, text, varint

_STRING, _BOOL, _INT, _DOUBLE, _ARRAY, _KVLIST, _BYTES = (
    b"\x0a",
    b"\x10",
    b"\x18",
    b"\x21",
    b"\x2a",
    b"\x32",
    b"\x3a",
)
_KEY, _VALUE, _ITEM = b"\x0a", b"\x12", b"\x0a"
_TRUE, _FALSE = _BOOL + b"\x01", _BOOL + b"\x00"

_MAX_DEPTH = 16
_ROOM = 1 << 20
_ENTRY_OVERHEAD = 300
_LONGEST_KEPT = 2048
_VALUES_PER_KEY = 256
_KEYS = 1024


def any_value(value: Any, depth: int = 0) -> bytes:
    """The body of an `AnyValue` message.

    Integers beyond 64 bits become their decimal text, as the specification's attribute mapping asks;
    an object of any other type becomes its `str()`.
    """
    if isinstance(value, str):
        return message(_STRING, scrub(value).encode("utf-8", "replace"))
    if value is None:
        return b""
    if isinstance(value, bool):
        return _TRUE if value else _FALSE
    if isinstance(value, int):
        return _INT + varint(value) if -(1 << 63) <= value < 1 << 63 else message(_STRING, b"%d" % value)
    if isinstance(value, float):
        return _DOUBLE + double.pack(value)
    if isinstance(value, bytes | bytearray):
        return message(_BYTES, bytes(value))
    if depth < _MAX_DEPTH:
        if isinstance(value, Mapping):
            return message(
                _KVLIST, b"".join([message(_ITEM, _pair(str(k), v, depth + 1)) for k, v in value.items()])
            )
        if isinstance(value, Sequence):
            return message(_ARRAY, b"".join([message(_ITEM, any_value(v, depth + 1)) for v in value]))
    return message(_STRING, scrub(shown(value)).encode("utf-8", "replace"))


def shown(value: object) -> str:
    """`str(value)`, also of an object whose `__str__` fails."""
    try:
        return str(value)
    except Exception:  # noqa: BLE001  # a user's __str__ may raise anything
        return f"<{type(value).__name__} cannot be shown>"


def _pair(key: str, value: Any, depth: int = 0) -> bytes:
    if isinstance(value, str) and is_secret_name(key):
        value = REDACTED
    return text(_KEY, key) + message(_VALUE, any_value(value, depth))


def _text_head(size: int) -> bytes:
    """What stands before the characters of a text value: tag and length, twice."""
    inner = _STRING + varint(size)
    return _VALUE + varint(len(inner) + size) + inner


_SHORT: Final = 256
_SHORT_TEXT = tuple(_text_head(size) for size in range(_SHORT))


class _Key:
    """What is known of an attribute's name.

    Attributes:
        name: the encoded field; empty for what cannot be a name.
        secret: whether its text is never to be sent.
        kept: how many of its values are in the tables.
    """

    __slots__ = ("kept", "name", "secret")

    def __init__(self, key: str) -> None:
        self.name = text(_KEY, key) if isinstance(key, str) else b""
        self.secret = isinstance(key, str) and is_secret_name(key)
        self.kept = 0


class AttributeEncoder(dict[tuple[str, AnyValue], bytes]):
    """A table from (key, value) to the encoded field, for one field number, bounded in bytes.

    The table itself has string values only, since `1`, `1.0` and `True` are one key to a dict and three
    values to OTLP; integers and booleans have a table each. A key with many values (a path with an id in
    it) stops being kept after a few hundred, and a full table starts again from empty, so a flood of new
    values costs their encoding and nothing else.

    Args:
        tag: the field's tag in the message that holds the attributes (field 9 of a span: the byte 0x4a).
    """

    __slots__ = ("_keys", "_others", "_room", "_tag", "get_field")

    def __init__(self, tag: bytes) -> None:
        super().__init__()
        self._tag = tag
        self._room = _ROOM
        self._keys: dict[str, _Key] = {}
        self._others: dict[type, dict[tuple[str, AnyValue], bytes]] = {int: {}, bool: {}}
        self.get_field: Callable[[tuple[str, AnyValue]], bytes] = self.__getitem__

    def encode(self, attributes: Mapping[str, AnyValue]) -> bytes:
        """All pairs, each as a tagged `KeyValue` field, in the mapping's order."""
        try:
            return b"".join(map(self.get_field, attributes.items()))
        except TypeError:
            # A mapping or another unhashable value is in there: the table cannot even be asked.
            return attributes_of(self._tag, attributes)

    def __missing__(self, item: tuple[str, AnyValue]) -> bytes:
        kind = type(item[1])
        table: dict[tuple[str, AnyValue], bytes] | None = self
        if kind is not str:
            table = self._others.get(kind)
            if table is not None:
                field = table.get(item)
                if field is not None:
                    return field
        key, value = item
        known = self._keys.get(key)
        if known is None:
            known = self._learn(key)
        if not known.name:
            return b""
        if isinstance(value, str):
            data = (REDACTED if known.secret else scrub(value)).encode("utf-8", "replace")
            size = len(data)
            head = _SHORT_TEXT[size] if size < _SHORT else _text_head(size)
            body = known.name + head + data
        else:
            body = known.name + message(_VALUE, any_value(value))
        field = message(self._tag, body)
        if table is not None and known.kept < _VALUES_PER_KEY and len(field) < _LONGEST_KEPT:
            self._keep(table, item, field, known)
        return field

    def _learn(self, key: str) -> _Key:
        known = _Key(key)
        if len(self._keys) < _KEYS:
            self._keys[key] = known
        return known

    def _keep(
        self, table: dict[tuple[str, AnyValue], bytes], item: tuple[str, AnyValue], field: bytes, known: _Key
    ) -> None:
        self._room -= 2 * len(field) + _ENTRY_OVERHEAD
        if self._room < 0:
            self._room = _ROOM
            self._keys.clear()
            self.clear()
            for other in self._others.values():
                other.clear()
        else:
            table[item] = field
            known.kept += 1


PREPARED_AT_MOST: Final = 32
"""Attributes in one `Prepared`."""


class Prepared(dict[str, AnyValue]):
    """Attributes that many records share, encoded once: hand it to `start_span` like any other mapping.

    It is read only by convention; a span that sets one of its keys takes a copy first. With another
    implementation of the API it is a plain dict.

    Raises:
        ValueError: for more than `PREPARED_AT_MOST` attributes.
    """

    __slots__ = ("wire",)

    def __init__(self, attributes: Mapping[str, AnyValue]) -> None:
        super().__init__(attributes)
        if len(self) > PREPARED_AT_MOST:
            raise ValueError(
                f"{len(self)} attributes are too many to prepare; give at most {PREPARED_AT_MOST}"
            )
        self.wire: bytes = span_attributes.encode(self)


class Extended(Mapping[str, AnyValue]):
    """Prepared attributes and a few of one's own, for `start_span`: neither is copied.

    Args:
        prepared: shared by many records.
        own: of this record only, and given away with it; none of its keys is in `prepared`, and nobody
            changes its values any more.
    """

    __slots__ = ("own", "prepared")

    def __init__(self, prepared: Prepared, own: dict[str, AnyValue]) -> None:
        self.prepared = prepared
        self.own = own

    def __getitem__(self, key: str) -> AnyValue:
        return self.own[key] if key in self.own else self.prepared[key]

    def __iter__(self) -> Iterator[str]:
        yield from self.prepared
        yield from self.own

    def __len__(self) -> int:
        return len(self.prepared) + len(self.own)


class Source(Protocol):
    """Attributes of a span that are worked out when they are read, at the latest when it is encoded."""

    def attributes(self) -> tuple[Prepared, dict[str, AnyValue]]:
        """Those that many spans share, and those of this one; no key is in both."""
        ...


span_attributes: AttributeEncoder = AttributeEncoder(b"\x4a")
"""`Span.attributes` (field 9)."""


def attributes_of(tag: bytes, pairs: Mapping[str, AnyValue] | None) -> bytes:
    """All pairs as `KeyValue` fields of the given tag, nothing kept: for what is encoded once or rarely."""
    return b"".join([message(tag, _pair(str(key), value)) for key, value in pairs.items()]) if pairs else b""
