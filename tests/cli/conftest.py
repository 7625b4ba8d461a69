"""A nest of its own for the command line."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.journeys.conftest import Nest, run_nest
from tests.journeys.wait import until
from tests.nest.ingest.messages import request

FIRST, SECOND = bytes(range(16)), bytes(range(1, 17))


@pytest.fixture(scope="session")
def nest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nest]:
    """A nest that holds two traces of the service `shop`, seconds old, the second one slower."""
    running = run_nest(tmp_path_factory.mktemp("cli"))
    for trace_id, milliseconds in ((FIRST, 5), (SECOND, 50)):
        message = request(trace_id, spans=3, route="/cart")
        now = running.now_ns()
        for index, span in enumerate(message.resource_spans[0].scope_spans[0].spans):
            span.start_time_unix_nano = now + index
            span.end_time_unix_nano = now + milliseconds * 1_000_000 + index
        running.send(message)
        until(lambda one=trace_id: running.tempo.trace(one.hex()), "the trace")  # type: ignore[misc] # bound now
    yield running
    running.stop()
