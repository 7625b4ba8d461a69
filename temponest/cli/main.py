"""The `temponest` command: a table of subcommands, each loaded when it is called."""

from __future__ import annotations

from importlib import import_module
from typing import cast

import click
from click.shell_completion import CompletionItem

from temponest import __version__

# Name, module, and the one line that `temponest --help` shows without loading the module.
COMMANDS = {
    "completion": ("temponest.cli.commands.completion", "Print the script for bash, fish or zsh."),
    "cost": ("temponest.cli.commands.cost", "Show what telemetry costs, and what less of it saves."),
    "demo": ("temponest.cli.commands.demo", "Run two services and the nest with live traffic."),
    "diff": ("temponest.cli.commands.diff", "Compare two traces."),
    "doctor": ("temponest.cli.commands.doctor", "Find out why traces and metrics do not appear."),
    "export": ("temponest.cli.commands.export", "Write traces, metrics or logs to a file: OTLP or Parquet."),
    "import": ("temponest.cli.commands.import_", "Send files of OTLP or Parquet to a nest."),
    "init": ("temponest.cli.commands.init", "Add telemetry to a FastAPI service."),
    "logs": ("temponest.cli.commands.logs", "Show log lines with LogQL."),
    "mcp": ("temponest.cli.commands.mcp", "Give an agent traces, logs and metrics (MCP)."),
    "open": ("temponest.cli.commands.open", "Open the pages in a browser."),
    "query": ("temponest.cli.commands.query", "Ask PromQL and draw each series as a line."),
    "search": ("temponest.cli.commands.search", "Find traces with TraceQL, newest first."),
    "serve": ("temponest.cli.commands.serve", "Run the nest: receive, store and show telemetry."),
    "services": ("temponest.cli.commands.services", "List the services with rate, errors and p95."),
    "tail": ("temponest.cli.commands.tail", "Print traces as they come."),
    "top": ("temponest.cli.commands.top", "Watch rate, errors and p95 of every service."),
    "trace": ("temponest.cli.commands.trace", "Show one trace as a tree."),
    "ui": ("temponest.cli.commands.ui", "Show the pages over another Tempo, Prometheus and Loki."),
}


OURS = {"temponest", "shared"}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are used, so that `--help` and Tab answer at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in alphabetical order."""
        del ctx
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The attribute `command` of the subcommand's module."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        try:
            return cast("click.Command", import_module(COMMANDS[cmd_name][0]).command)
        except ModuleNotFoundError as missing:
            if not missing.name or missing.name.partition(".")[0] in OURS:
                raise
            # In a service's environment, which often has click already.
            raise click.ClickException(
                f"{cmd_name} needs {missing.name}, which is not installed in this environment. "
                "Use the environment of the commands, or: pip install 'temponest[nest]'"
            ) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table's own lines: no module is loaded to print them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in self.list_commands(ctx)])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The table's names and lines, then options: no module is loaded for them either."""
        names = [name for name in self.list_commands(ctx) if name.startswith(incomplete)]
        items = [CompletionItem(name, help=COMMANDS[name][1]) for name in names]
        return items + click.Command.shell_complete(self, ctx, incomplete)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="temponest")
def main() -> None:
    """Observability for Python services without a container.

    \b
    temponest demo                 # see it: two services with live traffic
    temponest init                 # put it into your service
    temponest serve                # receive, keep and show
    temponest doctor               # nothing there? this says why
    """
