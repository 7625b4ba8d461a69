"""The built wheel in empty environments: the library, every command, the nest with its pages, the demo.

    python tests/packaging/wheel.py                # build it, try 3.11 to 3.14
    python tests/packaging/wheel.py 3.12 3.13      # some versions

Environments hold what `pip install` brings and nothing else: no repository on the path, no Node, no compiler.
A version without an interpreter on this machine is skipped by name. Ends with 1 if anything fails.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.request import urlopen

ROOT: Final = Path(__file__).parents[2]
VERSIONS: Final = ("3.11", "3.12", "3.13", "3.14")
SERVICE: Final = """
import sys
from opentelemetry.trace import SpanKind
from shared.telemetry import get_meter, get_tracer, setup_metrics, setup_tracing, shutdown
setup_tracing(service_name="orders", service_version="1.0.0", environment="test")
setup_metrics(service_name="orders", service_version="1.0.0", environment="test")
for number in range(2):
    with get_tracer(__name__).start_as_current_span("order", kind=SpanKind.SERVER) as span:
        get_meter(__name__).create_counter("orders").add(1)
        print(f"{span.get_span_context().trace_id:032x}")
shutdown()
print(sorted({"grpc", "google.protobuf", "fastapi"} & set(sys.modules)))
"""
APP: Final = "from fastapi import FastAPI\n\napp = FastAPI()\n"
NEST: Final = (
    "--grpc-port",
    "--http-port",
    "--jaeger-port",
    "--tempo-port",
    "--prometheus-port",
    "--loki-port",
)
PATIENCE: Final = 60.0
"""Seconds until what was sent is in the metrics that the nest derives from it."""


class Failed(Exception):  # noqa: N818 - reads as a sentence where it is caught
    """Something does not work in an environment; the message says what."""


class Installed:
    """An environment with the wheel and one extra."""

    def __init__(self, python: Path, wheel: Path, extra: str, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "env" / "bin"
        self.work = folder / "work"
        self.work.mkdir(parents=True)
        subprocess.run([*UV, "venv", "--quiet", "--python", str(python), str(folder / "env")], check=True)  # noqa: S603 - ours
        self.install(f"{wheel}[{extra}]" if extra else str(wheel))
        self.environment = {
            "PATH": str(self.bin),
            "HOME": str(self.work),
            "LANG": "C.UTF-8",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "2000",
        }

    def install(self, *requirements: str) -> None:
        """Install more."""
        python = str(self.bin / "python")
        done = subprocess.run(  # noqa: S603 - ours
            [*UV, "pip", "install", "--quiet", "--python", python, *requirements],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise Failed(f"cannot be installed: {done.stderr.strip()}")

    def size(self) -> float:
        """Megabytes of what was installed."""
        files = (self.folder / "env" / "lib").rglob("*")
        return sum(file.stat().st_size for file in files if file.is_file() and file.suffix != ".pyc") / 1e6

    def run(self, *command: str, code: int | None = 0, expect: str = "", patience: float = 0) -> str:
        """What a command prints.

        Args:
            command: a program of the environment and its arguments.
            code: what it ends with; None for anything.
            expect: what it says among other things.
            patience: seconds that it may be run again until it says so.

        Raises:
            Failed: it ends otherwise, or says something else.
        """
        deadline = time.monotonic() + patience
        said = " ".join(command)[:80]
        while True:
            done = subprocess.run(  # noqa: S603 - ours
                [str(self.bin / command[0]), *command[1:]], cwd=self.work, env=self.environment,
                capture_output=True, text=True, timeout=300, check=False,
            )  # fmt: skip
            out = done.stdout + done.stderr
            if code is not None and done.returncode != code:
                raise Failed(f"{said}: ended with {done.returncode}: {out.strip()[-500:]}")
            if expect in out:
                return out
            if time.monotonic() > deadline:
                raise Failed(f"{said}: does not say {expect!r}: {out.strip()[-500:]}")
            time.sleep(1)


def try_alone(installed: Installed) -> None:
    """The library alone: it records, says how to get the commands, and its types are right for a user."""
    kept = installed.environment
    installed.environment = {**kept, "OTEL_TRACES_EXPORTER": "console", "OTEL_METRICS_EXPORTER": "console"}
    installed.run("python", "-W", "error", "-c", SERVICE, expect="order  server")
    installed.environment = kept
    installed.run("temponest", code=1, expect="pip install 'temponest[nest]'")
    shutil.copy(ROOT / "tests" / "packaging" / "user.py", installed.work / "user.py")
    installed.install("mypy")
    installed.run("mypy", "--strict", "user.py", expect="Success: no issues found in 1 source file")


def try_nest(installed: Installed) -> None:
    """Every command, on a nest that holds what the library sent."""
    ports = dict(zip(NEST, free_ports(len(NEST)), strict=True))
    with serve(installed, ports):
        installed.environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"http://127.0.0.1:{ports['--grpc-port']}"
        first, second, loaded = installed.run("python", "-W", "error", "-c", SERVICE).split("\n")[:3]
        if loaded != "[]":
            raise Failed(f"the library loads {loaded}")
        at = [
            *("--tempo", f"http://127.0.0.1:{ports['--tempo-port']}"),
            *("--prometheus", f"http://127.0.0.1:{ports['--prometheus-port']}"),
        ]
        page = f"http://127.0.0.1:{ports['--jaeger-port']}/"
        with urlopen(page, timeout=10) as answer:
            if b"<script" not in answer.read():
                raise Failed("the nest has no pages")
        names = set(re.findall(r"^  ([a-z]+)  ", installed.run("temponest", "--help"), re.MULTILINE))
        for name in sorted(names):
            installed.run("temponest", name, "--help", expect="Usage: temponest")
        installed.run("temponest", "trace", first, *at, expect="order")
        installed.run("temponest", "search", '{ name = "order" }', *at, expect=second[:8])
        installed.run("temponest", "services", *at, expect="temponest-orders", patience=PATIENCE)
        installed.run("temponest", "diff", first, second, *at, code=None, expect="temponest-orders order")
        installed.run("temponest", "query", "orders_total", *at, expect="temponest-orders", patience=PATIENCE)
        installed.run("temponest", "cost", *at)
        installed.run("temponest", "top", "--times", "1", *at, expect="temponest-orders")
        installed.run("temponest", "logs", "--loki", f"http://127.0.0.1:{ports['--loki-port']}", code=None)
        endpoint = installed.environment["OTEL_EXPORTER_OTLP_ENDPOINT"]
        installed.run("temponest", "doctor", "--endpoint", endpoint, *at, expect="read back")
    installed.run("temponest", "completion", "bash", expect="complete")
    (installed.work / "main.py").write_text(APP)
    installed.run("temponest", "init", "--dry-run", expect="setup_tracing")


def try_demo(installed: Installed) -> None:
    """The demo from nothing: PostgreSQL, Valkey, two services and the nest, one trace over both services."""
    installed.run("temponest", "demo", "--once", expect="temponest-auth")


EXTRAS: Final = {"": try_alone, "nest": try_nest, "demo": try_demo}
UV: Final = (sys.executable, "-m", "uv")


@contextmanager
def serve(installed: Installed, ports: dict[str, int]) -> Iterator[None]:
    """A running nest."""
    options = [word for option, port in ports.items() for word in (option, str(port))]
    command = [str(installed.bin / "temponest"), "serve", "--data", str(installed.work / "data"), *options]
    with (installed.work / "nest.log").open("w") as log:
        process = subprocess.Popen(  # noqa: S603 - ours
            command, cwd=installed.work, env=installed.environment, stdout=log, stderr=log
        )
    try:
        while not ready(ports["--http-port"]):
            if process.poll() is not None:
                raise Failed(f"temponest serve: {(installed.work / 'nest.log').read_text()[-500:]}")
        yield
    finally:
        process.terminate()
        process.wait(30)


def ready(port: int) -> bool:
    """Whether a nest takes data on a port."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


