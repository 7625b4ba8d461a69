"""Series bound once, for instrumentations that record the same attribute sets again and again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from opentelemetry.context import Context

from .instruments import Synchronous
from .points import Attributes

Record: TypeAlias = Callable[[float, "Attributes | None", "Context | None"], None]
"""`record(amount, attributes, context)`: the series' attributes, the exemplar's context."""


def bound(instrument: Any, attributes: Attributes) -> Record:
    """A function that records into one series.

    On our instruments it goes straight to the series and accepts what it is given, so the caller answers for
    finite and non-negative amounts; on those of any other provider it calls their method.

    Args:
        instrument: a counter, up-down counter or histogram of any provider.
        attributes: the attribute set of the series.
    """
    if isinstance(instrument, Synchronous):
        return instrument.bind(attributes).record
    method = instrument.record if hasattr(instrument, "record") else instrument.add

    def record(amount: float, _: Attributes | None, context: Context | None) -> None:
        method(amount, attributes, context)

    return record
