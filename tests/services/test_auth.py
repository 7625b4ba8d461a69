from __future__ import annotations

from http import HTTPStatus

import asyncpg
import pytest
from redis.asyncio import Redis

from .conftest import Services, User


def test_a_token_tells_whose_it_is(services: Services, user: User) -> None:
    answer = services.auth.get("/api/v1/verify", headers=user.headers)
    assert answer.json()["email"] == user.email


def test_an_unknown_token_is_refused(services: Services) -> None:
    answer = services.auth.get("/api/v1/verify", headers={"Authorization": "Bearer nobody"})
    assert answer.status_code == HTTPStatus.UNAUTHORIZED
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("email", ["", "known"])
def test_a_wrong_login_does_not_tell_whether_the_address_exists(
    services: Services, user: User, email: str
) -> None:
    credentials = {"email": user.email if email else "nobody@example.com", "password": "wrong"}
    answer = services.auth.post("/api/v1/login", json=credentials)
    assert answer.status_code == HTTPStatus.UNAUTHORIZED
    assert answer.json()["detail"] == "Address or password is wrong."


def test_an_address_registers_once(services: Services, user: User) -> None:
    again = {"email": user.email.upper(), "name": "Eve", "password": "another password"}
    assert services.auth.post("/api/v1/users", json=again).status_code == HTTPStatus.CONFLICT


def test_a_refused_registration_names_the_field_and_never_the_password(services: Services) -> None:
    answer = services.auth.post("/api/v1/users", json={"email": "no", "name": "Ada", "password": "s3cret"})
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert [error["field"] for error in answer.json()["errors"]] == ["body.email", "body.password"]
    assert "s3cret" not in answer.text


def test_users_are_listed_newest_first(services: Services, user: User) -> None:
    listed = services.auth.get("/api/v1/users", headers=user.headers).json()
    assert listed[0]["email"] == user.email
    assert "password_hash" not in listed[0]


def test_a_message_reaches_the_inbox_of_its_user(services: Services, user: User) -> None:
    me = services.auth.get("/api/v1/verify", headers=user.headers).json()["id"]
    services.auth.post("/api/v1/inbox", json={"user_id": me, "text": "hello"}).raise_for_status()
    assert services.auth.get("/api/v1/inbox", headers=user.headers).json() == ["hello"]


async def test_neither_the_database_nor_the_cache_holds_a_token(
    services: Services, user: User, postgres_url: str, valkey_url: str
) -> None:
    services.auth.get("/api/v1/verify", headers=user.headers).raise_for_status()
    token = user.headers["Authorization"].removeprefix("Bearer ")
    connection = await asyncpg.connect(postgres_url)
    rows = await connection.fetch("SELECT digest::text FROM auth.tokens")
    await connection.close()
    async with Redis.from_url(valkey_url, decode_responses=True) as redis:
        keys = [key async for key in redis.scan_iter()]
        values = [await redis.get(key) for key in keys if await redis.type(key) == "string"]
    assert rows
    assert keys
    assert not any(token in text for text in [*(row["digest"] for row in rows), *keys, *values])
