"""`temponest init`."""

from __future__ import annotations

import json
import re
from importlib.metadata import distribution
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from shared.telemetry.resource import service_name
from temponest import __version__
from temponest.init import edit
from temponest.init.plan import ConflictError, Plan, plan
from temponest.init.source import UnsureError
from temponest.init.write import ChangedError, write
from temponest.terminal.screen import screen

_COLOURS = {"+": "green", "-": "red", "@": "cyan"}
_CONFLICT = """\
With both, each request is traced twice, or one of them is ignored. Remove the other one and run
temponest init again; or keep it and send its OTLP to the nest (http://localhost:4317), which takes it."""


def _plain_name(ctx: click.Context, parameter: click.Parameter, name: str | None) -> str | None:
    """A name that can stand in source text as it is."""
    del ctx, parameter
    if name is not None and not re.fullmatch(r"[A-Za-z0-9][\w./-]*", name):
        raise click.BadParameter("letters, digits and . _ - / only, please")
    return name


@click.command()
@click.argument("path", default=".", type=click.Path(path_type=Path))
@click.option("--app", metavar="FILE:NAME", help="Which application, where there are several.")
@click.option(
    "--service-name",
    "given",
    metavar="NAME",
    callback=_plain_name,
    help="Name in traces.  [default: the project's]",
)  # fmt: skip
@click.option("--yes", is_flag=True, help="Write without asking.")
@click.option("--dry-run", is_flag=True, help="Show the diff and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON; writes with --yes only.")
@click.pass_context
def command(
    ctx: click.Context,
    path: Path,
    app: str | None,
    given: str | None,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Add telemetry to a FastAPI service: shows the diff, and asks before it writes.

    PATH is the folder of the service or the file with its application. Lines are added and none removed; a
    second run adds none. Where the right place is not certain nothing is changed and the lines are printed.

    \b
    temponest init
    temponest init services/shop --service-name shop --dry-run
    """
    try:
        planned = plan(path, app=app, service=given, version=__version__)
    except UnsureError as problem:
        _refuse(problem, given or "my-service", as_json)
        ctx.exit(1)
    console = screen()
    if as_json:
        _print_json(planned, written=yes and not dry_run)
    else:
        _show(console, planned)
    if not planned.changes or dry_run:
        return
    if not yes:
        if as_json:
            return
        try:
            agreed = click.confirm("Write this?", default=False)
        except click.Abort:
            raise click.ClickException("nobody answers, so nothing was written. Write with --yes") from None
        if not agreed:
            click.echo("Nothing was written.")
            return
    try:
        write(planned.changes)
    except (ChangedError, OSError) as problem:
        raise click.ClickException(str(problem)) from None
    if not as_json:
        _next(planned)


def _show(console: Console, planned: Plan) -> None:
    for change in planned.changes:
        for line in change.diff():
            bold = line.startswith(("+++", "---"))
            console.print(Text(line, "bold" if bold else _COLOURS.get(line[:1], "")), soft_wrap=True)
        click.echo()
    if not planned.changes:
        click.echo(f"{planned.app} has telemetry already; there is nothing to add.")
    for note in planned.notes:
        click.echo(f"Note: {note}")


def _next(planned: Plan) -> None:
    seen = service_name(planned.service)
    prefix = "" if seen == planned.service else "; TEMPONEST_SERVICE_PREFIX changes the prefix"
    click.echo(f"Written. In traces {planned.app} is {seen}{prefix}. Next:")
    click.echo("  temponest serve                  # in another terminal: receives, keeps and shows")
    click.echo("  start your service as before, and call it")
    click.echo("  http://localhost:16686           # there are its traces")
    click.echo(f"Nothing there? temponest doctor --service {planned.app.removesuffix('()')}")
    where = _local_source()
    if where is not None:
        click.echo(
            f"TempoNest came from {where}, not from an index. Write that address into the\n"
            f"requirements where they are installed or locked elsewhere: temponest @ {where}"
        )


def _local_source() -> str | None:
    """Where the distribution came from, if from no index (PEP 610)."""
    text = distribution("temponest").read_text("direct_url.json")
    url = None if text is None else json.loads(text).get("url")
    return url if isinstance(url, str) else None


def _refuse(problem: UnsureError, service: str, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"refused": str(problem), "paste": edit.to_paste(service)}, indent=2))
        return
    click.echo(f"Nothing was changed: {problem}", err=True)
    if isinstance(problem, ConflictError):
        click.echo(f"\n{_CONFLICT}", err=True)
        return
    click.echo(f"\nThese are the lines, to put in by hand:\n\n{edit.to_paste(service)}", err=True)


def _print_json(planned: Plan, *, written: bool) -> None:
    document = {
        "app": planned.app,
        "service": planned.service,
        "changes": [{"file": one.name, "diff": "\n".join(one.diff())} for one in planned.changes],
        "notes": planned.notes,
        "written": written and bool(planned.changes),
    }
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))
