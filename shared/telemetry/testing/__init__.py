"""Tests of what a service records: a pytest fixture, and the same as a context manager.

pytest finds the fixture by itself where the library is installed by pip. Where it is copied, in the
`conftest.py` at the root of a project:

    pytest_plugins = ["shared.telemetry.testing"]

Importing this package keeps the process from sending telemetry anywhere, whatever the application sets up.
"""

from .capture import Telemetry, capture
from .clock import Clock
from .plugin import pytest_runtest_makereport, telemetry
from .providers import send_nothing

send_nothing()

__all__ = ["Clock", "Telemetry", "capture", "pytest_runtest_makereport", "telemetry"]
