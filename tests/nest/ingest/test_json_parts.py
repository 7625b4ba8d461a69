"""What large JSON is cut into, record by record as JSON reads it whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temponest.nest.ingest import json_parts
from temponest.nest.ingest.errors import Refused
from temponest.nest.model.signal import Signal

TEXT = st.text(st.sampled_from('"\\\n{}[],:é😀a '), max_size=6)
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
RECORDS = st.lists(st.dictionaries(TEXT, VALUE, max_size=3), max_size=6)


def having(names: tuple[str, ...], content: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Objects with a list under one of its names, before, between or after other fields."""
    own = st.lists(st.tuples(st.sampled_from(["resource", "scope", "schemaUrl", "later"]), VALUE), max_size=3)
    mine = st.tuples(st.sampled_from(names), content)
    return st.builds(
        lambda fields, one, at: dict([*fields[:at], one, *fields[at:]]), own, mine, st.integers(0, 3)
    )


REQUESTS = having(
    ("resourceSpans", "resource_spans"),
    st.lists(
        having(("scopeSpans", "scope_spans"), st.lists(having(("spans",), RECORDS), max_size=4)), max_size=4
    ),
)


def records(request: dict[str, Any], names: tuple[tuple[str, ...], ...]) -> Iterator[tuple[object, ...]]:
    """Each record with the fields of what it is in."""
    (here, *below) = names
    own = {name: found for name, found in request.items() if name not in here}
    for inner in next((found for name, found in request.items() if name in here), []):
        for one in records(inner, tuple(below)) if below else [(inner,)]:
            yield (own, *one)


NAMES = (("resourceSpans", "resource_spans"), ("scopeSpans", "scope_spans"), ("spans",))


def parts(body: bytes, limit: int, signal: Signal = Signal.TRACES) -> list[dict[str, Any]]:
    return list(json_parts.split(signal, body, limit, json.loads, lambda _: None))


@given(
    request=REQUESTS,
    limit=st.integers(0, 200),
    indent=st.sampled_from([None, 1]),
    escaped=st.booleans(),
)
def test_the_parts_have_the_records_of_the_whole_in_their_order(
    request: dict[str, Any], limit: int, indent: int | None, escaped: bool
) -> None:
    body = json.dumps(request, indent=indent, ensure_ascii=escaped).encode()
    found = [one for part in parts(body, limit) for one in records(part, NAMES)]
    assert found == list(records(request, NAMES))


def test_a_part_has_no_more_than_it_may_where_no_record_is_larger() -> None:
    spans = [{"name": f"step {n}", "attributes": [{"key": "k"}]} for n in range(1000)]
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}], "schemaUrl": "u"}]}).encode()
    cut = parts(body, 2000)
    assert len(cut) > 20
    assert max(len(json.dumps(part)) for part in cut) < 2200
    assert all(part["resourceSpans"][0]["schemaUrl"] == "u" for part in cut)


SPANS = '{"resourceSpans":[{"scopeSpans":[{"spans":[%s]}]}]}'
BEFORE, AFTER = SPANS.split("%s")


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "",
        '{"resourceSpans":[',
        '{"resourceSpans":[{}',
        '{"resourceSpans":[{}}',
        '{"resourceSpans":[{}]',
        '{"resourceSpans":[{}]} {}',
        '{"resourceSpans":[{},]}',
        '{"resourceSpans":[,{}]}',
        '{"resourceSpans" [{}]}',
        '{"resourceSpans":[{"scopeSpans":[{"spans":[{}]}],}]}',
        "{resourceSpans:[]}",
        SPANS % '{"name":"x}',
        SPANS % '{"a":[}]',
        SPANS % '{"a":1]',
        SPANS % '{"a":tru}',
        SPANS % "{} {}",
        SPANS % '"\n"',
        SPANS % ("[" * 2000 + "]" * 2000),
    ],
)
def test_what_is_no_json_is_said_to_be_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parts(text.encode(), 10)


def test_bytes_that_are_no_text_are_said_to_be_none() -> None:
    with pytest.raises(ValueError, match="utf-8"):
        parts(SPANS.encode() % b'{"name":"\xff"}', 10)


@pytest.mark.parametrize(
    ("before", "again", "times", "after"),
    [
        (BEFORE, "{},", 4_000_000, "{}" + AFTER),
        (BEFORE, "0,", 1_000_000, "0" + AFTER),
        ("", "[", 5_000_000, ""),
        ("{", '"a":0,', 2000, '"a":0}'),
        ('{"later":[', "0,", 7_000_000, "0]}"),
        ('{"later":[', '{"a":0},', 700_000, "0]}"),
        (BEFORE + '{"name":"', "\\n", 7_000_000, '"}' + AFTER),
    ],
    ids=["objects", "numbers", "deep", "fields", "unknown", "heavy", "text"],
)
def test_a_bomb_is_refused_before_it_is_objects(before: str, again: str, times: int, after: str) -> None:
    body = f"{before}{again * times}{after}".encode()
    loaded: list[int] = []

    def loads(piece: bytes | bytearray) -> object:
        loaded.append(len(piece))
        return json.loads(piece)

    with pytest.raises(Refused) as refused:
        list(json_parts.split(Signal.TRACES, body, 1000, loads, lambda _: None))
    assert refused.value.http == 413
    assert sum(loaded) < 1000


def test_a_span_of_two_hundred_thousand_attributes_may_be_read_at_once() -> None:
    attributes = ",".join(f'{{"key":"key.{n}","value":{{"intValue":"{n}"}}}}' for n in range(200_000))
    text = f'{{"attributes":[{attributes}]}}'.encode()
    assert json_parts.weigh(text) > 10 * len(text)


def test_room_is_claimed_once_for_the_largest_part() -> None:
    body = (SPANS % ",".join('{"name":"%s"}' % ("x" * n) for n in (10, 200, 100))).encode()
    claimed: list[int] = []
    list(json_parts.split(Signal.TRACES, body, 20, json.loads, claimed.append))
    assert sum(claimed) == json_parts.weigh(b'[{"name":"%s"}]' % (b"x" * 200))
