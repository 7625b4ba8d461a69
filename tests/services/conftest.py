"""Both services, running as processes with telemetry off."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from temponest.demo.ports import LOOPBACK, free_ports
from temponest.demo.programs import start_service


class Services(NamedTuple):
    """Clients of the two services."""

    auth: httpx.Client
    agents: httpx.Client


@pytest.fixture(scope="session")
def services(scratch: Path, postgres_url: str, valkey_url: str) -> Iterator[Services]:
    auth_port, agents_port = free_ports(2)
    auth_url, agents_url = (f"http://{LOOPBACK}:{port}" for port in (auth_port, agents_port))
    environment = {
        "DATABASE_URL": postgres_url,
        "REDIS_URL": valkey_url,
        "AUTH_URL": auth_url,
        "TELEMETRY_ENABLED": "false",
    }
    auth = start_service("auth", scratch, auth_port, environment)
    agents = start_service("agents", scratch, agents_port, environment)
    with httpx.Client(base_url=auth_url) as auth_client, httpx.Client(base_url=agents_url) as agents_client:
        yield Services(auth_client, agents_client)
    agents.stop()
    auth.stop()


class User(NamedTuple):
    """A registered user who is logged in."""

    email: str
    password: str
    headers: dict[str, str]


@pytest.fixture
def user(services: Services) -> User:
    email, password = f"{secrets.token_hex(6)}@example.com", secrets.token_urlsafe(12)
    services.auth.post(
        "/api/v1/users", json={"email": email, "name": "Ada", "password": password}
    ).raise_for_status()
    answer = services.auth.post("/api/v1/login", json={"email": email, "password": password})
    return User(email, password, {"Authorization": f"Bearer {answer.raise_for_status().json()['token']}"})
