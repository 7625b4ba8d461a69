"""A recorder for each test, and instrumentations that end with the test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shared.telemetry.instrument import uninstrument_all
from tests.telemetry.instrument.recorded import Recorded


@pytest.fixture(params=["ours", "ours, as sent", "the SDK's"])
def recorded(request: pytest.FixtureRequest) -> Recorded:
    """Instrumentations speak the API, so they are tested on both providers.

    On ours, what nobody looks at before it is sent is worked out later: tested by what is sent.
    """
    return Recorded(ours=request.param != "the SDK's", sent=request.param == "ours, as sent")


@pytest.fixture(autouse=True)
def _uninstrumented() -> Iterator[None]:
    yield
    uninstrument_all()
