"""What every service measures without being asked: its process, its clients, and telemetry itself."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from ..instrument.durations import measure_clients, measure_no_clients
from ..instrument.pools import measure_no_pools, measure_pools
from ..instrument.semconv import SCHEMA_URL
from ..lifecycle import report
from .own import observe_telemetry, observe_telemetry_no_more
from .provider import MeterProvider
from .runtime import observe_interpreter, observe_process

if TYPE_CHECKING:
    from ..otlp.batch import BatchQueue
    from ..otlp.target import Target


def observe_service(
    provider: MeterProvider, spans: Callable[[], tuple[BatchQueue, Target] | None] = lambda: None
) -> None:
    """Create the instruments that a service has by itself.

    Args:
        provider: records them.
        spans: the queue of ended spans and where it sends them; None while there is none.
    """
    meter = provider.get_meter("shared.telemetry.metrics", schema_url=SCHEMA_URL)
    parts: tuple[Callable[[], None], ...] = (
        partial(observe_process, meter),
        partial(observe_interpreter, meter),
        partial(observe_telemetry, meter, spans),
        partial(measure_clients, provider),
        partial(measure_pools, provider),
    )
    for observe in parts:
        try:
            observe()
        except Exception as error:  # noqa: BLE001 - a platform that lacks one of them keeps the others
            report(error, "creating the metrics of the service")


def observe_no_more() -> None:
    """Let clients, pools and exports go unmeasured again."""
    measure_no_clients()
    measure_no_pools()
    observe_telemetry_no_more()
