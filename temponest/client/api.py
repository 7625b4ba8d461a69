"""HTTP with JSON answers, and errors that say what to do."""

from __future__ import annotations

from typing import Any

import httpx

TIMEOUT = 30.0  # seconds; Tempo's and Prometheus' own default for a query is of this order


class ApiError(Exception):
    """The server cannot be reached, or refused; the message says which and what to do.

    Attributes:
        status: the HTTP status; None when there was no answer.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Api:
    """One server.

    Args:
        url: base address, `http://localhost:3200` for instance.
        token: bearer token, where the server asks for one.
    """

    def __init__(self, url: str, token: str | None = None) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._client = httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def get(self, path: str, **parameters: Any) -> dict[str, Any]:
        """The JSON object at `path`; parameters that are None are left out.

        Raises:
            ApiError: no answer, an error status, or no JSON.
        """
        wanted = {name: value for name, value in parameters.items() if value is not None}
        try:
            answer = self._client.get(path, params=wanted, headers={"Accept": "application/json"})
        except httpx.HTTPError as error:
            address = self._client.base_url
            raise ApiError(f"{address} does not answer ({error}). Is the nest running?") from None
        if answer.is_error:
            message = f"{answer.status_code} {answer.reason_phrase}: {answer.text.strip()}"
            raise ApiError(message, answer.status_code)
        try:
            document: dict[str, Any] = answer.json()
        except ValueError:
            raise ApiError(f"{answer.url} did not answer with JSON. Is the address right?") from None
        return document
