"""Tokens: login gives one, and other services ask here whose it is."""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, SecretStr

from .dependencies import Cache, Database
from .passwords import matches

LIFETIME = timedelta(hours=12)
CACHE_SECONDS = 60  # how long a revoked token may still pass

routes = APIRouter(prefix="/api/v1", tags=["tokens"])


class Credentials(BaseModel):
    """What a login sends."""

    email: str
    password: SecretStr


class Token(BaseModel):
    """A bearer token and how long it lives, in seconds."""

    token: str
    expires_in: int


class Identity(BaseModel):
    """Who a token belongs to."""

    id: int
    email: str
    name: str


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


async def _caller(
    bearer: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())], database: Database, cache: Cache
) -> Identity:
    digest = _digest(bearer.credentials)
    key = f"auth:token:{digest.hex()}"
    if cached := await cache.get(key):
        return Identity.model_validate_json(cached)
    row = await database.fetchrow(
        "SELECT users.id, users.email, users.name FROM tokens JOIN users ON users.id = tokens.user_id"
        " WHERE tokens.digest = $1 AND tokens.expires_at > now()",
        digest,
    )
    if row is None:
        raise HTTPException(
            HTTPStatus.UNAUTHORIZED,
            "The token is unknown or expired; log in again.",
            {"WWW-Authenticate": "Bearer"},
        )
    identity = Identity.model_validate(dict(row))
    await cache.set(key, identity.model_dump_json(), ex=CACHE_SECONDS)
    return identity


Caller = Annotated[Identity, Depends(_caller)]


@routes.post("/login")
async def login(credentials: Credentials, database: Database) -> Token:
    """A new token for the right address and password; 401 otherwise."""
    row = await database.fetchrow(
        "SELECT id, password_hash FROM users WHERE email = $1", credentials.email.lower()
    )
    encoded = row["password_hash"] if row else None
    if not await matches(encoded, credentials.password.get_secret_value()) or row is None:
        raise HTTPException(HTTPStatus.UNAUTHORIZED, "Address or password is wrong.")
    token = secrets.token_urlsafe(32)
    await database.execute(
        "INSERT INTO tokens (digest, user_id, expires_at) VALUES ($1, $2, $3)",
        _digest(token),
        row["id"],
        datetime.now(UTC) + LIFETIME,
    )
    return Token(token=token, expires_in=int(LIFETIME.total_seconds()))


@routes.get("/verify")
async def verify(caller: Caller) -> Identity:
    """Whose token this is; 401 when it is nobody's."""
    return caller
