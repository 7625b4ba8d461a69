"""The demo from start to end: start the stack, drive it, show the newest trace, stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Iterator
from threading import Event, Thread

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from temponest.client.api import ApiError
from temponest.client.tempo import Tempo
from temponest.client.trace import Trace
from temponest.terminal.waterfall import heading, waterfall

from .process import StartError
from .stack import Stack, ports_from
from .traffic import PEOPLE, drive

WAIT = 60.0  # seconds that `once` waits for a trace
REFRESH = 1.0  # seconds between two looks for a newer trace

# A run crosses both services and reaches PostgreSQL and Redis in the same trace.
QUERY = '{ resource.service.name = "temponest-agents" && name = "POST /api/v1/agents/{agent_id}/runs" }'


def complete(trace: Trace) -> bool:
    """Whether a trace crosses both services and has spans of PostgreSQL and of Redis."""
    services = {"temponest-auth", "temponest-agents"}
    systems = {span.attributes.get("db.system.name") for span in trace.spans}
    return services <= set(trace.services) and {"postgresql", "redis"} <= systems


def newest(tempo: Tempo) -> tuple[str, Trace] | None:
    """The newest complete trace with its id, read back from the nest's HTTP API."""
    for found in tempo.search(QUERY, limit=20):
        trace = tempo.trace(found.trace_id)
        if trace is not None and complete(trace):
            return found.trace_id, trace
    return None


def run(console: Console, *, once: bool, port_base: int | None) -> int:
    """Run the demo.

    Args:
        console: where to print.
        once: end after the first complete trace instead of at Ctrl-C.
        port_base: first of consecutive ports; the well-known ones when None.

    Returns:
        Exit code: 0, or 1 when something did not start or no trace came within 60 s.
    """

    def say(line: str) -> None:
        console.print(line, style="dim", markup=False, highlight=False)

    # `docker stop`, a closed terminal and a supervisor end the demo as Ctrl-C does.
    # Started in the background by a script, a process would ignore SIGINT unless it says otherwise.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)
    try:
        with Stack(ports_from(port_base), say) as stack, _traffic(stack, people=1 if once else PEOPLE):
            if once:
                return _once(console, stack)
            return _live(console, stack) if _redraws(console) else _lines(console, stack)
    except StartError as error:
        console.print(f"The demo could not start: {error}", style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        console.print("Stopped.")
        return 0


@contextlib.contextmanager
def _traffic(stack: Stack, people: int) -> Iterator[None]:
    """Drive the services on a thread of its own."""
    loop = asyncio.new_event_loop()
    task = loop.create_task(drive(stack.url("auth"), stack.url("agents"), people=people))

    def work() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            loop.run_until_complete(task)
        loop.close()

    thread = Thread(target=work, name="traffic", daemon=True)
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()


def _once(console: Console, stack: Stack) -> int:
    tempo = Tempo(stack.url("Tempo API"))
    deadline = time.monotonic() + WAIT
    problem = "no request has been traced"
    pause = Event()
    while time.monotonic() < deadline:
        stack.check()
        try:
            if found := newest(tempo):
                console.print(waterfall(found[1], found[0], console.width))
                return 0
            if tempo.search("{}", limit=1):
                problem = "traces arrive, but none crosses both services with PostgreSQL and Redis"
        except ApiError as error:
            problem = str(error)
        pause.wait(0.2)
    console.print(f"No complete trace within {WAIT:.0f} s: {problem}.", style="red", markup=False)
    return 1


def _live(console: Console, stack: Stack) -> int:
    tempo = Tempo(stack.url("Tempo API"))
    pause = Event()
    with Live(_where(stack), console=console, auto_refresh=False) as live:
        while True:
            stack.check()
            with contextlib.suppress(ApiError):
                if found := newest(tempo):
                    live.update(
                        Group(_where(stack), Text(), waterfall(found[1], found[0], console.width)),
                        refresh=True,
                    )
            pause.wait(REFRESH)


def _redraws(console: Console) -> bool:
    """Whether what was printed can be replaced: in a terminal, not in a file or a pipe."""
    return console.is_terminal and not console.is_dumb_terminal


def _lines(console: Console, stack: Stack) -> int:
    """One line for each newer trace."""
    tempo = Tempo(stack.url("Tempo API"))
    pause = Event()
    shown = ""
    console.print(_where(stack))
    while True:
        stack.check()
        with contextlib.suppress(ApiError):
            found = newest(tempo)
            if found and found[0] != shown:
                shown = found[0]
                console.print(heading(found[1], shown))
        pause.wait(REFRESH)


def _where(stack: Stack) -> RenderableType:
    places = (
        ("Pages", stack.url("pages")),
        ("agents", f"{stack.url('agents')}/docs"),
        ("auth", f"{stack.url('auth')}/docs"),
        ("Tempo API", stack.url("Tempo API")),
        ("Prometheus", stack.url("Prometheus API")),
        ("OTLP", f"{stack.url('OTLP/gRPC')} (gRPC), {stack.url('OTLP/HTTP')} (HTTP)"),
    )
    width = max(len(name) for name, _ in places)
    lines = Text()
    for name, place in places:
        lines.append(f"  {name:<{width}}  ", "bold").append(place, "cyan").append("\n")
    return lines.append("  Ctrl-C stops everything. The newest run of an agent:", "dim")
