"""The seven instruments behind the API. Recording resolves a series by attribute set and updates it."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeAlias

from opentelemetry import metrics as api
from opentelemetry.context import Context
from opentelemetry.metrics import CallbackOptions, CallbackT, Observation
from opentelemetry.util.types import Attributes as AnyAttributes
from opentelemetry.util.types import AttributeValue

from ..lifecycle import report
from .points import Attributes
from .series import ByType, Fanout, Series, Target
from .stream import Identity, Stream

_logger = logging.getLogger(__name__)
_INFINITY = math.inf
# Attribute sets whose series is remembered without sorting; the same set in another order counts again.
_REMEMBERED = 4096


def clean(attributes: Any) -> dict[str, AttributeValue]:
    """The attributes the data model can carry; anything else is left out with a warning."""
    kept: dict[str, AttributeValue] = {}
    if not attributes:
        return kept
    if not isinstance(attributes, Mapping):  # the type says it is; callers are not all typed
        _logger.warning("Attributes must be a mapping, not %s; they are left out.", type(attributes).__name__)
        return kept
    for key, value in attributes.items():
        if not isinstance(key, str) or not key:
            _logger.warning("The attribute key %r is not a string; it is left out.", key)
        elif isinstance(value, str | bool | int | float | bytes):
            kept[key] = value
        elif isinstance(value, Sequence) and all(
            isinstance(item, str | bool | int | float | bytes | None) for item in value
        ):
            kept[key] = tuple(value)
        elif value is not None:
            _logger.warning("Attribute %s: %s cannot be recorded.", key, type(value).__name__)
    return kept


class Recorder:
    """What all instruments share: their identity and the streams they feed."""

    def _identify(self, identity: Identity) -> None:
        self.identity = identity
        self.name = identity.name
        self.unit = identity.unit
        self.description = identity.description
        self.instrumentation_scope = identity.scope
        self.streams: tuple[Stream, ...] = ()

    def feed(self, streams: Sequence[Stream]) -> None:
        """Record into these streams from now on; those of every reader together."""
        self.streams = tuple(streams)

    def collected(self) -> None:
        """Told after a reader's collection."""


Recording = Target | ByType | None


class Synchronous(Recorder):
    """An instrument that the application records with; series are found by attribute set."""

    def __init__(self, identity: Identity) -> None:
        self._identify(identity)
        self._lock = Lock()
        self._targets: dict[tuple[object, ...], Target | ByType] = {}
        self._refused = False

    def feed(self, streams: Sequence[Stream]) -> None:
        """Record into these streams, and forget the series of others."""
        super().feed(streams)
        self._targets = {}

    def collected(self) -> None:
        """Forget series that the collection retired."""
        if any(stream.releases_series for stream in self.streams):
            self._targets = {}

    def bind(self, attributes: Attributes) -> Target:
        """The series of one attribute set: `record(amount, attributes, context)` on it skips the look-up.

        For code that records the same set again and again. It stays valid across collections and forks, but
        not when a reader is added later.
        """
        cleaned = clean(attributes)
        targets = [stream.series(stream.select(cleaned)) for stream in self.streams]
        return targets[0] if len(targets) == 1 else Fanout(targets)

    def _resolve(self, attributes: AnyAttributes) -> Target:
        """Find the series of an attribute set for the first time, and remember it."""
        target = self.bind(attributes or {})
        series: Sequence[Series] = target.targets if isinstance(target, Fanout) else (target,)
        # Sets beyond the limit are not remembered: there is no end to them.
        if any(one.stream.is_overflow(one) for one in series):
            return target
        targets = self._targets
        if len(targets) >= _REMEMBERED:
            targets.clear()
        try:
            key = (*attributes, *attributes.values()) if attributes else ()
            mistakable = [name for name, value in (attributes or {}).items() if value.__class__ is not str]
            if not mistakable:
                targets[key] = target
            else:
                by_type = targets.get(key)
                if not isinstance(by_type, ByType):
                    by_type = targets[key] = ByType(mistakable)
                by_type.add(attributes or {}, target)
        except (TypeError, AttributeError):
            # A list among the values cannot be hashed, and no mapping has no values: looked up each time.
            pass
        return target

    def _recover(
        self,
        error: Exception,
        found: Recording,
        amount: float,
        attributes: AnyAttributes,
        context: Context | None,
    ) -> None:
        """Record what the look-up could not find, because it is new or its values cannot be hashed."""
        try:
            if found is not None and not isinstance(error, KeyError):
                raise error
            self._resolve(attributes).record(amount, attributes, context)
        except Exception as failure:  # noqa: BLE001 - telemetry never raises into the application
            report(failure, f"recording {self.name}")

    def _refuse(self, amount: object, wanted: str) -> None:
        if not self._refused:
            self._refused = True
            _logger.warning("%s takes %s, not %r; such measurements are ignored.", self.name, wanted, amount)


