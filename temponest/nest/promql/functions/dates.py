"""Parts of a date, in UTC."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np

from ..values import Floats, Vector
from .call import Call, Function
from .math import mapped

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _part(part: Callable[[datetime], int]) -> Function:
    def one(seconds: float) -> float:
        try:
            return float(part(_EPOCH + timedelta(seconds=seconds // 1)))
        except (OverflowError, ValueError):
            return float("nan")

    def apply(call: Call) -> Vector:
        if call.arguments:
            vector = call.vector()
        else:
            now = (call.times / 1000).reshape(1, -1)
            vector = Vector([{}], now, np.ones(now.shape, dtype=bool))
        every: Callable[[Floats], Floats] = np.vectorize(one, otypes=[np.float64])
        return mapped(vector, lambda values: every(values) if values.size else values)

    return apply


FUNCTIONS: dict[str, Function] = {
    "minute": _part(lambda date: date.minute),
    "hour": _part(lambda date: date.hour),
    "day_of_month": _part(lambda date: date.day),
    "day_of_week": _part(lambda date: date.isoweekday() % 7),
    "day_of_year": _part(lambda date: date.timetuple().tm_yday),
    "days_in_month": _part(lambda date: monthrange(date.year, date.month)[1]),
    "month": _part(lambda date: date.month),
    "year": _part(lambda date: date.year),
}
