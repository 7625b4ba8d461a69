"""The environment that every variant runs in: the locked versions plus the stock instrumentations."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".venv-peers"
PACKAGES = (
    "asyncpg",
    "fastapi",
    "h2",
    "httptools",
    "httpx",
    "opentelemetry-api",
    "opentelemetry-exporter-otlp-proto-grpc",
    "opentelemetry-instrumentation-asyncpg",
    "opentelemetry-instrumentation-fastapi",
    "opentelemetry-instrumentation-httpx",
    "opentelemetry-instrumentation-redis",
    "opentelemetry-sdk",
    "redis",
    "uvicorn",
    "uvloop",
)


def interpreter() -> Path:
    """The interpreter of the environment, which is made when it is not there or the lock file has changed."""
    # contrib pins one release of the SDK, which may not be the locked one; all else is as locked.
    lines = (ROOT / "requirements-dev.lock").read_text().splitlines(keepends=True)
    locked = "".join(line for line in lines if not line.startswith("opentelemetry-"))
    constraints = FOLDER / "constraints.txt"
    program = FOLDER / "bin" / "python"
    if not constraints.exists() or constraints.read_text() != locked:
        uv = str(Path(sys.executable).parent / "uv")
        print(f"Creating {FOLDER.name} with the stock instrumentations ...", flush=True)
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, FOLDER], check=True)  # noqa: S603 - our own arguments
        wanted = FOLDER / "wanted.txt"
        wanted.write_text(locked)
        subprocess.run(  # noqa: S603 - our own arguments
            [uv, "pip", "install", "--quiet", "--python", program, "--constraint", wanted, *PACKAGES],
            check=True,
        )
        wanted.rename(constraints)
    return program
