"""The services' images without a container: their COPYs, their requirements, their start."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from temponest.demo.ports import LOOPBACK, free_ports
from temponest.demo.process import Process
from temponest.demo.programs import ROOT, wait_ready


def copied(name: str, folder: Path) -> str:
    """Do what the last stage copies from the repository; the Dockerfile's text."""
    dockerfile = (ROOT / "services" / name / "Dockerfile").read_text()
    last_stage = dockerfile.split("FROM ")[-1]
    for source, target in re.findall(r"^COPY (?!--)(\S+) (/\S+)$", last_stage, re.MULTILINE):
        destination = folder / target.lstrip("/")
        shutil.copytree(ROOT / source, destination, ignore=shutil.ignore_patterns("__pycache__"))
    return dockerfile


@pytest.mark.parametrize("name", ["auth", "agents"])
def test_a_service_starts_from_what_its_image_holds(
    name: str, tmp_path: Path, postgres_url: str, valkey_url: str
) -> None:
    dockerfile = copied(name, tmp_path)
    app = tmp_path / "app"
    environment_line = re.search(r"PYTHONPATH=(\S+)", dockerfile)
    assert environment_line
    assert environment_line[1] == "/app:/app/shared"
    # A fresh environment with the service's own requirements, at the versions of the lock file.
    venv = tmp_path / "venv"
    installer = str(Path(sys.executable).with_name("uv"))
    python = str(venv / "bin" / "python")
    requirements = str(app / "services" / name / "requirements.txt")
    install = ["pip", "install", "--quiet", "--python", python, "-r", requirements]
    for arguments in (
        ["venv", "--quiet", str(venv)],
        [*install, "-c", str(ROOT / "requirements.lock")],
    ):
        subprocess.run([installer, *arguments], check=True, cwd=tmp_path)  # noqa: S603 - our own arguments
    (port,) = free_ports(1)
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("OTEL_")}
    process = Process(
        name,
        [
            *(python, "-m", "uvicorn", "app.main:app", "--app-dir", str(app / "services" / name)),
            *("--host", LOOPBACK, "--port", str(port)),
        ],
        log=tmp_path / "log",
        environment={
            **inherited,
            "PYTHONPATH": f"{app}:{app / 'shared'}",
            "DATABASE_URL": postgres_url,
            "REDIS_URL": valkey_url,
            "ENVIRONMENT": "production",
        },
    )
    wait_ready(process, f"http://{LOOPBACK}:{port}/ready")
    assert httpx.get(f"http://{LOOPBACK}:{port}/health").json() == {"status": "ok"}
    process.stop()
    telemetry = [line for line in (tmp_path / "log").read_text().splitlines() if "telemetry" in line]
    # One line says what is on, where it is sent and how it is sampled.
    assert "traces" in telemetry[0]
    assert "http://localhost:4317" in telemetry[0]
