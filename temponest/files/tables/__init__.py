"""Telemetry as Parquet tables: a row a span, a data point or a log record, and back without loss."""

from .table import Writer, requests

__all__ = ["Writer", "requests"]
