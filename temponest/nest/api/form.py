"""Parameters that come in the query string or, for POST, in a form."""

from __future__ import annotations

from starlette.datastructures import ImmutableMultiDict
from starlette.requests import Request

from .errors import RequestError

Form = ImmutableMultiDict[str, str]


async def form(request: Request) -> Form:
    """All parameters; those of a form come first."""
    pairs: list[tuple[str, str]] = []
    if request.method == "POST":
        content = request.headers.get("content-type", "").partition(";")[0].strip()
        if content and content != "application/x-www-form-urlencoded":
            raise RequestError("a POST body must be application/x-www-form-urlencoded", 415)
        pairs = [(name, str(value)) for name, value in (await request.form()).multi_items()]
    return ImmutableMultiDict([*pairs, *request.query_params.multi_items()])


def required(params: Form, name: str) -> str:
    """A parameter that must be there."""
    text = params.get(name, "")
    if not text:
        raise RequestError(f"the parameter '{name}' is missing")
    return text
