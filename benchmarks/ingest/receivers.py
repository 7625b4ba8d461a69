"""The receivers under test, each a process of its own on free ports with a folder of its own."""

from __future__ import annotations

import contextlib
import json
import math
import re
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

import pyarrow as pa
from pyarrow import parquet

from .load import SPANS_PER_TRACE

_READY_WITHIN = 120.0
# Tempo takes minutes to stop while it writes blocks; nobody who runs a service waits for that.
_STOPPED_WITHIN = 30.0
_BLOCKS_WITHIN = 90.0

# One binary with a local disk and its defaults, but for limits that are meant to protect a shared cluster.
_TEMPO = """
server:
  {{http_listen_address: 127.0.0.1, http_listen_port: {tempo}, grpc_listen_port: {internal}}}
memberlist: {{bind_addr: [127.0.0.1], bind_port: {gossip}}}
usage_report: {{reporting_enabled: false}}
distributor: {{receivers: {{otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:{grpc}"}}}}}}}}}}
storage: {{trace: {{backend: local, wal: {{path: {folder}/wal}}, local: {{path: {folder}/blocks}}}}}}
live_store: {{wal: {{path: {folder}/live}}, shutdown_marker_dir: {folder}/marker}}
block_builder: {{wal: {{path: {folder}/builder}}}}
backend_scheduler: {{local_work_path: {folder}/work}}
overrides:
  defaults:
    ingestion: {{rate_limit_bytes: 2000000000, burst_size_bytes: 2000000000, max_traces_per_user: 0}}
    global: {{max_bytes_per_trace: 0}}
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
        self.grpc, self.tempo, self.jaeger, self.prometheus, self.loki, self._other = free_ports(6)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Start; seconds until it is ready."""
        begin = time.perf_counter()
        with self.folder.with_suffix(".log").open("ab") as log:
            self._process = subprocess.Popen(self._command(), stdout=log, stderr=log)  # noqa: S603 - named receivers only
        while time.perf_counter() - begin < _READY_WITHIN:
            try:
                if self.get("/ready")[0] == 200:
                    return time.perf_counter() - begin
            except OSError:
                pass
            time.sleep(0.01)
            if self._process.poll() is not None:
                break
        log_text = self.folder.with_suffix(".log").read_text()
        raise TimeoutError(f"{self.name} was not ready within {_READY_WITHIN:.0f} s:\n{log_text[-2000:]}")

    def stop(self) -> float:
        """Ask to end; seconds until it has, infinity when it was ended by force after half a minute."""
        begin = time.perf_counter()
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_STOPPED_WITHIN)
        except subprocess.TimeoutExpired:
            self.kill()
            return math.inf
        return time.perf_counter() - begin

    def kill(self) -> None:
        """End it at once, whatever it is doing; what it holds is of no further use."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def get(self, path: str, port: int = 0, accept: str = "*/*") -> tuple[int, bytes]:
        """Status and body of a request to Tempo's API, or to the one at another port."""
        url = f"http://127.0.0.1:{port or self.tempo}{path}"
        request = urllib.request.Request(url, headers={"Accept": accept})
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:  # noqa: S310 - http, see above
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
        """Bytes of everything in the folder, logs included."""
        return _bytes(self.folder)

    def bytes_per_row(self) -> float:
        """Bytes a span or log record that are written for good: segments or complete blocks."""
        if self.name == "nest":
            rows = size = 0
            for path in (self.folder / "segments").glob("*.parquet"):
                # A segment that is being written has no end yet, and one that was merged goes away.
                with contextlib.suppress(pa.ArrowInvalid, FileNotFoundError):
                    rows += parquet.read_metadata(path).num_rows
                    size += path.stat().st_size + path.with_suffix(".summary").stat().st_size
            return size / rows if rows else 0.0
        # Tempo writes a block when it is half a minute old.
        deadline = time.monotonic() + _BLOCKS_WITHIN
        while (
            not (blocks := list((self.folder / "blocks").rglob("meta.json"))) and time.monotonic() < deadline
        ):
            time.sleep(1)
        spans = sum(json.loads(path.read_text())["totalObjects"] for path in blocks) * SPANS_PER_TRACE
        return sum(_bytes(path.parent) for path in blocks) / spans if spans else 0.0

    def waiting_bytes(self) -> float:
        """What is acknowledged and not yet searchable, by the receiver's own account; 0 where it has none."""
        found = re.search(rb"^temponest_queue_bytes (\S+)", self.get("/metrics")[1], re.MULTILINE)
        return float(found[1]) if found else 0.0

    def _command(self) -> list[str]:
        if self.name == "nest":
            ports = {
                "grpc": self.grpc,
                "http": self._other,
                "jaeger": self.jaeger,
                "tempo": self.tempo,
                "prometheus": self.prometheus,
                "loki": self.loki,
            }
            options = [text for name, port in ports.items() for text in (f"--{name}-port", str(port))]
            nest = str(Path(sys.executable).with_name("temponest"))
            return [nest, "serve", "--data", str(self.folder), "--disk", "1000", *options]
        config = self.folder.with_suffix(".yaml")
        config.write_text(
            _TEMPO.format(
                tempo=self.tempo,
                internal=self._other,
                gossip=self.jaeger,
                grpc=self.grpc,
                folder=self.folder,
            )
        )
        return [shutil.which("tempo") or "tempo", f"-config.file={config}"]


def present() -> list[str]:
    """The receivers this machine has."""
    return ["nest", "tempo"] if shutil.which("tempo") else ["nest"]


def _bytes(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        # Files come and go while a receiver works.
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size if path.is_file() else 0
    return total
