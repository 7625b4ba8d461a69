"""What telemetry costs a FastAPI service: the same application with and without, against real servers."""
