"""Real servers for the tests, one of each a session."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from temponest.demo.ports import LOOPBACK, free_ports
from temponest.demo.servers import start_postgres, start_valkey

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# Time is measured by benchmarks; on a busy machine a deadline would only make tests fail by chance.
settings.register_profile("repository", deadline=None)
settings.load_profile("repository")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put tests in a browser last: once Playwright runs in this thread, no loop of asyncio may run in it."""
    items.sort(key=lambda item: "browser" in getattr(item, "fixturenames", ()))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests: a second Playwright cannot start beside the first."""
    # Tests without a browser need not wait for this import.
    from tests.web.browser import chromium, chromium_path

    if chromium_path() is None:
        pytest.skip("no Chromium on PATH: apt-get install chromium")
    with chromium("--process-per-site") as browser:
        yield browser


@pytest.fixture(scope="session")
def scratch() -> Iterator[Path]:
    """A folder that other accounts may enter: under root, PostgreSQL runs as another user."""
    with tempfile.TemporaryDirectory(prefix="temponest-tests-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture(scope="session")
def postgres_url(scratch: Path) -> Iterator[str]:
    """Address of a running PostgreSQL."""
    (port,) = free_ports(1)
    process = start_postgres(scratch, port)
    yield f"postgresql://postgres@{LOOPBACK}:{port}/postgres"
    process.stop()


@pytest.fixture(scope="session")
def valkey_url(scratch: Path) -> Iterator[str]:
    """Address of a running Valkey."""
    (port,) = free_ports(1)
    process = start_valkey(scratch, port)
    yield f"redis://{LOOPBACK}:{port}/0"
    process.stop()
