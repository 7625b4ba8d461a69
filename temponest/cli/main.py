"""The `temponest` command: a table of subcommands, each loaded when it is called."""

from __future__ import annotations

from importlib import import_module
from typing import cast

import click

from temponest import __version__

# Name, module, and the one line that `temponest --help` shows without loading the module.
COMMANDS = {
    "demo": ("temponest.cli.commands.demo", "Run two services and the nest with live traffic."),
    "cost": ("temponest.cli.commands.cost", "Show what telemetry costs each service."),
    "doctor": ("temponest.cli.commands.doctor", "Find out why traces and metrics do not appear."),
    "init": ("temponest.cli.commands.init", "Add telemetry to a FastAPI service."),
    "mcp": ("temponest.cli.commands.mcp", "Give an agent traces and metrics (MCP)."),
    "open": ("temponest.cli.commands.open", "Open the pages in a browser."),
    "query": ("temponest.cli.commands.query", "Ask PromQL and draw each series as a line."),
    "search": ("temponest.cli.commands.search", "Find traces with TraceQL, newest first."),
    "serve": ("temponest.cli.commands.serve", "Run the nest: receive, store and show telemetry."),
    "services": ("temponest.cli.commands.services", "List the services with rate, errors and p95."),
    "tail": ("temponest.cli.commands.tail", "Print traces as they come."),
    "top": ("temponest.cli.commands.top", "Watch rate, errors and p95 of every service."),
    "trace": ("temponest.cli.commands.trace", "Show one trace as a tree."),
    "ui": ("temponest.cli.commands.ui", "Show the pages over another Tempo and Prometheus."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are used, so that `--help` starts at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in alphabetical order."""
        del ctx
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The attribute `command` of the subcommand's module."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        return cast("click.Command", import_module(COMMANDS[cmd_name][0]).command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table's own lines: no module is loaded to print them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in self.list_commands(ctx)])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="temponest")
def main() -> None:
    """Observability for Python services without a container."""
