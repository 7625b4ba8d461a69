"""Everything the demo runs: PostgreSQL, Valkey, the nest, auth and agents, started in that order."""

from __future__ import annotations

import shutil
import signal
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from .ports import LOOPBACK, choose, free_ports
from .process import Process
from .programs import start_nest, start_service
from .servers import start_postgres, start_valkey

PORTS = {
    "OTLP/gRPC": 4317,
    "OTLP/HTTP": 4318,
    "pages": 16686,
    "Tempo API": 3200,
    "Prometheus API": 9090,
    "auth": 9002,
    "agents": 9000,
    "Loki API": 3100,
}


def ports_from(base: int | None) -> dict[str, int]:
    """The well-known ports, or consecutive ones from `base` on."""
    return PORTS if base is None else {name: base + index for index, name in enumerate(PORTS)}


@dataclass
class Stack:
    """The running demo; leaving its context stops every process and removes its folder.

    Args:
        wanted: port by name, as `PORTS`; busy ones are replaced.
        say: receives a line for each step.
    """

    wanted: Mapping[str, int]
    say: Callable[[str], None]
    folder: Path = field(init=False)
    ports: dict[str, int] = field(init=False)
    processes: list[Process] = field(init=False, default_factory=list)

    def __enter__(self) -> Self:
        self.folder = Path(tempfile.mkdtemp(prefix="temponest-demo-"))
        # Under root, PostgreSQL runs as another user, who has to get in.
        self.folder.chmod(0o755)
        self.ports, notes = choose(self.wanted)
        for note in notes:
            self.say(note)
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def url(self, name: str) -> str:
        """Base address of the server that has port `name`."""
        return f"http://{LOOPBACK}:{self.ports[name]}"

    def stop(self) -> None:
        """End every process, the last started first, and remove the folder."""
        # A second Ctrl-C must not leave the rest running.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        while self.processes:
            self.processes.pop().stop()
        shutil.rmtree(self.folder, ignore_errors=True)
        signal.signal(signal.SIGINT, before)

    def check(self) -> None:
        """Raise StartError when one of the processes has ended."""
        for process in self.processes:
            process.check()

    def _start(self) -> None:
        postgres, valkey = free_ports(2)
        self.say("Starting PostgreSQL ...")
        self.processes.append(start_postgres(self.folder, postgres))
        self.say("Starting Valkey ...")
        self.processes.append(start_valkey(self.folder, valkey))
        self.say("Starting the nest ...")
        self.processes.append(start_nest(self.folder, self.ports))
        environment = {
            "DATABASE_URL": f"postgresql://postgres@{LOOPBACK}:{postgres}/postgres",
            "REDIS_URL": f"redis://{LOOPBACK}:{valkey}/0",
            "AUTH_URL": self.url("auth"),
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.url("OTLP/gRPC"),
            "OTEL_METRIC_EXPORT_INTERVAL": "5000",
            "OTEL_BSP_SCHEDULE_DELAY": "500",
            "ENVIRONMENT": "demo",
        }
        for name in ("auth", "agents"):
            self.say(f"Starting {name} ...")
            self.processes.append(start_service(name, self.folder, self.ports[name], environment))
