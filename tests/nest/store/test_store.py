from __future__ import annotations

from pathlib import Path

import pytest

from temponest.nest.model.fetch import Attribute, AttributeScope, Condition, FetchRequest, Operator
from temponest.nest.model.signal import Signal
from temponest.nest.store.errors import Closed, Held, Newer
from temponest.nest.store.store import Store

from .otlp import EPOCH, SECOND, Given, body, trace_id


def test_what_is_acknowledged_is_found_by_id_and_by_attribute(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    store.start()
    store.append(Signal.TRACES, body(Given(trace=7, attributes={"tenant": "a", "n": 3}))).result()
    store.flush()
    tenant = Condition(Attribute(AttributeScope.SPAN, "tenant"), Operator.EQ, ("a",))
    found = [
        one for page in store.spans.search(FetchRequest(conditions=(tenant,)), lambda: False) for one in page
    ]
    (span,) = store.spans.traces([trace_id(7)], lambda: False)[trace_id(7)]
    store.close()
    assert found == [trace_id(7)]
    assert span.attributes == {"tenant": "a", "n": 3}
    assert span.resource.service_name == "auth"
    assert (span.start_ns, span.end_ns, span.parent_span_id) == (EPOCH, EPOCH + SECOND, b"")


def test_a_reopened_store_has_what_was_acknowledged(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    store.start()
    store.append(Signal.TRACES, body(Given(trace=7))).result()
    store.close()
    again = Store.open(tmp_path)
    again.start()
    found = again.spans.traces([trace_id(7)], lambda: False)
    again.close()
    assert len(found[trace_id(7)]) == 1


def test_a_store_that_rested_has_nothing_to_read_again_at_the_next_start(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    store.start()
    store.append(Signal.TRACES, body(Given(trace=7))).result()
    store.flush()
    store.rest(60)
    store.close()
    again = Store.open(tmp_path)
    again.start()
    stats = again.stats()
    again.close()
    assert (stats.segment_spans, stats.recent_spans, stats.decoded_spans) == (1, 0, 0)


def test_a_second_start_names_the_process_that_holds_the_folder(tmp_path: Path) -> None:
    import os

    store = Store.open(tmp_path)
    with pytest.raises(Held, match=f"process {os.getpid()}"):
        Store.open(tmp_path)
    store.close()


def test_a_newer_folder_is_refused_before_anything_is_touched(tmp_path: Path) -> None:
    (tmp_path / "format").write_text("99\n")
    with pytest.raises(Newer, match="has format 99"):
        Store.open(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["format"]


def test_a_closed_store_takes_nothing(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    store.start()
    store.close()
    with pytest.raises(Closed):
        store.append(Signal.TRACES, b"")
