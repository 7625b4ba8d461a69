"""The receivers under test, each a process of its own on free ports with a folder of its own."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

_READY_WITHIN = 120.0

_TEMPO = """
server: {{http_listen_port: {tempo}, grpc_listen_port: {internal}, log_level: error}}
distributor: {{receivers: {{otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:{grpc}"}}}}}}}}}}
storage: {{trace: {{backend: local, wal: {{path: {folder}/wal}}, local: {{path: {folder}/blocks}}}}}}
overrides: {{defaults: {{ingestion: {{rate_limit_bytes: 2000000000, burst_size_bytes: 2000000000}}}}}}
"""


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


@dataclass
class Usage:
    """What a process used: CPU seconds of all its threads, resident megabytes now and at most."""

    cpu_seconds: float
    rss_mb: float
    peak_mb: float


class Receiver:
    """A running nest or Tempo. Both speak OTLP/gRPC and Tempo's HTTP API."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        self.grpc, self.tempo, *self._others = free_ports(5)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Start; seconds until it is ready."""
        begin = time.perf_counter()
        self._process = subprocess.Popen(self._command())  # noqa: S603 - named receivers only
        while time.perf_counter() - begin < _READY_WITHIN:
            try:
                if self.get("/ready")[0] == 200:
                    return time.perf_counter() - begin
            except OSError:
                pass
            time.sleep(0.01)
        raise TimeoutError(f"{self.name} was not ready within {_READY_WITHIN:.0f} s")

    def stop(self) -> float:
        """Ask to end; seconds until it has."""
        begin = time.perf_counter()
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(60)
        return time.perf_counter() - begin

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body of a request to Tempo's API."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.tempo}{path}", timeout=60) as reply:
                return reply.status, reply.read()
        except urllib.error.HTTPError as error:
            return error.code, b""

    def usage(self) -> Usage:
        """What the process has used so far."""
        assert self._process is not None
        folder = Path(f"/proc/{self._process.pid}")
        ticks = (folder / "stat").read_text().rpartition(")")[2].split()
        status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
        return Usage(
            cpu_seconds=(int(ticks[11]) + int(ticks[12])) / 100,
            rss_mb=int(status["VmRSS"].split()[0]) / 1024,
            peak_mb=int(status["VmHWM"].split()[0]) / 1024,
        )

    def disk_bytes(self) -> int:
        """Bytes of what is searchable for good: segments or blocks, without the log."""
        kept = self.folder / ("segments" if self.name == "nest" else "blocks")
        return sum(path.stat().st_size for path in kept.rglob("*") if path.is_file())

    def _command(self) -> list[str]:
        if self.name == "nest":
            ports = {
                "grpc": self.grpc,
                "http": self._others[0],
                "jaeger": self._others[1],
                "tempo": self.tempo,
                "prometheus": self._others[2],
            }
            options = [text for name, port in ports.items() for text in (f"--{name}-port", str(port))]
            nest = str(Path(sys.executable).with_name("temponest"))
            return [nest, "serve", "--data", str(self.folder), "--disk", "1000", *options]
        config = self.folder.with_suffix(".yaml")
        config.write_text(
            _TEMPO.format(tempo=self.tempo, internal=self._others[0], grpc=self.grpc, folder=self.folder)
        )
        return [shutil.which("tempo") or "tempo", f"-config.file={config}"]


def present() -> list[str]:
    """The receivers this machine has."""
    return ["nest", "tempo"] if shutil.which("tempo") else ["nest"]
