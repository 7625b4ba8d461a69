"""The production stack by its real servers, without a container.

    python -m tests.peers.stack [--keep]

Needs `jaeger`, `otelcol` (with the components that `docker/collector/` names), `tempo`, `prometheus` and
`promtool` on PATH, in the versions that `docker/docker-compose.telemetry.yml` pins. First each validates the
files that are shipped for it. Then they run on loopback by the Compose file's commands and those files, with
hosts and ports rewritten; the two services send to Jaeger's port as the guide has it; and what must arrive is
looked for in Jaeger, Tempo and Prometheus, by every panel and rule, and by our own commands and pages. A nest
gets a copy of everything and answers the same queries. Takes two minutes; exits 1 when anything is amiss.
`--keep` then waits for Ctrl-C with everything running.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from temponest.client.api import ApiError
from temponest.demo.traffic import drive

from . import arrivals, files, panels, programs, servers, tools
from .addresses import Addresses

TRAFFIC = 75.0  # seconds: the tail sampler's wait, the connectors' flush, and two samples of every metric
PATIENCE = 240.0  # seconds more, where a busy machine serves little in that time


def main(arguments: list[str]) -> int:
    """Print what was found; 0 when all is as it should be."""
    agreed = files.run()
    if absent := servers.missing():
        print(f"Not on PATH: {', '.join(absent)}. The stack is not started.")
        return 2
    # Its processes run as other users, who have to get in.
    folder = Path(tempfile.mkdtemp(prefix="temponest-stack-"))
    folder.chmod(0o755)
    try:
        with ExitStack() as leaving:
            at = servers.start(folder, leaving)
            leaving.enter_context(_traffic(at))
            leaving.enter_context(programs.run(programs.LOSING, programs.losing(at)))
            leaving.enter_context(programs.run(programs.SLOW, programs.slow(at)))
            time.sleep(TRAFFIC)
            _wait(lambda: arrivals.enough(at))
            agreed = _checks("arrival", arrivals.CHECKS, at) and agreed
            empty = panels.run(at)
            print("\n".join(empty))
            agreed = _checks("command", tools.CHECKS, at) and agreed and not empty
            if "--keep" in arguments:
                _tell(at)
                with contextlib.suppress(KeyboardInterrupt):
                    threading.Event().wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print("All is as it should be." if agreed else "Something is amiss.")
    return not agreed


def _wait(holds: Callable[[], bool]) -> None:
    """Wait until it holds, or go on without: the checks say what is missing."""
    deadline = time.monotonic() + PATIENCE
    while not holds() and time.monotonic() < deadline:
        time.sleep(5)


def _checks(kind: str, checks: tuple[Callable[[Addresses], str], ...], at: Addresses) -> bool:
    agreed = True
    print(f"| {kind} | found |\n|---|---|")
    for check in checks:
        try:
            found = check(at)
        except (AssertionError, ApiError, OSError) as error:
            agreed, found = False, f"FAILED: {error}"
        print(f"| {(check.__doc__ or '').rstrip('.')} | {found} |", flush=True)
    return agreed


@contextlib.contextmanager
def _traffic(at: Addresses) -> Iterator[None]:
    """What a handful of people do with the services, on a thread of its own."""
    loop = asyncio.new_event_loop()
    task = loop.create_task(drive(at.url("auth", 9002), at.url("agents", 9000)))

    def work() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            loop.run_until_complete(task)
        loop.close()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()


def _tell(at: Addresses) -> None:
    for name, port in (("jaeger", 16686), ("tempo", 3200), ("prometheus", 9090), ("nest", 16686)):
        print(f"{name}: {at.url(name, port)}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
