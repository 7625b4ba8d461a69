"""Where the servers of the stack listen on one machine: a free port of loopback for each of theirs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from temponest.demo.ports import LOOPBACK, free_ports
from tests.docker.files import DOCKER, stack

# Every port that a server of the stack listens on, whether its file names it or it is a default.
PORTS = {
    "jaeger": (4317, 4318, 16686, 16685, 13133, 8888),
    "collector": (4317, 4318, 13133, 8888),
    "tempo": (3200, 4317, 9095),
    "prometheus": (9090,),
    "nest": (4317, 4318, 16686, 3200, 9090, 3100),
    "auth": (9002,),
    "agents": (9000,),
}
COMPOSE = stack("telemetry")


class Addresses:
    """The stack's addresses on loopback.

    Args:
        folder: an existing folder for rewritten files and for the servers' data.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        wanted = [(name, port) for name, ports in PORTS.items() for port in ports]
        self._ports = dict(zip(wanted, free_ports(len(wanted)), strict=True))

    def port(self, name: str, port: int) -> int:
        """The port that stands for `port` of a server."""
        return self._ports[name, port]

    def url(self, name: str, port: int) -> str:
        """Base address of a server."""
        return f"http://{LOOPBACK}:{self.port(name, port)}"

    def rewritten(self, name: str, text: str) -> str:
        """A configuration of server `name` with the addresses of loopback instead of the containers'."""
        hosts = "|".join((*PORTS, "localhost", re.escape("0.0.0.0")))  # noqa: S104 - what the files say

        def address(match: re.Match[str]) -> str:
            host = match[1] if match[1] in PORTS else name
            return f"{LOOPBACK}:{self.port(host, int(match[2]))}"

        text = re.sub(rf"\b({hosts}):(\d+)", address, text)
        text = re.sub(
            r"host: 0\.0\.0\.0(\s+)port: (\d+)",
            lambda match: f"host: {LOOPBACK}{match[1]}port: {self.port(name, int(match[2]))}",
            text,
        )
        # Tempo's second port is a default, which its file does not name.
        text = re.sub(
            r"http_listen_port: (\d+)",
            lambda match: (
                f"http_listen_port: {self.port(name, int(match[1]))}\n  http_listen_address: {LOOPBACK}"
                f"\n  grpc_listen_port: {self.port(name, 9095)}\n  grpc_listen_address: {LOOPBACK}"
            ),
            text,
        )
        return text.replace("/var/tempo", str(self.folder / "tempo"))

    def command(self, name: str) -> list[str]:
        """A server's command of the Compose file, its mounted files rewritten and read from the folder."""
        service: dict[str, Any] = COMPOSE[name]
        words = [str(word) for word in service["command"]]
        for volume in service["volumes"]:
            source, target, *_ = volume.split(":")
            if source.startswith("."):
                path = self.folder / target.lstrip("/")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(self.rewritten(name, (DOCKER / source).read_text()))
                words = [word.replace(target, str(path)) for word in words]
            else:
                (self.folder / source).mkdir(exist_ok=True)
                words = [re.sub(rf"{target}$", str(self.folder / source), word) for word in words]
        return words

    def write(self, path: str, document: Any) -> Path:
        """A YAML file of the program's own in the folder."""
        file = self.folder / path
        file.write_text(yaml.safe_dump(document, sort_keys=False))
        return file
