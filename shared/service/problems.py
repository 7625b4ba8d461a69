"""Errors as problem documents (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

MEDIA_TYPE = "application/problem+json"


def problem(
    status: int, detail: str, headers: Mapping[str, str] | None = None, **members: Any
) -> JSONResponse:
    """A problem document.

    Args:
        status: HTTP status code; its phrase becomes the title.
        detail: what was wrong with this request, for a person.
        headers: further response headers.
        members: extension members of the document (RFC 9457 section 3.2).
    """
    content = {"title": HTTPStatus(status).phrase, "status": status, "detail": detail, **members}
    return JSONResponse(content, status, headers, media_type=MEDIA_TYPE)


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    del request
    known = cast("HTTPException", error)
    return problem(known.status_code, str(known.detail), known.headers)


async def _invalid_request(request: Request, error: Exception) -> JSONResponse:
    del request
    # What was sent is left out on purpose: it may be a password.
    errors = [
        {"field": ".".join(str(part) for part in item["loc"]), "message": item["msg"]}
        for item in cast("RequestValidationError", error).errors()
    ]
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "The request is not valid.", errors=errors)


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    del request, error
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "The service failed; try again later.")


def install(app: FastAPI) -> None:
    """Answer every error of `app` with a problem document."""
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(Exception, _unexpected)
