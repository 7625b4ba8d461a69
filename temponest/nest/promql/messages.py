"""What is said about samples that do not go together."""

from __future__ import annotations

MIXED = "encountered a mix of histograms and floats for"
INCOMPATIBLE = (
    "vector contains a mix of histograms with exponential and custom buckets schemas for metric name"
)
COLLISION = "conflicting counter resets during histogram"
RECONCILED = "mismatched custom buckets were reconciled during"
NOT_COUNTER = "this native histogram metric is not a counter:"
NOT_GAUGE = "this native histogram metric is not a gauge:"
