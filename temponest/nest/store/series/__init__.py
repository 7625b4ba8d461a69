"""Metric series: a head in memory, segments on disk, one source over both."""
