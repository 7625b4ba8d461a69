"""`temponest doctor`."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import click


def _active_python() -> str:
    """The interpreter of the active virtual environment, which may be another one than this command has."""
    folder = os.environ.get("VIRTUAL_ENV")
    for name in ("bin/python", "Scripts/python.exe"):
        if folder and (Path(folder) / name).exists():
            return str(Path(folder) / name)
    return sys.executable


@click.command()
@click.option("--service", metavar="MODULE:APP", help="Application, or what makes it, to import and look at.")
@click.option(
    "--python",
    type=click.Path(exists=True, dir_okay=False),
    help="The service's interpreter.  [default: the active virtual environment's]",
)
@click.option("--endpoint", help="Where it sends to, if code gives it; else the environment's.")
@click.option("--tempo", help="Address of Tempo's API.  [default: port 3200 of the receiver's host]")
@click.option("--prometheus", help="Address of Prometheus' API.  [default: port 9090 of the receiver's host]")
@click.option("--token", envvar="TEMPONEST_TOKEN", help="Bearer token, where the nest asks for one.")
@click.option(
    "--wait",
    type=click.FloatRange(min=1, max=300),
    default=3.0,
    show_default=True,
    help="Seconds to look for what it sent; a Collector that samples traces needs 20.",
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.pass_context
def command(
    ctx: click.Context,
    service: str | None,
    python: str | None,
    endpoint: str | None,
    tempo: str | None,
    prometheus: str | None,
    token: str | None,
    wait: float,
    as_json: bool,
) -> None:
    """Find out why traces and metrics do not appear.

    Run it where the service runs, with the same environment. It sends one test trace and one test metric.
    The exit code is 0 when all is well, 1 for warnings, 2 for errors.

    \b
    temponest doctor
    temponest doctor --service app.main:app --endpoint http://localhost:4317
    temponest doctor --service app.main:app --python ../shop/.venv/bin/python
    """
    from temponest.doctor import report
    from temponest.doctor.run import diagnose
    from temponest.doctor.subject import Subject
    from temponest.terminal.screen import screen
    from temponest.terminal.trimmed import Trimmed

    # The library tells of bad variables in its log; here they are findings.
    log = logging.getLogger("shared.telemetry")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        result = diagnose(
            Subject(
                endpoint=endpoint,
                tempo=tempo,
                prometheus=prometheus,
                token=token,
                wait=wait,
                service=service,
                python=python or _active_python(),
            )
        )
    finally:
        log.setLevel(level)
    if as_json:
        click.echo(report.as_json(result))
    else:
        console = screen()
        for line in report.for_people(result):
            # A fix stays on one line: it is there to be copied.
            if line.plain.startswith("  fix:") or not console.is_terminal:
                console.print(line, soft_wrap=True)
            else:
                console.print(Trimmed(line))
    ctx.exit(int(result.severity))
