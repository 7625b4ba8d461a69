"""An MCP server: traces and metrics for agents, over the same HTTP APIs as everything else."""
