"""HTTP with JSON answers, and errors that say what to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar
from urllib.parse import urlsplit

import httpx

TIMEOUT = 30.0  # seconds; Tempo's and Prometheus' own default for a query is of this order


T = TypeVar("T")


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
        url: base address, `http://localhost:3200` or `localhost:3200` for instance.
        token: bearer token, where the server asks for one.
        timeout: seconds for one answer.

    Raises:
        ApiError: the address is none.
    """

    name: ClassVar[str] = "the server"

    def __init__(self, url: str, token: str | None = None, *, timeout: float = TIMEOUT) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._client = httpx.Client(base_url=_address(url), headers=headers, timeout=timeout)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def get(self, path: str, **parameters: Any) -> dict[str, Any]:
        """The JSON object at `path`; parameters that are None are left out.

        Raises:
            ApiError: no answer, an error status, or no JSON.
        """
        answer = self._answer(path, "application/json", parameters)
        try:
            document = answer.json()
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise ApiError(f"{answer.url} did not answer with a JSON object. Is the address right?")
        return document

    def get_at_most(self, path: str, most: int | None, **parameters: Any) -> bytes | None:
        """What is at `path`, JSON, or None where it has more than `most` bytes; the rest is not read.

        Raises:
            ApiError: no answer, or an error status.
        """
        wanted = {name: value for name, value in parameters.items() if value is not None}
        headers = {"Accept": "application/json"}
        content = bytearray()
        try:
            with self._client.stream("GET", path, params=wanted, headers=headers) as answer:
                if answer.is_error:
                    answer.read()
                    raise _refused(answer)
                for chunk in answer.iter_bytes():
                    content += chunk
                    if most is not None and len(content) > most:
                        return None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ApiError(f"{self._client.base_url} does not answer ({error})") from None
        return bytes(content)

    def get_bytes(self, path: str, media_type: str) -> bytes:
        """What is at `path`, as it is.

        Raises:
            ApiError: no answer, or an error status.
        """
        return self._answer(path, media_type, {}).content

    def _answer(
        self,
        path: str,
        media_type: str,
        parameters: dict[str, Any],
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        wanted = {name: value for name, value in parameters.items() if value is not None}
        try:
            answer = self._client.get(path, params=wanted, headers={**(headers or {}), "Accept": media_type})
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            address = self._client.base_url
            raise ApiError(f"{address} does not answer ({error})") from None
        if answer.is_error:
            raise _refused(answer)
        return answer

    def ask(self, path: str, read: Callable[[dict[str, Any]], T], **parameters: Any) -> T:
        """What `read` makes of the answer of `get`.

        Raises:
            ApiError: as `get`, or the answer has another shape than this API's.
        """
        document = self.get(path, **parameters)
        try:
            return read(document)
        except (AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
            where = f"{self._client.base_url}{path.lstrip('/')}"
            raise ApiError(
                f"{where} answers, but not as {self.name} does ({type(error).__name__}: {error})."
                " Is the address right?"
            ) from None


def _refused(answer: httpx.Response) -> ApiError:
    message = f"{answer.status_code} {answer.reason_phrase}: {answer.text.strip()}"
    return ApiError(message, answer.status_code)


def _address(url: str) -> str:
    """A base address with its scheme.

    Raises:
        ApiError: it is none.
    """
    address = url if "://" in url else f"http://{url}"
    try:
        parts = urlsplit(address)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ApiError(f"{url!r} is no address. Write it as http://localhost:3200")
    return address
