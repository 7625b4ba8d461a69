"""Real servers for the tests, one of each a session."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from temponest.demo.ports import LOOPBACK, free_ports
from temponest.demo.servers import start_postgres, start_valkey

# Time is measured by benchmarks; on a busy machine a deadline would only make tests fail by chance.
settings.register_profile("repository", deadline=None)
settings.load_profile("repository")


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
