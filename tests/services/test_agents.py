from __future__ import annotations

import time
from http import HTTPStatus
from pathlib import Path

import httpx
import pytest

from temponest.demo.ports import LOOPBACK, free_ports
from temponest.demo.programs import start_service

from .conftest import Services, User


@pytest.fixture
def agent(services: Services, user: User) -> str:
    answer = services.agents.post("/api/v1/agents", json={"name": "Librarian"}, headers=user.headers)
    return f"/api/v1/agents/{answer.raise_for_status().json()['id']}"


def test_an_agent_belongs_to_its_owner(services: Services, user: User, agent: str) -> None:
    assert services.agents.get(agent, headers=user.headers).json()["name"] == "Librarian"
    assert [item["name"] for item in services.agents.get("/api/v1/agents", headers=user.headers).json()] == [
        "Librarian"
    ]


def test_an_agent_of_somebody_else_is_not_found(services: Services, user: User) -> None:
    answer = services.agents.get("/api/v1/agents/999999999", headers=user.headers)
    assert answer.status_code == HTTPStatus.NOT_FOUND


def test_a_run_ends_in_the_background_and_its_output_is_cached(
    services: Services, user: User, agent: str
) -> None:
    answer = services.agents.post(f"{agent}/runs", json={"input": "three short words"}, headers=user.headers)
    assert answer.status_code == HTTPStatus.ACCEPTED
    assert answer.json()["status"] == "running"
    run = f"{agent}/runs/{answer.json()['id']}"
    deadline = time.monotonic() + 10
    while services.agents.get(run, headers=user.headers).json()["status"] != "finished":
        assert time.monotonic() < deadline
    output = "Read 3 words, the longest of 5 letters."
    assert services.agents.get(run, headers=user.headers).json()["output"] == output
    while services.agents.get(agent, headers=user.headers).json()["latest_output"] != output:
        assert time.monotonic() < deadline
    report = services.agents.get(f"{agent}/report", headers=user.headers).json()
    assert report == {"runs": 1, "finished": 1, "words": 8}


def test_a_run_tells_its_owner_by_webhook(services: Services, user: User, agent: str) -> None:
    run = services.agents.post(f"{agent}/runs", json={"input": "word"}, headers=user.headers).json()["id"]
    inbox = services.auth.get("/api/v1/inbox", headers=user.headers).json()
    assert inbox == [f"Run {run} has started."]


def test_nothing_is_graded_before_the_first_run(services: Services, user: User, agent: str) -> None:
    answer = services.agents.post(f"{agent}/grade", headers=user.headers)
    assert answer.status_code == HTTPStatus.NOT_FOUND
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("number", ["0", "9223372036854775808", "x"])
def test_a_number_that_no_agent_can_have_is_refused(services: Services, user: User, number: str) -> None:
    assert (
        services.agents.get(f"/api/v1/agents/{number}", headers=user.headers).status_code
        == HTTPStatus.UNPROCESSABLE_ENTITY
    )


def test_a_missing_token_is_refused(services: Services) -> None:
    assert services.agents.get("/api/v1/agents").status_code == HTTPStatus.UNAUTHORIZED


def test_without_auth_the_answer_is_503_and_says_so(
    scratch: Path, postgres_url: str, valkey_url: str
) -> None:
    port, nobody = free_ports(2)
    environment = {
        "DATABASE_URL": postgres_url,
        "REDIS_URL": valkey_url,
        "AUTH_URL": f"http://{LOOPBACK}:{nobody}",
        "TELEMETRY_ENABLED": "false",
    }
    process = start_service("agents", scratch, port, environment)
    answer = httpx.get(f"http://{LOOPBACK}:{port}/api/v1/agents", headers={"Authorization": "Bearer any"})
    process.stop()
    assert answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert answer.json()["detail"] == "auth does not answer; try again later."
