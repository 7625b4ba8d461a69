"""OpenTelemetry tracing and metrics for Python services: the public surface and nothing else."""
