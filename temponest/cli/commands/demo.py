"""`temponest demo`."""

from __future__ import annotations

import sys

import click

from temponest.demo.run import run
from temponest.terminal.screen import screen


@click.command()
@click.option("--once", is_flag=True, help="Show one trace that crosses both services, then end.")
@click.option("--port-base", type=click.IntRange(1024, 65000), help="Use consecutive ports from this one on.")
def command(once: bool, port_base: int | None) -> None:
    """Run two services, PostgreSQL, Valkey and the nest with live traffic.

    Busy ports are replaced by free ones. Ctrl-C stops every process it started.

    \b
    temponest demo
    temponest demo --once
    """
    sys.exit(run(screen(), once=once, port_base=port_base))
