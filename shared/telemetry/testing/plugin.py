"""What pytest finds here: the fixture, and the trace of a test that fails in its report."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

import pytest

from .capture import Telemetry, capture


@pytest.fixture
def telemetry() -> Iterator[Telemetry]:
    """What the test records: spans and metrics in memory, with ids and times that repeat."""
    with capture() as captured:
        yield captured


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add what was recorded to the report of a test that fails."""
    report = yield
    arguments: dict[str, Any] = getattr(item, "funcargs", {})
    for name, value in arguments.items():
        if report.when == "call" and report.failed and isinstance(value, Telemetry):
            report.sections.append((f"Captured {name}", str(value)))
    return report
