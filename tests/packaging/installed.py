"""Empty environments with the built wheel, and programs that run in them."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.request import urlopen

ROOT: Final = Path(__file__).parents[2]
UV: Final = (sys.executable, "-m", "uv")
NEST: Final = (
    "--grpc-port",
    "--http-port",
    "--jaeger-port",
    "--tempo-port",
    "--prometheus-port",
    "--loki-port",
)
AT_MOST: Final = 300
"""Seconds for one command: the demo starts two servers, two services and the nest."""
STARTS: Final = 60.0
"""Seconds for a server to say that it is there."""


class Failed(Exception):  # noqa: N818 - reads as a sentence where it is caught
    """Something does not work in an environment; the message says what."""


class Installed:
    """An environment with the wheel and some extras."""

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

    def run(
        self,
        *command: str,
        code: int | None = 0,
        expect: str = "",
        patience: float = 0,
        text: str = "",
        more: Mapping[str, str] | None = None,
    ) -> str:
        """What a command prints.

        Args:
            command: a program of the environment and its arguments.
            code: what it ends with; None for anything.
            expect: what it says among other things.
            patience: seconds that it may be run again until it says so.
            text: its standard input.
            more: variables beside those of all commands.

        Raises:
            Failed: it ends otherwise, or says something else.
        """
        deadline = time.monotonic() + patience
        said = " ".join(command)[:80]
        while True:
            done = subprocess.run(  # noqa: S603 - ours
                [str(self.bin / command[0]), *command[1:]],
                cwd=self.work, env={**self.environment, **(more or {})}, input=text,
                capture_output=True, text=True, timeout=AT_MOST, check=False,
            )  # fmt: skip
            out = done.stdout + done.stderr
            if code is not None and done.returncode != code:
                raise Failed(f"{said}: ended with {done.returncode}: {out.strip()[-500:]}")
            if expect in out:
                return out
            if time.monotonic() > deadline:
                raise Failed(f"{said}: does not say {expect!r}: {out.strip()[-500:]}")
            time.sleep(1)

    @contextmanager
    def running(self, *command: str, until: str) -> Iterator[str]:
        """A server while it runs; it must end by itself when it is asked to.

        Args:
            command: a program of the environment and its arguments.
            until: what it says once it is there, or the address that then answers 200.

        Yields:
            What it has said by then.

        Raises:
            Failed: it ends, or does not come up, or does not end.
        """
        log = self.work / f"{command[1]}-{time.monotonic_ns()}.log"
        with log.open("w") as output:
            process = subprocess.Popen(  # noqa: S603 - ours
                [str(self.bin / command[0]), *command[1:]],
                cwd=self.work, env=self.environment, stdout=output, stderr=output,
            )  # fmt: skip
        deadline = time.monotonic() + STARTS
        try:
            while not (answers(until) if until.startswith("http") else until in log.read_text()):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise Failed(f"{' '.join(command)[:80]}: does not come up: {log.read_text()[-500:]}")
                time.sleep(0.05)
            yield log.read_text()
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                raise Failed(f"{' '.join(command)[:80]}: does not end when it is asked to") from None
        finally:
            process.kill()
            process.wait()

    @contextmanager
    def nest(self, data: str) -> Iterator[dict[str, str]]:
        """A running nest.

        Args:
            data: name of its folder.

        Yields:
            The address for each of its ports, by the option that sets it.
        """
        ports = dict(zip(NEST, free_ports(len(NEST)), strict=True))
        options = [word for option, port in ports.items() for word in (option, str(port))]
        urls = {option: f"http://127.0.0.1:{port}" for option, port in ports.items()}
        command = ("temponest", "serve", "--data", str(self.work / data), *options)
        with self.running(*command, until=f"{urls['--http-port']}/ready"):
            yield urls


def answers(url: str) -> bool:
    """Whether an address answers 200."""
    try:
        with urlopen(url, timeout=5) as answer:  # noqa: S310 - loopback
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
