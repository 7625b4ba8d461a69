"""`temponest mcp`."""

from __future__ import annotations

import click

from temponest.client.loki import Loki
from temponest.client.tempo import Tempo


@click.command()
@click.option("--tempo", default="http://localhost:3200", show_default=True, help="Address of Tempo's API.")
@click.option(
    "--prometheus", default="http://localhost:9090", show_default=True, help="Address of Prometheus' API."
)
@click.option("--loki", default="http://localhost:3100", show_default=True, help="Address of Loki's API.")
@click.option("--token", envvar="TEMPONEST_TOKEN", help="Bearer token, where the nest asks for one.")
def command(tempo: str, prometheus: str, loki: str, token: str | None) -> None:
    """Give an agent traces, logs and metrics, over standard input and output.

    \b
    temponest mcp --tempo http://tempo:3200
    in an agent's configuration: {"command": "temponest", "args": ["mcp"]}
    """
    try:
        from temponest.mcp.server import create_server
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"{error.name} is not installed. Try: pip install 'temponest[mcp]'"
        ) from None
    create_server(Tempo(tempo, token), Tempo(prometheus, token), Loki(loki, token)).run("stdio")
