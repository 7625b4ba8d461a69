"""`temponest logs`."""

from __future__ import annotations

import json
import time
from threading import Event

import click

from temponest.client.api import ApiError
from temponest.client.loki import EVERY_STREAM, Line, Loki
from temponest.terminal.log_line import log_line
from temponest.terminal.screen import screen
from temponest.terminal.sparkline import number
from temponest.terminal.table import table

SECOND = 1_000_000_000
LOOK_BACK = 60 * SECOND  # lines may come this much later than they were written
PAUSE = 1.0  # seconds between two questions while following
# A trace is found by its id; how far to look for it costs next to nothing.
TRACE_SINCE = 14 * 86_400


@click.command()
@click.argument("query", default=EVERY_STREAM)
@click.option("--trace", "trace_id", metavar="ID", help="Only lines of this trace, oldest first.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 5000), help="Lines at most.")
@click.option("--since", type=click.IntRange(1), help="Seconds to look back (3600; for a trace 14 days).")
@click.option("--follow", "-f", is_flag=True, help="Print lines as they come until Ctrl-C.")
@click.option("--count", type=click.IntRange(1), help="Stop following after so many lines.")
@click.option("--loki", default="http://localhost:3100", show_default=True, help="Loki's address.")
@click.option("--token", envvar="TEMPONEST_TOKEN", help="Bearer token, where the server asks for one.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    query: str,
    trace_id: str | None,
    limit: int,
    since: int | None,
    follow: bool,
    count: int | None,
    loki: str,
    token: str | None,
    as_json: bool,
) -> None:
    """Show log lines that LogQL selects, the newest last.

    \b
    temponest logs '{service_name="temponest-agents"} |= "refused"'
    temponest logs --trace 4bf92f3577b34da6a3ce929d0e0e4736
    temponest logs '{service_name=~".+"} | detected_level="error"' --follow
    temponest logs 'sum by (detected_level) (count_over_time({service_name=~".+"}[1h]))'
    """
    client = Loki(loki, token)
    try:
        if not query.lstrip(" (\n").startswith("{"):
            _counts(client, query, as_json=as_json)
        elif follow:
            _follow(client, _narrowed(query, trace_id), count, as_json=as_json)
        else:
            _show(client, query, trace_id, limit, since, as_json=as_json)
    except (ApiError, ValueError) as error:
        raise click.ClickException(str(error)) from None
    finally:
        client.close()


def _narrowed(query: str, trace_id: str | None) -> str:
    """The query for the lines of one trace. Only an id is an id: nothing else gets into the query."""
    if trace_id is None:
        return query
    if len(trace_id) > 32 or not all(digit in "0123456789abcdefABCDEF" for digit in trace_id):
        raise click.ClickException(f"{trace_id!r} is no trace id: it has up to 32 hexadecimal digits")
    return f'{query} | trace_id="{trace_id.lower().zfill(32)}"'


def _show(
    client: Loki, query: str, trace_id: str | None, limit: int, since: int | None, *, as_json: bool
) -> None:
    end = time.time_ns() + SECOND
    seconds = since or (TRACE_SINCE if trace_id else 3600)
    found = client.lines(
        _narrowed(query, trace_id),
        max(0, end - seconds * SECOND),
        end,
        limit=limit,
        newest_first=trace_id is None,
    )
    # The newest are asked for, and read downwards as in a file.
    found.sort(key=lambda line: line.time_ns)
    if as_json:
        click.echo(json.dumps([_as_json(line) for line in found], indent=2, ensure_ascii=False))
        return
    if not found:
        what = "No line has this trace id" if trace_id else "No line matches"
        click.echo(f"{what}. Look further back with --since, or try: temponest logs", err=True)
        return
    console = screen()
    days = {time.localtime(line.time_ns // SECOND)[:3] for line in (found[0], found[-1])}
    for line in found:
        console.print(log_line(line, with_date=len(days) > 1), soft_wrap=True)
    if len(found) == limit:
        click.echo(f"Cut off at {limit}; there may be more (--limit).", err=True)


def _follow(client: Loki, query: str, count: int | None, *, as_json: bool) -> None:
    pause, console, printed = Event(), screen(), 0
    shown: dict[tuple[object, ...], int] = {}
    start = time.time_ns()
    while True:
        for line in client.lines(query, start, time.time_ns() + 5 * SECOND, limit=5000, newest_first=False):
            key = (line.time_ns, line.text, *sorted(line.labels.items()))
            if key in shown:
                continue
            shown[key] = line.time_ns
            if as_json:
                click.echo(json.dumps(_as_json(line), ensure_ascii=False))
            else:
                console.print(log_line(line), soft_wrap=True)
            printed += 1
            if count is not None and printed >= count:
                return
        # What is older than the window cannot be found again.
        start = max(start, time.time_ns() - LOOK_BACK)
        shown = {key: moment for key, moment in shown.items() if moment >= start}
        pause.wait(PAUSE)


def _counts(client: Loki, query: str, *, as_json: bool) -> None:
    found = client.count(query, time.time_ns())
    if as_json:
        rows = [{"labels": one.labels, "value": one.samples[0][1]} for one in found]
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    if not found:
        click.echo("No line is counted. Try a longer range, such as [1h].", err=True)
        return
    found.sort(key=lambda one: -one.samples[0][1])
    labels = [
        ", ".join(f"{name}={value}" for name, value in sorted(one.labels.items())) or "(no labels)"
        for one in found
    ]
    values = [number(one.samples[0][1]) for one in found]
    screen().print(table(("series", ">value"), list(zip(labels, values, strict=True)), wrap=True))


def _as_json(line: Line) -> dict[str, object]:
    return {"time_ns": line.time_ns, "level": line.level, "line": line.text, "labels": line.labels}