def interpreter(version: str) -> Path | None:
    """An interpreter of a version on this machine: on PATH, of pyenv, or of uv."""
    found = shutil.which(f"python{version}")
    if found and version in subprocess.run([found, "-V"], capture_output=True, text=True, check=False).stdout:  # noqa: S603 - from PATH
        return Path(found)
    of_pyenv = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    if of_pyenv:
        return of_pyenv[-1]
    command = [*UV, "python", "find", "--managed-python", "--no-python-downloads", version]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    return Path(done.stdout.strip()) if done.returncode == 0 else None


def build(folder: Path) -> Path:
    """The wheel of this repository."""
    subprocess.run([*UV, "build", "--quiet", "--wheel", "--out-dir", str(folder), str(ROOT)], check=True)  # noqa: S603 - ours
    (wheel,) = folder.glob("*.whl")
    return wheel


def main(versions: list[str]) -> int:
    """Try the wheel on each version."""
    failed = False
    with tempfile.TemporaryDirectory(prefix="temponest-wheel-") as name:
        wheel = build(Path(name) / "wheel")
        print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB\n")
        print("| Python | extra | MB | |\n|---|---|---|---|")
        for version in versions:
            python = interpreter(version)
            if python is None:
                print(f"| {version} | | | skipped: no such interpreter here |", flush=True)
                continue
            for extra, attempt in EXTRAS.items():
                folder = Path(name) / f"{version}-{extra or 'alone'}"
                size, said = 0.0, "works"
                try:
                    installed = Installed(python, wheel, extra, folder)
                    size = installed.size()
                    attempt(installed)
                except (Failed, subprocess.TimeoutExpired) as error:
                    failed, said = True, f"FAILED: {error}"
                print(f"| {version} | {extra or 'none'} | {size:.0f} | {said} |", flush=True)
                shutil.rmtree(folder, ignore_errors=True)
    return int(failed)


if __name__ == "__main__":
    os.environ.pop("PYTHONPATH", None)
    sys.exit(main(sys.argv[1:] or list(VERSIONS)))
