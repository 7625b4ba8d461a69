"""How an existing service gets telemetry: its source is read and lines are added, nothing else is touched."""