class Counter(Synchronous, api.Counter):
    """A sum of non-negative increments (metrics API, "Counter")."""

    def add(self, amount: float, attributes: AnyAttributes = None, context: Context | None = None) -> None:
        """Add `amount` to the series of `attributes`; a negative or non-finite amount is ignored."""
        found = None
        try:
            if 0 <= amount < _INFINITY:
                # The key is the keys and the values: two flat halves hash faster than pairs do.
                found = self._targets[(*attributes, *attributes.values()) if attributes else ()]
                found.record(amount, attributes, context)
            else:
                self._refuse(amount, "finite amounts of zero or more")
        except Exception as error:  # noqa: BLE001 - telemetry never raises into the application
            self._recover(error, found, amount, attributes, context)


class UpDownCounter(Synchronous, api.UpDownCounter):
    """A sum of increments and decrements (metrics API, "UpDownCounter")."""

    def add(self, amount: float, attributes: AnyAttributes = None, context: Context | None = None) -> None:
        """Add `amount`, which may be negative, to the series of `attributes`."""
        found = None
        try:
            if -_INFINITY < amount < _INFINITY:
                # The key is the keys and the values: two flat halves hash faster than pairs do.
                found = self._targets[(*attributes, *attributes.values()) if attributes else ()]
                found.record(amount, attributes, context)
            else:
                self._refuse(amount, "finite amounts")
        except Exception as error:  # noqa: BLE001 - telemetry never raises into the application
            self._recover(error, found, amount, attributes, context)


class Histogram(Synchronous, api.Histogram):
    """A distribution of non-negative values (metrics API, "Histogram")."""

    def record(self, amount: float, attributes: AnyAttributes = None, context: Context | None = None) -> None:
        """Count `amount` into the series of `attributes`; a negative or non-finite amount is ignored."""
        found = None
        try:
            if 0 <= amount < _INFINITY:
                # The key is the keys and the values: two flat halves hash faster than pairs do.
                found = self._targets[(*attributes, *attributes.values()) if attributes else ()]
                found.record(amount, attributes, context)
            else:
                self._refuse(amount, "finite amounts of zero or more")
        except Exception as error:  # noqa: BLE001 - telemetry never raises into the application
            self._recover(error, found, amount, attributes, context)


if TYPE_CHECKING:
    _GaugeOfTheApi: TypeAlias = api._Gauge
else:
    # Public to applications since version 1.23 of the API, and never made before.
    _GaugeOfTheApi = getattr(api, "_Gauge", api.Instrument)


class Gauge(Synchronous, _GaugeOfTheApi):
    """A value that is set (metrics API, "Gauge")."""

    def set(self, amount: float, attributes: AnyAttributes = None, context: Context | None = None) -> None:
        """Make `amount` the value of the series of `attributes`."""
        found = None
        try:
            if -_INFINITY < amount < _INFINITY:
                # The key is the keys and the values: two flat halves hash faster than pairs do.
                found = self._targets[(*attributes, *attributes.values()) if attributes else ()]
                found.record(amount, attributes, context)
            else:
                self._refuse(amount, "finite amounts")
        except Exception as error:  # noqa: BLE001 - telemetry never raises into the application
            self._recover(error, found, amount, attributes, context)


class Asynchronous(Recorder):
    """An instrument that asks callbacks at each collection (metrics API, "Asynchronous instruments")."""

    def __init__(self, identity: Identity, callbacks: Sequence[CallbackT] | None) -> None:
        self._identify(identity)
        self._callbacks = [_started(callback) for callback in callbacks or ()]
        self._told = False

    def observe(self, options: CallbackOptions, streams: Iterable[Stream]) -> None:
        """Ask every callback and record what it reports into `streams`, those of the reader that collects.

        A callback that fails is told in one line and leaves the others alone.
        """
        for callback in self._callbacks:
            try:
                for observation in callback(options):
                    self._take(observation, streams)
            except Exception as error:  # noqa: BLE001 - a callback of the application must not end the collection
                self._tell(error)

    def _take(self, observation: Observation, streams: Iterable[Stream]) -> None:
        value = observation.value
        if not -_INFINITY < value < _INFINITY:
            self._tell(ValueError(f"{value!r} is not finite"))
            return
        attributes = clean(observation.attributes)
        # Older versions of the API have no context on an observation.
        context = getattr(observation, "context", None)
        for stream in streams:
            stream.series(stream.select(attributes)).record(value, attributes, context)

    def _tell(self, error: Exception) -> None:
        if not self._told:
            self._told = True
            _logger.error("A callback of %s failed.", self.name, exc_info=error)


class ObservableCounter(Asynchronous, api.ObservableCounter):
    """A monotonic total that callbacks report."""


class ObservableUpDownCounter(Asynchronous, api.ObservableUpDownCounter):
    """A total that callbacks report and that may fall."""


class ObservableGauge(Asynchronous, api.ObservableGauge):
    """A current value that callbacks report."""


def _started(callback: CallbackT) -> Callable[[CallbackOptions], Iterable[Observation]]:
    if not isinstance(callback, Generator):
        return callback
    # A generator receives the options at its yield, so it is run up to the first.
    next(callback)

    def ask(options: CallbackOptions) -> Iterable[Observation]:
        try:
            return callback.send(options)
        except StopIteration:
            return ()

    return ask
