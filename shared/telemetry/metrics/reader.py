"""The periodic reader: collects at an interval and exports, on a thread of its own."""

from __future__ import annotations

import logging
import math
import threading
import time
from typing import Protocol

from .. import config
from ..cost import exported
from ..lifecycle import report
from .points import ScopeMetrics
from .provider import Collect
from .views import Preferences

_logger = logging.getLogger(__name__)


class MetricsExporter(Protocol):
    """Takes what a collection yielded."""

    def export(self, metrics: list[ScopeMetrics], deadline: float) -> bool:
        """Send or write by a `time.monotonic()` deadline; False when it is lost. Never concurrent."""
        ...

    def close(self) -> None:
        """Nothing will be exported any more."""
        ...

    def reset(self) -> None:
        """Forget connections and locks that a fork left behind."""
        ...


class PeriodicReader:
    """Collects and exports at an interval (metrics SDK, "Periodic exporting MetricReader").

    Args:
        exporter: where the metrics go.
        interval: seconds between exports; `OTEL_METRIC_EXPORT_INTERVAL` or 60 if None. Infinity exports at
            `flush` and `close` only.
        timeout: seconds one export may take; `OTEL_METRIC_EXPORT_TIMEOUT` or 30 if None.
        preferences: temporality and aggregation that the exporter's receiver wants.

    Raises:
        ValueError: the interval is not above zero.
    """

    def __init__(
        self,
        exporter: MetricsExporter,
        interval: float | None = None,
        timeout: float | None = None,
        preferences: Preferences | None = None,
    ) -> None:
        if interval is None:
            interval = config.integer("OTEL_METRIC_EXPORT_INTERVAL", 60_000, 1) / 1000
        if timeout is None:
            timeout = config.timeout("OTEL_METRIC_EXPORT_TIMEOUT", 30_000)
        if not interval > 0:
            raise ValueError(f"the export interval must be above zero, not {interval} seconds")
        self.preferences = preferences if preferences is not None else Preferences()
        self._exporter = exporter
        self._interval = interval
        self._timeout = timeout
        self._collect: Collect | None = None
        self._closed = False
        self._fresh()

    def _fresh(self) -> None:
        self._exporting = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def attach(self, collect: Collect) -> None:
        """Told by the provider how to collect; the thread starts."""
        self._collect = collect
        self._start()

    def _start(self) -> None:
        if self._interval < math.inf and not self._closed:
            self._thread = threading.Thread(target=self._run, name="temponest-metrics", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        stop = self._stop
        due = time.monotonic() + self._interval
        while not stop.wait(max(0.0, due - time.monotonic())):
            # A fixed rhythm; an export that took longer than the interval skips the beats it missed.
            due += self._interval * max(1, math.ceil((time.monotonic() - due) / self._interval))
            try:
                self.flush(time.monotonic() + self._timeout)
            except Exception as error:  # noqa: BLE001 - the thread outlives any failure of an export
                report(error, "the export of metrics")
            exported("metrics")

    def flush(self, deadline: float) -> bool:
        """Collect and export now.

        Args:
            deadline: `time.monotonic()` value for both together.

        Returns:
            False if it could not be done in time.
        """
        if self._collect is None or not self._exporting.acquire(
            timeout=max(0.0, deadline - time.monotonic())
        ):
            return False
        try:
            metrics = self._collect(max(0.0, deadline - time.monotonic()))
            return self._exporter.export(metrics, deadline) if metrics else True
        finally:
            self._exporting.release()

    def close(self, deadline: float) -> None:
        """Export for the last time and end the thread."""
        if self._closed:
            return
        self._closed = True
        self._stop.set()
        try:
            self.flush(deadline)
        finally:
            self._exporter.close()

    def restart(self) -> None:
        """In a forked child: a thread and locks of its own."""
        self._exporter.reset()
        self._fresh()
        self._start()
