"""A recorder for each test, and instrumentations that end with the test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shared.telemetry.instrument import uninstrument_all
from tests.telemetry.instrument.recorded import Recorded


@pytest.fixture
def recorded() -> Recorded:
    return Recorded()


@pytest.fixture(autouse=True)
def _uninstrumented() -> Iterator[None]:
    yield
    uninstrument_all()
