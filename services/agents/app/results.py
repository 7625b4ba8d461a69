"""Where the output of an agent's latest run is cached."""

from __future__ import annotations

CACHE_SECONDS = 300


def result_key(agent_id: int) -> str:
    """The Redis key of an agent's latest output."""
    return f"agents:result:{agent_id}"
