"""`temponest ui`: the pages alone, over a Tempo, a Prometheus and a Loki that run elsewhere."""

from __future__ import annotations

import click


@click.command()
@click.option(
    "--tempo", "tempo_url", default="http://localhost:3200", show_default=True, help="Where Tempo answers."
)
@click.option(
    "--prometheus",
    "prometheus_url",
    default="http://localhost:9090",
    show_default=True,
    help="Where Prometheus answers.",
)
@click.option("--loki", "loki_url", help="Where Loki answers, for the logs of a trace.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=16686, show_default=True, help="Port to listen on; 0 takes a free one.")
@click.option(
    "--header",
    "headers",
    multiple=True,
    metavar="NAME=VALUE",
    help="Sent with every request, such as X-Scope-OrgID=1.",
)
@click.option("--allow-host", "hosts", multiple=True, help="A name besides localhost that browsers may use.")
@click.option("--unprotected", is_flag=True, help="Listen beyond this machine without a token.")
def command(
    tempo_url: str,
    prometheus_url: str,
    loki_url: str | None,
    host: str,
    port: int,
    headers: tuple[str, ...],
    hosts: tuple[str, ...],
    unprotected: bool,
) -> None:
    """Show the pages over production's Tempo and Prometheus.

    \b
    temponest ui --tempo http://tempo:3200 --prometheus http://prometheus:9090
    """
    import uvicorn

    from temponest.nest.api.pages import create_app
    from temponest.nest.api.pages.forward import Forward
    from temponest.nest.api.server import Security, require_safe_bind

    try:
        require_safe_bind(host, None, unprotected=unprotected)
        extra = dict(_pair(header) for header in headers)
        app = create_app(
            Forward(tempo_url, name="Tempo", headers=extra),
            Forward(prometheus_url, name="Prometheus", headers=extra),
            Forward(loki_url, name="Loki", headers=extra) if loki_url else None,
            describe=lambda: {"remote": True},
            security=Security(hosts=frozenset(hosts)),
        )
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    config = uvicorn.Config(app, host=host, port=port, log_level="warning", lifespan="off")
    sock = config.bind_socket()
    click.echo(
        f"The pages are at http://{host}:{sock.getsockname()[1]} over {tempo_url} and {prometheus_url}"
    )
    uvicorn.Server(config).run(sockets=[sock])


def _pair(header: str) -> tuple[str, str]:
    name, equals, value = header.partition("=")
    if not equals:
        raise ValueError(f"--header needs NAME=VALUE, not {name!r}")
    return name, value
