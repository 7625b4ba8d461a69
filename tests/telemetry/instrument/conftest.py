"""A recorder for each test, and instrumentations that end with the test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shared.telemetry.instrument import uninstrument_all
from tests.telemetry.instrument.recorded import Recorded


@pytest.fixture(params=["ours", "the SDK's"])
def recorded(request: pytest.FixtureRequest) -> Recorded:
    """Instrumentations speak the API only, so they are tested on both providers."""
    return Recorded(ours=request.param == "ours")


@pytest.fixture(autouse=True)
def _uninstrumented() -> Iterator[None]:
    yield
    uninstrument_all()
