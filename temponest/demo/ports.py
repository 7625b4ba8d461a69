"""Which ports are free, and who holds those that are not."""

from __future__ import annotations

import socket
from collections.abc import Mapping

import psutil

LOOPBACK = "127.0.0.1"


def is_free(port: int) -> bool:
    """Whether a server could listen on `port` of the loopback address."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def holder(port: int) -> str:
    """Name and process id of whoever listens on `port`, as far as this user may see it."""
    try:
        connections = psutil.net_connections("tcp")
    except psutil.AccessDenied:  # macOS shows them to root alone
        return "another process"
    for connection in connections:
        if connection.laddr and connection.laddr.port == port and connection.status == psutil.CONN_LISTEN:
            try:
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
            except (psutil.Error, ValueError):
                break
    return "another process"


def free_ports(count: int) -> list[int]:
    """`count` different ports that the system says are free."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for probe in sockets:
            probe.bind((LOOPBACK, 0))
        return [int(probe.getsockname()[1]) for probe in sockets]
    finally:
        for probe in sockets:
            probe.close()


def choose(wanted: Mapping[str, int]) -> tuple[dict[str, int], list[str]]:
    """The wanted port for each name where it is free, another one where it is not.

    Returns:
        The ports by name, and one line for each that had to move: who holds it and what is used instead.
    """
    busy = [name for name, port in wanted.items() if not is_free(port)]
    replacement = dict(zip(busy, free_ports(len(busy)), strict=True))
    notes = [
        f"port {wanted[name]} ({name}) is held by {holder(wanted[name])}; using {replacement[name]} instead"
        for name in busy
    ]
    return {**wanted, **replacement}, notes
