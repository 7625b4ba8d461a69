"""Series bound once, for instrumentations that record the same attribute sets again and again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from opentelemetry.context import Context
from opentelemetry.trace import Span

from ..trace.context import SPAN_KEY
from .exemplars import Where
from .instruments import Synchronous
from .points import Attributes

Record: TypeAlias = Callable[[float, "Attributes | None", Where], None]
"""`record(amount, attributes, where)`: the series' attributes, and where the exemplar was measured."""


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

    def record(amount: float, _: Attributes | None, where: Where) -> None:
        method(amount, attributes, Context({SPAN_KEY: where}) if isinstance(where, Span) else where)

    return record
