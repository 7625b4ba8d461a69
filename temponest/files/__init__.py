"""Telemetry in files: OTLP as JSON lines or protobuf, as the Collector writes it, and Parquet."""
