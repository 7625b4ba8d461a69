from __future__ import annotations

import pytest

from temponest.client.traceql import spans_with


@pytest.mark.parametrize(
    ("service", "tags", "query"),
    [
        (None, {}, "{}"),
        ("shop", {}, '{ resource.service.name = "shop" }'),
        (None, {"http.route": "/cart"}, '{ .http.route = "/cart" }'),
        ("a", {"n": "5"}, '{ resource.service.name = "a" && (.n = 5 || .n = "5") }'),
        (None, {"ok": "true"}, '{ (.ok = true || .ok = "true") }'),
        (None, {"quoted": 'a"b'}, '{ .quoted = "a\\"b" }'),
        (None, {"two words": "x"}, '{ ."two words" = "x" }'),
    ],
)
def test_service_and_tags_become_conditions_of_one_span(
    service: str | None, tags: dict[str, str], query: str
) -> None:
    assert spans_with(service, tags) == query
