"""`sum` and `avg` where native histograms are among the samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..model.series import Histogram
from .annotations import Annotations
from .messages import COLLISION, INCOMPATIBLE, MIXED, RECONCILED
from .native.arithmetic import Combined, MixedBucketsError, added, mean
from .tree import Aggregation
from .values import NAME, Histograms, Mask, Vector

_COMBINE: dict[str, Callable[[Sequence[Histogram]], Combined]] = {"sum": added, "avg": mean}


def combine(node: Aggregation, group: Vector, notes: Annotations) -> tuple[Histograms, Mask]:
    """The histogram of a group at each step that has histograms, and the steps that have no answer."""
    steps = group.present.shape[1]
    found: Histograms = np.full(steps, None, dtype=object)
    refused = np.zeros(steps, dtype=bool)
    native = group.native()
    names = {labels.get(NAME, "") for labels in group.labels}
    for step in np.flatnonzero(native.any(axis=0)):
        assert group.histograms is not None  # noqa: S101 - native() found some
        if (group.present[:, step] & ~native[:, step]).any():
            notes.warn(f"{MIXED} aggregation", node.expression)
            refused[step] = True
            continue
        try:
            result = _COMBINE[node.operator](list(group.histograms[native[:, step], step]))
        except MixedBucketsError:
            notes.warn(f'{INCOMPATIBLE} "{min(names)}"', node.expression)
            refused[step] = True
            continue
        if result.collision:
            notes.warn(f"{COLLISION} aggregation", node.expression)
        if result.reconciled:
            notes.info(f"{RECONCILED} aggregation", node.expression)
        found[step] = result.histogram
    return found, refused
