"""Metrics behind the OpenTelemetry API: instruments that cost a microsecond, exact under threads."""

from .points import Temporality
from .provider import MeterProvider
from .reader import PeriodicReader
from .views import Preferences, preferences

__all__ = ["MeterProvider", "PeriodicReader", "Preferences", "Temporality", "preferences"]
