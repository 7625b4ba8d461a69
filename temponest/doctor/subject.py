"""What is examined: the environment of this process and the addresses on the command line."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address

from shared.telemetry.otlp.request import Signal
from shared.telemetry.otlp.target import Target

TEMPO_PORT = 3200
PROMETHEUS_PORT = 9090


@dataclass(frozen=True)
class Subject:
    """One set-up.

    Attributes:
        endpoint: where to send, as it would be given in code; the environment's when None.
        tempo: base address of Tempo's API; port 3200 of the receiver's host when None.
        prometheus: base address of Prometheus' API; port 9090 of the receiver's host when None.
        token: bearer token of both APIs.
        wait: seconds until what was sent must be found; a Collector that samples traces needs more.
        service: `module:app` to import and look at; None leaves that out.
        python: the interpreter that has what the service needs.
        environ: the variables; those of this process.
    """

    endpoint: str | None = None
    tempo: str | None = None
    prometheus: str | None = None
    token: str | None = field(default=None, repr=False)
    wait: float = 3.0
    service: str | None = None
    python: str = sys.executable
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)

    def target(self, signal: Signal) -> Target:
        """Where the library sends a signal."""
        return Target.from_environment(signal, self.endpoint)

    def text(self, name: str) -> str | None:
        """A variable's value without white space around it; None when unset or empty."""
        return self.environ.get(name, "").strip() or None

    def exports(self, signal: Signal) -> bool:
        """Whether the signal is sent by OTLP at all."""
        wanted = (self.text(f"OTEL_{signal.upper()}_EXPORTER") or "otlp").lower().split(",")
        return "otlp" in [word.strip() for word in wanted]

    def api(self, signal: Signal) -> str:
        """Base address of the API that a signal can be read from."""
        given, port = (
            (self.tempo, TEMPO_PORT) if signal is Signal.TRACES else (self.prometheus, PROMETHEUS_PORT)
        )
        host = self.target(signal).host
        return given or f"http://{f'[{host}]' if ':' in host else host}:{port}"


def is_loopback(host: str) -> bool:
    """Whether a name or address means this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
