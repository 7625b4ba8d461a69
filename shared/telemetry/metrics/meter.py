"""The meter: creates instruments, each of them once."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from threading import RLock
from typing import TypeVar, cast

from opentelemetry import metrics as api
from opentelemetry.metrics import CallbackT
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from . import instruments
from .instruments import Recorder
from .stream import Identity, InstrumentKind
from .views import usable_bounds

_logger = logging.getLogger(__name__)
_NAME = re.compile(r"[a-zA-Z][-_./a-zA-Z0-9]{0,254}")
_UNIT = re.compile(r"[\x00-\x7F]{0,63}")

Made = TypeVar("Made", bound=Recorder)


class Meter(api.Meter):
    """Creates instruments of one instrumentation scope (metrics API, "Meter").

    An instrument of the same kind, name, unit and description is created once; asking again returns it. A
    name or unit that the specification does not allow is told in one line and the instrument records nothing.
    """

    def __init__(self, scope: InstrumentationScope, register: Callable[[Recorder], None]) -> None:
        super().__init__(scope.name, scope.version, scope.schema_url)
        # The SDK calls it so, and readers of that SDK look.
        self._instrumentation_scope = scope
        self._register = register
        # Re-entrant: creating the streams of an instrument may create self metrics.
        self._lock = RLock()
        self._made: dict[tuple[object, ...], Recorder] = {}
        self._names: dict[str, Identity] = {}

    def create_counter(self, name: str, unit: str = "", description: str = "") -> api.Counter:
        """A sum of non-negative increments."""
        made = self._create(
            self._identity(name, unit, description, InstrumentKind.COUNTER), instruments.Counter
        )
        return made or api.NoOpCounter(name)

    def create_up_down_counter(self, name: str, unit: str = "", description: str = "") -> api.UpDownCounter:
        """A sum of increments and decrements."""
        made = self._create(
            self._identity(name, unit, description, InstrumentKind.UP_DOWN_COUNTER), instruments.UpDownCounter
        )
        return made or api.NoOpUpDownCounter(name)

    def create_histogram(
        self,
        name: str,
        unit: str = "",
        description: str = "",
        *,
        explicit_bucket_boundaries_advisory: Sequence[float] | None = None,
    ) -> api.Histogram:
        """A distribution of non-negative values, in the advised buckets unless a view says otherwise."""
        made = self._create(
            self._identity(
                name, unit, description, InstrumentKind.HISTOGRAM, explicit_bucket_boundaries_advisory
            ),
            instruments.Histogram,
        )
        return made or api.NoOpHistogram(name)

    def create_gauge(self, name: str, unit: str = "", description: str = "") -> api._Gauge:
        """A value that is set."""
        made = self._create(self._identity(name, unit, description, InstrumentKind.GAUGE), instruments.Gauge)
        return made or api._NoOpGauge(name)

    def create_observable_counter(
        self, name: str, callbacks: Sequence[CallbackT] | None = None, unit: str = "", description: str = ""
    ) -> api.ObservableCounter:
        """A monotonic total that callbacks report."""
        made = self._create(
            self._identity(name, unit, description, InstrumentKind.OBSERVABLE_COUNTER),
            lambda identity: instruments.ObservableCounter(identity, callbacks),
        )
        return made or api.NoOpObservableCounter(name)

    def create_observable_up_down_counter(
        self, name: str, callbacks: Sequence[CallbackT] | None = None, unit: str = "", description: str = ""
    ) -> api.ObservableUpDownCounter:
        """A total that callbacks report and that may fall."""
        made = self._create(
            self._identity(name, unit, description, InstrumentKind.OBSERVABLE_UP_DOWN_COUNTER),
            lambda identity: instruments.ObservableUpDownCounter(identity, callbacks),
        )
        return made or api.NoOpObservableUpDownCounter(name)

    def create_observable_gauge(
        self, name: str, callbacks: Sequence[CallbackT] | None = None, unit: str = "", description: str = ""
    ) -> api.ObservableGauge:
        """A current value that callbacks report."""
        made = self._create(
            self._identity(name, unit, description, InstrumentKind.OBSERVABLE_GAUGE),
            lambda identity: instruments.ObservableGauge(identity, callbacks),
        )
        return made or api.NoOpObservableGauge(name)

    def _identity(
        self,
        name: str,
        unit: str | None,
        description: str | None,
        kind: InstrumentKind,
        bounds: Sequence[float] | None = None,
    ) -> Identity | None:
        unit = unit or ""
        if not isinstance(name, str) or _NAME.fullmatch(name) is None:
            _logger.warning(
                "%r is no metric name: a letter, then letters, digits and -_./, 255 at most.", name
            )
            return None
        if not isinstance(unit, str) or _UNIT.fullmatch(unit) is None:
            _logger.warning("%r of %s is not a unit: ASCII, 63 characters at most.", unit, name)
            return None
        return Identity(
            name.lower(),
            description or "",
            unit,
            self._instrumentation_scope,
            kind,
            usable_bounds(bounds, name),
        )

    def _create(self, identity: Identity | None, make: Callable[[Identity], Made]) -> Made | None:
        if identity is None:
            return None
        key = (identity.kind, identity.name, identity.unit, identity.description)
        with self._lock:
            known = self._made.get(key)
            if known is None:
                self._tell_conflict(identity)
                made = self._made[key] = make(identity)
                self._register(made)
                return made
        if identity.advised_bounds not in (None, known.identity.advised_bounds):
            _logger.warning("%s exists with other advised boundaries, which stay in use.", identity.name)
        return cast("Made", known)  # the key holds the kind

    def _tell_conflict(self, identity: Identity) -> None:
        first = self._names.setdefault(identity.name, identity)
        if first is not identity:
            _logger.warning(
                "%s is created as %s in %r and as %s in %r; receivers may mix them up.",
                identity.name,
                first.kind.value,
                first.unit,
                identity.kind.value,
                identity.unit,
            )
