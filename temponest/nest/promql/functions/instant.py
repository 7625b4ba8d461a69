"""Functions of whole vectors: sorting."""

from __future__ import annotations

import numpy as np

from ..values import Vector
from .call import Call, Function


def _sorted(*, descending: bool) -> Function:
    def apply(call: Call) -> Vector:
        vector = call.vector()
        # A histogram has no place among numbers.
        vector = Vector(vector.labels, vector.values, vector.numbers())
        if vector.values.shape[1] != 1 or not len(vector.labels):
            # Over a range the order would differ from step to step; it is left as it is.
            return vector
        column = vector.values[:, 0]
        # NaN comes last in both directions.
        signed = -column if descending else column
        return vector.rows(np.argsort(np.where(np.isnan(column), np.inf, signed), kind="stable").tolist())

    return apply


FUNCTIONS: dict[str, Function] = {"sort": _sorted(descending=False), "sort_desc": _sorted(descending=True)}
