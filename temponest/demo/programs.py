"""The nest and the two services as child processes, started until they are ready."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path

import httpx

from .ports import LOOPBACK
from .process import Process

ROOT = Path(__file__).parents[2]
# A wheel carries the services beside this module; in the repository they have a folder of their own.
_CARRIED = Path(__file__).with_name("services")
SERVICES = _CARRIED if _CARRIED.is_dir() else ROOT / "services"

# Ports of the nest by the option of `temponest serve` that sets them.
NEST_OPTIONS = {
    "OTLP/gRPC": "--grpc-port",
    "OTLP/HTTP": "--http-port",
    "pages": "--jaeger-port",
    "Tempo API": "--tempo-port",
    "Prometheus API": "--prometheus-port",
    "Loki API": "--loki-port",
}


def start_nest(folder: Path, ports: Mapping[str, int]) -> Process:
    """Start the nest and wait until it is ready.

    Args:
        folder: an existing folder for its data and log.
        ports: a port for each key of `NEST_OPTIONS`; others are ignored.

    Raises:
        StartError: it ended or was not ready within 60 s.
    """
    options = [word for name, option in NEST_OPTIONS.items() for word in (option, str(ports[name]))]
    process = Process(
        "the nest",
        [sys.executable, "-m", "temponest", "serve", "--data", str(folder / "nest"), *options],
        log=folder / "nest.log",
    )
    wait_ready(process, f"http://{LOOPBACK}:{ports['OTLP/HTTP']}/ready")
    return process


def start_service(name: str, folder: Path, port: int, environment: Mapping[str, str]) -> Process:
    """Start `auth` or `agents` and wait until it is ready.

    Args:
        name: the service's folder below `services/`.
        folder: an existing folder for its log.
        port: TCP port on loopback.
        environment: added to this process's own (`DATABASE_URL`, `REDIS_URL`, `OTEL_*`, ...).

    Raises:
        StartError: it ended or was not ready within 60 s.
    """
    return start_app(name, SERVICES / name, folder, port, environment)


def start_app(
    name: str, app_folder: Path, folder: Path, port: int, environment: Mapping[str, str]
) -> Process:
    """Start the ASGI application `app.main:app` below `app_folder` and wait until it answers `GET /ready`.

    Args:
        name: what messages and its log file are called.
        app_folder: folder that holds the package `app`.
        folder: an existing folder for its log.
        port: TCP port on loopback.
        environment: added to this process's own.

    Raises:
        StartError: it ended or was not ready within 60 s.
    """
    process = Process(
        name,
        [
            *(sys.executable, "-m", "uvicorn", "app.main:app", "--app-dir", str(app_folder)),
            *("--host", LOOPBACK, "--port", str(port), "--no-access-log"),
        ],
        log=folder / f"{name}.log",
        environment={**os.environ, **environment},
    )
    wait_ready(process, f"http://{LOOPBACK}:{port}/ready")
    return process


def wait_ready(process: Process, url: str) -> None:
    """Wait until `url` answers 200; stop the process and raise StartError when it ends or takes over 60 s."""
    process.wait_ready(lambda: _ready(url))


def _ready(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5.0).status_code == HTTPStatus.OK
    except httpx.TransportError:
        return False
