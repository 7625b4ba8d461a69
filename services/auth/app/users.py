"""Users: register and list."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Annotated

import asyncpg
from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel, Field, SecretStr

from .dependencies import Database
from .passwords import hash_password
from .tokens import Caller

routes = APIRouter(prefix="/api/v1/users", tags=["users"])


class NewUser(BaseModel):
    """What a registration sends."""

    email: str = Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$", max_length=254)
    name: str = Field(min_length=1, max_length=100)
    password: SecretStr = Field(min_length=8, max_length=128)


class User(BaseModel):
    """A user as others see it."""

    id: int
    email: str
    name: str
    created_at: datetime


@routes.post("", status_code=HTTPStatus.CREATED)
async def register(user: NewUser, database: Database) -> User:
    """Add a user; 409 when the address is taken."""
    encoded = await hash_password(user.password.get_secret_value())
    try:
        row = await database.fetchrow(
            "INSERT INTO users (email, name, password_hash) VALUES ($1, $2, $3)"
            " RETURNING id, email, name, created_at",
            user.email.lower(),
            user.name,
            encoded,
        )
    except asyncpg.UniqueViolationError:
        raise HTTPException(HTTPStatus.CONFLICT, "This address is registered already.") from None
    return User.model_validate(dict(row or {}))


@routes.get("")
async def list_users(
    caller: Caller, database: Database, limit: Annotated[int, Query(ge=1, le=100)] = 20
) -> list[User]:
    """The newest users."""
    del caller
    rows = await database.fetch(
        "SELECT id, email, name, created_at FROM users ORDER BY id DESC LIMIT $1", limit
    )
    return [User.model_validate(dict(row)) for row in rows]
