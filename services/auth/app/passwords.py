"""Passwords as Argon2id hashes, computed off the event loop."""

from __future__ import annotations

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from starlette.concurrency import run_in_threadpool

_hasher = PasswordHasher()
# Verified when an account does not exist, so that the time of an answer does not tell.
_nobody = _hasher.hash("")


async def hash_password(password: str) -> str:
    """The encoded hash, parameters and salt included."""
    return await run_in_threadpool(_hasher.hash, password)


async def matches(encoded: str | None, password: str) -> bool:
    """Whether `password` made the hash; never for an account that does not exist (`None`)."""
    try:
        await run_in_threadpool(_hasher.verify, encoded or _nobody, password)
    except VerifyMismatchError:
        return False
    return encoded is not None
